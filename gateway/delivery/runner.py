"""The owner of one lane: reads what is owed past the cursor, works it off, comes back to what failed.

The lane's owner keeps in memory only its window. What is done stands as attempts above the
cursor, what failed stands in the retry table; the cursor follows lazily.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.delivery.destination import Destination
from gateway.delivery.order import KeyOrder
from gateway.errors import HubError, TryAgain
from gateway.model.states import AttemptOutcome, RetryState
from gateway.pipeline import (
    RELEASED,
    REPLAYED,
    Lane,
    LaneItem,
    LaneLost,
    Lanes,
    Settled,
    milliseconds,
)
from gateway.ports import Ports
from gateway.store import Statement, Store, Unit, UnitConflict

__all__ = ["LaneRunner", "Work"]

log = logging.getLogger("remithub.delivery")

WINDOW = 256
"""Owed rows read at once."""
MAX_PENDING = 4096
"""Items in memory of one lane; above it the lane reads no further."""
CURSOR_EVERY = 128
FAR_FUTURE = 2**62
IDLE_SECONDS = 30.0
TROUBLE_SECONDS = 1.0


class Work:
    """What is done with an item of a lane, and how it is set aside when even that fails."""

    def __init__(
        self,
        perform: Callable[[LaneItem], Awaitable[Settled]],
        set_aside: Callable[[LaneItem, str, str], Awaitable[Settled]],
    ) -> None:
        self.perform = perform
        self.set_aside = set_aside


class LaneRunner:
    """Runs one lane until it is stopped."""

    def __init__(
        self,
        lane: Lane,
        work: Work,
        destination: Destination,
        *,
        store: Store,
        lanes: Lanes,
        ports: Ports,
        order: KeyOrder,
    ) -> None:
        self.lane = lane
        self._work = work
        self.destination = destination
        self._store = store
        self._bell = lanes.bell(lane.name)
        destination.bells.append(self._bell)
        self._ports = ports
        self._order = order
        self.read_to = lane.cursor
        self._cursor = lane.cursor
        self._window: deque[LaneItem] = deque()
        self._pending: set[int] = set()
        self._flying: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._skip: set[int] = set()
        self._recovered = False
        self.lost = False
        """Somebody else owns the lane by now."""
        self._next_due: int | None = 0
        self._more = True
        self._stopping = False

    async def run(self) -> None:
        """Work until `stop`, then let what is under way end; or until the lane is lost. Nothing
        else ends it: a lane without an owner would be money that nobody looks at."""
        while not self._stopping:
            self._bell.clear()
            try:
                await self._turn()
            except LaneLost:
                self.lose()
            except Exception as trouble:
                log.warning("lane %s waits: %s", self.lane.name, _told(trouble))
                self._next_due = 0
                await self._ports.clock.sleep(TROUBLE_SECONDS)
        await asyncio.gather(*self._flying.values(), return_exceptions=True)
        self.destination.bells.remove(self._bell)
        if not self.lost:
            with contextlib.suppress(LaneLost):
                await self._move_cursor(least=1)

    def stop(self) -> None:
        """Start nothing more."""
        self._stopping = True
        self._bell.set()

    def lose(self) -> None:
        """Stop at once: another node owns the lane, or soon will. What is under way is cut off;
        what became of it is the next owner's to find out."""
        self.lost = True
        self.stop()
        for attempt in self._flying.values():
            attempt.cancel()

    @property
    def under_way(self) -> int:
        """How many attempts are under way."""
        return len(self._flying)

    @property
    def pending(self) -> int:
        """How many items were taken up and are neither settled nor set aside yet."""
        return len(self._pending)

    @property
    def settled_to(self) -> int:
        """Up to here everything is settled or set aside; the stored cursor follows lazily."""
        return min(self._pending) - 1 if self._pending else self.read_to

    @property
    def idle(self) -> bool:
        """Whether nothing is under way and nothing new is owed that has not been started."""
        return not (self._flying or self._window or self._more or self._bell.is_set())

    # -- what is to be done --------------------------------------------------------------------

    async def _turn(self) -> None:
        if not self._recovered:
            await self._recover()
        await self._start_due()
        await self._start_new()
        await self._move_cursor(least=CURSOR_EVERY)
        await self._wait()

    async def _recover(self) -> None:
        """Learn what happened above the cursor before this process owned the lane."""
        after = {"lane_id": self.lane.lane_id, "after_seq": self._cursor}
        # In this order: what a person discards in between is in one of the two.
        aside = await self._store.fetch("set_aside_above", **after)
        done = await self._store.fetch("settled_above", **after)
        self._skip = {row["seq"] for row in (*aside, *done)}
        self._order.block(await self._store.fetch("retry_keys", lane_id=self.lane.lane_id))
        self._recovered = True

    async def _start_new(self) -> None:
        # Looked at twice: another lane of the destination may take the place during the read.
        while self.destination.free() > 0 and await self._fill():
            if self.destination.free() <= 0:
                return
            item = self._window.popleft()
            if self._order.may_start(item):
                self._launch(item)

    async def _fill(self) -> bool:
        while not self._window and len(self._pending) < MAX_PENDING:
            rows = await self._store.fetch(
                "owed_window", lane_id=self.lane.lane_id, after_seq=self.read_to, limit=WINDOW
            )
            self._more = bool(rows)
            for row in rows:
                self.read_to = row["seq"]
                if row["seq"] not in self._skip:
                    self._pending.add(row["seq"])
                    self._window.append(self._item(row))
                self._skip.discard(row["seq"])
            if not rows:
                break
        return bool(self._window)

    async def _start_due(self) -> None:
        if self._next_due is None or self.destination.free() <= 0:
            return
        now = milliseconds(self._ports.clock.now())
        if self._next_due > now:
            return
        rows = await self._store.fetch(
            "retry_due",
            lane_id=self.lane.lane_id,
            now=FAR_FUTURE,
            limit=len(self._flying) + self.destination.free() + 1,
        )
        self._next_due = None
        for row in rows:
            if (row["seq"], row["part_offset"]) in self._flying:
                continue
            item = await self._retry_item(row)
            if row["due_at"] > now or self.destination.free() <= 0:
                self._next_due = row["due_at"]
                break
            self._launch(item)

    async def _retry_item(self, row: dict[str, Any]) -> LaneItem:
        (owed,) = await self._store.fetch("owed_one", lane_id=row["lane_id"], seq=row["seq"])
        return self._item(
            owed,
            part_offset=row["part_offset"],
            tries=row["attempts"],
            generation=row["generation"],
            retrying=True,
            unsure=row["failure"] in ("unknown", REPLAYED),
            again=row["failure"] == REPLAYED,
            confirming=row["state"] == RetryState.CONFIRMING,
            despite=row["code"] if row["failure"] == RELEASED else "",
            since=row["since"],
        )

    def _item(self, row: dict[str, Any], **more: Any) -> LaneItem:
        return LaneItem(
            lane=self.lane.name,
            seq=row["seq"],
            item_id=row["item_id"],
            delivery_id=row["delivery_id"],
            order_key=row["order_key"] or "",
            **more,
        )

    # -- doing it ------------------------------------------------------------------------------

    def _launch(self, item: LaneItem) -> None:
        self.destination.busy += 1
        self._order.started(item)
        place = (item.seq, item.part_offset)
        self._flying[place] = asyncio.create_task(self._perform(item), name=item.delivery_id)

    async def _perform(self, item: LaneItem) -> None:
        settled: Settled | None = None
        try:
            settled = await self._settle(item)
        finally:
            del self._flying[item.seq, item.part_offset]
            if settled is not None:
                self._learn(item, settled)
            self.destination.leave()

    async def _settle(self, item: LaneItem) -> Settled | None:
        """Perform the item; while the store itself is in trouble, wait and perform it again."""
        while True:
            try:
                if item.retrying and not await self._stands(item):
                    return Settled(outcome=AttemptOutcome.DISCARDED)
                return await self._work.perform(item)
            except LaneLost:
                self.lose()
                return None
            except TryAgain as trouble:
                log.warning("%s waits: %s", item.delivery_id, trouble.code)
                if self._stopping:
                    return None
                await self._ports.clock.sleep(TROUBLE_SECONDS)
            except HubError as fault:
                log.error("%s is set aside: %s", item.delivery_id, fault.code)  # noqa: TRY400 - the code says it all; a trace may quote payload
                return await self._set_aside(item, fault.code, "")
            except Exception as bug:
                # The text of an unknown exception may hold payload: its kind and place only.
                log.error("%s is set aside: %s", item.delivery_id, _place(bug))  # noqa: TRY400 - see above
                return await self._set_aside(item, "internal_error", _place(bug))

    async def _stands(self, item: LaneItem) -> bool:
        """Return whether nobody has discarded the item since it was taken up."""
        place = {"seq": item.seq, "part_offset": item.part_offset}
        return bool(await self._store.fetch("retry_one", lane_id=self.lane.lane_id, **place))

    async def _set_aside(self, item: LaneItem, code: str, detail: str) -> Settled | None:
        """Where even that fails it is tried until it works: it is not performed again, since it
        may have had its effect, and it is not left without an owner."""
        while not self._stopping:
            try:
                return await self._work.set_aside(item, code, detail)
            except LaneLost:
                self.lose()
            except Exception as trouble:
                log.error("%s waits: %s", item.delivery_id, _told(trouble))  # noqa: TRY400 - see above
            await self._ports.clock.sleep(TROUBLE_SECONDS)
        return None

    def _learn(self, item: LaneItem, settled: Settled) -> None:
        self.destination.learn(settled)
        if item.part_offset < 0:  # a part may be settled while its artifact is still under way
            self._pending.discard(item.seq)
        if settled.due_at is not None:
            due = settled.due_at
            self._next_due = due if self._next_due is None else min(due, self._next_due)
        for released in self._order.settled(item, settled.state):
            self._window.appendleft(released)

    def look_again(self) -> None:
        """A person changed the retry table: due rows and blocked keys are to be read anew."""
        self._next_due = 0
        self._bell.set()

    async def unblock(self) -> None:
        """Read anew which ordering keys are blocked."""
        self.look_again()
        blocked = self._order.blocked()
        rows = await self._store.fetch("retry_keys", lane_id=self.lane.lane_id)
        for released in self._order.reblock(rows, among=blocked):
            self._window.appendleft(released)
        self._bell.set()

    # -- waiting and the cursor ----------------------------------------------------------------

    async def _move_cursor(self, *, least: int) -> None:
        cursor = min(self._pending) - 1 if self._pending else self.read_to
        if cursor - self._cursor < least:
            return
        params = {
            "lane_id": self.lane.lane_id,
            "cursor": cursor,
            "epoch": self.lane.epoch,
        }
        try:
            await self._store.commit(
                Unit(statements=(Statement("lane_cursor", params, expect=1),))
            )
        except UnitConflict:
            raise LaneLost(self.lane.name) from None
        self._cursor = cursor

    async def _wait(self) -> None:
        waits = [IDLE_SECONDS]
        opens = self.destination.opens_in()
        if opens is not None:
            waits.append(opens)
        elif self._next_due is not None and self.destination.free() > 0:
            waits.append((self._next_due - milliseconds(self._ports.clock.now())) / 1000)
        try:
            async with asyncio.timeout(max(min(waits), 0.001)):
                await self._bell.wait()
        except TimeoutError:
            self._next_due = 0  # whatever woke nobody is found now
            await self._move_cursor(least=1)


def _told(trouble: Exception) -> str:
    return trouble.code if isinstance(trouble, HubError) else _place(trouble)


def _place(bug: Exception) -> str:
    trace = bug.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else "?"
    return f"{type(bug).__name__} in {where}"
