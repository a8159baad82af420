"""How fast a lane is worked off: measured while it has more than it can do, otherwise guessed."""

__all__ = ["FIRST_GUESS_PER_SECOND", "Drain"]

FIRST_GUESS_PER_SECOND = 4.0
"""What a lane is believed to do until it was seen at work."""

LEAST_PER_SECOND = 0.001
"""A lane that stands still is believed to do one in a quarter of an hour: waits stay finite."""

MEMORY_SECONDS = 3.0
"""What was measured so long ago counts half."""


class Drain:
    """Learns from looks at how many items of a lane were ever worked off.

    A lane that had nothing to do for part of the time can do more than it did: such a look only
    ever raises the figure.
    """

    def __init__(self) -> None:
        self.per_second = FIRST_GUESS_PER_SECOND
        self._done: int | None = None
        self._passed = 0.0
        self._measured = False

    def looked(self, done: int | None, *, passed_seconds: float, busy: bool) -> None:
        """Take note of a look, so long after the one before: `done` items were ever worked off
        (None: this look did not count them); `busy`: there was enough to do all the time."""
        before, self._done = self._done, done
        if before is None or done is None or passed_seconds <= 0:
            return
        pace = max(0, done - before) / passed_seconds
        if not busy:
            pace = max(pace, self.per_second)
        share = passed_seconds / (passed_seconds + MEMORY_SECONDS) if self._measured else 1.0
        self._measured = self._measured or busy
        if busy or pace > self.per_second:
            self.per_second = max(
                self.per_second + share * (pace - self.per_second), LEAST_PER_SECOND
            )
