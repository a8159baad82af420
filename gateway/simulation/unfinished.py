"""What is owed and not final yet, and which of it may stay so: behind a blocked key, at the dead."""

from gateway.settings import OnDead
from gateway.simulation.world import World
from gateway.store import Row

__all__ = ["only_time_is_missing", "plagued", "unfinished"]

_OPEN = """
SELECT o.lane_id, o.seq, o.delivery_id, o.order_key, l.name, l.destination,
       r.state, r.due_at
FROM owed o JOIN lane l ON l.lane_id = o.lane_id
LEFT JOIN retry r ON r.lane_id = o.lane_id AND r.seq = o.seq AND r.part_offset = -1
WHERE NOT EXISTS (SELECT 1 FROM attempt a WHERE a.lane_id = o.lane_id AND a.seq = o.seq
                  AND a.part_offset = -1 AND a.outcome IN ('done', 'discarded'))
  AND coalesce(r.state, '') NOT IN ('dead', 'held', 'parked')
ORDER BY o.lane_id, o.seq
"""
_PARTS = """
SELECT l.name, r.seq, o.delivery_id || '@' || r.part_offset AS delivery_id, r.state, r.due_at
FROM retry r JOIN lane l USING (lane_id) JOIN owed o USING (lane_id, seq)
WHERE r.part_offset >= 0 AND r.state IN ('waiting', 'confirming')
"""
_TO_PARTNERS = """
SELECT l.destination, o.delivery_id FROM owed o JOIN lane l USING (lane_id)
WHERE l.kind = 'deliver'
"""
_BLOCKERS = "SELECT lane_id, seq, state FROM retry WHERE order_key = ? AND lane_id = ?"


def unfinished(world: World) -> list[str]:
    """Return what should be final and is not, told by lane, number and state."""
    return [
        f"{row['name']} {row['seq']} {row['delivery_id']} {row['state'] or 'not tried'}"
        for row in _left(world)
    ]


def only_time_is_missing(world: World, *, after_ms: int) -> bool:
    """Return whether all that is left is due after that: a wall clock was set back."""
    left = _left(world)
    return bool(left) and all((row["due_at"] or 0) > after_ms for row in left)


def plagued(world: World) -> set[str]:
    """Return the partners that are or were owed something they never take. Alone it cannot be
    told from an outage: it may wait, and leave a breaker half open; what else is owed there may
    not wait."""
    owed = world.disk.rows(_TO_PARTNERS)
    return {row["destination"] for row in owed if world.network.cursed(row["delivery_id"])}


def _left(world: World) -> list[Row]:
    rows = world.disk.rows(_OPEN)
    return [row for row in rows if not _may_wait(world, row)] + world.disk.rows(_PARTS)


def _may_wait(world: World, row: Row) -> bool:
    if not row["destination"]:
        return False
    if row["destination"] == world.options.dead_partner or world.network.cursed(
        row["delivery_id"]
    ):
        return True
    if not row["order_key"] or row["state"] is not None:
        return False
    hold = world.options.archive_on_dead is OnDead.HOLD
    blockers = world.disk.rows(_BLOCKERS, row["order_key"], row["lane_id"])
    return any(b["state"] != "dead" or hold for b in blockers)
