"""What is owed and not final yet, and which of it may stay so: behind a blocked key, at the dead."""

from typing import Any

from gateway.settings import OnDead
from gateway.simulation.world import World

__all__ = ["cursed_at", "unfinished"]

_OPEN = """
SELECT o.lane_id, o.seq, o.delivery_id, o.order_key, l.name, l.destination,
       (SELECT state FROM retry r WHERE r.lane_id = o.lane_id AND r.seq = o.seq
        AND r.part_offset = -1) AS state
FROM owed o JOIN lane l ON l.lane_id = o.lane_id
WHERE NOT EXISTS (SELECT 1 FROM attempt a WHERE a.lane_id = o.lane_id AND a.seq = o.seq
                  AND a.part_offset = -1 AND a.outcome IN ('done', 'discarded'))
  AND NOT EXISTS (SELECT 1 FROM retry r WHERE r.lane_id = o.lane_id AND r.seq = o.seq
                  AND r.part_offset = -1 AND r.state IN ('dead', 'held', 'parked'))
ORDER BY o.lane_id, o.seq
"""
_PARTS = """
SELECT l.name, r.seq, r.part_offset, r.state FROM retry r JOIN lane l ON l.lane_id = r.lane_id
WHERE r.part_offset >= 0 AND r.state IN ('waiting', 'confirming')
"""
_BLOCKERS = "SELECT lane_id, seq, state FROM retry WHERE order_key = ? AND lane_id = ?"


def unfinished(world: World) -> list[str]:
    """Return what should be final and is not, told by lane, number and state."""
    left = [
        f"{row['name']} {row['seq']} {row['delivery_id']} {row['state']}"
        for row in world.disk.rows(_OPEN)
        if not _may_wait(world, row)
    ]
    left += [
        f"{r['name']} {r['seq']}@{r['part_offset']} {r['state']}" for r in world.disk.rows(_PARTS)
    ]
    return left


def _may_wait(world: World, row: dict[str, Any]) -> bool:
    dead = world.options.dead_partner
    if dead and row["destination"] == dead:
        return True
    if world.network.cursed(row["delivery_id"]) and row["state"] == "waiting":
        return True  # once it is alone, it looks as if its partner were not well
    if not row["order_key"] or row["state"] is not None:
        return False
    hold = world.options.archive_on_dead is OnDead.HOLD
    blockers = world.disk.rows(_BLOCKERS, row["order_key"], row["lane_id"])
    return any(b["state"] != "dead" or hold for b in blockers)


def cursed_at(world: World) -> set[str]:
    """Return the partners that are owed something they never take: each looks sick now and then."""
    owed = world.disk.rows(_OWED)
    return {row["destination"] for row in owed if world.network.cursed(row["delivery_id"])}


_OWED = """
SELECT l.destination, o.delivery_id FROM owed o JOIN lane l USING (lane_id)
WHERE l.kind = 'deliver'
"""
