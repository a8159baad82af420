"""The rules behind the table: who wins where roles meet, and what no role can do."""

import itertools

import pytest

from gateway.access import (
    RIGHTS,
    Actor,
    ActorKind,
    Condition,
    Duty,
    Resource,
    Right,
    Verdict,
    authorize,
)


def actor(*duties: Duty, **more: object) -> Actor:
    known = {"id": "person:ada", "kind": ActorKind.PERSON, "tenant": "hilltop"}
    return Actor(**{**known, "duties": frozenset(duties), **more})  # type: ignore[arg-type]  # as above


THING = Resource(kind="thing", id="x", tenant="hilltop", interfaces=frozenset({"intake"}))


def test_the_table_has_a_row_for_every_right_and_a_cell_for_every_role() -> None:
    assert set(RIGHTS) == set(Right)
    assert all(set(row) == set(Duty) for row in RIGHTS.values())


def test_without_a_role_nothing_may_be_done() -> None:
    for right in Right:
        assert authorize(actor(), right, THING).verdict is Verdict.DENY


@pytest.mark.parametrize("other", [duty for duty in Duty if duty is not Duty.ADMIN])
def test_an_administrator_sees_no_phi_by_any_other_role(other: Duty) -> None:
    both = actor(Duty.ADMIN, other)
    assert authorize(both, Right.PHI_REVEAL, THING, reason="asked").verdict is Verdict.DENY


def test_the_most_generous_role_counts() -> None:
    for first, second, right in itertools.product(Duty, Duty, Right):
        if Condition.NEVER in (RIGHTS[right][first], RIGHTS[right][second]):
            continue
        alone = [authorize(actor(duty), right, THING).allowed for duty in (first, second)]
        assert authorize(actor(first, second), right, THING).allowed is any(alone)


def test_a_list_is_limited_only_where_no_role_sees_all_of_it() -> None:
    listed = Resource(kind="thing", tenant="hilltop", collection=True)
    biller = authorize(actor(Duty.BILLER), Right.MESSAGE_READ, listed)
    both = authorize(actor(Duty.BILLER, Duty.OPERATOR), Right.MESSAGE_READ, listed)
    assert (biller.allowed, biller.limited) == (True, True)
    assert (both.allowed, both.limited) == (True, False)


@pytest.mark.parametrize("right", list(Right))
@pytest.mark.parametrize("duty", list(Duty))
def test_what_belongs_to_another_tenant_is_foreign_to_everybody(duty: Duty, right: Right) -> None:
    elsewhere = Resource(
        kind="thing",
        id="x",
        tenant="valley",
        interfaces=frozenset({"intake"}),
        owner="billing",
        assignees=frozenset({"person:ada"}),
        approved_by="person:bob",
        proposed_by="person:bob",
        test=True,
    )
    who = actor(duty, client="billing", interfaces=frozenset({"intake"}))
    assert not authorize(who, right, elsewhere, reason="asked").allowed


def test_nobody_decides_over_what_they_proposed() -> None:
    for duty, right in itertools.product(Duty, Right):
        cell = RIGHTS[right][duty]
        own = Resource(
            kind="thing", tenant="hilltop", proposed_by="person:ada", approved_by="person:ada"
        )
        others = Resource(
            kind="thing", tenant="hilltop", proposed_by="person:bob", approved_by="person:bob"
        )
        if cell in (Condition.APPROVE, Condition.APPROVAL):
            assert authorize(actor(duty), right, own).verdict is Verdict.APPROVAL_NEEDED
            assert authorize(actor(duty), right, others).allowed
        if cell is Condition.PROPOSE:
            assert authorize(actor(duty), right, others).verdict is Verdict.APPROVAL_NEEDED


def test_an_administrator_changes_the_access_of_others_only() -> None:
    mine = Resource(kind="person", id="ada", tenant="hilltop", owner="person:ada")
    assert authorize(actor(Duty.ADMIN), Right.ACCESS_MANAGE, mine).verdict is Verdict.FOREIGN
    assert authorize(actor(Duty.ADMIN), Right.ACCESS_MANAGE, THING).allowed


def test_scopes_narrow_and_never_widen() -> None:
    system = {"kind": ActorKind.SYSTEM, "client": "billing", "interfaces": frozenset({"intake"})}
    for right in Right:
        free = authorize(actor(Duty.SYSTEM, **system), right, THING)
        none = authorize(actor(Duty.SYSTEM, **system, scopes=frozenset()), right, THING)
        its_own = actor(Duty.SYSTEM, **system, scopes=frozenset({right.value}))
        assert authorize(its_own, right, THING) == free
        assert none.verdict is (Verdict.OUT_OF_SCOPE if free.allowed else free.verdict)


def test_what_is_assigned_to_a_person_is_not_a_systems() -> None:
    given = Resource(kind="thing", tenant="hilltop", assignees=frozenset({"person:ada"}))
    assert authorize(actor(Duty.BILLER), Right.RETRY, given).allowed
    assert not authorize(actor(Duty.BILLER, kind=ActorKind.SYSTEM), Right.RETRY, given).allowed
    assert not authorize(actor(Duty.BILLER, id="person:bob"), Right.RETRY, given).allowed
