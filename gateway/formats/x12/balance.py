"""The three balance equations of an 835 and what is compared beside them, in whole cents.

Payment: BPR02 = sum of CLP04 less sum of PLB amounts. Claim: CLP03 less all its CAS = CLP04.
Line: SVC02 less its CAS = SVC03 (005010X221A1, section 1.10.2). The tolerance is zero.
"""

from gateway.formats.x12.codes import PREDETERMINATION, REVERSAL
from gateway.formats.x12.state import State

__all__ = ["close_claim", "close_line", "payment_balances"]

_SPECIAL = (PREDETERMINATION, REVERSAL)


def close_line(state: State) -> None:
    """Judge the open service line and add it to its claim."""
    line = state.line
    if line is None:
        return
    cas = state.cas_cents
    balanced = state.line_charge - cas == state.line_paid and not state.line_unknown
    if not balanced:
        state.suspect("line_out_of_balance", "SVC", index=state.line_index)
    line["balanced"] = balanced
    state.claim_cas += cas
    state.lines_charge += state.line_charge
    state.lines_paid += state.line_paid
    state.line = None


def close_claim(state: State) -> None:  # noqa: C901  once per claim: not worth a call
    """Judge the open claim: its equation, and what only deserves a warning."""
    claim = state.claim
    if claim is None:
        return
    if state.line is not None:
        close_line(state)
    else:
        state.claim_cas = state.level_cas = state.cas_cents
    balanced = state.claim_charge - state.claim_cas == state.claim_paid and not state.claim_unknown
    claim["balanced"] = balanced
    index = state.claim_index
    if not balanced:
        state.suspect("claim_out_of_balance", "CLP", index=index)
    if state.lines:
        if state.lines_charge != state.claim_charge:
            state.warn("line_charges_differ", "CLP", 3, index=index)
        if state.lines_paid - state.level_cas != state.claim_paid:
            state.warn("line_payments_differ", "CLP", 4, index=index)
    responsibility = claim.get("patient_responsibility")
    if responsibility is not None and state.amounts[responsibility][0] != state.pr_cents:
        state.warn("patient_responsibility_differs", "CLP", 5, index=index)
    status = claim["status_code"]
    if status in _SPECIAL:
        _check_special(state, status)
    state.claim = None
    state.adjustments = None


def payment_balances(state: State) -> bool:
    """Tell whether the set balances; what does not is noted as suspect.

    With an amount anywhere that is no number, it cannot be told: then it does not.
    """
    expected = state.claim_paid_total - state.plb_cents
    balanced = state.payment_cents == expected
    if not balanced:
        state.suspect("payment_out_of_balance", "BPR", 2, index=1 if state.bpr_seen else 0)
    return balanced and state.bpr_seen and not state.total_unknown


def _check_special(state: State, status: str) -> None:
    """Judge the sign of what a predetermination or a reversal pays."""
    if status == PREDETERMINATION and state.claim_paid:
        state.suspect("predetermination_paid", "CLP", 4, index=state.claim_index)
    elif status == REVERSAL and state.claim_paid > 0:
        state.warn("reversal_not_negative", "CLP", 4, index=state.claim_index)
