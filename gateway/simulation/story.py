"""One seed's story: a storm, the healing, the end of everything, and what was seen."""

import asyncio
import gc
import logging
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from gateway.delivery.destination import BreakerState
from gateway.simulation.invariants import Violation, examine, on_the_way
from gateway.simulation.loop import Deadlock, VirtualLoop
from gateway.simulation.options import Options, chance_of, draw_options
from gateway.simulation.person import Person
from gateway.simulation.senders import Senders
from gateway.simulation.storm import Storm
from gateway.simulation.unfinished import only_time_is_missing, plagued, unfinished
from gateway.simulation.world import STORM_SECONDS, World

__all__ = ["Verdict", "simulate"]

HEALED_SECONDS = 600.0
"""After this long without faults everything must be final."""

PROBES = 3
"""Successes that close a breaker."""

NEWS_SECONDS = 2.0
"""After this long every node has heard what another has found."""

FAR_SECONDS = 120
FOREVER_MS = 2**62
NIGHT_SECONDS = 10 * 3600.0


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one seed. `digest` is the same whenever the seed runs again."""

    seed: int
    violations: tuple[Violation, ...]
    digest: str
    options: Options
    virtual_seconds: float
    counts: dict[str, int]
    """What was done to the site, calls to partners by fate, effects."""
    lines: tuple[str, ...]
    """Everything that could be observed, with its virtual time."""

    @property
    def holds(self) -> bool:
        """Whether no promise was broken."""
        return not self.violations


def simulate(seed: int, *, options: Options | None = None) -> Verdict:
    """Run one seed to its end. Never raises for anything that happens in its world."""
    options = options or draw_options(seed)
    collecting = gc.isenabled()
    gc.disable()  # a world is short; what it leaves is collected by its caller
    loop = VirtualLoop()
    world = World(options, loop)
    story = _Story(world)
    try:
        with _quiet(world):
            try:
                loop.run_until_complete(story.tell())
            except Deadlock as nothing:
                story.violations.append(Violation("I3 everything ends", str(nothing)))
            digest = world.digest()
            return Verdict(
                seed=seed,
                violations=tuple(story.violations),
                digest=digest,
                options=options,
                virtual_seconds=loop.time(),
                counts={
                    **world.counts,
                    **world.network.counts,
                    "effects": len(world.book.effects),
                },
                lines=tuple(world.lines),
            )
    finally:
        with _quiet(None):
            loop.dispose()
        world.disk.remove()
        if collecting:
            gc.enable()


class _Story:
    def __init__(self, world: World) -> None:
        self._world = world
        self.violations: list[Violation] = []
        self._storm = Storm(world)
        self._person = Person(world)
        self._senders = Senders(world)

    async def tell(self) -> None:
        """Storm, heal, wait, stop, look."""
        world = self._world
        storm = self._begin([*self._storm.plans(), *self._person.plans()])
        senders = self._begin(self._senders.plans())
        for _ in range(int(STORM_SECONDS / 10)):
            await world.sleep(10)
            self._look_on_the_way()
        self._storm.heal()
        world.tell("healed")
        await world.sleep(1)
        await self._person.resume_all()
        if not await self._quiet(senders, may_end_early=True):
            await self._night(senders)
        await world.sleep(NEWS_SECONDS)
        self._look_at_breakers()
        await self._replay_what_is_done()
        await self._stop(senders)
        for task in storm:
            task.cancel()
        for task in senders:
            task.cancel()
        self.violations += examine(world)
        broken = [task.exception() for task in (*storm, *senders) if _failed(task)]
        if broken:
            raise broken[0]  # type: ignore[misc]  # filtered: a bug of the simulation itself

    @staticmethod
    def _begin(plans: list[Coroutine[Any, Any, None]]) -> list["asyncio.Task[None]"]:
        return [asyncio.create_task(plan) for plan in plans]

    def _look_on_the_way(self) -> None:
        if not self.violations:
            self.violations += on_the_way(self._world)

    def _only_time_is_missing(self) -> bool:
        """Whether all that is left is due long from now: a wall clock was set back."""
        hubs = [node.hub for node in self._world.running() if node.hub is not None]
        now = min((hub.lanes.due_time.now() for hub in hubs), default=FOREVER_MS)
        return only_time_is_missing(self._world, after_ms=now + FAR_SECONDS * 1000)

    async def _night(self, senders: list["asyncio.Task[None]"]) -> None:
        """Stop every process for some hours: what waits for a time that a wrong clock has set is
        due then, and nobody has to be simulated meanwhile."""
        world = self._world
        world.tell("night")
        for node in world.nodes:
            await self._storm.stop(node)
        await world.sleep(NIGHT_SECONDS)
        for node in world.nodes:
            node.comes_back()
        await world.sleep(5)
        await self._quiet(senders, may_end_early=False)

    async def _stop(self, senders: list["asyncio.Task[None]"]) -> None:
        """Stop every process in good order, once what was set free meanwhile is done: what it waited
        behind is dead now. What the very moment of the stop sets free goes on after another start."""
        world = self._world
        await self._quiet(senders, may_end_early=True)
        all_was_final = not unfinished(world)
        for node in world.nodes:
            await self._storm.stop(node)
        if all_was_final and unfinished(world):
            for node in world.nodes:
                node.comes_back()
            await world.sleep(5)
            await self._quiet(senders, may_end_early=True)
            for node in world.nodes:
                await self._storm.stop(node)

    async def _quiet(self, senders: list["asyncio.Task[None]"], *, may_end_early: bool) -> bool:
        """Wait until everything is final, or may stay as it is; False where only time is missing."""
        world = self._world
        end = world.loop.time() + HEALED_SECONDS
        wait = 1.0
        while world.loop.time() < end:
            sent = all(task.done() for task in senders)
            up = len(world.running()) == len(world.nodes)
            if sent and up and not unfinished(world):
                return True
            if sent and up and may_end_early and self._only_time_is_missing():
                return False
            await world.sleep(wait)
            wait = min(wait * 1.2, 20)
            await self._person.resume_all()
        return True

    def _look_at_breakers(self) -> None:
        world = self._world
        sick = {world.options.dead_partner} | plagued(world)
        lately = Counter(e.partner for e in world.book.effects if e.at > STORM_SECONDS)
        for node in world.running():
            assert node.hub is not None  # noqa: S101 - it runs
            for name, destination in node.hub.workers.destinations.items():
                well = name not in sick and lately[name] >= PROBES * len(world.nodes)
                state = destination.breaker
                if well and state is BreakerState.OPEN:  # half open lets the next one through
                    told = f"{name} at {node.name} is well and its breaker is {state}"
                    self.violations.append(Violation("I10 breakers close", told))

    async def _replay_what_is_done(self) -> None:
        """I12: what is settled cannot be replayed, and bytes that are here are not taken again."""
        world = self._world
        done = world.disk.rows(_DONE)
        running = world.running()
        if not running or not done:
            return
        names = {row["delivery_id"] for row in done}
        before = self._made(names)
        for name in sorted(names):
            await self._person.replay(running[0], name)
        item = next((item for item in world.acked.values() if item.interface != "drop"), None)
        if item is not None:
            await self._senders.send(item, 0, chance_of(world.options.seed, "again"))
        await world.sleep(10)
        if self._made(names) != before:
            told = "a replay of what is done had an effect"
            self.violations.append(Violation("I12 done is done", told))

    def _made(self, deliveries: set[str]) -> int:
        return sum(effect.delivery in deliveries for effect in self._world.book.effects)


_DONE = """
SELECT o.delivery_id FROM owed o JOIN attempt a USING (lane_id, seq) JOIN lane l USING (lane_id)
WHERE a.outcome = 'done' AND l.kind = 'deliver' ORDER BY o.delivery_id LIMIT 5
"""


def _failed(task: "asyncio.Task[None]") -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None


class _Teller(logging.Handler):
    def __init__(self, world: World | None) -> None:
        super().__init__()
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        if self._world is not None and record.name.startswith("remithub"):
            self._world.tell(f"log {record.getMessage()}")


@contextmanager
def _quiet(world: World | None) -> Iterator[None]:
    """Send what the hub logs into the world's own lines, and nowhere else."""
    names = ("remithub", "asyncio")
    loggers = [logging.getLogger(name) for name in names]
    before = [(log, log.handlers, log.propagate, log.level) for log in loggers]
    for log in loggers:
        log.handlers, log.propagate = [_Teller(world)], False
        log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for log, handlers, propagate, level in before:
            log.handlers, log.propagate = handlers, propagate
            log.setLevel(level)
