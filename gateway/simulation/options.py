"""What one seed decides before its story begins: how many of everything, and how bad it gets."""

import msgspec

from connectors.base import Idempotency
from gateway.ports import Randomness
from gateway.settings import OnDead
from gateway.simulation.network import FATES, Fate
from gateway.simulation.site import OPTIONAL, SINKS

__all__ = ["Options", "chance_of", "draw_options"]

FAIL_POINTS = (
    "accept.before_commit",
    "accept.after_commit",
    "process.before_commit",
    "process.after_commit",
    "dispatch.before_send",
    "dispatch.after_reply",
    "http_api.before_send",
    "http_api.after_answer",
    "settle.before_commit",
    "settle.after_commit",
    "store.before_commit",
    "store.after_commit",
    "poll.after_list",
    "poll.mid_fetch",
    "poll.before_settle",
    "set_aside.before_commit",
    "set_aside.after_commit",
    "reload.before_commit",
    "reload.after_commit",
)
"""Points that a seed may aim at."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Derived from the seed. Shares and chances are between 0 and 1."""

    seed: int
    nodes: int
    items: int
    poison_share: float
    twice_share: float
    trouble: float
    """Highest chance that a call to a partner ends badly."""
    fates: dict[Fate, float]
    cursed_one_in: int
    dead_partner: str
    """Never well again; empty for none."""
    crash_chance: float
    """At any fail point."""
    aimed_at: str
    """A fail point at which a process crashes often; empty for none."""
    pauses: int
    """How often a process stands still."""
    longest_pause_seconds: float
    jumps: int
    """How often a wall clock jumps."""
    database_trouble: float
    fills: int
    """How often the disk is full for a while."""
    swizzles: int
    """How often all partners are clogged one by one, then unclogged in another order."""
    reloads: int
    restarts: int
    """How often a process stops in good order, and comes back."""
    orders: int
    """How often a person acts on what is set aside."""
    archive_on_dead: OnDead
    registry_mode: Idempotency
    unknown_accounts: int
    without: tuple[str, ...]
    """Partners that nothing is routed to."""


def chance_of(seed: int, name: str) -> Randomness:
    """Return the seed's randomness for one purpose: what one part draws changes no other's."""
    return Randomness(f"{seed}/{name}")


def draw_options(seed: int) -> Options:
    """Draw the options of a seed."""
    chance = chance_of(seed, "options")
    names = sorted(FATES)
    kept = chance.sample(names, chance.randrange(4, len(names)))
    nodes = 2 if chance.random() < 0.4 else 1
    return Options(
        seed=seed,
        nodes=nodes,
        items=chance.randrange(30, 37),
        poison_share=chance.choice([0.05, 0.05, 0.15]),
        twice_share=0.15,
        trouble=chance.choice([0.0, 0.1, 0.25, 0.5]),
        fates={fate: FATES[fate] for fate in sorted(kept)},
        cursed_one_in=chance.choice([0, 0, 40]),
        dead_partner=chance.choice(SINKS) if chance.random() < 0.12 else "",
        crash_chance=chance.choice([0.0, 0.0003, 0.001, 0.003]),
        aimed_at=chance.choice(FAIL_POINTS) if chance.random() < 0.3 else "",
        pauses=chance.choice([0, 0, 2, 5]),
        longest_pause_seconds=chance.choice([2, 12, 30]),
        jumps=chance.choice([0, 0, 1, 4]),
        database_trouble=chance.choice([0.0, 0.0, 0.02, 0.1]),
        fills=chance.choice([0, 0, 0, 2]),
        swizzles=chance.choice([0, 0, 1, 2]),
        reloads=chance.choice([0, 1, 3]),
        restarts=chance.choice([0, 0, 1, 3]),
        orders=chance.choice([0, 6, 20]),
        archive_on_dead=chance.choice([OnDead.HOLD, OnDead.SKIP]),
        registry_mode=chance.choice([Idempotency.KEY, Idempotency.LOOKUP]),
        unknown_accounts=chance.choice([0, 25]),
        without=tuple(sorted(chance.sample(OPTIONAL, chance.choice([0, 2, 3, 3])))),
    )
