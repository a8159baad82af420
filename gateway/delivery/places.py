"""Who gets the next place at a destination: its lanes in turn, by their weights.

Each lane pays 1/weight per place (stride scheduling); of those that have something to do, the one
that has paid least goes first. One with nothing to do takes nothing and saves nothing up.
"""

import asyncio

from gateway.settings import Priority

__all__ = ["WEIGHTS", "Places", "Seat"]

WEIGHTS = {Priority.HIGH: 7.0, Priority.NORMAL: 3.0, Priority.LOW: 1.0}
"""Low gets one place in eight beside high, one in four beside normal."""


class Seat:
    """One lane at a destination. `bell` wakes its owner."""

    def __init__(self, places: "Places", bell: asyncio.Event, priority: Priority) -> None:
        self.bell = bell
        self.priority = priority
        self.paid = 0.0
        self.waiting = False
        """It has something to do and no place for it."""
        self._places = places

    def wait(self) -> None:
        """There is something to do: take part from now on."""
        if not self.waiting:
            self.waiting = True
            self.paid = max(self.paid, self._places.paid)

    def may_go(self) -> bool:
        """Return whether it is this lane's turn; else whose turn it is is woken."""
        first = self._places.first()
        if first is self or first.paid >= self.paid:
            return True
        first.bell.set()
        return False

    def pay(self) -> None:
        """Take the place."""
        self._places.paid = self.paid
        self.paid += 1 / WEIGHTS[self.priority]

    def rest(self) -> None:
        """There is nothing to do now: whoever waited for this lane goes on."""
        if self.waiting:
            self.waiting = False
            self._places.ring(waiting=True)

    def leave(self) -> None:
        """The lane has another owner now, or none."""
        self.rest()
        self._places.drop(self)


class Places:
    """The seats of one destination."""

    def __init__(self) -> None:
        self.paid = 0.0
        """What the lane had paid that got the last place."""
        self._seats: list[Seat] = []

    def seat(self, bell: asyncio.Event, priority: Priority = Priority.NORMAL) -> Seat:
        """Give a lane its seat."""
        seat = Seat(self, bell, priority)
        self._seats.append(seat)
        return seat

    def first(self) -> Seat:
        """Return whose turn it is; only asked where somebody waits."""
        return min((s for s in self._seats if s.waiting), key=lambda s: s.paid)

    def ring(self, *, waiting: bool) -> None:
        """Wake the lanes, only those that are `waiting` or all."""
        for seat in self._seats:
            if seat.waiting or not waiting:
                seat.bell.set()

    def drop(self, seat: Seat) -> None:
        """Forget a seat."""
        self._seats.remove(seat)
