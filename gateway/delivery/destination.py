"""A destination as its lanes share it: places, breaker, ramp, rate, pause.

Nothing here is shared with another destination: a sick one uses up its own places only.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.delivery.breaker import Breaker, BreakerState, Ramp
from gateway.delivery.places import Places, Seat
from gateway.delivery.rate import Bucket
from gateway.delivery.schedule import RETRY_AFTER_BOUNDS_SECONDS
from gateway.pipeline import Settled, milliseconds
from gateway.ports import Clock
from gateway.settings import Priority, RateSettings, RetrySettings

__all__ = ["BreakerState", "Destination", "Ticket"]

SICK = ("destination", "unknown")
"""Failures that say the partner is not well; by any other answer it lives."""


class Ticket(msgspec.Struct, frozen=True):
    """One place, taken: when it was in the breaker's life and in the ramp's, and whether its
    attempt is a probe of whether the partner is up at all."""

    term: int
    number: int
    probe: bool


class Destination:
    """Decides whether another attempt may start now. An open breaker stops the cursors of every
    lane of this destination: a backlog then costs no attempts and no rows."""

    def __init__(
        self,
        name: str,
        *,
        concurrency: int,
        retry: RetrySettings,
        clock: Clock,
        rate: RateSettings | None = None,
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        self.paused = ""
        """Why nothing is tried until a person acts; empty when running."""
        self.busy = 0
        self.ramp = Ramp()
        self._clock = clock
        self._breaker = Breaker(retry, clock)
        self._bucket = Bucket(rate, clock)
        self._rate = rate
        self._nodes = 1
        self._quiet_until = clock.monotonic()
        self._taken = self._halved_at = 0
        self._places = Places()
        self._heard = (0, 0)
        self._told: tuple[int, int] | None = None
        self._news: dict[str, int] | None = None

    def follow(
        self, *, concurrency: int, retry: RetrySettings, rate: RateSettings | None = None
    ) -> None:
        """Go by these settings from now on."""
        self.concurrency, self._breaker.retry, self._rate = concurrency, retry, rate
        self._bucket.follow(rate, 1 / self._nodes)
        self.ring()

    @property
    def nodes(self) -> int:
        """How many living nodes deliver here: each has its share of places and calls."""
        return self._nodes

    @nodes.setter
    def nodes(self, count: int) -> None:
        """So many from now on."""
        if count != self._nodes:
            self._nodes = max(1, count)
            self._bucket.follow(self._rate, 1 / self._nodes)
            self.ring()

    # -- whether, and when ---------------------------------------------------------------------

    @property
    def breaker(self) -> BreakerState:
        """The breaker's state now."""
        return self._breaker.state

    @property
    def probing(self) -> bool:
        """Whether one attempt at a time is made, to see."""
        return self.breaker is BreakerState.HALF_OPEN

    @property
    def places(self) -> int:
        """How many attempts may be under way at once, now and on this node."""
        most = max(1, self.concurrency // self._nodes)
        match self.breaker:
            case BreakerState.CLOSED:
                return self.ramp.places(most)
            case BreakerState.HALF_OPEN:
                return 1
            case BreakerState.OPEN:
                return 0

    @property
    def per_second(self) -> float | None:
        """The calls per second of this node; None without a limit."""
        return self._bucket.per_second

    @property
    def quiet_seconds(self) -> float:
        """How long the partner has asked to be left alone from now on; 0 when it has not."""
        return max(0.0, self._quiet_until - self._clock.monotonic())

    @property
    def may_start(self) -> bool:
        """Whether anything may start at all, once there is a place and a token."""
        return not self.paused and self.places > 0

    @property
    def stopped(self) -> bool:
        """Whether nothing may start for longer than an attempt takes: paused, its breaker open,
        or asked to be left alone."""
        return not self.may_start or self.quiet_seconds > 0

    def free(self) -> int:
        """Return how many attempts may start now, as far as places are concerned; 0 while nothing
        may start for any other reason."""
        if self.paused or self.quiet_seconds or self._bucket.waits():
            return 0
        return max(0, self.places - self.busy)

    def waits(self) -> float | None:
        """Return the seconds until something may start that may not now, None where no time but
        only an event changes that."""
        found = [self._breaker.opens_in(), self.quiet_seconds, self._bucket.waits()]
        longest = max(found)
        return longest if longest > 0 and not self.paused else None

    def opens_in(self) -> float | None:
        """Return the seconds until a probe is due, None when the breaker is not open."""
        return self._breaker.opens_in() if self.breaker is BreakerState.OPEN else None

    # -- taking and giving back ----------------------------------------------------------------

    def seat(self, bell: asyncio.Event, priority: Priority = Priority.NORMAL) -> Seat:
        """Give a lane its seat here."""
        return self._places.seat(bell, priority)

    def may_take(self, seat: Seat) -> bool:
        """Whether a lane that waits for a place, a token or its turn would get one now."""
        return seat.waiting and self.free() > 0 and seat.may_go()

    def take(self, seat: Seat) -> Ticket | None:
        """Take a place for one attempt; None where there is none, or it is another lane's turn."""
        seat.wait()
        if not self.may_take(seat):
            return None
        seat.pay()
        self._bucket.take()
        self.busy += 1
        self._taken += 1
        probe = self.breaker is BreakerState.HALF_OPEN and not self._breaker.answered
        return Ticket(self._breaker.term, self._taken, probe)

    def leave(self) -> None:
        """Give back the place of one attempt."""
        self.busy -= 1
        self.ring()

    def ring(self) -> None:
        """Wake the lanes that share this destination."""
        self._places.ring(waiting=False)

    # -- learning ------------------------------------------------------------------------------

    def learn(self, settled: Settled, ticket: Ticket) -> None:
        """Take note of how an attempt ended."""
        if settled.pause:
            self.paused = "credential"
        if settled.retry_after_seconds is not None:
            low, high = RETRY_AFTER_BOUNDS_SECONDS
            wait = min(max(settled.retry_after_seconds, low), high)
            until = self._clock.monotonic() + wait
            self._quiet_until = max(self._quiet_until, until)
        if settled.failure == "throttled":
            self._halve(ticket)
        elif settled.pause or not settled.news:
            return
        elif settled.failure in SICK:
            self._sick(ticket)
        else:
            self._well(ticket)

    def _sick(self, ticket: Ticket) -> None:
        if ticket.term != self._breaker.term:
            return
        if self.ramp.going:
            self._halve(ticket)
        self._breaker.failed()
        if ticket.term != self._breaker.term:
            self._tell()

    def _well(self, ticket: Ticket) -> None:
        if ticket.term != self._breaker.term:
            return
        self._breaker.succeeded()
        if ticket.term != self._breaker.term:
            self.ramp.start()
            self._tell()
        else:
            self.ramp.succeeded(max(1, self.concurrency // self._nodes))

    def _halve(self, ticket: Ticket) -> None:
        """Once per round: what was under way at the last halving is the same congestion."""
        if ticket.number > self._halved_at:
            self.ramp.failed(max(1, self.concurrency // self._nodes))
            self._halved_at = self._taken

    def resume(self) -> None:
        """Forget pause and breaker: a person says that the destination is well."""
        self.paused = ""
        self._quiet_until = self._clock.monotonic()
        if self._breaker.opened:
            self._breaker.close()
            self._tell()
        self.ring()

    # -- with other nodes ----------------------------------------------------------------------

    def _tell(self) -> None:
        now = milliseconds(self._clock.now())
        opened = self._breaker.opened
        # A closing has a time too: else one between two looks of another node would look like
        # nothing at all.
        until = now + int(self._breaker.opens_in() * 1000)
        self._news = {"open_until": until, "opened": opened}
        self._told = (until, opened)

    def news(self) -> dict[str, Any] | None:
        """Return what other nodes must hear about the breaker, once: the parameters of
        `destination_breaker`."""
        news, self._news = self._news, None
        return {"name": self.name, **news} if news else None

    def not_told(self, news: dict[str, Any]) -> None:
        """That did not get through: it is news again, unless there is newer."""
        if self._news is None:
            self._news = {key: news[key] for key in ("open_until", "opened")}

    def hear(self, row: Mapping[str, Any]) -> None:
        """Do as another node, or this one before a restart, has found: `row` is that of the table
        `destination`. Only what has changed since the last time is news."""
        said = (row["open_until"], row["opened"])
        if said == self._heard:
            return
        own, self._told = said == self._told, None
        self._heard = said
        if own:
            return
        self._news = None  # what did not get through until now is older than this
        if not row["opened"]:
            if self._breaker.opened:
                self._breaker.close()
                self.ramp.start()
                self.ring()
            return
        left = (row["open_until"] - milliseconds(self._clock.now())) / 1000
        longest = self._breaker.wait_seconds(row["opened"] - 1)
        self._breaker.open(min(max(left, 0.0), longest), row["opened"])
