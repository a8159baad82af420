"""Builds one remittance from the segments of its transaction set."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gateway.formats.x12.balance import close_claim, payment_balances
from gateway.formats.x12.claims import cas, clp, lx, mia, moa, nm1, svc
from gateway.formats.x12.details import amt, dtm, lq, per, qty, ref
from gateway.formats.x12.header import bpr, cur, n1, n3, n4, plb, trn
from gateway.formats.x12.keys import ClaimIds, payment_key
from gateway.formats.x12.state import State
from gateway.model.money import decimal_text

__all__ = ["Remittance", "build"]

Handler = Callable[[State, list[str]], None]


_SEGMENT_ID = re.compile(r"[A-Za-z][A-Za-z0-9]{1,2}")
"""What may be shown of an unknown segment: anything longer is likely to be data."""


def _nothing(_state: State, _elements: list[str]) -> None:
    """Known, and not part of the document: provider summaries, delivery method, ST itself."""


_HANDLERS: dict[str, Handler] = {
    "AMT": amt,
    "BPR": bpr,
    "CAS": cas,
    "CLP": clp,
    "CUR": cur,
    "DTM": dtm,
    "LQ": lq,
    "LX": lx,
    "MIA": mia,
    "MOA": moa,
    "N1": n1,
    "N3": n3,
    "N4": n4,
    "NM1": nm1,
    "PER": per,
    "PLB": plb,
    "QTY": qty,
    "RDM": _nothing,
    "REF": ref,
    "ST": _nothing,
    "SVC": svc,
    "TRN": trn,
    "TS2": _nothing,
    "TS3": _nothing,
}

_MONEY: dict[str, Sequence[int]] = {
    "AMT": (2,),
    "BPR": (2,),
    "CAS": range(3, 19, 3),
    "CLP": (3, 4, 5),
    "MIA": range(1, 25),
    "MOA": range(1, 10),
    "PLB": range(4, 15, 2),
    "SVC": (2, 3),
}
"""Where amounts stand, by segment id."""


class Remittance:
    """What a transaction set says: the document without its source, sums in cents, the state."""

    __slots__ = ("document", "key", "state")

    def __init__(self, document: dict[str, Any], key: str, state: State) -> None:
        self.document = document
        self.key = key
        self.state = state


def build(state: State, segments: Sequence[str]) -> Remittance:
    """Read the segments from ST on (without SE) into a remittance.

    Whatever is wrong becomes a note of the state; nothing is raised.
    """
    separator = state.separator
    handlers = _HANDLERS
    faults = state.amounts.faults
    for index, segment in enumerate(segments):
        elements = segment.split(separator)
        state.index = index
        try:
            handlers[elements[0]](state, elements)
        except KeyError:
            _unknown(state, elements[0])
        except IndexError:
            state.warn("element_missing", elements[0])
        if faults:
            _bad_amounts(state, elements)
    close_claim(state)
    _check_complete(state)
    return _finish(state, segments)


def _unknown(state: State, segment_id: str) -> None:
    known = segment_id.upper() in _HANDLERS
    name = segment_id if _SEGMENT_ID.fullmatch(segment_id) else ""
    state.warn("segment_id_lowercase" if known else "segment_unknown", name)


def _bad_amounts(state: State, elements: list[str]) -> None:
    """Note amounts that are missing (they count as 0) or are no amounts (nothing can balance)."""
    faults = state.amounts.faults
    if state.is_full and not any(faults):
        faults.clear()  # what is missing changes no sum, and nothing more can be noted
        return
    segment_id = elements[0]
    places = iter(_MONEY.get(segment_id, ()))
    for raw in faults:
        at = next((at for at in places if (elements[at] if at < len(elements) else "") == raw), 0)
        if segment_id in ("AMT", "MIA", "MOA"):
            state.warn("amount_unreadable" if raw else "amount_missing", segment_id, at)
        elif raw:
            state.suspect("amount_unreadable", segment_id, at)
            _mark_unknown(state, segment_id, at)
        else:
            state.suspect("amount_missing", segment_id, at)
    faults.clear()


def _mark_unknown(state: State, segment_id: str, at: int) -> None:
    match segment_id:
        case "CLP":
            state.claim_unknown |= at in (3, 4)
            state.total_unknown |= at in (3, 4)
        case "SVC":
            state.line_unknown = state.total_unknown = True
        case "CAS":
            state.line_unknown = state.claim_unknown = state.total_unknown = True
        case _:
            state.total_unknown = True


def _check_complete(state: State) -> None:
    """Note what every 835 must have and this one has not."""
    if not state.bpr_seen:
        state.suspect("bpr_missing", "BPR", index=0)
    if not state.trn_seen:
        state.suspect("trn_missing", "TRN", index=0)
    if not (state.payer and state.payer["name"]):
        state.suspect("payer_missing", "N1", index=0)
    if state.payee is None:
        state.suspect("payee_missing", "N1", index=0)


def _usual(state: State, segments: Sequence[str]) -> Iterable[str]:
    """Return segments as they would be with the usual delimiters."""
    marks = {state.separator: "*"}
    if state.component:
        marks[state.component] = ":"
    if all(mark == usual for mark, usual in marks.items()):
        return segments
    table = str.maketrans(marks)
    return (segment.translate(table) for segment in segments)


def _finish(state: State, segments: Sequence[str]) -> Remittance:
    payment = {"handling_code": "", "amount": "0.00", "trace_number": "", **state.payment}
    payee = state.payee or {"name": ""}
    key = payment_key(
        payee_id=payee.get("id") or payee.get("tax_id") or "",
        originator=payment.get("originator_id", ""),
        trace=payment["trace_number"],
        cents=state.payment_cents,
        segments=_usual(state, segments[1:]),
    )
    ids = ClaimIds(key)
    for claim in state.claims:
        claim["claim_payment_id"] = ids.name(
            claim["patient_control_number"],
            claim.get("payer_claim_control_number", ""),
            claim["status_code"],
            claim["ordinal"],
        )
    document = {
        "remittance_id": f"rem_{key[:32]}",
        "payment_key": key,
        "tenant_id": "",
        "currency": state.currency,
        "source": {},
        "payment": payment,
        "payer": state.payer or {"name": ""},
        "payee": payee,
        "claims": state.claims,
        "provider_adjustments": state.provider_adjustments,
        "balance": {
            "claims_paid_total": decimal_text(state.claim_paid_total),
            "plb_total": decimal_text(state.plb_cents),
            "payment_amount": decimal_text(state.payment_cents),
            "balanced": payment_balances(state),
        },
    }
    return Remittance(document, key, state)
