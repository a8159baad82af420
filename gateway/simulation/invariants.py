"""What must be true of every world, whatever happened in it (guide: deterministic simulation)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from gateway.settings import OnDead
from gateway.simulation.documents import Poison
from gateway.simulation.store import KEYS
from gateway.simulation.unfinished import unfinished
from gateway.simulation.world import World
from gateway.store.audit import verify_chain
from gateway.store.sealing import chunk_place

__all__ = ["Violation", "examine", "on_the_way"]


class Violation(msgspec.Struct, frozen=True):
    """A promise that was broken: its short name and what was seen, without payload."""

    invariant: str
    seen: str


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


class _Delivery(msgspec.Struct, frozen=True, kw_only=True):
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
        return (self.outcomes or "").split(",")

    @property
    def done(self) -> bool:
        return "done" in self.tried

    @property
    def discarded(self) -> bool:
        return "discarded" in self.tried


class _Seen:
    """What the database and the partners hold at the end."""

    def __init__(self, world: World) -> None:
        self.world = world
        rows = world.disk.rows(_DELIVERIES)
        self.deliveries = [msgspec.convert(row, _Delivery) for row in rows]
        self.effects: dict[str, list[Any]] = defaultdict(list)
        for effect in world.book.effects:
            self.effects[effect.delivery].append(effect)


def examine(world: World) -> list[Violation]:
    """Return every broken promise, in the order of the invariants."""
    seen = _Seen(world)
    checks: tuple[tuple[str, Callable[[_Seen], Iterator[str]]], ...] = (
        ("I1 acked is kept", _acked_is_kept),
        ("I2 accepted once", _accepted_once),
        ("I3 everything ends", lambda seen: iter(unfinished(seen.world))),
        ("I4 one effect", _one_effect),
        ("I5 done means effect", _done_means_effect),
        ("I6 nothing owed is lost", _nothing_owed_is_lost),
        ("I7 money balances", _money_balances),
        ("I7 counters agree", _counters_agree),
        ("I8 order per key", _order_per_key),
        ("I9 audit is whole", _audit_is_whole),
        ("I10 tries are bounded", _tries_are_bounded),
    )
    return [Violation(name, told) for name, check in checks for told in check(seen)]


def on_the_way(world: World) -> list[Violation]:
    """Return what must hold at any moment and can be told at once."""
    found = []
    for node in world.running():
        assert node.hub is not None  # noqa: S101 - it runs
        for name, runner in node.hub.workers.runners.items():
            if runner.under_way > runner.destination.concurrency:
                found.append(Violation("I11 bounded in memory", f"{name} has too many under way"))
    for delivery, count in Counter(e.delivery for e in world.book.effects).items():
        if count > 1:
            found.append(Violation("I4 one effect", f"{delivery} has {count} effects"))
    return found


def _acked_is_kept(seen: _Seen) -> Iterator[str]:
    disk = seen.world.disk
    for item in seen.world.items:
        if item.number not in seen.world.acked:
            yield f"item {item.number} was never acknowledged"
            continue
        rows = disk.rows(
            "SELECT a.artifact_id, b.chunk, b.last, b.sealed, b.body_id FROM artifact a"
            " LEFT JOIN body b ON b.body_id = a.body_id WHERE a.interface = ? AND a.sha256 = ?"
            " ORDER BY b.chunk",
            item.interface,
            item.sha256,
        )
        if not rows or rows[0]["sealed"] is None:
            yield f"item {item.number} is not there"
            continue
        body = b"".join(
            KEYS.open_sealed(
                row["sealed"], chunk_place(row["body_id"], row["chunk"], bool(row["last"]))
            )
            for row in rows
        )
        if body != item.raw:
            yield f"item {item.number} has other bytes"


def _accepted_once(seen: _Seen) -> Iterator[str]:
    disk = seen.world.disk
    for row in disk.rows(
        "SELECT interface, sha256, count(*) AS n FROM artifact WHERE interface IN"
        " ('feed-json', 'feed-835', 'drop') GROUP BY interface, sha256 HAVING n > 1"
    ):
        yield f"{row['interface']} took the same bytes {row['n']} times"
    released = {d.partition("@")[0] for d in seen.world.touched}
    for row in disk.rows(
        "SELECT p.payment_key, count(*) AS n, group_concat(o.delivery_id) AS owed FROM part p"
        " JOIN owed o ON o.item_id = p.artifact_id WHERE p.state = 'accepted'"
        " AND p.payment_key <> '' GROUP BY p.payment_key HAVING n > 1"
    ):
        if not released & set(row["owed"].split(",")):
            yield f"one payment was accepted {row['n']} times and nobody released it"


def _one_effect(seen: _Seen) -> Iterator[str]:
    for delivery, effects in seen.effects.items():
        if len(effects) > 1:
            yield f"{effects[0].partner} has {len(effects)} effects of {delivery}"
    for owed in seen.deliveries:
        blind = owed.destination == "portal" and "unknown" in owed.tried
        over = owed.done or owed.discarded or owed.state == "parked"
        if blind and not over and owed.delivery_id not in seen.world.touched:
            yield f"{owed.delivery_id} at portal is unknown and {owed.state}"


def _done_means_effect(seen: _Seen) -> Iterator[str]:
    for delivery in seen.deliveries:
        if delivery.done and not seen.effects.get(delivery.delivery_id):
            yield f"{delivery.delivery_id} at {delivery.destination} is done without effect"
    known = {delivery.delivery_id for delivery in seen.deliveries}
    for name in seen.effects:
        if name not in known:
            yield f"an effect of {name}, which nobody is owed"


_ROUTES = {
    "remittance-advice": ("archive",),
    "posting-request": ("billing",),
    "journal-entry": ("erp",),
    "payment-share": ("shares",),
}


def _nothing_owed_is_lost(seen: _Seen) -> Iterator[str]:
    disk = seen.world.disk
    owed = {delivery.message_id for delivery in seen.deliveries}
    for row in disk.rows("SELECT message_id, contract FROM message"):
        if row["contract"] in _ROUTES and row["message_id"] not in owed:
            yield f"{row['message_id']} ({row['contract']}) is owed to nobody"
    made: dict[str, Counter[str]] = defaultdict(Counter)
    for row in disk.rows("SELECT contract, cause_id FROM message"):
        made[row["cause_id"]][row["contract"]] += 1
    for row in disk.rows("SELECT message_id, amount_cents FROM message"
                         " WHERE contract = 'remittance-advice'"):  # fmt: skip
        of = made[row["message_id"]]
        shares = 3 if row["amount_cents"] > SHARED_ABOVE_CENTS else 0
        if (of["posting-request"], of["payment-share"]) != (1, shares):
            yield f"{row['message_id']} made {dict(of)}"
    for row in disk.rows(
        "SELECT p.artifact_id, p.part_offset FROM part p WHERE p.state = 'accepted' AND NOT EXISTS"
        " (SELECT 1 FROM message m WHERE m.message_id = p.message_id)"
    ):
        yield f"part {row['part_offset']} of {row['artifact_id']} became no message"
    yield from _replies_are_owed(seen, made)
    for row in disk.rows(
        "SELECT p.artifact_id, p.part_offset, p.state FROM part p JOIN owed o"
        " ON o.item_id = p.artifact_id WHERE p.state IN ('held', 'dead') AND NOT EXISTS (SELECT 1"
        " FROM retry r WHERE r.lane_id = o.lane_id AND r.seq = o.seq"
        " AND r.part_offset = p.part_offset)"
    ):
        yield f"part {row['part_offset']} of {row['artifact_id']} is {row['state']} and with nobody"
    for row in disk.rows("SELECT lane_id, name, head, (SELECT count(*) FROM owed WHERE"
                         " owed.lane_id = lane.lane_id) AS n FROM lane"):  # fmt: skip
        if row["head"] != row["n"]:
            yield f"lane {row['name']} has {row['n']} owed and its head is {row['head']}"


def _replies_are_owed(seen: _Seen, made: dict[str, Counter[str]]) -> Iterator[str]:
    """Billing's answer is a message that becomes a journal; or, broken, it is kept raw."""
    raw = seen.world.disk.rows("SELECT count(*) AS n FROM artifact WHERE interface = 'billing'")
    missing = 0
    for delivery in seen.deliveries:
        if delivery.destination == "billing" and delivery.done:
            missing += made[delivery.delivery_id]["posting-confirmation"] != 1
    kept = raw[0]["n"]
    if missing > kept:
        yield f"{missing} answers of billing became no message, and {kept} are kept raw"
    for row in seen.world.disk.rows(
        "SELECT message_id FROM message WHERE contract = 'posting-confirmation'"
    ):
        if made[row["message_id"]]["journal-entry"] != 1:
            yield f"{row['message_id']} (posting-confirmation) made no journal"


def _money_balances(seen: _Seen) -> Iterator[str]:
    by_partner: Counter[str] = Counter()
    owed: Counter[str] = Counter()
    shares: Counter[str] = Counter()
    for delivery in seen.deliveries:
        if delivery.contract == "payment-share":
            shares[delivery.cause_id] += delivery.amount_cents or 0
        effects = seen.effects.get(delivery.delivery_id, ())
        if effects and delivery.destination != "erp":
            by_partner[delivery.destination] += sum(e.cents for e in effects)
            owed[delivery.destination] += delivery.amount_cents or 0
    for name in by_partner:
        if by_partner[name] != owed[name]:
            yield f"{name} took {by_partner[name]} cents of {owed[name]}"
    amounts = seen.world.disk.rows(
        "SELECT message_id, amount_cents FROM message WHERE contract = 'remittance-advice'"
    )
    for row in amounts:
        shared = row["amount_cents"] > SHARED_ABOVE_CENTS
        if shared and shares[row["message_id"]] != row["amount_cents"]:
            yield f"the shares of {row['message_id']} are not the whole"
    yield from _sent_is_judged(seen)
    for row in seen.world.disk.rows("SELECT code, count(*) AS n FROM attempt WHERE code ="
                                    " 'journal_refused' GROUP BY code"):  # fmt: skip
        yield f"the ledger refused {row['n']} journals"


def _sent_is_judged(seen: _Seen) -> Iterator[str]:
    """What a source sent is what the parts say, to the cent, whatever became of them."""
    for item in seen.world.acked.values():
        if item.poison is Poison.UNREADABLE:
            continue
        rows = seen.world.disk.rows(
            "SELECT p.amount_cents, p.state FROM part p JOIN artifact a USING (artifact_id)"
            " WHERE a.interface = ? AND a.sha256 = ? ORDER BY p.part_offset",
            item.interface,
            item.sha256,
        )
        found = tuple(row["amount_cents"] for row in rows)
        if found != item.cents:
            yield f"item {item.number} has {len(item.cents)} payments, on record are {len(found)}"


def _counters_agree(seen: _Seen) -> Iterator[str]:
    """Counters are summed over processes and tell what the rows tell. Where the answer to a
    commit was lost, or a process crashed before it, the unit is written again and counts again."""
    if seen.world.disk.lost_answers:
        return
    counted: Counter[tuple[str, str]] = Counter()
    for row in seen.world.disk.rows("SELECT interface, name, value FROM counter"):
        counted[row["interface"], row["name"]] += row["value"]
    done: Counter[str] = Counter()
    cents: Counter[str] = Counter()
    for delivery in seen.deliveries:
        if delivery.done:
            done[delivery.destination] += 1
            cents[delivery.destination] += delivery.amount_cents or 0
    for name in sorted({delivery.destination for delivery in seen.deliveries}):
        if counted[name, "deliveries_done"] != done[name]:
            yield f"{name} counts {counted[name, 'deliveries_done']} done of {done[name]}"
        if counted[name, "cents_done"] != cents[name]:
            yield f"{name} counts {counted[name, 'cents_done']} cents of {cents[name]}"
    for row in seen.world.disk.rows(
        "SELECT interface, count(*) AS n, sum(size) AS bytes FROM artifact WHERE interface IN"
        " ('feed-json', 'feed-835', 'drop') GROUP BY interface"
    ):
        if counted[row["interface"], "artifacts"] != row["n"]:
            yield f"{row['interface']} counts {counted[row['interface'], 'artifacts']} artifacts of {row['n']}"
        if counted[row["interface"], "bytes"] != row["bytes"]:
            yield f"{row['interface']} counts other bytes than it has"


def _order_per_key(seen: _Seen) -> Iterator[str]:
    """Where a failure holds its successors, effects of one key come in their order."""
    options = seen.world.options
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    position = {effect.delivery: n for n, effect in enumerate(seen.world.book.effects)}
    for delivery in seen.deliveries:
        if delivery.destination != "archive" or delivery.delivery_id not in position:
            continue
        skipped = options.archive_on_dead is OnDead.SKIP and "failed" in delivery.tried
        if not (delivery.discarded or skipped or delivery.delivery_id in seen.world.touched):
            places[delivery.order_key].append((delivery.seq, position[delivery.delivery_id]))
    for key, pairs in places.items():
        made = [at for _, at in sorted(pairs)]
        if made != sorted(made):
            yield f"effects of key {key[:8]} came out of their order"


def _audit_is_whole(seen: _Seen) -> Iterator[str]:
    disk = seen.world.disk
    for row in disk.rows("SELECT DISTINCT writer FROM audit ORDER BY writer"):
        rows = disk.rows("SELECT * FROM audit WHERE writer = ? ORDER BY seq", row["writer"])
        wrong = verify_chain(rows)
        if wrong is not None:
            yield f"the chain of {row['writer']} does not hold at {wrong}"
    told = Counter(
        row["object_id"]
        for row in disk.rows("SELECT object_id FROM audit WHERE action = 'set_aside.discard'")
    )
    made = Counter(
        row["delivery_id"]
        if row["part_offset"] < 0
        else f"{row['delivery_id']}@{row['part_offset']}"
        for row in disk.rows(
            "SELECT o.delivery_id, a.part_offset FROM attempt a JOIN owed o USING (lane_id, seq)"
            " WHERE a.outcome = 'discarded'"
        )
    )
    if told != made:
        yield f"{sum(made.values())} discards, {sum(told.values())} of them on the audit record"


def _tries_are_bounded(seen: _Seen) -> Iterator[str]:
    for row in seen.world.disk.rows(
        "SELECT o.delivery_id, r.attempts FROM retry r JOIN owed o USING (lane_id, seq)"
        " WHERE r.state = 'waiting' AND r.attempts >= ?",
        MOST_TRIES,
    ):
        yield f"{row['delivery_id']} was tried {row['attempts']} times and waits for another"
    for row in seen.world.disk.rows(
        "SELECT name, owner FROM lane WHERE owner <> '' ORDER BY name"
    ):
        yield f"lane {row['name']} is still owned"


SHARED_ABOVE_CENTS = 150_00
"""The site's routes share out what is more than this."""

MOST_TRIES = 6
"""The site's schedule."""
