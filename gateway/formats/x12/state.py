"""What is known of one transaction set while its segments go by."""

from operator import itemgetter
from typing import Any

from gateway.formats.x12.delimiters import Delimiters
from gateway.formats.x12.values import Amounts, Dates, Quantities
from gateway.model.finding import Finding, Severity

__all__ = ["Memory", "Note", "Procedures", "State"]

_MAX_NOTES = 2_000
_FREE_NOTES = 10
_NOTE_BYTES = 16
"""A transaction set may have so many findings at the most, and fewer where it is small: so many,
and one more for so many bytes. The last then says that there are more."""

_REMEMBERED = 50_000

Note = tuple[str, Severity, int, str, int]
"""Code, severity, position of the segment in the set (from 0), segment id, element."""


class Procedures(dict[str, dict[str, Any]]):
    """Reads SVC01 and SVC06: qualifier, code, up to four modifiers, description."""

    def __init__(self, component: str) -> None:
        super().__init__()
        self.component = component

    def __missing__(self, raw: str) -> dict[str, Any]:
        parts = raw.split(self.component) if self.component else [raw]
        if len(parts) == 1 and len(raw) > 2 and raw[2] in ":>|^<":
            # ISA16 is missing or says something else than what the sender uses.
            parts = raw.split(raw[2])
        found: dict[str, Any] = (
            {"qualifier": parts[0], "code": parts[1]}
            if len(parts) > 1
            else {
                "qualifier": "",
                "code": raw,
            }
        )
        modifiers = [part for part in parts[2:6] if part]
        if modifiers:
            found["modifiers"] = modifiers
        if len(parts) > 6 and parts[6]:
            found["description"] = parts[6]
        if len(self) >= _REMEMBERED:
            self.clear()
        self[raw] = found
        return found


class Memory:
    """Converters that outlive a transaction set, so that what repeats is read once."""

    def __init__(self) -> None:
        self.amounts = Amounts()
        self.quantities = Quantities()
        self.dates = Dates()
        self.procedures: dict[str, Procedures] = {}

    def procedures_for(self, component: str) -> Procedures:
        """Return the reader of procedures for a component separator."""
        if component not in self.procedures:
            self.procedures[component] = Procedures(component)
        return self.procedures[component]


class State:
    """Loops, sums and notes of one transaction set. Amounts are whole cents.

    A claim is open from its CLP to the next CLP or LX, a line from its SVC to the next SVC or
    the end of its claim (005010X221A1, loops 2100 and 2110).
    """

    __slots__ = (
        "adjustments",
        "amounts",
        "bpr_seen",
        "cas_cents",
        "claim",
        "claim_cas",
        "claim_charge",
        "claim_index",
        "claim_paid",
        "claim_paid_total",
        "claim_unknown",
        "claims",
        "component",
        "currency",
        "dates",
        "index",
        "level_cas",
        "line",
        "line_charge",
        "line_index",
        "line_paid",
        "line_unknown",
        "lines",
        "lines_charge",
        "lines_paid",
        "lx",
        "most_notes",
        "noted",
        "notes",
        "party",
        "payee",
        "payer",
        "payment",
        "payment_cents",
        "plb_cents",
        "pr_cents",
        "procedures",
        "provider_adjustments",
        "quantities",
        "seen_claims",
        "separator",
        "total_unknown",
        "trn_seen",
    )

    def __init__(self, memory: Memory, delimiters: Delimiters, size: int) -> None:
        """Begin a transaction set of that many bytes."""
        self.most_notes = min(_MAX_NOTES, _FREE_NOTES + size // _NOTE_BYTES)
        self.amounts = memory.amounts
        self.quantities = memory.quantities
        self.dates = memory.dates
        self.separator = delimiters.element
        self.component = delimiters.component
        self.procedures = memory.procedures_for(delimiters.component)
        self.notes: list[Note] = []
        self.noted: set[tuple[str, str, int]] = set()
        self.bpr_seen = self.trn_seen = False
        self.currency = "USD"
        self.payment: dict[str, Any] = {}
        self.payer: dict[str, Any] | None = None
        self.payee: dict[str, Any] | None = None
        self.party: dict[str, Any] | None = None
        self.provider_adjustments: list[dict[str, Any]] = []
        self.claims: list[dict[str, Any]] = []
        self.seen_claims: set[tuple[str, str, str, int, int]] = set()
        self.lx = ""
        self.claim: dict[str, Any] | None = None
        self.line: dict[str, Any] | None = None
        self.lines: list[dict[str, Any]] = []
        self.adjustments: list[dict[str, Any]] | None = None
        self.payment_cents = self.claim_paid_total = self.plb_cents = 0
        self.claim_charge = self.claim_paid = self.claim_cas = self.level_cas = 0
        self.pr_cents = self.lines_charge = self.lines_paid = 0
        self.line_charge = self.line_paid = self.cas_cents = 0
        self.index = self.claim_index = self.line_index = 0
        self.total_unknown = self.claim_unknown = self.line_unknown = False

    def suspect(self, code: str, segment_id: str, element: int = 0, *, index: int = -1) -> None:
        """Note a fault that holds the set; `index` is the segment meant, else the present one."""
        if len(self.notes) <= self.most_notes:
            place = self.index if index < 0 else index
            self.add(code, Severity.SUSPECT, place, segment_id, element)

    def warn(self, code: str, segment_id: str, element: int = 0, *, index: int = -1) -> None:
        """Note an oddity once per code, segment id and element."""
        key = (code, segment_id, element)
        if key not in self.noted and len(self.noted) < self.most_notes:
            self.noted.add(key)
            place = self.index if index < 0 else index
            self.add(code, Severity.WARNING, place, segment_id, element)

    def add(
        self, code: str, severity: Severity, index: int, segment_id: str, element: int
    ) -> None:
        """Note anything; past the limit only that there was more, as suspect."""
        if len(self.notes) < self.most_notes:
            self.notes.append((code, severity, index, segment_id, element))
        elif len(self.notes) == self.most_notes:
            self.notes.append(("more_findings", Severity.SUSPECT, index, "", 0))

    @property
    def is_full(self) -> bool:
        """Whether nothing more can be noted."""
        return len(self.notes) > self.most_notes

    def findings(self, places: list[int], end: int, first_segment: int) -> list[Finding]:
        """Return what was noted, in order; `places` are the offsets of the segments in the file,
        `end` that of what follows them, and `first_segment` the number of ST in it."""
        return [
            Finding(
                code=code,
                severity=severity,
                offset=places[index] if index < len(places) else end,
                segment=first_segment + index,
                segment_id=segment_id,
                element=element,
            )
            for code, severity, index, segment_id, element in sorted(self.notes, key=itemgetter(2))
        ]
