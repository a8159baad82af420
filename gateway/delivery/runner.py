"""The owner of one lane: works off what is owed past the cursor, comes back to what failed.

The lane's owner keeps in memory only its window. What is done stands as attempts above the
cursor, what failed stands in the retry table; the cursor follows lazily.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import msgspec

from gateway.delivery.destination import Destination, Ticket
from gateway.delivery.due import Due, Place
from gateway.delivery.order import MAX_KEYS, KeyOrder
from gateway.delivery.told import place_of, told
from gateway.delivery.waiting import rung_within
from gateway.delivery.window import Window
from gateway.errors import HubError, TryAgain
from gateway.model.states import AttemptOutcome, DestinationState, LaneKind, RetryState
from gateway.pipeline import Lane, LaneItem, LaneLost, Lanes, Settled
from gateway.ports import Ports
from gateway.settings import OnDead, Priority
from gateway.store import Row, Statement, Store, Unit

__all__ = ["LaneRunner", "Work"]

log = logging.getLogger("remithub.delivery")

CURSOR_EVERY = 128
IDLE_SECONDS = 30.0
TROUBLE_SECONDS = 1.0


class Work:
    """What is done with an item of a lane, and how it is set aside when even that fails."""

    def __init__(
        self,
        perform: Callable[[LaneItem], Awaitable[Settled]],
        set_aside: Callable[[LaneItem, str, str], Awaitable[Settled]],
        told: Callable[[LaneItem], Awaitable[Settled]] | None = None,
    ) -> None:
        self.perform = perform
        self.set_aside = set_aside
        self.told = told
        """Settles without the destination what a stored message has made final."""


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
        priority: Priority = Priority.NORMAL,
    ) -> None:
        self.lane = lane
        self.destination = destination
        self.lost = False
        """Somebody else owns the lane by now."""
        self._work = work
        self._store = store
        self._lanes = lanes
        self._ports = ports
        self._order = order
        self._bell = lanes.bell(lane.name)
        self._seat = destination.seat(self._bell, priority)
        self._window = Window(lane, store)
        self._due = Due(lane, store, lanes.due_time)
        self._flying: dict[Place, asyncio.Task[None]] = {}
        self._fresh_next = True
        self._tried: set[Place] = set()
        """What was owed before this node owned the lane, and was tried here since."""
        self._recovered = self._keys_known = False
        self._turning = False
        self._stopping = False
        self._looked_at = ports.clock.monotonic()

    async def run(self) -> None:
        """Work until `stop`, then let what is under way end; or until the lane is lost. Nothing
        else ends it: a lane without an owner would be money that nobody looks at."""
        while not self._stopping:
            self._bell.clear()
            self._turning = True  # what it reads may be on its way for a while
            try:
                await self._turn()
            except LaneLost:
                self.lose()
            except Exception as trouble:
                log.warning("lane %s waits: %s", self.lane.name, told(trouble))
                self._seat.rest()
                self.look_again()
                await self._ports.clock.sleep(TROUBLE_SECONDS)
        self._seat.leave()
        await asyncio.gather(*self._flying.values(), return_exceptions=True)
        if not self.lost:
            with contextlib.suppress(LaneLost):
                await self._window.move_cursor(least=1)

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

    def follow(self, *, on_dead: OnDead, priority: Priority) -> bool:
        """Go by these settings from now on; return whether keys are to be looked at again."""
        self._seat.priority = priority
        changed = on_dead is not self._order.on_dead
        self._order.on_dead = on_dead
        return changed

    @property
    def under_way(self) -> int:
        """How many attempts are under way."""
        return len(self._flying)

    @property
    def pending(self) -> int:
        """How many items were taken up and are neither settled nor set aside yet."""
        return self._window.pending

    @property
    def read_to(self) -> int:
        """Up to here the lane was read."""
        return self._window.read_to

    @property
    def settled_to(self) -> int:
        """Up to here everything is settled or set aside; the stored cursor follows lazily."""
        return self._window.settled_to

    @property
    def idle(self) -> bool:
        """Whether nothing is under way and nothing new is owed that has not been started."""
        busy = self._flying or self._window or self._window.more or self._due
        return not (busy or self._turning or self._bell.is_set())

    # -- what is to be done --------------------------------------------------------------------

    async def _turn(self) -> None:
        if not self._recovered:
            await self._window.recover()
            self._recovered = True
        if not self._keys_known:
            await self._learn_keys()
        if self._lanes.made_due(self.lane.name):
            self._due.look_again()
        now = self._ports.clock.monotonic()
        if self._lanes.rung(self.lane.name) or now - self._looked_at >= IDLE_SECONDS:
            self._window.look_again()  # the answer to what owed it may have been lost: nobody rang
            self._looked_at = now
        await self._tell_others()
        await self._settle_told()
        await self._start()
        await self._window.move_cursor(least=CURSOR_EVERY)
        self._turning = False
        await self._wait()

    async def _tell_others(self) -> None:
        """Write once that the destination's breaker has opened or closed: other nodes, and this
        one after a restart, go by that."""
        news = self.destination.news()
        if news is not None and self.lane.kind == LaneKind.DELIVER:
            try:
                unit = Unit(statements=(Statement("destination_breaker", news),))
                await self._store.commit(unit)
            except HubError as trouble:
                log.warning("a breaker is known here only: %s", trouble.code)
                self.destination.not_told(news)

    async def _settle_told(self) -> None:
        """Where nothing may be sent for a while, what a message has made final is settled all the
        same; else it comes up as due."""
        told, stopped = self._work.told, self.destination.stopped
        while told is not None and stopped and not self._stopping:
            items = [item for item in await self._due.told() if self._may_settle(item)]
            if not items:
                return
            for item in items:
                self._order.started(item)
            ends = await asyncio.gather(*(self._settle(item, told) for item in items))
            for item, settled in zip(items, ends, strict=True):
                if settled is not None:
                    self._learn(item, settled)

    def _may_settle(self, item: LaneItem) -> bool:
        if (item.seq, item.part_offset) in self._flying:
            return False
        return self._order.may_retry(item.order_key, item.seq)

    async def _start(self) -> None:
        while not self._stopping and self.destination.may_start:
            item = await self._choose()
            if item is None:
                break
            ticket = self.destination.take(self._seat)
            if ticket is None:
                (self._due if item.retrying else self._window).put_back(item)
                return
            self._launch(item, ticket)
        if self._stopping or self.destination.may_start:
            self._seat.rest()
        else:  # lanes go by turns once it may: a probe is not always the first one's that wakes
            self._seat.wait()

    async def _choose(self) -> LaneItem | None:
        """Return what goes next: fresh and due items in turn while there are both; to a partner
        that is probed what has not failed yet."""
        while True:
            await self._due.ready(self._may_retry, len(self._flying))
            fresh = await self._window.fill()
            if not (self._due or fresh):
                return None
            if fresh and (self._fresh_next or self.destination.probing or not self._due):
                item = self._window.take()
                if await self._may_start(item):
                    return item
            else:
                item = self._due.take()
                if self._order.may_retry(item.order_key, item.seq):
                    return item

    def _may_retry(self, row: Row) -> bool:
        if (row["seq"], row["part_offset"]) in self._flying:
            return False
        return self._order.may_retry(row["order_key"] or "", row["seq"])

    async def _may_start(self, item: LaneItem) -> bool:
        try:
            blocked = self._order.must_ask(item.order_key) and await self._holds(item.order_key)
        except BaseException:
            self._window.put_back(item)  # nobody else knows of it
            raise
        return self._order.may_start(item, blocked=blocked)

    async def _holds(self, key: str) -> bool:
        rows = await self._store.fetch(
            "retry_states_of_key", lane_id=self.lane.lane_id, order_key=key
        )
        return any(self._order.blocks(RetryState(row["state"])) for row in rows)

    # -- doing it ------------------------------------------------------------------------------

    def _launch(self, item: LaneItem, ticket: Ticket) -> None:
        if ticket.probe:
            item = msgspec.structs.replace(item, probe=True)
        place = (item.seq, item.part_offset)
        if item.seq <= self.lane.head and place not in self._tried:
            item = msgspec.structs.replace(item, inherited=True)
            self._tried.add(place)
        self._fresh_next = item.retrying
        self._order.started(item)
        attempt = asyncio.create_task(self._perform(item, ticket), name=item.delivery_id)
        self._flying[place] = attempt
        # Not in a `finally`: an attempt that is cut off before its first step has none.
        attempt.add_done_callback(lambda _: self._landed(place, attempt))

    def _landed(self, place: Place, attempt: "asyncio.Task[None]") -> None:
        if self._flying.get(place) is attempt:  # the next one of that place may have begun
            del self._flying[place]
        self.destination.leave()

    async def _perform(self, item: LaneItem, ticket: Ticket) -> None:
        settled = await self._settle(item, self._work.perform)
        if settled is not None and settled.pause:
            settled = await self._unless_resumed(settled)
        self._flying.pop((item.seq, item.part_offset), None)
        if settled is not None:
            self.destination.learn(settled, ticket)
            self._learn(item, settled)

    async def _unless_resumed(self, settled: Settled) -> Settled:
        """The record says whether the destination is paused: a person may have resumed it since
        this attempt was settled."""
        rows = await self._store.fetch("destination_by_name", name=self.destination.name)
        if rows and rows[0]["state"] == DestinationState.RUN:
            return msgspec.structs.replace(settled, pause=False, news=False)
        return settled

    async def _settle(
        self, item: LaneItem, perform: Callable[[LaneItem], Awaitable[Settled]]
    ) -> Settled | None:
        """Perform the item; while the store itself is in trouble, wait and perform it again."""
        while True:
            try:
                if item.retrying and (changed := await self._changed(item)):
                    return changed
                return await perform(item)
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
                log.error("%s is set aside: %s", item.delivery_id, place_of(bug))  # noqa: TRY400 - see above
                return await self._set_aside(item, "internal_error", place_of(bug))

    async def _changed(self, item: LaneItem) -> Settled | None:
        """Return what has become of an item that a person has discarded, parked or replayed since
        it was taken up; None where nothing has."""
        place = {"seq": item.seq, "part_offset": item.part_offset}
        rows = await self._store.fetch("retry_one", lane_id=self.lane.lane_id, **place)
        if not rows:
            return Settled(outcome=AttemptOutcome.DISCARDED, news=False)
        state = RetryState(rows[0]["state"])
        if (state, rows[0]["generation"]) == (item.state, item.generation):
            return None
        self._due.look_again()
        return Settled(outcome=AttemptOutcome.DISCARDED, state=state, news=False)

    async def _set_aside(self, item: LaneItem, code: str, detail: str) -> Settled | None:
        """Where even that fails it is tried until it works: it is not performed again, since it
        may have had its effect, and it is not left without an owner."""
        while not self._stopping:
            try:
                return await self._work.set_aside(item, code, detail)
            except LaneLost:
                self.lose()
            except Exception as trouble:
                log.error("%s waits: %s", item.delivery_id, told(trouble))  # noqa: TRY400 - see above
            await self._ports.clock.sleep(TROUBLE_SECONDS)
        return None

    def _learn(self, item: LaneItem, settled: Settled) -> None:
        if item.part_offset < 0:  # a part may be settled while its artifact is still under way
            self._window.settled(item.seq)
        if settled.state is None:
            self._tried.discard((item.seq, item.part_offset))
        if settled.due_at is not None:
            self._due.at(settled.due_at)
        for released in self._order.settled(item, settled.state):
            self._window.put_back(released)
        if self._order.retry_waited(item.order_key):
            self._due.look_again()

    def look_again(self) -> None:
        """Somebody changed what is set aside: what is due and which keys are blocked is read anew
        in the next turn, once, however often this is said until then."""
        self._due.look_again()
        self._window.look_again()
        self._keys_known = False
        self._bell.set()

    async def _learn_keys(self) -> None:
        self._keys_known = True
        await self._learn_blocked()
        for key in self._order.waiting():
            if not (self._order.must_ask(key) and await self._holds(key)):
                for released in self._order.free(key):
                    self._window.put_back(released)

    async def _learn_blocked(self) -> None:
        self._order.begin_to_learn()
        lane = {"lane_id": self.lane.lane_id, "passed": self._order.passed}
        self._order.learn(await self._store.fetch("retry_keys", **lane, limit=MAX_KEYS + 1))

    # -- waiting -------------------------------------------------------------------------------

    async def _wait(self) -> None:
        # A token may have come since this lane was refused one: nobody rings for that.
        if self._bell.is_set() or self.destination.may_take(self._seat):
            return
        waits = [IDLE_SECONDS]
        until_open, until_due = self.destination.waits(), self._due.seconds()
        if until_open is not None:
            waits.append(until_open)
        elif until_due is not None and self.destination.free() > 0:
            waits.append(until_due)
        seconds = max(min(waits), 0.001)
        if await rung_within(self._bell, seconds):
            return
        if seconds >= TROUBLE_SECONDS:
            await self._window.move_cursor(least=1)
        if seconds >= IDLE_SECONDS:
            self._due.look_again()  # whatever woke nobody is found now
