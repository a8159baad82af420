"""What a lane has set aside and may be tried again: read when it is due, a few rows at a time."""

from collections import deque
from collections.abc import Callable

from gateway.delivery.window import lane_item
from gateway.model.states import RetryState
from gateway.pipeline import RELEASED, REPLAYED, Lane, LaneItem
from gateway.pipeline.due_time import DueTime
from gateway.store import Row, Store

__all__ = ["Due", "Place"]

Place = tuple[int, int]
"""(seq, part offset): what names an item of a lane."""

BATCH = 64
"""Due rows in hand at most."""

FAR_FUTURE = 2**62


class Due:
    """The due items of one lane. Rows in hand may be outdated: whoever performs one looks."""

    def __init__(self, lane: Lane, store: Store, due_time: DueTime) -> None:
        self._lane = lane
        self._store = store
        self._due_time = due_time
        self._items: deque[LaneItem] = deque()
        self._next_at: int | None = 0

    def __bool__(self) -> bool:
        return bool(self._items)

    def seconds(self) -> float | None:
        """Return how long it is until the next is due, None where none waits."""
        if self._next_at is None:
            return None
        return (self._next_at - self._due_time.now()) / 1000

    def at(self, due_at: int) -> None:
        """Something will be due then, in milliseconds by the due time."""
        self._next_at = due_at if self._next_at is None else min(due_at, self._next_at)

    def look_again(self) -> None:
        """The table was changed by others: what is in hand counts no more."""
        self._items.clear()
        self._next_at = 0

    async def ready(self, may_go: Callable[[Row], bool], flying: int) -> bool:
        """Return whether something due is in hand; reads where something may have become due.
        A row that may not go now is left out: whoever says so calls `look_again` later."""
        if self._items or self._next_at is None:
            return bool(self._items)
        now = self._due_time.now()
        if self._next_at > now:
            return False
        self._next_at = None  # whatever is said meanwhile counts
        limit = flying + BATCH
        rows = await self._store.fetch(
            "retry_due", lane_id=self._lane.lane_id, now=FAR_FUTURE, limit=limit
        )
        for row in rows:
            if row["due_at"] > now:
                self.at(row["due_at"])
                break
            if may_go(row):
                self._items.append(await self._item(row))
        else:
            if self._items and len(rows) == limit:
                self.at(0)  # there are more than were read
        return bool(self._items)

    async def told(self) -> list[LaneItem]:
        """Return some of what a message has come for that makes it final, whether in hand or not."""
        rows = await self._store.fetch("retry_told", lane_id=self._lane.lane_id, limit=BATCH)
        return [await self._item(row) for row in rows]

    def take(self) -> LaneItem:
        """Return the next item; there is one."""
        return self._items.popleft()

    def put_back(self, item: LaneItem) -> None:
        """It is the next one again."""
        self._items.appendleft(item)

    async def _item(self, row: Row) -> LaneItem:
        (owed,) = await self._store.fetch("owed_one", lane_id=row["lane_id"], seq=row["seq"])
        return lane_item(
            self._lane,
            owed,
            part_offset=row["part_offset"],
            tries=row["attempts"],
            generation=row["generation"],
            retrying=True,
            unsure=row["failure"] in ("unknown", "unconfirmed", REPLAYED),
            again=row["failure"] == REPLAYED,
            state=RetryState(row["state"]),
            despite=row["code"] if row["failure"] == RELEASED else "",
            since=row["since"],
            correlation=row["correlation"] or "",
        )
