"""What a lane owes past its cursor: read in order, a bounded part of it in memory, the cursor after it."""

from collections import deque
from typing import Any

from gateway.pipeline import Lane, LaneItem, LaneLost
from gateway.store import Row, Statement, Store, Unit, UnitConflict

__all__ = ["MAX_PENDING", "Window", "lane_item"]

WINDOW = 256
"""Owed rows read at once."""

MAX_PENDING = 4096
"""Items in memory of one lane; above it the lane reads no further."""


def lane_item(lane: Lane, row: Row, **more: Any) -> LaneItem:
    """Return what an owed row says is to be done."""
    return LaneItem(
        lane=lane.name,
        seq=row["seq"],
        item_id=row["item_id"],
        delivery_id=row["delivery_id"],
        order_key=row["order_key"] or "",
        **more,
    )


class Window:
    """The items of one lane that are read and not settled, and those of them not yet started."""

    def __init__(self, lane: Lane, store: Store) -> None:
        self.read_to = lane.cursor
        self.more = True
        """Whether there may be something that was not read yet."""
        self._lane = lane
        self._store = store
        self._cursor = lane.cursor
        self._items: deque[LaneItem] = deque()
        self._pending: set[int] = set()
        self._skip: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._items)

    @property
    def pending(self) -> int:
        """How many items were taken up and are neither settled nor set aside yet."""
        return len(self._pending)

    @property
    def settled_to(self) -> int:
        """Up to here everything is settled or set aside; the stored cursor follows lazily."""
        return min(self._pending) - 1 if self._pending else self.read_to

    async def recover(self) -> None:
        """Learn what happened above the cursor before this process owned the lane."""
        if self._lane.head <= self._cursor:
            return  # nothing was owed there
        after = {"lane_id": self._lane.lane_id, "after_seq": self._cursor}
        # In this order: what a person discards in between is in one of the two.
        aside = await self._store.fetch("set_aside_above", **after)
        done = await self._store.fetch("settled_above", **after)
        self._skip = {row["seq"] for row in (*aside, *done)}

    async def fill(self) -> bool:
        """Read on where nothing is in hand; return whether something is now."""
        while self.more and not self._items and len(self._pending) < MAX_PENDING:
            rows = await self._store.fetch(
                "owed_window", lane_id=self._lane.lane_id, after_seq=self.read_to, limit=WINDOW
            )
            self.more = len(rows) == WINDOW
            for row in rows:
                self.read_to = row["seq"]
                if row["seq"] not in self._skip:
                    self._pending.add(row["seq"])
                    self._items.append(lane_item(self._lane, row))
                self._skip.discard(row["seq"])
        return bool(self._items)

    def look_again(self) -> None:
        """Somebody says that more may be owed."""
        self.more = True

    def take(self) -> LaneItem:
        """Return the next item; there is one."""
        return self._items.popleft()

    def put_back(self, item: LaneItem) -> None:
        """It is the next one again."""
        self._items.appendleft(item)

    def settled(self, seq: int) -> None:
        """Forget an item that is settled or set aside."""
        self._pending.discard(seq)

    async def move_cursor(self, *, least: int) -> None:
        """Store how far everything is settled, where that is `least` further. Raises LaneLost."""
        cursor = self.settled_to
        if cursor - self._cursor < least:
            return
        params = {"lane_id": self._lane.lane_id, "cursor": cursor, "epoch": self._lane.epoch}
        try:
            await self._store.commit(
                Unit(statements=(Statement("lane_cursor", params, expect=1),))
            )
        except UnitConflict:
            raise LaneLost(self._lane.name) from None
        self._cursor = cursor
