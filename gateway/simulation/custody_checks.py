"""Invariants of what is taken in: what was acknowledged is kept, once, and judged to the cent."""

from collections.abc import Iterator

from gateway.simulation.documents import Item, Poison
from gateway.simulation.seen import Seen
from gateway.simulation.store import KEYS
from gateway.store.sealing import chunk_place

__all__ = ["accepted_once", "acked_is_kept", "sent_is_judged"]

_BODY = """
SELECT b.chunk, b.last, b.sealed, b.body_id FROM artifact a LEFT JOIN body b USING (body_id)
WHERE a.interface = ? AND a.sha256 = ? ORDER BY b.chunk
"""
_SAME_BYTES = """
SELECT interface, count(*) AS n FROM artifact
WHERE interface IN ('feed-json', 'feed-835', 'drop')
GROUP BY interface, sha256 HAVING count(*) > 1
"""
_SAME_PAYMENT = """
SELECT count(*) AS n, group_concat(o.delivery_id) AS owed
FROM part p JOIN owed o ON o.item_id = p.artifact_id
WHERE p.state = 'accepted' AND p.payment_key <> '' GROUP BY p.payment_key HAVING count(*) > 1
"""
_SAME_PART = """
SELECT artifact_id, part_offset, count(*) AS n FROM message
WHERE contract = 'remittance-advice' GROUP BY artifact_id, part_offset HAVING count(*) > 1
"""
_PARTS = """
SELECT p.amount_cents FROM part p JOIN artifact a USING (artifact_id)
WHERE a.interface = ? AND a.sha256 = ? ORDER BY p.part_offset
"""


def acked_is_kept(seen: Seen) -> Iterator[str]:
    """Every source was told that it may forget every item, and its bytes are there."""
    for item in seen.world.items:
        if item.number not in seen.world.acked:
            yield f"item {item.number} was never acknowledged"
        elif _kept(seen, item) != item.raw:
            yield f"item {item.number} is not there, or has other bytes"


def _kept(seen: Seen, item: Item) -> bytes | None:
    rows = seen.world.disk.rows(_BODY, item.interface, item.sha256)
    if not rows or rows[0]["sealed"] is None:
        return None
    return b"".join(
        KEYS.open_sealed(
            row["sealed"], chunk_place(row["body_id"], row["chunk"], bool(row["last"]))
        )
        for row in rows
    )


def accepted_once(seen: Seen) -> Iterator[str]:
    """The same bytes are one artifact, a part is one message, a payment is accepted once unless
    a person released it again."""
    disk = seen.world.disk
    for row in disk.rows(_SAME_BYTES):
        yield f"{row['interface']} took the same bytes {row['n']} times"
    for row in disk.rows(_SAME_PART):
        yield f"part {row['part_offset']} of {row['artifact_id']} became {row['n']} messages"
    for row in disk.rows(_SAME_PAYMENT):
        if not seen.world.touched & set(row["owed"].split(",")):
            yield f"one payment was accepted {row['n']} times and nobody released it"


def sent_is_judged(seen: Seen) -> Iterator[str]:
    """What a source sent is what the parts say, to the cent, whatever became of them."""
    for item in seen.world.acked.values():
        rows = seen.world.disk.rows(_PARTS, item.interface, item.sha256)
        if not rows:
            yield f"item {item.number} has no part on record"
        elif item.poison is Poison.UNREADABLE:
            continue
        elif tuple(row["amount_cents"] for row in rows) != item.cents:
            yield f"item {item.number} has other amounts than its parts"
