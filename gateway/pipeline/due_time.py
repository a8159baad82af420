"""The time by which retries are due: the wall clock's, without its jumps.

What waits is stored with a wall time. Were that read by the wall clock alone, a jump of an hour
would fire an hour's retries at once, or keep all of them an hour longer.
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
        self._at = self._wall()
        self._monotonic = clock.monotonic()

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
        return self._clock.now().timestamp() * 1000
