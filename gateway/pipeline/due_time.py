"""The time by which retries are due: the wall clock's, without its jumps.

What waits is stored with a wall time. Were that read by the wall clock alone, a jump of an hour
would fire an hour's retries at once, or keep all of them an hour longer. Where nodes share a store
it is the store's clock: what one node has put down another compares.
"""

from gateway.ports import Clock

__all__ = ["DueTime"]

CATCH_UP = 0.5
"""By this share of the time that passes it follows a wall clock that is ahead (set right, or the
machine had been asleep)."""

HOLD_BACK = 0.1
"""The same where the wall clock is behind: a wait takes at most so much longer."""


class DueTime:
    """Runs with the monotonic clock from the wall time of its start, and creeps after the wall
    clock where the two have parted. Never goes back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead: float | None = None
        """How far the store's clock is ahead of the monotonic one; None: the wall clock counts."""
        self._at = self._wall()
        self._monotonic = clock.monotonic()

    def follow(self, store_now: float) -> None:
        """It is so late by the clock of a store that nodes share, in milliseconds since the epoch:
        that clock counts from now on, and no wall clock any more."""
        monotonic = self._clock.monotonic()
        if self._ahead is None:  # nothing has been compared with it yet
            self._at, self._monotonic = store_now, monotonic
        self._ahead = store_now - monotonic * 1000

    def now(self) -> int:
        """Return milliseconds since the epoch."""
        monotonic = self._clock.monotonic()
        passed = (monotonic - self._monotonic) * 1000
        self._monotonic = monotonic
        self._at += passed
        apart = self._wall() - self._at
        self._at += max(min(apart, passed * CATCH_UP), -passed * HOLD_BACK)
        return int(self._at)

    def _wall(self) -> float:
        if self._ahead is not None:
            return self._clock.monotonic() * 1000 + self._ahead
        return self._clock.now().timestamp() * 1000
