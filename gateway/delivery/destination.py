"""A destination as its lanes share it: concurrency, breaker, pause."""

import asyncio
from enum import StrEnum

from gateway.pipeline import Settled
from gateway.ports import Clock
from gateway.settings import RetrySettings

__all__ = ["BreakerState", "Destination"]

MAX_OPEN_SECONDS = 15 * 60.0


class BreakerState(StrEnum):
    """Whether attempts are made: all, none, or one to see."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Destination:
    """Decides whether another attempt may start now. An open breaker stops the cursors of every
    lane of this destination: a backlog then costs no attempts and no rows."""

    def __init__(self, name: str, *, concurrency: int, retry: RetrySettings, clock: Clock) -> None:
        self.name = name
        self.concurrency = concurrency
        self.retry = retry
        self.paused = ""
        """Why nothing is tried until a person acts; empty when running."""
        self.busy = 0
        self.bells: list[asyncio.Event] = []
        """The lanes that share this destination; rung whenever a place becomes free."""
        self._clock = clock
        self._failures = 0
        self._opened = 0
        self._open_until = 0.0

    @property
    def breaker(self) -> BreakerState:
        """The breaker's state now."""
        if self._failures < self.retry.breaker_failures:
            return BreakerState.CLOSED
        waited = self._clock.monotonic() >= self._open_until
        return BreakerState.HALF_OPEN if waited else BreakerState.OPEN

    def free(self) -> int:
        """Return how many attempts may start now."""
        if self.paused:
            return 0
        match self.breaker:
            case BreakerState.CLOSED:
                return self.concurrency - self.busy
            case BreakerState.HALF_OPEN:
                return 1 - self.busy
            case BreakerState.OPEN:
                return 0

    def leave(self) -> None:
        """Give back the place of one attempt."""
        self.busy -= 1
        self.ring()

    def ring(self) -> None:
        """Wake the lanes that share this destination."""
        for bell in self.bells:
            bell.set()

    def opens_in(self) -> float | None:
        """Return the seconds until a probe is due, None when the breaker is not open."""
        if self.breaker is not BreakerState.OPEN:
            return None
        return self._open_until - self._clock.monotonic()

    def learn(self, settled: Settled) -> None:
        """Take note of how an attempt ended."""
        if settled.pause:
            self.paused = settled.failure
        elif settled.failure in ("destination", "unknown"):
            if self.breaker is BreakerState.OPEN:
                return  # it was under way when the breaker opened: no news, no longer wait
            self._failures += 1
            if self._failures >= self.retry.breaker_failures:
                wait = self.retry.breaker_seconds * 2**self._opened
                self._open_until = self._clock.monotonic() + min(wait, MAX_OPEN_SECONDS)
                self._opened = min(self._opened + 1, 16)
        elif settled.failure not in ("throttled", "internal"):
            self._failures = self._opened = 0

    def resume(self) -> None:
        """Forget pause and breaker: a person says that the destination is well."""
        self.paused = ""
        self._failures = self._opened = 0
        self.ring()
