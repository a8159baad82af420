"""Says whether a changed contract still fits those who use it: a proof, a witness, or a review.

The road, from a pair of schemas to a verdict:

1. `drafts` rewrites older drafts as 2020-12; `governance.profiles` makes of each side what a
   writer may send and what a reader bears.
2. `universe` numbers schemas, so that equal ones are one; `expand` writes what each asks of a
   value of one kind as a formula without negation; `evaluated` does the cases of `unevaluated*`,
   and `marks` sees which of them exclude each other.
3. `solver` looks for a document that the writer may send and the reader refuses: it tries the
   alternatives and asks `numbers`, `strings` (with `regex`, `automata`), `objects`, `arrays`;
   `finite` lists all values where there are few.
4. `pair` turns the outcome into a verdict; `report` does it for modes and several old versions;
   `walk` names the changes and `policy` weighs them; `written` writes it for other programs.

Why a "compatible" can be trusted: a branch of the search is only closed when some requirements in
it, others left out, already exclude each other; nothing found within the limits is a review, never
a yes. Why an "incompatible" can: its witness was given to the hub's own validator.
"""

from gateway.governance.compat.drafts import Draft, draft_named
from gateway.governance.compat.finding import Bump, Finding, Level, Severity, Waiver
from gateway.governance.compat.modes import CompatProfile, Mode
from gateway.governance.compat.pair import (
    Direction,
    Inclusion,
    Limits,
    Verdict,
    covers,
    prepared,
)
from gateway.governance.compat.policy import Policy
from gateway.governance.compat.report import Report, Subject, compare
from gateway.governance.compat.written import (
    ReportFormat,
    document,
    finding_document,
    shown,
    witness_of,
    written,
)

__all__ = [
    "Bump",
    "CompatProfile",
    "Direction",
    "Draft",
    "Finding",
    "Inclusion",
    "Level",
    "Limits",
    "Mode",
    "Policy",
    "Report",
    "ReportFormat",
    "Severity",
    "Subject",
    "Verdict",
    "Waiver",
    "compare",
    "covers",
    "document",
    "draft_named",
    "finding_document",
    "prepared",
    "shown",
    "witness_of",
    "written",
]
