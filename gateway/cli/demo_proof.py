"""The demo's reckoning: what the hub has on record against what its partners have in their books."""

import re
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from typing import Any

import msgspec

from gateway.delivery import Operator, Selection
from gateway.model.money import cents_of
from gateway.model.states import PartState, RetryState
from gateway.simulators.http_partner import Effects
from gateway.store import Row, Store

__all__ = ["Proof", "Reckoning", "Sent", "prove", "reckon"]

_BPR = re.compile(rb"~BPR\*[A-Z]\*([0-9.]+)\*")
_EVERYTHING = 1_000_000
_FINAL = {RetryState.DEAD, RetryState.HELD, RetryState.PARKED}


class Reckoning(msgspec.Struct, kw_only=True):
    """What the hub has on record. All amounts in cents.

    Every claim dollar is in exactly one of `posted` (billing confirmed it), `refused` (billing
    knows no such account; it waits as unapplied cash), `sent` (owed or sent to billing, not
    answered yet), `held` and `dead`.
    """

    files: int = 0
    payments: dict[str, int] = msgspec.field(default_factory=dict)
    """Payments read, by the state of their part."""
    paid: int = 0
    """Sum of the payments, of whatever state."""
    claims_paid: int = 0
    adjustments: int = 0
    accepted: int = 0
    """Sum of the payments that were let in."""
    posted: int = 0
    refused: int = 0
    sent: int = 0
    held: int = 0
    dead: int = 0
    confirmations: int = 0
    journals: int = 0
    debits: int = 0
    credits: int = 0


class Sent(msgspec.Struct, kw_only=True):
    """What the clearinghouse put out, the same file only once; read from its bytes alone."""

    payments: int = 0
    cents: int = 0

    def add(self, file: bytes) -> None:
        """Count the payments of one file by its BPR segments."""
        amounts = _BPR.findall(file)
        self.payments += len(amounts)
        self.cents += sum(int(Decimal(text.decode()) * 100) for text in amounts)


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """One equation: two figures got in two ways."""

    text: str
    left: int
    right: int
    money: bool = True

    @property
    def ties(self) -> bool:
        """Whether both are the same, to the cent."""
        return self.left == self.right


async def reckon(store: Store, operator: Operator) -> Reckoning:
    """Add up the hub's records: parts, posting requests, confirmations, journals."""
    sums = Reckoning()
    for artifact in await store.fetch("artifacts", limit=_EVERYTHING):
        parts = await store.fetch("parts_of_artifact", artifact_id=artifact["artifact_id"])
        sums.files += bool(parts)
        for part in _last_revision(parts):
            _add_part(sums, part)
    answered = await _add_confirmations(sums, store)
    stuck = {a.item_id for a in await _aside(operator, "billing") if a.state in _FINAL}
    async for name, request in _documents(store, "posting-request"):
        if request["request_id"] not in answered:
            claims_paid = cents_of(request["totals"]["claims_paid"])
            if name in stuck:
                sums.dead += claims_paid
            else:
                sums.sent += claims_paid
    async for _, journal in _documents(store, "journal-entry"):
        sums.journals += 1
        sums.debits += sum(cents_of(line["debit"]) for line in journal["lines"])
        sums.credits += sum(cents_of(line["credit"]) for line in journal["lines"])
    return sums


def prove(sums: Reckoning, *, sent: Sent, billing: Effects, erp: Effects) -> list[Proof]:
    """Return the equations that must hold once nothing is under way any more."""
    where = sums.posted + sums.refused + sums.sent + sums.held + sums.dead
    once = [*billing.effects.values(), *erp.effects.values()]
    net = sums.claims_paid - sums.adjustments
    on_record = sum(sums.payments.values())
    answered = sums.confirmations + sums.journals
    money = {
        "dollars in the clearinghouse's files = dollars on record": (sent.cents, sums.paid),
        "claims paid less provider adjustments = payments": (net, sums.paid),
        "claims paid = posted + refused + sent + held + dead": (sums.claims_paid, where),
        "payments let in = payments in billing's books": (
            sums.accepted,
            billing.totals["payment"],
        ),
        "posted on record = posted in billing's books": (sums.posted, billing.totals["posted"]),
        "journal debits = journal credits": (sums.debits, sums.credits),
        "journal debits = debits in the ERP's books": (sums.debits, erp.totals["debit"]),
    }
    counts = {
        "payments in the clearinghouse's files = payments on record": (sent.payments, on_record),
        "postings confirmed + journals = effects at billing and ERP": (answered, sum(once)),
        "effects made twice = none": (sum(once) - len(once), 0),
    }
    return [
        Proof(text=text, left=left, right=right, money=figures is money)
        for figures in (counts, money)
        for text, (left, right) in figures.items()
    ]


def _last_revision(parts: Iterable[Row]) -> Iterable[Row]:
    return {part["part_offset"]: part for part in parts}.values()


def _add_part(sums: Reckoning, part: Row) -> None:
    state = PartState(part["state"])
    if state is PartState.IGNORED:
        return
    sums.payments[state.value] = sums.payments.get(state.value, 0) + 1
    claims_paid = part["claims_paid_cents"] or 0
    sums.paid += part["amount_cents"] or 0
    sums.claims_paid += claims_paid
    sums.adjustments += part["adjustments_cents"] or 0
    match state:
        case PartState.ACCEPTED:
            sums.accepted += part["amount_cents"] or 0
        case PartState.HELD:
            sums.held += claims_paid
        case PartState.DEAD | PartState.DISCARDED:
            sums.dead += claims_paid


async def _add_confirmations(sums: Reckoning, store: Store) -> set[str]:
    answered: set[str] = set()
    async for _, confirmation in _documents(store, "posting-confirmation"):
        answered.add(confirmation["request_id"])
        sums.confirmations += 1
        sums.posted += cents_of(confirmation["totals"]["posted"])
        sums.refused += cents_of(confirmation["totals"]["rejected"])
    return answered


async def _aside(operator: Operator, interface: str) -> list[Any]:
    return list(await operator.find(Selection(interface=interface), limit=_EVERYTHING))


async def _documents(store: Store, contract: str) -> AsyncIterator[tuple[str, Any]]:
    for row in await store.fetch("messages_of_contract", contract=contract, limit=_EVERYTHING):
        name = row["message_id"]
        yield name, msgspec.json.decode(await store.body(name))
