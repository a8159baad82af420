"""Recently written or read bodies in plain text, bounded in bytes."""

from collections import OrderedDict

from gateway.store.units import Unit

__all__ = ["ENTRY_BYTES", "BodyCache"]

ENTRY_BYTES = 240
"""What an entry takes beside its body: its name, its place in the order, two objects' heads
(measured: 215 to 240). Without it, a room full of short bodies would be many times as large."""


class BodyCache:
    """Recently written or read bodies in plain text, bounded in bytes with `ENTRY_BYTES` for each;
    one thread uses it."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self.bytes = 0
        self.hits = 0
        self.misses = 0

    def get(self, body_id: str) -> bytes | None:
        """Return a body and count whether it was there."""
        data = self._bodies.get(body_id)
        if data is None:
            self.misses += 1
            return None
        self.hits += 1
        self._bodies.move_to_end(body_id)
        return data

    def follow(self, unit: Unit) -> None:
        """Keep what a unit that is durable has written, forget what it has deleted."""
        for body in unit.bodies:
            if body.last and body.chunk == 0:
                self.put(body.body_id, body.data)
        for statement in unit.statements:
            if statement.name == "body_delete":
                self.drop(statement.params["body_id"])

    def put(self, body_id: str, data: bytes) -> None:
        """Keep a body; one that would take more than an eighth of the room is not kept."""
        if _taken(data) > self._max_bytes // 8:
            return
        self.drop(body_id)
        self._bodies[body_id] = data
        self.bytes += _taken(data)
        while self.bytes > self._max_bytes:
            _, old = self._bodies.popitem(last=False)
            self.bytes -= _taken(old)

    def drop(self, body_id: str) -> None:
        """Forget a body."""
        old = self._bodies.pop(body_id, None)
        if old is not None:
            self.bytes -= _taken(old)


def _taken(data: bytes) -> int:
    return len(data) + ENTRY_BYTES
