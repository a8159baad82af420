"""What a comparison found: one change, what it breaks, how much that matters."""

from enum import StrEnum
from typing import Any

import msgspec

from gateway.governance.compat.pair import Direction

__all__ = ["Bump", "Finding", "Level", "Severity", "Waiver"]


class Level(StrEnum):
    """What a change reaches (after buf's categories)."""

    WIRE = "wire"
    """Documents: one that was valid is not, or the other way round."""
    SOURCE = "source"
    """Names: what reads or writes the field has to change."""
    SEMANTIC = "semantic"
    """Meaning: no validator sees it."""


class Severity(StrEnum):
    """How much a finding matters (after oasdiff)."""

    ERR = "ERR"
    WARN = "WARN"
    INFO = "INFO"


class Bump(StrEnum):
    """What the version number has to do (semver.org; Zalando rule 246 for contracts)."""

    MAJOR = "major"
    MINOR = "minor"
    PATCH = "patch"


class Waiver(msgspec.Struct, frozen=True, kw_only=True):
    """Who accepted a finding, why, and until when (ISO day)."""

    fingerprint: str
    reason: str
    approver: str
    expires: str


class Finding(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One change. `old` and `new` are the values of the keyword, from the contracts, never from
    a document; `breaks` are the directions that do not survive it where it stands alone.

    `evidence` is a list of at most one made-up document that a writer may send and a reader
    refuses. `fingerprint` is the same for the same change of the same contract.
    """

    code: str
    severity: Severity
    level: Level
    breaks: tuple[Direction, ...] = ()
    pointer_old: str
    pointer_new: str
    old: Any = None
    new: Any = None
    message: str = ""
    evidence: tuple[Any, ...] = ()
    fingerprint: str = ""
    waiver: Waiver | None = None
    bump: Bump = Bump.PATCH

    @property
    def stands(self) -> bool:
        """Whether this keeps the change from being published."""
        return self.severity is Severity.ERR and self.waiver is None
