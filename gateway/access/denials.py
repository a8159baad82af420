"""Which denials go on the audit record: each one, but of a flood only its beginning and a count."""

from collections.abc import Callable

from gateway.store import AuditEntry

__all__ = ["DENIED", "Denials"]

DENIED = "access.denied"
"""The action of such an entry."""

EACH = 20
"""Entries of one actor and minute."""

ALL = 500
"""Entries of a minute: whoever changes address with every request makes no more."""

MINUTE = 60.0


class Denials:
    """Counts denials by actor and minute, and says what is to be written."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._written = 0
        self._seen: dict[str, int] = {}

    def entries(self, entry: AuditEntry, who: str) -> tuple[AuditEntry, ...]:
        """Return what to write of one more denial: itself, nothing, and first, where a minute has
        ended, how many of it went unwritten. `who` is the actor, or the address of nobody."""
        rest = self._turn()
        seen = self._seen.get(who, 0) + 1
        if who in self._seen or len(self._seen) < ALL:
            self._seen[who] = seen
        if seen > EACH or self._written >= ALL:
            self._seen[""] = self._seen.get("", 0) + 1
            return rest
        self._written += 1
        return (*rest, entry)

    def _turn(self) -> tuple[AuditEntry, ...]:
        if self._monotonic() - self._began < MINUTE:
            return ()
        return self.rest()

    def rest(self) -> tuple[AuditEntry, ...]:
        """Return how many went unwritten since this was last said, and begin anew."""
        unwritten = self._seen.get("", 0)
        self._began, self._written, self._seen = self._monotonic(), 0, {}
        if not unwritten:
            return ()
        detail = {"unwritten": str(unwritten)}
        return (AuditEntry("hub", DENIED, "", outcome="summary", detail=detail),)
