"""What is set aside, summed: exact while it is little, a little old where a million rows wait.

Summing reads the whole retry table, which is a second's work where a million messages were refused.
Nobody waits for that: the last sums are shown, and taken anew behind the answer.
"""

import asyncio

from gateway.ports import Clock
from gateway.store import Row, Store

__all__ = ["FEW", "PATIENCE_SECONDS", "REST", "Sums"]

FEW = 10_000
"""Up to so many rows are summed for every answer: some milliseconds."""

REST = 10
"""Sums of more rest for so many times what they took: a tenth of one reading thread at most."""

PATIENCE_SECONDS = 0.03
"""So long an answer waits for sums that are being taken; then it does with the last ones."""


class Sums:
    """The rows of `retry_sums`, kept between answers where there is much to sum."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._rows: list[Row] = []
        self._took = 0.0
        self._taken_at = 0.0
        self._taking: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Take the first sums behind what else a start does."""
        self._behind(asyncio.create_task(self._take(), name="first sums"))

    async def rows(self) -> list[Row]:
        """Return the sums per interface and state; none where the first are still being taken.

        Sums of many are at most `REST` + 1 times as old as taking them takes. Raises StorageFault.
        """
        if self._taking is not None:
            if not self._taken_at:
                await asyncio.wait([self._taking], timeout=PATIENCE_SECONDS)
            return self._rows
        many = sum(row["count"] for row in self._rows) > FEW
        if many and self._clock.monotonic() < self._taken_at + REST * self._took:
            return self._rows
        taking = asyncio.create_task(self._take(), name="sums")
        await asyncio.wait([taking], timeout=0 if many else PATIENCE_SECONDS)
        if taking.done():
            taking.result()
        else:
            self._behind(taking)
        return self._rows

    async def _take(self) -> None:
        began = self._clock.monotonic()
        rows = await self._store.fetch("retry_sums")
        self._taken_at = self._clock.monotonic()
        self._rows, self._took = rows, self._taken_at - began

    def _behind(self, taking: asyncio.Task[None]) -> None:
        self._taking = taking
        taking.add_done_callback(self._taken)

    def _taken(self, taking: asyncio.Task[None]) -> None:
        self._taking = None
        if taking.cancelled() or taking.exception() is not None:
            self._rows = []  # whoever asks next takes them, and is told what is wrong
