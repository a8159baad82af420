"""The simulated ERP: books balanced journals, knows no idempotency keys, refuses inside a 200."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from gateway.simulators.http_partner import Answer, Effects, Order

__all__ = ["ErpDesk"]


class _Line(msgspec.Struct):
    account: str
    debit: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)
    memo: str = ""


class _ErpJournal(msgspec.Struct, rename="camel"):
    """What the ledger needs of a journal; the rest is not read."""

    external_id: str
    ledger: str
    posting_date: str
    currency: str
    lines: list[_Line]


_TOO_MUCH = Decimal(10**13)
_JOURNAL = msgspec.json.Decoder(_ErpJournal)


class ErpDesk:
    """`POST /v1/journals`, `GET /v1/journals?externalId=...`.

    Takes no key. A second journal with an external id that is there gets a new document number,
    as in real ERPs: whoever sends blindly books twice, and `effects` shows a 2. The safe way is
    to look up first. A refusal is HTTP 200 with `{"status": "E", "code": ...}`: `UNBALANCED`,
    `EMPTY`, `PERIOD_CLOSED` (the business_refusal fault). An unreadable journal is 400.
    """

    write_path = "/v1/journals"

    def __init__(self, *, name: str = "erp", first_document_number: int = 1_900_000_001) -> None:
        self.name = name
        self.effects = Effects(totals={"debit": 0, "credit": 0})
        self._next_number = first_document_number
        self._documents: dict[str, list[str]] = {}

    def restore(self, record: dict[str, Any]) -> None:
        """Take back one record of the journal file, at start."""
        key = record["key"]
        self._documents.setdefault(key, []).append(record["document_number"])
        self._next_number += 1
        effects = self.effects
        effects.effects[key] = effects.effects.get(key, 0) + 1
        effects.duplicates += effects.effects[key] > 1
        for name, value in record["cents"].items():
            effects.totals[name] += value

    def write(self, order: Order) -> Answer:
        """Book a journal: 200 with status S and a document number, or with status E and a code."""
        try:
            journal = _JOURNAL.decode(order.body)
            debit = sum(_cents(line.debit) for line in journal.lines)
            credit = sum(_cents(line.credit) for line in journal.lines)
        except (msgspec.DecodeError, ValueError):
            return _answer(400, {"status": "E", "code": "UNREADABLE"})
        code = _refusal(journal, debit - credit, refuse=order.refuse)
        if code:
            self.effects.refusals += 1
            return _answer(200, {"status": "E", "code": code, "message": "Journal not posted."})
        number = str(self._next_number)
        record = {
            "key": journal.external_id,
            "effects": 1,
            "document_number": number,
            "cents": {"debit": debit, "credit": credit},
        }
        self.restore(record)
        answer = {"status": "S", "documentNumber": number, "externalId": journal.external_id}
        return Answer(body=msgspec.json.encode(answer), record=record)

    def lookup(self, tail: str, query: Mapping[str, str]) -> Answer:
        """Answer with the documents of `externalId`: `{"count": n, "items": [...]}`, 200 also for none."""
        del tail
        key = query.get("externalId", "")
        items = [
            {"documentNumber": number, "externalId": key, "status": "S"}
            for number in self._documents.get(key, [])
        ]
        return _answer(200, {"count": len(items), "items": items})


def _cents(amount: Decimal) -> int:
    """Raises ValueError for what is no amount of whole cents below ten trillion."""
    if not amount.is_finite() or abs(amount) >= _TOO_MUCH or amount != round(amount, 2):
        raise ValueError("not an amount")
    return int(amount * 100)


def _refusal(journal: _ErpJournal, difference_cents: int, *, refuse: bool) -> str:
    if refuse:
        return "PERIOD_CLOSED"
    if not journal.lines or not journal.external_id:
        return "EMPTY"
    return "UNBALANCED" if difference_cents else ""


def _answer(status: int, document: dict[str, Any]) -> Answer:
    return Answer(status=status, body=msgspec.json.encode(document))
