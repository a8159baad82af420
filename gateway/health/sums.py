"""What is set aside, summed: exact while it is little, a little old where a million rows wait.

Summing reads the whole retry table, which is a second's work where a million messages were refused.
Then the last sums are shown at once, and taken anew behind the answer.
"""

import asyncio

from gateway.errors import HubError
from gateway.ports import Clock
from gateway.store import Row, Store

__all__ = ["FEW", "REST", "Sums"]

FEW = 10_000
"""Up to so many rows are summed for every answer: some milliseconds."""

REST = 10
"""Sums of more rest for so many times what they took: a tenth of one reading thread at most."""


class Sums:
    """The rows of `retry_sums`, kept between answers where there is much to sum."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._rows: list[Row] = []
        self._took = 0.0
        self._taken_at = 0.0
        self._taking: asyncio.Task[None] | None = None

    async def rows(self) -> list[Row]:
        """Return the sums per interface and state, at most `REST` + 1 times as old as taking them
        takes. Raises StorageFault."""
        if sum(row["count"] for row in self._rows) <= FEW:
            await self._take()
        elif self._taking is None and self._clock.monotonic() >= self._due_at:
            self._taking = asyncio.create_task(self._take_behind())
        return self._rows

    @property
    def _due_at(self) -> float:
        return self._taken_at + REST * self._took

    async def _take(self) -> None:
        began = self._clock.monotonic()
        rows = await self._store.fetch("retry_sums")
        self._taken_at = self._clock.monotonic()
        self._rows, self._took = rows, self._taken_at - began

    async def _take_behind(self) -> None:
        try:
            await self._take()
        except HubError:
            self._rows = []  # whoever asks next is told what is wrong
        finally:
            self._taking = None
