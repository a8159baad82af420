"""Clock, ids, randomness and fail points: what a test or a simulation replaces."""

import asyncio
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

__all__ = [
    "Clock",
    "FailPoint",
    "Ids",
    "Ports",
    "Randomness",
    "SystemClock",
    "SystemIds",
    "no_fail_point",
]

Randomness = random.Random
"""Where chance comes from; seeded in a test or a simulation."""

FailPoint = Callable[[str], None]
"""Called with a name around every commit and every external call; does nothing in production."""


class Clock(Protocol):
    """Wall time, monotonic time and waiting."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        ...


class Ids(Protocol):
    """Random names for what has no content or cause to be named after."""

    def new(self, prefix: str) -> str:
        """Return `prefix` + "_" + 32 hexadecimal digits, unguessable."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)


class SystemIds:
    """Ids from the operating system's random source."""

    def new(self, prefix: str) -> str:
        """Return `prefix` + "_" + 32 hexadecimal digits."""
        return f"{prefix}_{secrets.token_hex(16)}"


def no_fail_point(_name: str) -> None:
    """Do nothing: what production runs with."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Everything non-deterministic the hub uses, in one bundle handed down from `gateway.app`."""

    clock: Clock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=SystemIds)
    randomness: Randomness = field(default_factory=random.SystemRandom)
    fail_point: FailPoint = no_fail_point
