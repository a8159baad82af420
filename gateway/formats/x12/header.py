"""Segments of the 835's header and summary: payment, trace, payer, payee, provider adjustments."""

from typing import Any

from gateway.formats.x12.codes import (
    HANDLING_CODES,
    PAYMENT_METHODS,
    PROVIDER_ADJUSTMENT_REASONS,
)
from gateway.formats.x12.state import State

__all__ = ["bpr", "cur", "n1", "n3", "n4", "plb", "trn"]

_PADDING = [""] * 25
_PAYMENT_CODES = (
    (3, "credit_debit", 3),
    (4, "method", 10),
    (5, "format", 20),
    (11, "supplemental_code", 40),
)
"""Position, field, and how long the contract lets it be: some payers put a check number there.
It is kept as it came: the contract refuses it, and a mapping may mend it."""


def bpr(state: State, e: list[str]) -> None:
    """BPR: the payment. Only the last four characters of an account number are kept."""
    if state.bpr_seen:
        state.suspect("segment_repeated", "BPR")
        return
    state.bpr_seen = True
    e = e + _PADDING
    cents, text = state.amounts[e[2]]
    state.payment_cents = cents
    payment = state.payment
    payment["handling_code"] = e[1]
    payment["amount"] = text
    for at, name, limit in _PAYMENT_CODES:
        if not e[at]:
            continue
        payment[name] = e[at]
        if len(e[at]) > limit:
            state.warn("element_too_long", "BPR", at)
    if e[16]:
        value = state.dates[e[16]]
        if value:
            payment["effective_date"] = value
        else:
            state.warn("date_unreadable", "BPR", 16)
    for routing, account, name in ((7, 9, "payer_bank"), (13, 15, "payee_bank")):
        _bank(payment, name, e[routing], e[account])
    _check_payment(state, e, cents)


def _bank(payment: dict[str, Any], name: str, routing: str, account: str) -> None:
    bank = {"routing": routing} if routing else {}
    if account:
        bank["account_last4"] = account[-4:]
    if bank:
        payment[name] = bank


def _check_payment(state: State, e: list[str], cents: int) -> None:
    if cents < 0:
        state.suspect("payment_amount_negative", "BPR", 2)
    if not e[1]:
        state.suspect("element_missing", "BPR", 1)
    elif e[1] not in HANDLING_CODES:
        state.warn("handling_code_unknown", "BPR", 1)
    if e[3] == "D":
        state.warn("payment_is_debit", "BPR", 3)
    if e[4] not in PAYMENT_METHODS:
        state.warn("payment_method_unknown", "BPR", 4)


def trn(state: State, e: list[str]) -> None:
    """TRN: the trace that reassociates this advice with its money; the first one counts."""
    if state.trn_seen:
        state.warn("segment_repeated", "TRN")
        return
    state.trn_seen = True
    e = e + _PADDING
    if not e[2]:
        state.suspect("element_missing", "TRN", 2)
    state.payment["trace_number"] = e[2]
    if e[3]:
        state.payment["originator_id"] = e[3]
    if e[4]:
        state.payment["originator_suffix"] = e[4]


def cur(state: State, e: list[str]) -> None:
    """CUR: a currency other than US dollars."""
    if len(e) > 2 and e[2]:
        state.currency = e[2]
        if e[2] != "USD":
            state.suspect("currency_not_supported", "CUR", 2)


def n1(state: State, e: list[str]) -> None:
    """N1: payer (PR) or payee (PE); an 835 has one of each per transaction set."""
    e = e + _PADDING
    if state.claim is not None or e[1] not in ("PR", "PE"):
        state.warn("segment_misplaced", "N1", 1)
        state.party = None
        return
    party: dict[str, Any] = {"name": e[2]}
    if e[4]:
        party["id"] = e[4]
    if e[3]:
        party["id_qualifier"] = e[3]
    state.party = party
    if e[1] == "PR":
        if state.payer is not None:
            state.suspect("payer_repeated", "N1")
        else:
            state.payer = party
    elif state.payee is not None:
        state.suspect("payee_repeated", "N1")
    else:
        state.payee = party
        name = {"XX": "npi", "FI": "tax_id"}.get(e[3])
        if name and e[4]:
            party[name] = e[4]


def n3(state: State, e: list[str]) -> None:
    """N3: street lines of the open party."""
    _address(state, e, ((1, "line1"), (2, "line2")))


def n4(state: State, e: list[str]) -> None:
    """N4: city, state, postal code and country of the open party."""
    _address(state, e, ((1, "city"), (2, "state"), (3, "postal_code"), (4, "country")))


def _address(state: State, e: list[str], fields: tuple[tuple[int, str], ...]) -> None:
    party = state.party
    if party is None or state.claim is not None:
        state.warn("segment_misplaced", e[0])
        return
    found = {name: e[at] for at, name in fields if at < len(e) and e[at]}
    if found:
        party.setdefault("address", {}).update(found)


def plb(state: State, e: list[str]) -> None:
    """PLB: up to six provider adjustments; a positive amount reduces the payment."""
    size = len(e)
    e = e + _PADDING
    fiscal = state.dates[e[2]] if e[2] else ""
    if e[2] and not fiscal:
        state.warn("date_unreadable", "PLB", 2)
    if size < 5:
        state.suspect("element_missing", "PLB", 4)
    for at in range(3, 15, 2):
        if e[at] or e[at + 1]:
            _provider_adjustment(state, e, at, fiscal)


def _provider_adjustment(state: State, e: list[str], at: int, fiscal: str) -> None:
    cents, text = state.amounts[e[at + 1]]
    state.plb_cents += cents
    reason, reference = e[at], ""
    if state.component:
        reason, _, reference = reason.partition(state.component)
    if not reason:
        state.suspect("element_missing", "PLB", at)
    elif reason not in PROVIDER_ADJUSTMENT_REASONS:
        state.warn("provider_adjustment_reason_unknown", "PLB", at)
    found = {"provider_id": e[1]}
    if fiscal:
        found["fiscal_period_date"] = fiscal
    found["reason_code"] = reason
    if reference:
        found["reference_id"] = reference
    found["amount"] = text
    state.provider_adjustments.append(found)
