"""What the database and the partners hold once a world has ended, as the invariants read it."""

from collections import defaultdict

import msgspec

from gateway.simulation.partners import Effect
from gateway.simulation.world import World

__all__ = ["Owed", "Seen"]

_DELIVERIES = """
SELECT o.delivery_id, o.order_key, o.seq, l.lane_id, l.name AS lane, l.destination, l.route,
       m.amount_cents, m.contract, m.interface, m.message_id, m.cause_id,
       (SELECT group_concat(a.outcome) FROM attempt a WHERE a.lane_id = o.lane_id
        AND a.seq = o.seq AND a.part_offset = -1) AS outcomes,
       (SELECT r.state FROM retry r WHERE r.lane_id = o.lane_id AND r.seq = o.seq
        AND r.part_offset = -1) AS state
FROM owed o JOIN lane l ON l.lane_id = o.lane_id
JOIN message m ON m.message_id = o.item_id
WHERE l.kind = 'deliver' ORDER BY l.lane_id, o.seq
"""


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery with the outcomes of its tries, and the state in which it is set aside."""

    delivery_id: str
    order_key: str
    seq: int
    lane_id: int
    lane: str
    destination: str
    route: str
    amount_cents: int | None
    contract: str
    interface: str
    message_id: str
    cause_id: str
    outcomes: str | None
    state: str | None

    @property
    def tried(self) -> list[str]:
        """Return how its tries ended."""
        return (self.outcomes or "").split(",")

    @property
    def done(self) -> bool:
        """Return whether it is settled as delivered."""
        return "done" in self.tried

    @property
    def discarded(self) -> bool:
        """Return whether a person gave it up."""
        return "discarded" in self.tried


class Seen:
    """What the database and the partners hold at the end."""

    def __init__(self, world: World) -> None:
        self.world = world
        rows = world.disk.rows(_DELIVERIES)
        self.deliveries = [msgspec.convert(row, Owed) for row in rows]
        self.effects: dict[str, list[Effect]] = defaultdict(list)
        for effect in world.book.effects:
            self.effects[effect.delivery].append(effect)
