"""One change between two schemas, as the walk sees it: before any policy."""

from typing import Any

import msgspec

from gateway.governance.compat.finding import Level, Severity
from gateway.governance.compat.pair import Direction

__all__ = ["Change"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What changed where. `breaks`: the directions that it breaks where it stands alone.

    `severity` is what it weighs where inclusion has nothing against it; `same` tells that both
    sides mean the same.
    """

    code: str
    level: Level
    breaks: tuple[Direction, ...] = ()
    severity: Severity = Severity.INFO
    pointer_old: str = ""
    pointer_new: str = ""
    old: Any = None
    new: Any = None
    message: str = ""
    same: bool = False
