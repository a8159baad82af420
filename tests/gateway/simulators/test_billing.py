"""The billing system's decisions: one effect per key, confirmations that keep their contract."""

import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.governance.profiles import Profile
from gateway.governance.validator import compile_validator
from gateway.model.money import cents_of
from gateway.registry import Registry
from gateway.simulators.billing import BillingDesk
from gateway.simulators.http_partner import Answer, Order
from tests.gateway.simulators.conftest import StandingClock


@pytest.fixture
def desk(clock: StandingClock) -> BillingDesk:
    return BillingDesk(unknown_one_in=0, clock=clock)


def write(desk: BillingDesk, request: Any, key: str = "k1", *, refuse: bool = False) -> Answer:
    return desk.write(Order(key=key, body=msgspec.json.encode(request), refuse=refuse))


def read(answer: Answer) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.json.decode(answer.body)
    return document


def unknown_account(desk: BillingDesk) -> str:
    return next(name for n in range(1000) if not desk.knows(name := f"HT-{n}"))


def test_the_request_of_these_tests_keeps_its_contract(
    root: Path, posting_request: dict[str, Any]
) -> None:
    schema = Registry(root).bundled_schema("posting-request")
    assert compile_validator(schema, Profile.WRITER).errors(posting_request) == []


@pytest.mark.parametrize("case", ["posted", "partial", "rejected", "refused", "empty"])
def test_every_answer_keeps_the_contract_and_adds_up(
    root: Path, case: str, clock: StandingClock, posting_request: dict[str, Any]
) -> None:
    desk = BillingDesk(unknown_one_in=7, clock=clock)
    known = next(name for n in range(1000) if desk.knows(name := f"HT-{n}"))
    for row in posting_request["claims"]:
        row["account_ref"] = known
    match case:
        case "partial":
            posting_request["claims"][0]["account_ref"] = unknown_account(desk)
        case "rejected":
            posting_request["totals"]["payment"] = "1.00"
        case "empty":
            posting_request["claims"] = []
            posting_request["payment"]["amount"] = "-0.50"
            posting_request["totals"] |= {"claims_paid": "0.00", "payment": "-0.50"}
    confirmation = read(write(desk, posting_request, refuse=case == "refused"))
    schema = Registry(root).bundled_schema("posting-confirmation")
    assert compile_validator(schema, Profile.WRITER).errors(confirmation) == []
    expected = {"refused": "rejected", "empty": "posted"}.get(case, case)
    assert confirmation["result"] == expected
    totals = {name: cents_of(text) for name, text in confirmation["totals"].items()}
    assert totals["requested"] == totals["posted"] + totals["rejected"]


def test_a_claim_on_an_unknown_account_stays_unposted(
    clock: StandingClock, posting_request: dict[str, Any]
) -> None:
    desk = BillingDesk(unknown_one_in=7, clock=clock)
    posting_request["claims"][0]["account_ref"] = unknown_account(desk)
    posting_request["claims"][1]["account_ref"] = "HT-known" if desk.knows("HT-known") else "HT-2"
    confirmation = read(write(desk, posting_request))
    first, second = confirmation["claims"]
    assert (first["result"], first["code"], first["amount"]) == (
        "rejected",
        "account_unknown",
        "100.00",
    )
    assert second["result"] == "posted"
    assert confirmation["totals"]["posted"] == "20.50"
    assert confirmation["totals"]["rejected"] == "100.00"
    assert desk.effects.totals == {
        "requested": 12050,
        "posted": 2050,
        "rejected": 10000,
        "provider_adjustments": 50,
        "payment": 12000,
    }


def test_about_one_account_in_n_is_unknown(clock: StandingClock) -> None:
    desk = BillingDesk(unknown_one_in=25, clock=clock)
    unknown = sum(not desk.knows(f"ACCT{n}") for n in range(10_000))
    assert 320 < unknown < 480


def test_a_key_shown_again_gets_its_first_answer_and_no_second_effect(
    desk: BillingDesk, clock: StandingClock, posting_request: dict[str, Any]
) -> None:
    first = write(desk, posting_request)
    clock.seconds += 60
    reordered = dict(reversed(posting_request.items()))
    assert write(desk, reordered).body == first.body
    assert desk.effects.effects == {"k1": 1}
    assert desk.effects.duplicates == 1
    assert desk.effects.totals["payment"] == 12000


def test_a_key_shown_with_another_request_is_refused(
    desk: BillingDesk, posting_request: dict[str, Any]
) -> None:
    write(desk, posting_request)
    other = copy.deepcopy(posting_request)
    other["claims"][0]["account_ref"] = "HT-9"
    answer = write(desk, other)
    assert (answer.status, read(answer)["code"]) == (422, "idempotency_key_reused")
    assert desk.effects.effects == {"k1": 1}


def test_a_request_under_a_second_key_is_booked_twice_and_shows(
    desk: BillingDesk, posting_request: dict[str, Any]
) -> None:
    write(desk, posting_request, "k1")
    write(desk, posting_request, "k2")
    assert desk.effects.effects == {"k1": 1, "k2": 1}
    assert desk.effects.totals["payment"] == 24000


def test_totals_that_do_not_tie_are_refused_without_effect(
    desk: BillingDesk, posting_request: dict[str, Any]
) -> None:
    posting_request["claims"][0]["paid"] = "100.01"
    confirmation = read(write(desk, posting_request))
    assert {row["code"] for row in confirmation["claims"]} == {"totals_do_not_tie"}
    assert desk.effects.effects == {}
    assert desk.effects.refusals == 1
    assert set(desk.effects.totals.values()) == {0}


def test_a_refused_request_keeps_its_answer_under_its_key(
    desk: BillingDesk, posting_request: dict[str, Any]
) -> None:
    refused = write(desk, posting_request, refuse=True)
    assert write(desk, posting_request).body == refused.body
    assert desk.effects.effects == {}


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"request_id": 7}', b"\xff"])
def test_what_is_no_posting_request_is_refused(desk: BillingDesk, body: bytes) -> None:
    assert desk.write(Order(key="k1", body=body)).status == 400
    assert desk.effects.effects == {}


def test_an_amount_that_is_none_is_refused(
    desk: BillingDesk, posting_request: dict[str, Any]
) -> None:
    posting_request["claims"][0]["paid"] = "lots"
    assert write(desk, posting_request).status == 400


def test_a_request_without_a_key_is_refused(
    desk: BillingDesk, posting_request: dict[str, Any]
) -> None:
    assert write(desk, posting_request, key="").status == 400


def test_a_posting_can_be_looked_up_by_its_key(
    desk: BillingDesk, posting_request: dict[str, Any]
) -> None:
    assert desk.lookup("k1", {}).status == 404
    first = write(desk, posting_request)
    assert desk.lookup("k1", {}).body == first.body


def test_restored_books_know_their_keys(
    desk: BillingDesk, clock: StandingClock, posting_request: dict[str, Any]
) -> None:
    first = write(desk, posting_request)
    assert first.record
    later = BillingDesk(unknown_one_in=0, clock=clock)
    later.restore(msgspec.json.decode(msgspec.json.encode(first.record)))
    assert later.effects.totals == desk.effects.totals
    assert write(later, posting_request).body == first.body
    second = copy.deepcopy(posting_request) | {"request_id": "prq_7002"}
    assert read(write(later, second, "k2"))["batch"]["id"] == "B00000002"
