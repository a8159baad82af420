"""What a reader noticed in foreign bytes: never the value, always the place."""

from enum import StrEnum

import msgspec

__all__ = ["Finding", "Severity"]


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"
    WARNING = "warning"
    SUSPECT = "suspect"
    """The part is held until a person or a rule releases it."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One observation. `offset` is in bytes from the start of the artifact, `segment` counts from 1
    within the interchange's file, `element` is the position inside the segment (CLP04 is 4);
    `pointer` is a JSON pointer into the document, where a rule of its contract is broken."""

    code: str
    severity: Severity
    offset: int
    segment: int = 0
    segment_id: str = ""
    element: int = 0
    pointer: str = ""
