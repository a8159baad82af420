"""Segments that belong to whatever loop is open: REF, DTM, AMT, QTY, LQ, PER.

These run once per segment of every file; they are written for speed where it shows.
"""

from typing import Any

from gateway.formats.x12.codes import CLAIM_DATES, LINE_DATES, RENDERING_REFERENCES
from gateway.formats.x12.state import State

__all__ = ["amt", "dtm", "keep_quantity", "lq", "per", "qty", "ref"]

_PADDING = [""] * 10
_CHANNELS = {
    "TE": "phone",
    "EX": "phone_extension",
    "EM": "email",
    "UR": "url",
    "FX": "fax",
}


def dtm(state: State, e: list[str]) -> None:
    """DTM: a date of the open line, else of the open claim, else of the payment (405)."""
    qualifier, value = e[1], state.dates[e[2]]
    line = state.line
    if not value:
        state.warn("date_unreadable", "DTM", 2)
    elif line is not None:
        if qualifier == "472":
            line["service_from"] = line["service_to"] = value
        elif qualifier in LINE_DATES:
            line[LINE_DATES[qualifier]] = value
        else:
            state.warn("date_qualifier_unknown", "DTM", 1)
    elif state.claim is not None:
        if qualifier in CLAIM_DATES:
            state.claim[CLAIM_DATES[qualifier]] = value
        else:
            _odd_claim_date(state, state.claim, qualifier, value)
    elif qualifier == "405":
        state.payment["production_date"] = value


def _odd_claim_date(state: State, claim: dict[str, Any], qualifier: str, value: str) -> None:
    """Take a line's date (472) that stands at claim level for the claim's."""
    if qualifier == "472":
        claim["service_from"] = claim["service_to"] = value
    else:
        state.warn("date_qualifier_unknown", "DTM", 1)


def ref(state: State, e: list[str]) -> None:
    """REF: a reference of the open line, else of the open claim, else of the open party."""
    qualifier, value = e[1], e[2]
    line = state.line
    if line is not None:
        if qualifier == "6R" and "line_control_number" not in line:
            line["line_control_number"] = value
            return
        if qualifier == "0K":
            line.setdefault("healthcare_policy_ids", []).append(value)
            return
        target, name = line, "references"
    else:
        claim = state.claim
        if claim is None:
            _party_reference(state, qualifier, value)
            return
        target = claim
        name = "rendering_references" if qualifier in RENDERING_REFERENCES else "references"
    if name in target:
        target[name].append({"qualifier": qualifier, "value": value})
    else:
        target[name] = [{"qualifier": qualifier, "value": value}]


def _party_reference(state: State, qualifier: str, value: str) -> None:
    party = state.party
    if party is None:
        return
    if party is state.payee and qualifier == "TJ" and "tax_id" not in party:
        party["tax_id"] = value
    else:
        party.setdefault("references", []).append({"qualifier": qualifier, "value": value})


def amt(state: State, e: list[str]) -> None:
    """AMT: information only, never part of a balance; B6 on a line is the allowed amount."""
    qualifier, raw = e[1], e[2]
    target = state.line
    if target is None:
        target = state.claim
        if target is None:
            return
    elif qualifier == "B6" and "allowed" not in target:
        target["allowed"] = state.amounts[raw][1]
        return
    amount = {"qualifier": qualifier, "amount": state.amounts[raw][1]}
    if "amounts" in target:
        target["amounts"].append(amount)
    else:
        target["amounts"] = [amount]


def qty(state: State, e: list[str]) -> None:
    """QTY: information only."""
    target = state.line or state.claim
    if target is None:
        return
    text = state.quantities[e[2]]
    if text:
        target.setdefault("quantities", []).append({"qualifier": e[1], "quantity": text})
    else:
        state.warn("quantity_unreadable", "QTY", 2)


def lq(state: State, e: list[str]) -> None:
    """LQ: a remark code of the open line. A list other than HE is kept as "LIST:CODE"."""
    line = state.line
    if line is None:
        state.warn("segment_misplaced", "LQ")
        return
    code = e[2] if e[1] == "HE" else f"{e[1]}:{e[2]}"
    if "remark_codes" in line:
        line["remark_codes"].append(code)
    else:
        line["remark_codes"] = [code]


def keep_quantity(state: State, target: dict[str, Any], name: str, e: list[str], at: int) -> None:
    """Put a quantity into `target`; one that cannot be read is left out and noted."""
    text = state.quantities[e[at]]
    if text:
        target[name] = text
    else:
        state.warn("quantity_unreadable", e[0], at)


def per(state: State, e: list[str]) -> None:
    """PER: whom to ask, at the payer or about the open claim."""
    target = state.claim
    if target is None and state.party is state.payer:
        target = state.payer
    if target is not None:
        target.setdefault("contacts", []).append(_contact(e))


def _contact(e: list[str]) -> dict[str, str]:
    """Read function, name and up to three ways to communicate."""
    e = e + _PADDING
    found = {"function": e[1]}
    if e[2]:
        found["name"] = e[2]
    for at in (3, 5, 7):
        channel = _CHANNELS.get(e[at])
        if channel and e[at + 1] and channel not in found:
            found[channel] = e[at + 1]
    return found
