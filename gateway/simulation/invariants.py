"""What must be true of every world, whatever happened in it: the list of all invariants."""

from collections import Counter
from collections.abc import Callable, Iterator

import msgspec

from gateway.simulation import custody_checks, delivery_checks, record_checks
from gateway.simulation.seen import Seen
from gateway.simulation.unfinished import unfinished
from gateway.simulation.world import World

__all__ = ["CHECKS", "Violation", "examine", "on_the_way"]


class Violation(msgspec.Struct, frozen=True):
    """A promise that was broken: its short name and what was seen, without payload."""

    invariant: str
    seen: str


CHECKS: tuple[tuple[str, Callable[[Seen], Iterator[str]]], ...] = (
    ("I1 acked is kept", custody_checks.acked_is_kept),
    ("I2 accepted once", custody_checks.accepted_once),
    ("I3 everything ends", lambda seen: iter(unfinished(seen.world))),
    ("I3 in one state", delivery_checks.one_state),
    ("I4 one effect", delivery_checks.one_effect),
    ("I5 done means effect", delivery_checks.done_means_effect),
    ("I6 nothing owed is lost", delivery_checks.nothing_owed_is_lost),
    ("I7 sent is judged", custody_checks.sent_is_judged),
    ("I7 money balances", record_checks.money_balances),
    ("I7 counters agree", record_checks.counters_agree),
    ("I8 order per key", delivery_checks.order_per_key),
    ("I9 audit is whole", record_checks.audit_is_whole),
    ("I10 tries are bounded", delivery_checks.tries_are_bounded),
)
"""Numbered as in the design; `story` looks at breakers (I10) and replays (I12) while hubs run."""


def examine(world: World) -> list[Violation]:
    """Return every broken promise, in the order of the invariants."""
    seen = Seen(world)
    return [Violation(name, told) for name, check in CHECKS for told in check(seen)]


def on_the_way(world: World) -> list[Violation]:
    """Return what must hold at any moment and can be told at once."""
    found = []
    for node in world.running():
        assert node.hub is not None  # noqa: S101 - it runs
        for name, runner in node.hub.workers.runners.items():
            if runner.under_way > runner.destination.concurrency:
                found.append(Violation("I11 bounded in memory", f"{name} has too many under way"))
    for delivery, count in Counter(effect.delivery for effect in world.book.effects).items():
        if count > 1:
            found.append(Violation("I4 one effect", f"{delivery} has {count} effects"))
    return found
