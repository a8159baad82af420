"""What is known of one transaction set while its segments go by."""

from typing import Any

from gateway.formats.x12.delimiters import Delimiters
from gateway.formats.x12.values import Amounts, Dates, Quantities
from gateway.model.finding import Severity

__all__ = ["MAX_NOTES", "Memory", "Note", "Procedures", "State"]

MAX_NOTES = 2_000
"""How many findings one transaction set may have; the last then says that there are more."""

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

    def __init__(self, memory: Memory, delimiters: Delimiters) -> None:
        self.amounts = memory.amounts
        self.quantities = memory.quantities
        self.dates = memory.dates
        self.separator = delimiters.element
        self.component = delimiters.component
        self.procedures = memory.procedures_for(delimiters.component)
        self.index = 0
        self.notes: list[Note] = []
        self.noted: set[tuple[str, str, int]] = set()
        self.bpr_seen = False
        self.trn_seen = False
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
        self.claim_index = self.line_index = 0
        self.total_unknown = self.claim_unknown = self.line_unknown = False

    def suspect(self, code: str, segment_id: str, element: int = 0, *, index: int = -1) -> None:
        """Note a fault that holds the set; `index` is the segment meant, else the present one."""
        self.add(code, Severity.SUSPECT, self.index if index < 0 else index, segment_id, element)

    def warn(self, code: str, segment_id: str, element: int = 0, *, index: int = -1) -> None:
        """Note an oddity once per code, segment id and element."""
        key = (code, segment_id, element)
        if key not in self.noted and len(self.noted) < MAX_NOTES:
            self.noted.add(key)
            place = self.index if index < 0 else index
            self.add(code, Severity.WARNING, place, segment_id, element)

    def add(
        self, code: str, severity: Severity, index: int, segment_id: str, element: int
    ) -> None:
        """Note anything; past the limit only that there was more, as suspect."""
        if len(self.notes) < MAX_NOTES:
            self.notes.append((code, severity, index, segment_id, element))
        elif len(self.notes) == MAX_NOTES:
            self.notes.append(("more_findings", Severity.SUSPECT, index, "", 0))
