"""The table that `remithub decode --summary` prints: one row per transaction set, and totals."""

from collections import Counter
from typing import Any

from gateway.cli.output import Output
from gateway.cli.wording import columns, dollars
from gateway.formats import Part
from gateway.formats.x12.meanings import MEANINGS
from gateway.model.finding import Severity
from gateway.model.money import decimal_text

__all__ = ["Table"]

_NOT_SUPPORTED = "transaction_set_not_supported"
"""The error of a transaction set of another kind."""

_COLUMNS = {
    "file": "File",
    "payer": "Payer",
    "trace": "Trace",
    "amount": "Amount",
    "claims": "Claims",
    "verdict": "Verdict",
    "findings": "Findings",
}
_LISTED = 4
_ROWS = 1_000
"""So many transaction sets are listed; the rest is only counted."""
_EXPLAINED = 12


class Table:
    """Collects parts and shows them as one table on standard output."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._cents = 0
        self._claims = 0
        self._verdicts: Counter[str] = Counter()
        self._codes: Counter[str] = Counter()

    def add(self, name: str, part: Part) -> None:
        """Add one part as a row."""
        verdict = _verdict(part)
        self._verdicts[verdict] += 1
        self._codes.update({finding.code for finding in part.findings})
        document = part.document or {"payer": {}, "payment": {}, "claims": ()}
        claims = len(document["claims"])
        self._cents += part.amount_cents or 0
        self._claims += claims
        if self._verdicts.total() > _ROWS:
            return
        amount = None if part.amount_cents is None else decimal_text(part.amount_cents)
        self._rows.append(
            {
                "file": name.rpartition("/")[2],
                "payer": document["payer"].get("name", ""),
                "trace": document["payment"].get("trace_number", ""),
                "amount": dollars(amount),
                "claims": claims,
                "verdict": verdict,
                "findings": _codes(part),
            }
        )

    def show(self) -> None:
        """Print the table with its totals row."""
        total = self._verdicts.total()
        rows = list(self._rows)
        if total > _ROWS:
            rows.append({"file": f"and {total - _ROWS:,} more"})
        rows.append(
            {
                "file": f"{total:,} in all",
                "amount": dollars(decimal_text(self._cents)),
                "claims": self._claims,
                "verdict": ", ".join(f"{n:,} {word}" for word, n in self._verdicts.items()),
            }
        )
        output = Output()
        output.table(columns(_COLUMNS, {"amount", "claims"}), rows)
        for code, _ in self._codes.most_common(_EXPLAINED):
            output.line(f"{code}: {MEANINGS.get(code, '')}")


def _verdict(part: Part) -> str:
    if part.error == _NOT_SUPPORTED:
        return "not an 835"
    if part.document is None:
        return "unreadable"
    if any(finding.severity is Severity.SUSPECT for finding in part.findings):
        return "suspect"
    return "clean"


def _codes(part: Part) -> str:
    """List the codes of the gravest findings first, each once, with how often it occurs."""
    ranks = {Severity.SUSPECT: 0, Severity.WARNING: 1, Severity.INFO: 2}
    ordered = sorted(part.findings, key=lambda finding: ranks[finding.severity])
    counts = Counter(finding.code for finding in ordered)
    shown = [f"{code} x{n}" if n > 1 else code for code, n in list(counts.items())[:_LISTED]]
    rest = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
