"""The life of a contract version: every step, every gate, and who may pass it."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.governance.lifecycle import (
    STEPS,
    Actor,
    Call,
    Facts,
    Gate,
    GateClosed,
    Permission,
    Status,
    approve,
    closed_gates,
    moment,
    propose,
)
from gateway.registry import ProposedStep, VersionRecord, Waived

NOW = datetime(2026, 5, 12, 8, 30, tzinfo=UTC)
ANNA = Actor("anna", frozenset({Permission.PROPOSE}))
BEN = Actor("ben", frozenset({Permission.APPROVE}))
BOTH = Actor("carla", frozenset(Permission))


def facts(**changes: Any) -> Facts:
    known = {"version": "1.0.0", "now": NOW, "successors": frozenset({"1.1.0"}), "calls": ()}
    return Facts(**{**known, **changes})


def step(to: str, **more: Any) -> ProposedStep:
    return ProposedStep(to=to, by="", at="", **more)


def deprecation(days: int = 200, successor: str = "1.1.0") -> ProposedStep:
    day = (NOW + timedelta(days=days)).date().isoformat()
    return step("deprecated", successor=successor, sunset_at=day)


def gates(record: VersionRecord, wanted: ProposedStep, at: Facts) -> set[Gate]:
    return {one.gate for one in closed_gates(record, wanted, at)}


def refused(call: Any) -> set[Gate]:
    with pytest.raises(GateClosed) as caught:
        call()
    return {one.gate for one in caught.value.closed}


def test_a_version_lives_from_draft_to_retired_with_two_people_at_every_step() -> None:
    record = VersionRecord(status="draft")
    later = NOW
    for wanted, days in (
        (step("active"), 0),
        (deprecation(), 10),
        (step("sunset"), 250),
        (step("retired"), 300),
    ):
        later = NOW + timedelta(days=days)
        waiting = propose(record, wanted, ANNA, facts(now=NOW if wanted.sunset_at else later))
        assert waiting.status == record.status
        record = approve(waiting, BEN, facts(now=NOW if wanted.sunset_at else later))
        assert (record.status, record.author, record.approved_by) == (wanted.to, "anna", "ben")
        assert record.proposed is None
    assert record.active_at == "2026-05-12T08:30:00Z"
    assert record.deprecated_at == "2026-05-12T08:30:00Z"
    assert record.sunset_at == "2026-11-28T00:00:00Z"
    assert moment(record.retired_at) == later
    assert record.successor == "1.1.0"


@pytest.mark.parametrize(("old", "new"), list(product(Status, Status)))
def test_only_the_steps_of_the_table_are_in_order(old: Status, new: Status) -> None:
    closed = gates(VersionRecord(status=old), step(new), facts())
    assert (Gate.ORDER in closed) is (new not in STEPS[old])


def test_nobody_approves_what_they_proposed_themselves() -> None:
    waiting = propose(VersionRecord(status="draft"), step("active"), BOTH, facts())
    assert refused(lambda: approve(waiting, BOTH, facts())) == {Gate.FOUR_EYES}
    assert approve(waiting, BEN, facts()).status == "active"


def test_each_part_needs_its_own_permission() -> None:
    draft = VersionRecord(status="draft")
    assert refused(lambda: propose(draft, step("active"), BEN, facts())) == {Gate.PERMISSION}
    waiting = propose(draft, step("active"), BOTH, facts())
    assert refused(lambda: approve(waiting, ANNA, facts())) == {Gate.PERMISSION}


def test_what_was_not_proposed_is_not_approved() -> None:
    assert refused(lambda: approve(VersionRecord(status="draft"), BEN, facts())) == {Gate.PROPOSED}


def test_the_gates_are_tried_again_when_it_is_approved() -> None:
    waiting = propose(VersionRecord(status="draft"), step("active"), ANNA, facts())
    spoilt = facts(faults=("1.0.0/schema.json: a text has maxLength.",))
    assert refused(lambda: approve(waiting, BEN, spoilt)) == {Gate.FAULTS}


def test_a_version_below_one_is_never_active() -> None:
    assert gates(VersionRecord(status="draft"), step("active"), facts(version="0.9.0")) == {
        Gate.VERSION
    }


@pytest.mark.parametrize(
    ("wanted", "stability", "closed"),
    [
        (deprecation(181), "stable", set()),
        (deprecation(179), "stable", {Gate.GRACE}),
        (deprecation(32), "beta", set()),
        (deprecation(29), "beta", {Gate.GRACE}),
        (deprecation(181), "unheard", set()),
        (deprecation(179), "unheard", {Gate.GRACE}),
        (step("deprecated", successor="1.1.0"), "stable", {Gate.GRACE}),
        (step("deprecated", successor="1.1.0", sunset_at="soon"), "stable", {Gate.GRACE}),
        (deprecation(successor="9.0.0"), "stable", {Gate.SUCCESSOR}),
        (deprecation(successor=""), "stable", {Gate.SUCCESSOR}),
    ],
)
def test_a_deprecation_names_a_successor_and_gives_time(
    wanted: ProposedStep, stability: str, closed: set[Gate]
) -> None:
    assert gates(VersionRecord(status="active", stability=stability), wanted, facts()) == closed


def test_a_sunset_may_be_put_off_and_not_brought_forward() -> None:
    record = VersionRecord(
        status="deprecated",
        deprecated_at="2026-01-01T00:00:00Z",
        sunset_at="2026-07-01T00:00:00Z",
        successor="1.1.0",
    )
    later = step("deprecated", sunset_at="2026-08-01")
    sooner = step("deprecated", sunset_at="2026-06-30")
    assert gates(record, later, facts()) == set()
    assert gates(record, sooner, facts()) == {Gate.GRACE}
    moved = approve(propose(record, later, ANNA, facts()), BEN, facts())
    assert moved.sunset_at == "2026-08-01T00:00:00Z"
    assert (moved.deprecated_at, moved.successor) == (record.deprecated_at, "1.1.0")


def test_sunset_comes_on_the_announced_day_and_not_before() -> None:
    record = VersionRecord(status="deprecated", sunset_at="2026-05-12T08:30:01Z")
    assert gates(record, step("sunset"), facts()) == {Gate.SUNSET_DATE}
    assert gates(record, step("sunset"), facts(now=NOW + timedelta(seconds=1))) == set()
    assert gates(VersionRecord(status="deprecated"), step("sunset"), facts()) == {Gate.SUNSET_DATE}


@pytest.mark.parametrize(
    ("calls", "waiver", "closed"),
    [
        ((), None, set()),
        (None, None, {Gate.CALLS}),
        ((Call(client="oakfield", at=NOW - timedelta(days=29), count=3),), None, {Gate.CALLS}),
        ((Call(client="oakfield", at=NOW - timedelta(days=31), count=3),), None, set()),
        (None, Waived(reason="no API in use", until="2026-06-01"), set()),
        (None, Waived(reason="no API in use", until="2026-05-01"), {Gate.CALLS}),
    ],
)
def test_a_version_is_retired_when_nobody_has_called_it_for_thirty_days(
    calls: tuple[Call, ...] | None, waiver: Waived | None, closed: set[Gate]
) -> None:
    wanted = step("retired", waiver=waiver)
    assert gates(VersionRecord(status="sunset"), wanted, facts(calls=calls)) == closed


def test_no_waiver_retires_what_is_still_named() -> None:
    wanted = step("retired", waiver=Waived(reason="we know", until="2026-06-01"))
    at = facts(references=("interface oakfield-erp",))
    record = VersionRecord(status="sunset")
    assert gates(record, wanted, at) == {Gate.REFERENCES}
    with pytest.raises(GateClosed, match="interface oakfield-erp"):
        propose(record, wanted, ANNA, at)


def test_a_refusal_names_the_last_caller() -> None:
    calls = tuple(
        Call(client=name, at=NOW - timedelta(days=days), count=1)
        for name, days in (("oakfield", 3), ("quay", 1), ("old", 90))
    )
    with pytest.raises(GateClosed, match="2 clients called it in 30 days, quay last"):
        propose(VersionRecord(status="sunset"), step("retired"), ANNA, facts(calls=calls))


def test_a_draft_that_somebody_tries_out_is_not_withdrawn() -> None:
    record = VersionRecord(status="draft")
    assert gates(record, step("withdrawn"), facts(references=("route a",))) == {Gate.REFERENCES}
    done = approve(propose(record, step("withdrawn"), ANNA, facts()), BEN, facts())
    assert done == replace(
        record,
        status="withdrawn",
        withdrawn_at="2026-05-12T08:30:00Z",
        author="anna",
        approved_by="ben",
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-05-12", datetime(2026, 5, 12, tzinfo=UTC)),
        ("2026-05-12T08:30:00Z", NOW),
        ("2026-05-12T04:30:00-04:00", NOW),
        ("next week", None),
        ("", None),
    ],
)
def test_a_moment_is_a_day_or_rfc_3339(text: str, found: datetime | None) -> None:
    assert moment(text) == found
