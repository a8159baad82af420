"""Segments that open and fill claims and lines (loops 2000, 2100, 2110): one small function per segment id.

These run once per segment of every file; they are written for speed where it shows.
"""

from typing import Any

from gateway.formats.x12.balance import close_claim, close_line
from gateway.formats.x12.codes import (
    ADJUSTMENT_GROUPS,
    CLAIM_STATUSES,
    INPATIENT,
    OUTPATIENT,
    PARTIES,
)
from gateway.formats.x12.details import keep_quantity
from gateway.formats.x12.state import State

__all__ = ["cas", "clp", "lx", "mia", "moa", "nm1", "svc"]

_PADDING = [""] * 25
_CLP_OPTIONAL = (
    (6, "filing_indicator"),
    (7, "payer_claim_control_number"),
    (8, "facility_code"),
    (9, "frequency_code"),
)


def lx(state: State, e: list[str]) -> None:
    """LX: a header number; closes the open claim."""
    close_claim(state)
    state.lx = e[1] if len(e) > 1 else ""


def clp(state: State, e: list[str]) -> None:  # noqa: C901, PLR0915  hot: unrolled
    """CLP: a claim payment begins."""
    if state.claim is not None:
        close_claim(state)
    if len(e) < 14:
        e.extend(_PADDING)
    _, number, status, charge_raw, paid_raw, responsibility, filing, icn = e[:8]
    facility, frequency, _, drg, weight, fraction = e[8:14]
    charge, charge_text = state.amounts[charge_raw]
    paid, paid_text = state.amounts[paid_raw]
    adjustments: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    claims = state.claims
    if responsibility and filing and icn and facility and frequency:
        # A dict written down at once is made in its final size.
        claim: dict[str, Any] = {
            "claim_payment_id": "",
            "ordinal": len(claims) + 1,
            "patient_control_number": number,
            "status_code": status,
            "charge": charge_text,
            "paid": paid_text,
            "patient_responsibility": state.amounts[responsibility][1],
            "filing_indicator": filing,
            "payer_claim_control_number": icn,
            "facility_code": facility,
            "frequency_code": frequency,
            "adjustments": adjustments,
            "service_lines": lines,
            "balanced": False,
        }
    else:
        claim = {
            "claim_payment_id": "",
            "ordinal": len(claims) + 1,
            "patient_control_number": number,
            "status_code": status,
            "charge": charge_text,
            "paid": paid_text,
            "adjustments": adjustments,
            "service_lines": lines,
            "balanced": False,
        }
        _add_optional(state, claim, e)
    if drg:
        claim["drg"] = drg
    if weight:
        keep_quantity(state, claim, "drg_weight", e, 12)
    if fraction:
        keep_quantity(state, claim, "discharge_fraction", e, 13)
    if state.lx:
        claim["assigned_number"] = state.lx
    claims.append(claim)
    state.claim = claim
    state.adjustments = adjustments
    state.lines = lines
    state.claim_index = state.index
    state.claim_charge = charge
    state.claim_paid = paid
    state.claim_paid_total += paid
    state.claim_cas = state.level_cas = state.cas_cents = 0
    state.pr_cents = state.lines_charge = state.lines_paid = 0
    state.claim_unknown = False
    identity = (number, icn, status, charge, paid)
    if identity in state.seen_claims:
        state.warn("claim_repeated", "CLP", 1)
    state.seen_claims.add(identity)
    if status not in CLAIM_STATUSES or not number:
        _check_claim(state, number, status)


def _add_optional(state: State, claim: dict[str, Any], e: list[str]) -> None:
    """Add what many payers leave out: CLP05 to CLP09."""
    if e[5]:
        claim["patient_responsibility"] = state.amounts[e[5]][1]
    for at, name in _CLP_OPTIONAL:
        if e[at]:
            claim[name] = e[at]


def _check_claim(state: State, number: str, status: str) -> None:
    if not status:
        state.suspect("element_missing", "CLP", 2)
    elif status not in CLAIM_STATUSES:
        state.warn("claim_status_unknown", "CLP", 2)
    if not number:
        state.suspect("element_missing", "CLP", 1)


def cas(state: State, e: list[str]) -> None:
    """CAS: up to six triplets of reason, amount and quantity for the open line, else claim."""
    adjustments = state.adjustments
    if adjustments is None:
        state.suspect("adjustment_outside_claim", "CAS")
        return
    group = e[1]
    if len(e) == 4 and e[2]:
        cents, text = state.amounts[e[3]]
        adjustments.append({"group_code": group, "reason_code": e[2], "amount": text})
    else:
        cents = _triplets(state, e, group, adjustments)
    state.cas_cents += cents
    if group == "PR":
        state.pr_cents += cents
    elif group not in ADJUSTMENT_GROUPS:
        _check_group(state, group)


def _triplets(state: State, e: list[str], group: str, adjustments: list[dict[str, Any]]) -> int:
    """Read the triplets of a CAS; returns the sum of its amounts in cents."""
    size = min(len(e), 20)
    total = 0
    for at in range(2, size, 3):
        reason = e[at]
        amount = e[at + 1] if at + 1 < size else ""
        quantity = e[at + 2] if at + 2 < size else ""
        if not reason and not amount:
            continue
        cents, text = state.amounts[amount]
        total += cents
        adjustment = {"group_code": group, "reason_code": reason, "amount": text}
        if quantity:
            keep_quantity(state, adjustment, "quantity", e, at + 2)
        if not reason:
            state.suspect("element_missing", "CAS", at)
        adjustments.append(adjustment)
    return total


def _check_group(state: State, group: str) -> None:
    if group:
        state.warn("adjustment_group_unknown", "CAS", 1)
    else:
        state.suspect("element_missing", "CAS", 1)


def svc(state: State, e: list[str]) -> None:  # noqa: C901, PLR0915  hot: unrolled
    """SVC: a service line begins."""
    if state.line is not None:
        close_line(state)
    elif state.claim is None:
        state.suspect("line_outside_claim", "SVC")
        return
    else:
        state.claim_cas = state.level_cas = state.cas_cents
    if len(e) < 8:
        e.extend(_PADDING)
    _, procedure, charge_raw, paid_raw, revenue, units, submitted, original = e[:8]
    charge, charge_text = state.amounts[charge_raw]
    paid, paid_text = state.amounts[paid_raw]
    adjustments: list[dict[str, Any]] = []
    quantity = state.quantities[units] if units else ""
    if procedure and quantity:
        # A dict written down at once is made in its final size.
        line: dict[str, Any] = {
            "procedure": _procedure(state, procedure),
            "charge": charge_text,
            "paid": paid_text,
            "units": quantity,
            "adjustments": adjustments,
            "balanced": False,
        }
    else:
        line = {
            "charge": charge_text,
            "paid": paid_text,
            "adjustments": adjustments,
            "balanced": False,
        }
        if procedure:
            line["procedure"] = _procedure(state, procedure)
        if units:
            keep_quantity(state, line, "units", e, 5)
    if submitted:
        line["submitted_procedure"] = _procedure(state, submitted)
    if revenue:
        line["revenue_code"] = revenue
    if original:
        keep_quantity(state, line, "original_units", e, 7)
    state.lines.append(line)
    state.line = line
    state.adjustments = adjustments
    state.line_index = state.index
    state.line_charge = charge
    state.line_paid = paid
    state.cas_cents = 0
    state.line_unknown = False


def _procedure(state: State, raw: str) -> dict[str, Any]:
    """Return a copy of a remembered procedure: documents must not share lists."""
    found = state.procedures[raw].copy()
    if "modifiers" in found:
        found["modifiers"] = found["modifiers"].copy()
    return found


def nm1(state: State, e: list[str]) -> None:
    """NM1: a person or organisation of the open claim; the first of each kind counts."""
    claim = state.claim
    if claim is None:
        state.warn("segment_misplaced", "NM1")
        return
    name = PARTIES.get(e[1])
    if name is None:
        state.warn("entity_unknown", "NM1", 1)
    elif name in claim:
        state.warn("party_repeated", "NM1", 1)
    else:
        claim[name] = _person(e)


def _person(e: list[str]) -> dict[str, str]:  # noqa: C901  hot: unrolled
    """Read the names and the id of an NM1."""
    if len(e) < 10:
        e.extend(_PADDING)
    _, _, kind, last, first, middle, _, suffix, qualifier, identifier = e[:10]
    if kind == "1" and last and first and identifier and qualifier and not (middle or suffix):
        return {
            "entity_type": kind,
            "last_name": last,
            "first_name": first,
            "id": identifier,
            "id_qualifier": qualifier,
        }
    party: dict[str, str] = {}
    if kind:
        party["entity_type"] = kind
    if last:
        party["name" if kind == "2" else "last_name"] = last
    if first:
        party["first_name"] = first
    if middle:
        party["middle_name"] = middle
    if suffix:
        party["suffix"] = suffix
    if identifier:
        party["id"] = identifier
    if qualifier:
        party["id_qualifier"] = qualifier
    return party


def mia(state: State, e: list[str]) -> None:
    """MIA: inpatient adjudication of the open claim."""
    _adjudication(state, e, "inpatient_adjudication", INPATIENT, (5, 20, 21, 22, 23))


def moa(state: State, e: list[str]) -> None:
    """MOA: outpatient adjudication of the open claim."""
    _adjudication(state, e, "outpatient_adjudication", OUTPATIENT, (3, 4, 5, 6, 7))


def _adjudication(
    state: State, e: list[str], field: str, names: dict[int, str], remarks: tuple[int, ...]
) -> None:
    claim = state.claim
    if claim is None:
        state.warn("segment_misplaced", e[0])
        return
    found: dict[str, str] = {}
    for at, name in names.items():
        if at >= len(e) or not e[at]:
            continue
        if name.endswith("_amount"):
            found[name] = state.amounts[e[at]][1]
        else:
            keep_quantity(state, found, name, e, at)
    if found:
        claim[field] = found
    codes = [e[at] for at in remarks if at < len(e) and e[at]]
    if codes:
        claim.setdefault("remark_codes", []).extend(codes)
