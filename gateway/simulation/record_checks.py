"""Invariants of money, counters and the audit record."""

from collections import Counter
from collections.abc import Iterator

from gateway.simulation.delivery_checks import SHARED_ABOVE_CENTS
from gateway.simulation.seen import Seen
from gateway.store.audit import verify_chain

__all__ = ["audit_is_whole", "counters_agree", "money_balances"]

_REFUSED = "SELECT count(*) AS n FROM attempt WHERE code = 'journal_refused'"
_ADVICES = "SELECT message_id, amount_cents FROM message WHERE contract = 'remittance-advice'"
_TAKEN = """
SELECT interface, count(*) AS n, sum(size) AS bytes FROM artifact
WHERE interface IN ('feed-json', 'feed-835', 'drop') GROUP BY interface
"""
_DISCARDED = """
SELECT o.delivery_id, a.part_offset FROM attempt a JOIN owed o USING (lane_id, seq)
WHERE a.outcome = 'discarded'
"""
_TOLD = "SELECT object_id FROM audit WHERE action = 'set_aside.discard'"


def money_balances(seen: Seen) -> Iterator[str]:
    """A partner took what its deliveries weigh, shares are the whole, journals balance."""
    took: Counter[str] = Counter()
    owed: Counter[str] = Counter()
    for delivery in seen.deliveries:
        effects = seen.effects.get(delivery.delivery_id, ())
        if effects and delivery.destination != "erp":
            took[delivery.destination] += sum(effect.cents for effect in effects)
            owed[delivery.destination] += delivery.amount_cents or 0
    for name in took:
        if took[name] != owed[name]:
            yield f"{name} took {took[name]} cents of {owed[name]}"
    for row in seen.world.disk.rows(_REFUSED):
        if row["n"]:
            yield f"the ledger refused {row['n']} journals"
    yield from _shares(seen)


def _shares(seen: Seen) -> Iterator[str]:
    if "shares" in seen.world.options.without:
        return
    shares: Counter[str] = Counter()
    for delivery in seen.deliveries:
        if delivery.contract == "payment-share":
            shares[delivery.cause_id] += delivery.amount_cents or 0
    for row in seen.world.disk.rows(_ADVICES):
        cents = row["amount_cents"]
        if cents > SHARED_ABOVE_CENTS and shares[row["message_id"]] != cents:
            yield f"the shares of {row['message_id']} are not the whole"


def counters_agree(seen: Seen) -> Iterator[str]:
    """Counters, summed over processes, tell what the rows tell. Where the answer to a commit was
    lost the unit is written again, and its counts too: then nobody looks."""
    if seen.world.disk.lost_answers:
        return
    counted: Counter[tuple[str, str]] = Counter()
    for row in seen.world.disk.rows("SELECT interface, name, value FROM counter"):
        counted[row["interface"], row["name"]] += row["value"]
    for (interface, name), value in sorted(_expected(seen).items()):
        if counted[interface, name] != value:
            yield f"{interface} counts {counted[interface, name]} {name}, the rows say {value}"


def _expected(seen: Seen) -> Counter[tuple[str, str]]:
    expected: Counter[tuple[str, str]] = Counter()
    for delivery in seen.deliveries:
        expected[delivery.destination, "deliveries_done"] += delivery.done
        expected[delivery.destination, "cents_done"] += delivery.done * (
            delivery.amount_cents or 0
        )
    for row in seen.world.disk.rows(_TAKEN):
        expected[row["interface"], "artifacts"] = row["n"]
        expected[row["interface"], "bytes"] = row["bytes"]
    return expected


def audit_is_whole(seen: Seen) -> Iterator[str]:
    """Every writer's chain holds, and every discard is on record once."""
    disk = seen.world.disk
    for row in disk.rows("SELECT DISTINCT writer FROM audit ORDER BY writer"):
        rows = disk.rows("SELECT * FROM audit WHERE writer = ? ORDER BY seq", row["writer"])
        wrong = verify_chain(rows)
        if wrong is not None:
            yield f"the chain of {row['writer']} does not hold at {wrong}"
    told = Counter(row["object_id"] for row in disk.rows(_TOLD))
    made = Counter(
        f"{row['delivery_id']}@{row['part_offset']}".removesuffix("@-1")
        for row in disk.rows(_DISCARDED)
    )
    if told != made:
        yield f"{sum(made.values())} discards, {sum(told.values())} of them on the audit record"
