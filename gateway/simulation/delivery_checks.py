"""Invariants of deliveries: one effect, no effect claimed, nothing lost, in order, bounded."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from gateway.settings import OnDead
from gateway.simulation.seen import Seen

__all__ = [
    "done_means_effect",
    "nothing_owed_is_lost",
    "one_effect",
    "one_state",
    "order_per_key",
    "tries_are_bounded",
]

SHARED_ABOVE_CENTS = 150_00
"""The site's routes share out what is more than this."""

MOST_TRIES = 6
"""The site's schedule."""

_ALWAYS_OWED = ("posting-request", "journal-entry", "payment-share")

_LOST_PART = """
SELECT artifact_id, part_offset FROM part p WHERE state = 'accepted' AND NOT EXISTS
(SELECT 1 FROM message m WHERE m.message_id = p.message_id)
"""
_PART_WITH_NOBODY = """
SELECT p.artifact_id, p.part_offset, p.state FROM part p JOIN owed o ON o.item_id = p.artifact_id
WHERE p.state IN ('held', 'dead') AND NOT EXISTS (SELECT 1 FROM retry r
WHERE r.lane_id = o.lane_id AND r.seq = o.seq AND r.part_offset = p.part_offset)
"""
_GAPS = """
SELECT name, head, (SELECT count(*) FROM owed WHERE owed.lane_id = lane.lane_id) AS n FROM lane
"""
_TOO_OFTEN = """
SELECT o.delivery_id, r.attempts FROM retry r JOIN owed o USING (lane_id, seq)
WHERE r.state = 'waiting' AND r.attempts >= ?
"""
_BOTH = """
SELECT o.delivery_id, r.state FROM retry r JOIN owed o USING (lane_id, seq)
WHERE r.part_offset = -1 AND EXISTS (SELECT 1 FROM attempt a WHERE a.lane_id = r.lane_id
AND a.seq = r.seq AND a.part_offset = -1 AND a.outcome IN ('done', 'discarded'))
"""


def one_state(seen: Seen) -> Iterator[str]:
    """Nothing is settled and set aside at once."""
    for row in seen.world.disk.rows(_BOTH):
        yield f"{row['delivery_id']} is settled, and {row['state']}"


def one_effect(seen: Seen) -> Iterator[str]:
    """No delivery has two effects; at a partner that cannot tell, what is unknown is parked."""
    for delivery, effects in seen.effects.items():
        if len(effects) > 1:
            yield f"{effects[0].partner} has {len(effects)} effects of {delivery}"
    for owed in seen.deliveries:
        blind = owed.destination == "portal" and "unknown" in owed.tried
        over = owed.done or owed.discarded or owed.state == "parked"
        if blind and not over and owed.delivery_id not in seen.world.touched:
            yield f"{owed.delivery_id} at portal is unknown and {owed.state}"


def done_means_effect(seen: Seen) -> Iterator[str]:
    """What is settled as delivered has its effect, and no effect is nobody's."""
    for delivery in seen.deliveries:
        if delivery.done and not seen.effects.get(delivery.delivery_id):
            yield f"{delivery.delivery_id} at {delivery.destination} is done without effect"
    known = {delivery.delivery_id for delivery in seen.deliveries}
    for name in seen.effects:
        if name not in known:
            yield f"an effect of {name}, which nobody is owed"


def nothing_owed_is_lost(seen: Seen) -> Iterator[str]:
    """Every message is owed to all that the routes say, and every part is somewhere."""
    disk = seen.world.disk
    for row in disk.rows(_LOST_PART):
        yield f"part {row['part_offset']} of {row['artifact_id']} became no message"
    for row in disk.rows(_PART_WITH_NOBODY):
        yield f"part {row['part_offset']} of {row['artifact_id']} is {row['state']}, with nobody"
    for row in disk.rows(_GAPS):
        if row["head"] != row["n"]:
            yield f"lane {row['name']} has {row['n']} owed and its head is {row['head']}"
    yield from _fan_out(seen)


def _fan_out(seen: Seen) -> Iterator[str]:
    owed = {delivery.message_id for delivery in seen.deliveries}
    messages = seen.world.disk.rows(
        "SELECT message_id, contract, cause_id, amount_cents FROM message"
    )
    made: dict[str, Counter[str]] = defaultdict(Counter)
    for row in messages:
        made[row["cause_id"]][row["contract"]] += 1
    without = seen.world.options.without
    always = _ALWAYS_OWED if "archive" in without else (*_ALWAYS_OWED, "remittance-advice")
    requests = int("billing" not in without)
    for row in messages:
        name, contract = row["message_id"], row["contract"]
        if contract in always and name not in owed:
            yield f"{name} ({contract}) is owed to nobody"
        if contract == "posting-confirmation" and made[name]["journal-entry"] != 1:
            yield f"{name} ({contract}) made no journal"
        if contract == "remittance-advice":
            large = row["amount_cents"] > SHARED_ABOVE_CENTS and "shares" not in without
            shares = 3 if large else 0
            if (made[name]["posting-request"], made[name]["payment-share"]) != (requests, shares):
                yield f"{name} made {dict(made[name])}"
    yield from _replies(seen, made)


def _replies(seen: Seen, made: dict[str, Counter[str]]) -> Iterator[str]:
    """Billing's answer is a message, or it broke its contract and is kept raw."""
    raw = seen.world.disk.rows("SELECT count(*) AS n FROM artifact WHERE interface = 'billing'")
    without = sum(
        made[delivery.delivery_id]["posting-confirmation"] != 1
        for delivery in seen.deliveries
        if delivery.destination == "billing" and delivery.done
    )
    if without > raw[0]["n"]:
        yield f"{without} answers of billing became no message, and {raw[0]['n']} are kept raw"


def order_per_key(seen: Seen) -> Iterator[str]:
    """At the partner that asks for it, effects of one key come in their order. Where a dead one
    lets its successors pass, those that failed are not looked at; nor those a person touched."""
    skips = seen.world.options.archive_on_dead is OnDead.SKIP
    position = {effect.delivery: n for n, effect in enumerate(seen.world.book.effects)}
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for owed in seen.deliveries:
        if owed.destination != "archive" or owed.delivery_id not in position:
            continue
        skipped = skips and "failed" in owed.tried
        if not (owed.discarded or skipped or owed.delivery_id in seen.world.touched):
            places[owed.order_key].append((owed.seq, position[owed.delivery_id]))
    for key, pairs in places.items():
        made = [at for _, at in sorted(pairs)]
        if made != sorted(made):
            yield f"effects of key {key[:8]} came out of their order"


def tries_are_bounded(seen: Seen) -> Iterator[str]:
    """Nothing waits for more tries than the schedule has, and every lane was given back."""
    for row in seen.world.disk.rows(_TOO_OFTEN, MOST_TRIES):
        yield f"{row['delivery_id']} was tried {row['attempts']} times and waits for another"
    for row in seen.world.disk.rows("SELECT name FROM lane WHERE owner <> '' ORDER BY name"):
        yield f"lane {row['name']} is still owned"
