"""The ERP's decisions: balanced journals only, refusals inside a 200, no keys."""

from typing import Any

import msgspec
import pytest

from gateway.simulators.erp import ErpDesk
from gateway.simulators.http_partner import Answer, Order


@pytest.fixture
def desk() -> ErpDesk:
    return ErpDesk()


def write(desk: ErpDesk, journal: Any, *, refuse: bool = False) -> Answer:
    return desk.write(Order(key="", body=msgspec.json.encode(journal), refuse=refuse))


def read(answer: Answer) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.json.decode(answer.body)
    return document


def test_a_balanced_journal_gets_a_document_number(
    desk: ErpDesk, erp_journal: dict[str, Any]
) -> None:
    answer = write(desk, erp_journal)
    assert answer.status == 200
    assert read(answer) == {
        "status": "S",
        "documentNumber": "1900000001",
        "externalId": "je:7001",
    }
    assert desk.effects.totals == {"debit": 12000, "credit": 12000}


def test_a_journal_sent_blindly_again_is_booked_twice_and_shows(
    desk: ErpDesk, erp_journal: dict[str, Any]
) -> None:
    numbers = [read(write(desk, erp_journal))["documentNumber"] for _ in range(2)]
    assert len(set(numbers)) == 2
    assert desk.effects.effects == {"je:7001": 2}
    assert desk.effects.duplicates == 1
    assert desk.effects.totals["debit"] == 24000


def test_a_lookup_tells_what_is_there(desk: ErpDesk, erp_journal: dict[str, Any]) -> None:
    query = {"externalId": "je:7001"}
    assert read(desk.lookup("", query)) == {"count": 0, "items": []}
    write(desk, erp_journal)
    found = read(desk.lookup("", query))
    assert found["count"] == 1
    assert found["items"][0]["documentNumber"] == "1900000001"
    assert read(desk.lookup("", {"externalId": "je:7002"}))["count"] == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lines": []}, "EMPTY"),
        ({"externalId": ""}, "EMPTY"),
        ({"lines": [{"account": "1010", "debit": "0.01"}]}, "UNBALANCED"),
    ],
)
def test_a_refusal_hides_in_a_200(
    desk: ErpDesk, erp_journal: dict[str, Any], change: dict[str, Any], code: str
) -> None:
    answer = write(desk, erp_journal | change)
    assert answer.status == 200
    assert (read(answer)["status"], read(answer)["code"]) == ("E", code)
    assert desk.effects.effects == {}
    assert desk.effects.refusals == 1


def test_a_closed_period_refuses_and_keeps_nothing(
    desk: ErpDesk, erp_journal: dict[str, Any]
) -> None:
    assert read(write(desk, erp_journal, refuse=True))["code"] == "PERIOD_CLOSED"
    assert read(write(desk, erp_journal))["status"] == "S"
    assert desk.effects.effects == {"je:7001": 1}


def test_amounts_are_exact_as_numbers_too(desk: ErpDesk, erp_journal: dict[str, Any]) -> None:
    body = msgspec.json.encode(erp_journal).replace(b'"120.00"', b"1234567890123.45")
    assert read(desk.write(Order(key="", body=body)))["status"] == "S"
    assert desk.effects.totals["debit"] == 123456789012345


@pytest.mark.parametrize("debit", ["NaN", "sNaN", "Infinity", "0.001", "many", "1e30", ""])
def test_what_is_no_amount_is_unreadable(
    desk: ErpDesk, erp_journal: dict[str, Any], debit: str
) -> None:
    erp_journal["lines"][0]["debit"] = debit
    assert write(desk, erp_journal).status == 400


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"\xff"])
def test_what_is_no_journal_is_unreadable(desk: ErpDesk, body: bytes) -> None:
    assert desk.write(Order(key="", body=body)).status == 400


def test_restored_books_go_on_where_they_were(desk: ErpDesk, erp_journal: dict[str, Any]) -> None:
    record = write(desk, erp_journal).record
    assert record
    later = ErpDesk()
    later.restore(record)
    assert later.effects == desk.effects
    assert read(later.lookup("", {"externalId": "je:7001"}))["count"] == 1
    assert read(write(later, erp_journal | {"externalId": "je:7002"}))["documentNumber"] == (
        "1900000002"
    )
