"""When a destination is left alone: a breaker over its last minute, and a ramp after it was down."""

from collections import deque
from enum import StrEnum

from gateway.ports import Clock
from gateway.settings import RetrySettings

__all__ = ["Breaker", "BreakerState", "Ramp"]

SUCCESSES_PER_STEP = 10
"""After an outage one more place is opened per so many successes."""

MOST_OPENINGS = 16
"""Beyond this the wait is at its bound for any setting: 2**16 times the first."""


class BreakerState(StrEnum):
    """Whether attempts are made: all, none, or one to see."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Opens at so many failures in a row, or at a share of failures among enough calls of the
    window; lets one probe at a time through after a wait that doubles; closes after so many good
    probes in a row (guides, default delivery policy)."""

    def __init__(self, retry: RetrySettings, clock: Clock) -> None:
        self.retry = retry
        self.opened = 0
        """For the how manieth time in a row; 0 while closed."""
        self.term = 0
        """Grows with every opening and closing: what began in an earlier term is no news."""
        self._clock = clock
        self._open_until = 0.0
        self._in_a_row = 0
        self._window: deque[list[int]] = deque()
        """[second, calls, failures], the oldest first: at most one entry per second."""

    @property
    def state(self) -> BreakerState:
        """The state now."""
        if not self.opened:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if self.opens_in() <= 0 else BreakerState.OPEN

    @property
    def answered(self) -> bool:
        """Whether the partner has answered a probe well since the last wait: it is up, and what
        fails now fails by itself."""
        return self.state is BreakerState.HALF_OPEN and self._in_a_row > 0

    def opens_in(self) -> float:
        """Return the seconds until a probe is due, 0 or less when it is or the breaker is closed."""
        return self._open_until - self._clock.monotonic() if self.opened else 0.0

    def succeeded(self) -> None:
        """Take note that the partner answered as it should."""
        match self.state:
            case BreakerState.CLOSED:
                self._in_a_row = 0
                self._count(failures=0)
            case BreakerState.HALF_OPEN:
                self._in_a_row += 1
                if self._in_a_row >= self.retry.breaker_successes:
                    self.close()
            case BreakerState.OPEN:
                pass  # it was under way when the breaker opened

    def failed(self) -> None:
        """Take note that the partner is not well."""
        match self.state:
            case BreakerState.CLOSED:
                self._in_a_row += 1
                calls, failures = self._count(failures=1)
                many = calls >= self.retry.breaker_calls
                if self._in_a_row >= self.retry.breaker_failures or (
                    many and failures >= self.retry.breaker_share * calls
                ):
                    self.open(self.wait_seconds(0), 1)
            case BreakerState.HALF_OPEN:
                before = 0 if self.answered else self.opened  # one that is up is not shunned
                self.open(self.wait_seconds(before), before + 1)
            case BreakerState.OPEN:
                pass  # as above: no news, no longer wait

    def wait_seconds(self, opened: int) -> float:
        """Return the wait before a probe when the breaker has opened so many times before."""
        wait: float = self.retry.breaker_seconds * 2 ** min(opened, MOST_OPENINGS)
        return min(wait, self.retry.breaker_longest_seconds)

    def open(self, seconds: float, opened: int) -> None:
        """Let nothing through for that long."""
        self.opened = max(1, min(opened, MOST_OPENINGS))
        self.term += 1
        self._open_until = self._clock.monotonic() + seconds
        self._forget()

    def close(self) -> None:
        """Let everything through, and count anew."""
        self.opened = 0
        self.term += 1
        self._forget()

    def _forget(self) -> None:
        self._in_a_row = 0
        self._window.clear()

    def _count(self, *, failures: int) -> tuple[int, int]:
        """Add one call; return calls and failures of the window."""
        second = int(self._clock.monotonic())
        while self._window and self._window[0][0] <= second - self.retry.breaker_window_seconds:
            self._window.popleft()
        if not self._window or self._window[-1][0] != second:
            self._window.append([second, 0, 0])
        self._window[-1][1] += 1
        self._window[-1][2] += failures
        if not failures:
            return 0, 0  # nobody asks
        return sum(s[1] for s in self._window), sum(s[2] for s in self._window)


class Ramp:
    """How many of its places a destination may use: all, or after an outage one, then one more
    per ten successes, half as many after a failure. Ends by itself when it has reached all."""

    def __init__(self) -> None:
        self._places = 0
        self._successes = 0

    @property
    def going(self) -> bool:
        """Whether fewer places than all may be used."""
        return self._places > 0

    def places(self, most: int) -> int:
        """Return how many of `most` may be used."""
        return min(self._places, most) if self._places else most

    def start(self, places: int = 1) -> None:
        """Begin with so few."""
        self._places, self._successes = max(1, places), 0

    def succeeded(self, most: int) -> None:
        """Take note of a success."""
        if not self._places:
            return
        self._successes += 1
        if self._successes >= SUCCESSES_PER_STEP:
            self._places, self._successes = self._places + 1, 0
        if self._places >= most:
            self._places = 0

    def failed(self, most: int) -> None:
        """Go back to half."""
        self.start(self.places(most) // 2)
