"""The shipped mappings: their cases pass, and what they make always balances and is valid."""

import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.mapping_folder import MappingFolder, documents_of, given, open_mapping
from gateway.registry import Registry
from gateway.translation import DEFAULT_LIMITS, Untranslatable

Document = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
NAMES = [found.name for found in Registry(ROOT).mappings()]
FROM_CONTRACTS = [found.name for found in Registry(ROOT).mappings() if found.source.contract]
REASONS = ("WO", "72", "CS", "FB", "L6", "CT", "XX")


@pytest.fixture(scope="module")
def shipped() -> dict[str, MappingFolder]:
    return {name: open_mapping(name, ROOT, DEFAULT_LIMITS) for name in NAMES}


def test_the_main_road_is_complete() -> None:
    assert {
        "x12-835-to-remittance-advice",
        "remittance-advice-to-posting-request",
        "posting-confirmation-to-journal-entry",
        "journal-entry-to-erp-journal",
    } <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_case_gives_exactly_its_output(name: str, shipped: dict[str, MappingFolder]) -> None:
    opened = shipped[name]
    verdicts = [opened.judge(case, opened.validator()) for case in opened.cases()]
    assert len(verdicts) >= 3
    assert [verdict for verdict in verdicts if not verdict.passed] == []


@pytest.mark.parametrize("name", FROM_CONTRACTS)
def test_every_example_of_the_source_contract_passes(
    name: str, shipped: dict[str, MappingFolder]
) -> None:
    opened = shipped[name]
    side = opened.source.source
    contract = Registry(ROOT).contract(side.contract, side.version)
    validator = opened.validator()
    examples = sorted((contract.folder / "examples" / "valid").glob("*.json"))
    assert examples
    for example in examples:
        for document in documents_of(example, ""):
            out = opened.mapping.run(given(document), {"business_date": "2026-04-02"})
            assert validator is not None
            assert validator.errors(out) == []


def cents(amount: int) -> str:
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02}"


def confirmations(count: int, seed: int) -> Iterator[Document]:
    """Yield invented confirmations: takebacks, refusals, adjustments of both signs."""
    randomness = random.Random(seed)
    for number in range(count):
        paid = [randomness.randint(-20_000, 90_000) for _ in range(randomness.randint(0, 8))]
        taken = [randomness.randint(-5_000, 5_000) for _ in range(randomness.randint(0, 5))]
        claims = [
            (cents(one), randomness.choice(("posted", "posted", "rejected"))) for one in paid
        ]
        adjustments = [
            {"reason_code": randomness.choice(REASONS), "amount": cents(one)} for one in taken
        ]
        yield confirmation(number, claims, adjustments, cents(sum(paid) - sum(taken)))


def confirmation(
    number: int, claims: list[tuple[str, str]], adjustments: list[Document], payment: str
) -> Document:
    """Return one that ties where `payment` is the claims less the adjustments."""

    def total(amounts: Iterator[str]) -> str:
        return str(sum(map(Decimal, amounts), Decimal("0.00")))

    posted = total(amount for amount, result in claims if result == "posted")
    key = f"{number:064x}"
    return {
        "confirmation_id": f"cnf_{number}",
        "request_id": f"prq_{number}",
        "remittance_id": f"rem_{key[:32]}",
        "payment_key": key,
        "tenant_id": "riverside",
        "system": "billing",
        "currency": "USD",
        "result": "partial",
        "posted_date": "2026-04-02",
        "posted_at": "2026-04-02T08:00:00.000Z",
        "batch": {"id": f"B{number}", "count": len(claims), "control_total": posted},
        "payment": {"amount": payment, "trace_number": f"T{number}"},
        "claims": [
            {
                "claim_payment_id": f"clm_{number:032x}",
                "account_ref": f"A-{number}",
                "result": result,
                "amount": amount,
            }
            for amount, result in claims
        ],
        "provider_adjustments": adjustments,
        "totals": {
            "requested": total(amount for amount, _ in claims),
            "posted": posted,
            "rejected": total(amount for amount, result in claims if result == "rejected"),
            "provider_adjustments": total(one["amount"] for one in adjustments),
            "payment": payment,
        },
    }


def test_any_confirmation_that_ties_becomes_a_balanced_valid_journal(
    shipped: dict[str, MappingFolder],
) -> None:
    to_journal = shipped["posting-confirmation-to-journal-entry"]
    to_erp = shipped["journal-entry-to-erp-journal"]
    validator, erp_validator = to_journal.validator(), to_erp.validator()
    assert validator is not None
    assert erp_validator is not None
    for document in confirmations(300, 11):
        journal = to_journal.mapping.run(document, {})
        assert validator.errors(journal) == []
        debit, credit = (
            sum((Decimal(line[side]) for line in journal["lines"]), Decimal("0.00"))
            for side in ("debit", "credit")
        )
        assert debit == credit == Decimal(journal["totals"]["debit"])
        payment = Decimal(document["payment"]["amount"])
        cash = journal["lines"][0]
        assert Decimal(cash["debit"]) - Decimal(cash["credit"]) == payment
        assert erp_validator.errors(to_erp.mapping.run(journal, {})) == []


def test_a_confirmation_that_does_not_tie_makes_no_journal(
    shipped: dict[str, MappingFolder],
) -> None:
    mapping = shipped["posting-confirmation-to-journal-entry"].mapping
    document = next(iter(confirmations(1, 5)))
    document["payment"]["amount"] = "1234.56"
    with pytest.raises(Untranslatable) as caught:
        mapping.run(document, {})
    assert caught.value.code == "JOURNAL_UNBALANCED"


def test_the_same_booking_always_has_the_same_journal_key(
    shipped: dict[str, MappingFolder],
) -> None:
    mapping = shipped["posting-confirmation-to-journal-entry"].mapping
    found = [mapping.run(document, {}) for document in confirmations(20, 5)]
    again = [
        mapping.run(document | {"confirmation_id": "cnf_again", "result": "duplicate"}, {})
        for document in confirmations(20, 5)
    ]
    assert [one["idempotency_key"] for one in found] == [one["idempotency_key"] for one in again]
    assert len({one["idempotency_key"] for one in found}) == 20


def test_a_payment_that_does_not_balance_is_never_requested(
    shipped: dict[str, MappingFolder],
) -> None:
    opened = shipped["remittance-advice-to-posting-request"]
    case = next(opened.cases())
    (document,) = (given(one) for one in documents_of(case.given, ""))
    document["payment"] = {**document["payment"], "amount": "0.01"}
    with pytest.raises(Untranslatable) as caught:
        opened.mapping.run(document, {})
    assert caught.value.code == "PAYMENT_OUT_OF_BALANCE"


def test_transactions_of_a_claim_make_up_its_charge(shipped: dict[str, MappingFolder]) -> None:
    opened = shipped["remittance-advice-to-posting-request"]
    for case in opened.cases():
        for document in documents_of(case.given, ""):
            for claim in opened.mapping.run(given(document), {})["claims"]:
                amounts = (Decimal(one["amount"]) for one in claim["transactions"])
                assert sum(amounts, Decimal("0.00")) == Decimal(claim["charge"])


JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, "", "x", "1.00", "NaN", "1e999", "-0.00", [], {}, [[]], [{}], {"a": []},
    "9" * 60, Decimal("1.10"), Decimal("NaN"), 10**40,
)  # fmt: skip


def spoilt(document: Any, randomness: random.Random) -> Any:
    """Return a copy in which one random place holds junk, or is gone."""
    if not isinstance(document, dict | list) or not document or randomness.random() < 0.15:
        return randomness.choice(JUNK)
    if isinstance(document, list):
        at = randomness.randrange(len(document))
        return [*document[:at], spoilt(document[at], randomness), *document[at + 1 :]]
    name = randomness.choice(sorted(document))
    if randomness.random() < 0.1:
        return {key: item for key, item in document.items() if key != name}
    return {**document, name: spoilt(document[name], randomness)}


@pytest.mark.parametrize("name", NAMES)
def test_any_spoilt_document_is_translated_or_refused_by_name(
    name: str, shipped: dict[str, MappingFolder]
) -> None:
    opened = shipped[name]
    randomness = random.Random(17)
    given_documents = [
        given(document)
        for case in opened.cases()
        for document in documents_of(case.given, opened.source.source.format)
    ]
    lines: list[int] = []
    for number in range(800):
        document = spoilt(given_documents[number % len(given_documents)], randomness)
        try:
            assert isinstance(opened.mapping.run(document, {}), dict)
        except Untranslatable as error:
            lines.append(error.yaml_line)
    assert len(lines) > 3
    assert min(lines) > 0
