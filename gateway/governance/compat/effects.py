"""Weighs one change by itself: which directions a schema in the place of another breaks."""

import json
from typing import Any

from gateway.governance.compat.modes import CompatProfile
from gateway.governance.compat.pair import Direction
from gateway.governance.compat.solver import OutOfBudget, Search
from gateway.governance.compat.universe import Root, Universe, Unsupported
from gateway.governance.profiles import Profile, apply_profile

__all__ = ["Effects"]

_STEPS = 3_000


class Effects:
    """Asks the prover about parts of two contracts; references in them lead into the whole."""

    def __init__(self, old: Any, new: Any, profile: CompatProfile) -> None:
        self.profile = profile
        self._universe = Universe()
        self._search = Search(self._universe)
        self._wholes = (old, new)
        self._roots: dict[tuple[int, Profile], Root] = {}
        self._nowhere = Root({})
        self._kept: list[Any] = []
        closed = profile is CompatProfile.RW
        self._writer = Profile.WRITER if closed else Profile.AS_WRITTEN
        self._reader = Profile.READER if closed else Profile.AS_WRITTEN

    def breaks(self, old: Any, new: Any) -> tuple[Direction, ...]:
        """Return the directions that break where `new` stands in the place of `old`; what cannot
        be decided breaks."""
        found = []
        if not self._covers((new, 1, self._reader), (old, 0, self._writer)):
            found.append(Direction.BACKWARD)
        if not self._covers((old, 0, self._reader), (new, 1, self._writer)):
            found.append(Direction.FORWARD)
        return tuple(found)

    def equal(self, old: Any, new: Any) -> bool:
        """Tell whether two schemas are proved to accept the same, as they are written."""
        sides = (old, 0, Profile.AS_WRITTEN), (new, 1, Profile.AS_WRITTEN)
        return self._covers(*sides) and self._covers(*reversed(sides))

    def _covers(self, reader: tuple[Any, int, Profile], writer: tuple[Any, int, Profile]) -> bool:
        self._search.steps = _STEPS
        try:
            return self._search.impossible(frozenset((self._goal(*writer), -self._goal(*reader))))
        except (OutOfBudget, Unsupported, RecursionError):
            return False

    def _goal(self, schema: Any, side: int, profile: Profile) -> int:
        part = _as(schema, profile)
        # The universe knows parts by identity: they have to live as long.
        self._kept.append(part)
        refers = '"$' in json.dumps(part, default=str)
        root = self._root(side, profile) if refers else self._nowhere
        return self._universe.goal(part, root)

    def _root(self, side: int, profile: Profile) -> Root:
        if (side, profile) not in self._roots:
            self._roots[side, profile] = Root(_as(self._wholes[side], profile))
        return self._roots[side, profile]


def _as(schema: Any, profile: Profile) -> Any:
    return apply_profile(schema, profile) if isinstance(schema, dict) else schema
