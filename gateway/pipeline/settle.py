"""Settle: put on record how an attempt ended, however long that takes.

What has happened is offered to the store until it is durable; it is never done again for the
record's sake.
"""

import logging

import msgspec

from gateway.errors import StorageFault
from gateway.model.states import AttemptOutcome, RetryState
from gateway.pipeline.bundle import process_lane
from gateway.pipeline.correlate import asked_of
from gateway.pipeline.facts import LaneItem
from gateway.pipeline.lanes import Lanes
from gateway.pipeline.plan import Plan, Settled, given_up
from gateway.pipeline.reading import Reading
from gateway.pipeline.records import milliseconds
from gateway.pipeline.units import NOTHING, Result, Units, lanes_of
from gateway.ports import Ports
from gateway.store import Store, Unit, UnitConflict

__all__ = ["Settling"]

log = logging.getLogger("remithub.pipeline")

TROUBLE_SECONDS = 1.0
"""Pause before a store in trouble is offered the same unit again."""


class Settling:
    """Writes the end of attempts."""

    def __init__(
        self, *, store: Store, units: Units, lanes: Lanes, reading: Reading, ports: Ports
    ) -> None:
        self._store = store
        self._units = units
        self._lanes = lanes
        self._reading = reading
        self._ports = ports

    async def settle(
        self, item: LaneItem, number: int, plan: Plan, result: Result = NOTHING
    ) -> Settled:
        """Settle one attempt by its plan. Raises LaneLost where the lane has a new owner."""
        at = milliseconds(self._ports.clock.now())
        self._ports.fail_point("settle.before_commit")
        try:
            await self.surely(self._units.settled(item, number, plan, result, at=at))
        except UnitConflict as conflict:
            found = await self._in_its_way(item, number, plan, result, at)
            if found is None:
                raise conflict from None
            if isinstance(found, Settled):
                return found
            plan = found
        self._ports.fail_point("settle.after_commit")
        self._lanes.ring(lanes_of(result.replies))
        if result.kept[0]:
            self._lanes.ring([process_lane(self._lanes[item.lane].destination)])
        self._lanes.make_due(asked_of(result.replies))
        waits = plan.state in (RetryState.WAITING, RetryState.CONFIRMING)
        due_at = self._lanes.due_time.now() + int(plan.wait_seconds * 1000) if waits else None
        return Settled(
            outcome=plan.outcome,
            state=plan.state,
            due_at=due_at,
            failure=plan.failure,
            pause=plan.pause,
            retry_after_seconds=plan.retry_after_seconds,
            news=plan.news,
        )

    async def _in_its_way(
        self, item: LaneItem, number: int, plan: Plan, result: Result, at: int
    ) -> Plan | Settled | None:
        """Return the plan that holds after a conflict: where this very unit did it before, with
        the state that a person has given the item since; where a person was first, what is left of
        it; or how the attempt was settled before. None where nothing explains it.

        The store is asked until it answers: the attempt was made, and who does not know its record
        is not to make it again. Raises LaneLost.
        """
        while True:
            try:
                await self._lanes.must_still_hold(item.lane)
                done = await self.stands(item, number, at=at)
                if done is not None:
                    return msgspec.structs.replace(plan, state=done.state)
                changed = await self._on_record(item, plan, result, at)
                return changed or await self.stands(item, number)
            except StorageFault as trouble:
                await self._wait_for_the_store(trouble)

    async def surely(self, unit: Unit) -> None:
        """Commit the unit, however long the store is in trouble. Raises UnitConflict."""
        while True:
            try:
                await self._store.commit(unit)
            except StorageFault as trouble:
                await self._wait_for_the_store(trouble)
            else:
                return

    async def _wait_for_the_store(self, trouble: StorageFault) -> None:
        log.warning("an outcome waits for the store: %s", trouble.code)
        await self._ports.clock.sleep(TROUBLE_SECONDS)

    async def set_aside(self, item: LaneItem, code: str, detail: str) -> Settled:
        """Make a dead letter of what could not be tried, or tried to its end. A delivery may have
        had its effect: its replay keeps the key and asks first."""
        number = await self._reading.attempt_number(item)
        plan = given_up(item, code, detail)
        if self._lanes[item.lane].destination:
            plan = msgspec.structs.replace(
                plan, outcome=AttemptOutcome.UNKNOWN, failure="internal"
            )
        return await self.settle(item, number, plan)

    async def changed(self, item: LaneItem) -> Settled | None:
        """Return how an item stands that a person has discarded, parked or replayed since it was
        taken up, None where nobody has."""
        if not item.retrying:
            return None
        rows = await self._store.fetch("retry_one", **self._place(item))
        if not rows:
            return Settled(outcome=AttemptOutcome.DISCARDED, news=False)
        row = rows[0]
        state = RetryState(row["state"])
        if (state, row["generation"]) == (item.state, item.generation):
            return None
        waits = state in (RetryState.WAITING, RetryState.CONFIRMING)
        due_at = row["due_at"] if waits else None
        return Settled(outcome=AttemptOutcome.DISCARDED, state=state, due_at=due_at, news=False)

    async def discarded(self, item: LaneItem) -> bool:
        """Return whether a person has discarded the item while it was under way."""
        return item.retrying and not await self._store.fetch("retry_one", **self._place(item))

    async def stands(self, item: LaneItem, number: int, *, at: int = 0) -> Settled | None:
        """Return how this attempt was settled before (`at` that moment, where it is given), None
        where it was not: whatever failed after that transaction does not make it undone."""
        place = self._place(item)
        rows = await self._store.fetch("attempt_one", **place, number=number)
        if not rows or at not in (0, rows[0]["at"]):
            return None
        aside = await self._store.fetch("retry_one", **place)
        return Settled(
            outcome=AttemptOutcome(rows[0]["outcome"]),
            state=RetryState(aside[0]["state"]) if aside else None,
            due_at=aside[0]["due_at"] if aside else None,
        )

    async def _on_record(self, item: LaneItem, plan: Plan, result: Result, at: int) -> Plan | None:
        """A person has discarded or parked the item while it was tried. What came of that goes on
        record all the same, and a success is one; else it stays as the person has left it.
        None where nobody has done such a thing."""
        rows = await self._store.fetch("retry_one", **self._place(item)) if item.retrying else []
        state = RetryState(rows[0]["state"]) if rows else None
        if not item.retrying or state is item.state:
            return None
        number = await self._reading.attempt_number(item)
        tried = msgspec.structs.replace(plan, state=None)
        done = state is not None and plan.state is None
        left = msgspec.structs.replace(item, retrying=done, state=state or item.state)
        await self.surely(self._units.settled(left, number, tried, result, at=at))
        return msgspec.structs.replace(plan, state=None if done else state)

    def _place(self, item: LaneItem) -> dict[str, int]:
        return {
            "lane_id": self._lanes[item.lane].lane_id,
            "seq": item.seq,
            "part_offset": item.part_offset,
        }
