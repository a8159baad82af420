"""The ports of a simulated process: clocks, ids, chance, and fail points at which it may crash."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from gateway.ports import Ports, Randomness
from gateway.simulation.loop import VirtualLoop

__all__ = ["BEGINNING", "FixedTicks", "SeededIds", "SimulatedClock", "ports_of"]

BEGINNING = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
"""Wall time when a simulation starts."""


class SimulatedClock:
    """Monotonic time is the loop's. The wall's jumps by `jumped_seconds`, as clocks do."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.jumped_seconds = 0.0
        self._loop = loop
        self._asked = (0.0, BEGINNING)

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        seconds = self._loop.time() + self.jumped_seconds
        if self._asked[0] != seconds:  # it is asked several times in one moment
            self._asked = (seconds, BEGINNING + timedelta(seconds=seconds))
        return self._asked[1]

    def monotonic(self) -> float:
        """Return the loop's seconds."""
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """Wait virtual seconds."""
        await asyncio.sleep(seconds)  # noqa: TID251 - on the virtual loop


class SeededIds:
    """Ids that the seed decides."""

    def __init__(self, chance: Randomness) -> None:
        self._chance = chance

    def new(self, prefix: str) -> str:
        """Return `prefix` + "_" + 32 hexadecimal digits."""
        return f"{prefix}_{self._chance.getrandbits(128):032x}"


class FixedTicks:
    """Ticks of the virtual clock: at once, then every so many seconds, one call at a time."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def every(self, name: str, seconds: float, call: Callable[[], object]) -> None:
        """Call at once and then every so many seconds; replaces the tick of that name."""
        self.drop(name)
        self._tasks[name] = asyncio.create_task(self._tick(seconds, call))

    async def _tick(self, seconds: float, call: Callable[[], object]) -> None:
        running: asyncio.Task[object] | None = None
        while True:
            if running is None or running.done():
                running = asyncio.ensure_future(call())  # type: ignore[call-overload]  # a coroutine
            await self._clock.sleep(max(seconds, 0.1))

    def drop(self, name: str) -> None:
        """Call no more; what was called goes on."""
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()

    def stop(self) -> None:
        """Call nobody any more."""
        for name in list(self._tasks):
            self.drop(name)


def ports_of(
    clock: SimulatedClock, chance: Randomness, fail_point: Callable[[str], None]
) -> Ports:
    """Return the ports of one process; `chance` is its own."""
    seeded = Randomness(chance.random())
    return Ports(clock=clock, ids=SeededIds(chance), randomness=seeded, fail_point=fail_point)
