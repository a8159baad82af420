"""A pair of schemas that stand at the same place of an old and a new contract."""

from collections.abc import Iterable
from typing import Any

import msgspec

from gateway.governance.compat.change import Change
from gateway.governance.compat.effects import Effects
from gateway.governance.compat.finding import Level, Severity
from gateway.governance.compat.pair import Direction
from gateway.governance.subschemas import pointer

__all__ = ["BOTH", "NEITHER", "Place"]

BOTH = (Direction.BACKWARD, Direction.FORWARD)
NEITHER: tuple[Direction, ...] = ()
_OTHER = {
    Direction.BACKWARD: Direction.FORWARD,
    Direction.FORWARD: Direction.BACKWARD,
}


class Place(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Two schemas and the pointers to them. `swapped`: inside of `not`, where less is more;
    `loose`: inside of a condition, where either may break."""

    old: Any
    new: Any
    effects: Effects
    pointer_old: str = ""
    pointer_new: str = ""
    swapped: bool = False
    loose: bool = False
    depth: int = 0

    def at(self, old: Any, new: Any, pointer_old: str, pointer_new: str) -> "Place":
        """Return another pair in the same surroundings."""
        return msgspec.structs.replace(
            self, old=old, new=new, pointer_old=pointer_old, pointer_new=pointer_new
        )

    def inner(self, *steps: str | int, new_steps: Iterable[str | int] | None = None) -> "Place":
        """Return the pair that the same steps lead to on both sides."""
        others = tuple(new_steps) if new_steps is not None else steps
        return msgspec.structs.replace(
            self,
            old=_follow(self.old, steps),
            new=_follow(self.new, others),
            pointer_old=self.pointer_old + pointer(steps),
            pointer_new=self.pointer_new + pointer(others),
            depth=self.depth + 1,
        )

    def negated(self) -> "Place":
        """Return the pair as it counts inside of `not`."""
        return msgspec.structs.replace(self, swapped=not self.swapped)

    def conditional(self) -> "Place":
        """Return the pair as it counts inside of `if`."""
        return msgspec.structs.replace(self, loose=True)

    def has(self, keyword: str) -> tuple[bool, bool]:
        """Tell on which sides a keyword stands."""
        return keyword in self.old, keyword in self.new

    def effect(self, old: Any, new: Any) -> tuple[Direction, ...]:
        """Return the directions that replacing one schema by another breaks, alone."""
        return self.effects.breaks(old, new)

    def keyword(self, code: str, *keywords: str, **more: Any) -> Change:
        """Return the change of some keywords, weighed by what they mean by themselves."""
        old = {name: self.old[name] for name in keywords if name in self.old}
        new = {name: self.new[name] for name in keywords if name in self.new}
        return self.change(
            code,
            keywords[0],
            breaks=self.effect(old, new),
            old=old.get(keywords[0]),
            new=new.get(keywords[0]),
            **more,
        )

    def change(
        self,
        code: str,
        *steps: str | int,
        breaks: tuple[Direction, ...] = NEITHER,
        level: Level = Level.WIRE,
        severity: Severity = Severity.INFO,
        old: Any = None,
        new: Any = None,
        message: str = "",
        same: bool = False,
    ) -> Change:
        """Return a change at a step below this place."""
        if self.swapped:
            breaks = tuple(_OTHER[way] for way in breaks)
        if self.loose and breaks:
            breaks = BOTH
        return Change(
            code=code,
            level=level,
            breaks=tuple(sorted(breaks)),
            severity=severity,
            pointer_old=self.pointer_old + pointer(steps),
            pointer_new=self.pointer_new + pointer(steps),
            old=old,
            new=new,
            message=message,
            same=same,
        )


def _follow(schema: Any, steps: Iterable[str | int]) -> Any:
    for step in steps:
        schema = schema[step]
    return schema
