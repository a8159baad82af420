"""How many calls a destination gets per second: a token bucket."""

from gateway.ports import Clock
from gateway.settings import RateSettings

__all__ = ["Bucket"]

NEARLY_ONE = 1 - 1e-9
"""A token that is there but for the rounding of its time."""


class Bucket:
    """Holds up to `burst` tokens and gains `per_second`; no settings: there is always one."""

    def __init__(self, rate: RateSettings | None, clock: Clock) -> None:
        self._clock = clock
        self._rate = rate
        self._share = 1.0
        self._tokens = float(rate.burst) if rate else 0.0
        self._at = clock.monotonic()

    @property
    def per_second(self) -> float | None:
        """The rate that applies here; None without a limit."""
        return self._rate.per_second * self._share if self._rate else None

    @property
    def _burst(self) -> float:
        return max(1.0, self._rate.burst * self._share) if self._rate else 0.0

    def follow(self, rate: RateSettings | None, share: float) -> None:
        """Go by other settings, or by another share of them; nobody gets a burst for that."""
        self._refill()
        if self._rate is None and rate is not None:
            self._tokens = rate.burst * share
        self._rate, self._share = rate, share
        self._tokens = min(self._tokens, self._burst)

    def waits(self) -> float:
        """Return the seconds until there is a token, 0 when there is one."""
        if not self._rate:
            return 0.0
        self._refill()
        if self._tokens >= NEARLY_ONE:
            return 0.0
        return (1 - self._tokens) / (self._rate.per_second * self._share)

    def take(self) -> None:
        """Use a token up; the caller looked."""
        if self._rate:
            self._refill()
            self._tokens -= 1

    def _refill(self) -> None:
        now = self._clock.monotonic()
        if self._rate:
            gained = (now - self._at) * self._rate.per_second * self._share
            self._tokens = min(self._tokens + gained, self._burst)
        self._at = now
