"""The table that `remithub decode --summary` prints: one row per transaction set, and totals."""

from collections import Counter

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from gateway.formats import Part
from gateway.formats.x12.meanings import MEANINGS
from gateway.model.finding import Severity
from gateway.model.money import decimal_text

__all__ = ["Table"]

_NOT_SUPPORTED = "transaction_set_not_supported"
"""The error of a transaction set of another kind."""

_COLUMNS = ("file", "payer", "trace", "amount", "claims", "verdict", "findings")
_LISTED = 4
_ROWS = 1_000
"""So many transaction sets are listed; the rest is only counted."""
_EXPLAINED = 12


class Table:
    """Collects parts and shows them as one table on standard output."""

    def __init__(self) -> None:
        self._table = RichTable(*_COLUMNS)
        for column in self._table.columns:
            column.overflow = "fold"
        self._table.columns[3].justify = self._table.columns[4].justify = "right"
        self._cents = 0
        self._claims = 0
        self._verdicts: Counter[str] = Counter()
        self._codes: Counter[str] = Counter()

    def add(self, name: str, part: Part) -> None:
        """Add one part as a row."""
        verdict = _verdict(part)
        self._verdicts[verdict] += 1
        self._codes.update({finding.code for finding in part.findings})
        payer = trace = ""
        claims = 0
        if part.document is not None:
            payer = part.document["payer"]["name"]
            trace = part.document["payment"]["trace_number"]
            claims = len(part.document["claims"])
        self._cents += part.amount_cents or 0
        self._claims += claims
        if self._verdicts.total() > _ROWS:
            return
        amount = "" if part.amount_cents is None else decimal_text(part.amount_cents)
        cells = (name.rpartition("/")[2], payer, trace, amount, str(claims), verdict, _codes(part))
        self._table.add_row(*(Text(_printable(cell)) for cell in cells))

    def show(self) -> None:
        """Print the table with its totals row."""
        more = self._verdicts.total() - _ROWS
        if more > 0:
            self._table.add_row(f"and {more:,} more")
        self._table.add_section()
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in self._verdicts.items())
        sets = sum(self._verdicts.values())
        self._table.add_row(
            f"{sets} in all", "", "", decimal_text(self._cents), str(self._claims), verdicts, ""
        )
        console = Console()
        if not console.is_terminal:
            console = Console(width=160)
        console.print(self._table)
        for code, _ in self._codes.most_common(_EXPLAINED):
            console.print(Text(f"{code}: {MEANINGS.get(code, '')}"))


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


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
