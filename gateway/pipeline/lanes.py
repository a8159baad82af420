"""Lanes by name: their numbers and epochs in the store, and the bells that wake their owners."""

import asyncio
from collections.abc import Iterable

import msgspec

from gateway.errors import Conflict
from gateway.pipeline.due_time import DueTime
from gateway.ports import Clock
from gateway.store import Row, Statement, Store, Unit

__all__ = ["NOT_OURS", "Lane", "LaneLost", "LanePlan", "Lanes"]

NOT_OURS = -1
"""The epoch of a lane that this node does not own: no settling statement of it can succeed."""

LanePlan = tuple[str, str, str, str, str]
"""What a bundle says about a lane: (name, kind, interface, destination, route)."""


class LaneLost(Conflict):
    """The lane has another owner by now, or our lease has run out: whatever was under way is the
    new owner's to find out about. Nothing is set aside and nothing is tried again here."""

    code = "lane_lost"

    def __init__(self, name: str) -> None:
        super().__init__(f"Lane {name} belongs to another node by now.")


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """A lane. `epoch` fences: a settling statement of an older epoch fails."""

    lane_id: int
    name: str
    kind: str
    interface: str
    destination: str
    route: str
    epoch: int = NOT_OURS
    head: int = 0
    cursor: int = 0


class Lanes:
    """Every lane of the configuration; those with an epoch belong to this node."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.lease_end: float | None = None
        """Until when this node may act as an owner, on the monotonic clock; None: it need not
        ask, nobody else can be there."""
        self.due_time = DueTime(clock)
        """What tells this process when something that waits is due."""
        self._store = store
        self._clock = clock
        self._lanes: dict[str, Lane] = {}
        self._bells: dict[str, asyncio.Event] = {}
        self._made_due: set[str] = set()
        self._rung: set[str] = set()

    def __getitem__(self, name: str) -> Lane:
        return self._lanes[name]

    def know(self, plans: Iterable[LanePlan]) -> bool:
        """Return whether anything may be owed to all of those lanes."""
        return all(name in self._lanes for name, *_ in plans)

    def all(self) -> list[Lane]:
        """Return every lane known so far."""
        return list(self._lanes.values())

    def owned(self) -> dict[str, Lane]:
        """Return the lanes that belong to this node, by name."""
        return {lane.name: lane for lane in self._lanes.values() if lane.epoch != NOT_OURS}

    def must_hold(self, name: str) -> None:
        """Raise LaneLost unless the lane is ours and our lease still runs: asked right before
        anything that cannot be taken back."""
        late = self.lease_end is not None and self._clock.monotonic() >= self.lease_end
        if late or self._lanes[name].epoch == NOT_OURS:
            raise LaneLost(name)

    async def must_still_hold(self, name: str) -> None:
        """Ask the store whether the lane is still ours. Raises LaneLost."""
        self.must_hold(name)
        lane = self._lanes[name]
        (row,) = await self._store.fetch("lane_by_id", lane_id=lane.lane_id)
        if row["epoch"] != lane.epoch:
            raise LaneLost(name)

    def bell(self, name: str) -> asyncio.Event:
        """Return the event that is set whenever something new may be owed in that lane."""
        return self._bells[name]

    def ring(self, names: Iterable[str]) -> None:
        """Wake the owners of those lanes; called after the commit that owes them something."""
        for name in names:
            if name in self._bells:
                self._rung.add(name)
                self._bells[name].set()

    def rung(self, name: str) -> bool:
        """Return, once, whether somebody said that something new may be owed in that lane: a
        bell may be set for other reasons too."""
        there = name in self._rung
        self._rung.discard(name)
        return there

    def make_due(self, names: Iterable[str]) -> None:
        """Have this node's owners of those lanes look again at what is due; called after the
        commit that made it due."""
        there = [name for name in names if name in self._bells]
        self._made_due.update(there)
        self.ring(there)

    def made_due(self, name: str) -> bool:
        """Return, once, whether the lane's owner is to look again at what is due."""
        there = name in self._made_due
        self._made_due.discard(name)
        return there

    async def ensure(self, wanted: Iterable[LanePlan]) -> None:
        """Make the lanes that are not there yet, all at once, so that anything may be owed to
        them."""
        names = ("name", "kind", "interface", "destination", "route")
        missing = sorted(plan for plan in set(wanted) if plan[0] not in self._lanes)
        if not missing:
            return
        rows = [dict(zip(names, plan, strict=True)) for plan in missing]
        unit = Unit(statements=tuple(Statement("lane_ensure", row) for row in rows))
        made = await self._store.commit(unit)
        for row, (found, *_) in zip(rows, made.rows, strict=True):
            name = row["name"]
            if name not in self._lanes:  # another task may have come first
                numbered = {**row, "lane_id": found["lane_id"]}
                self._lanes[name] = msgspec.convert(numbered, Lane)
                self._bells[name] = asyncio.Event()

    async def take(self, names: Iterable[str], owner: str) -> list[Lane]:
        """Become the owner of those of the known lanes that are free, ours, or a dead node's, all
        at once; what a living node holds is left out. Taking raises the epoch."""
        wanted = sorted(names)
        if not wanted:
            return []
        rows = [{"lane_id": self._lanes[name].lane_id, "owner": owner} for name in wanted]
        unit = Unit(statements=tuple(Statement("lane_take", row) for row in rows))
        done = await self._store.commit(unit)
        return [
            self._taken(name, found[0])
            for name, found in zip(wanted, done.rows, strict=True)
            if found
        ]

    def _taken(self, name: str, row: Row) -> Lane:
        lane = msgspec.structs.replace(
            self._lanes[name], epoch=row["epoch"], head=row["head"], cursor=row["cursor"]
        )
        self._lanes[name] = lane
        return lane

    async def ask(self, *names: str) -> None:
        """Have the owners of those lanes look again, on whichever node they are."""
        asked = [{"lane_id": self._lanes[name].lane_id} for name in sorted(names)]
        unit = Unit(statements=tuple(Statement("lane_ask", lane) for lane in asked))
        await self._store.commit(unit)

    def forget(self, name: str) -> None:
        """It is not ours any more, whoever has it."""
        self._lanes[name] = msgspec.structs.replace(self._lanes[name], epoch=NOT_OURS)

    async def release(self, name: str) -> None:
        """Give a lane back, once nothing of it is under way here."""
        lane = self._lanes[name]
        self.forget(name)
        if lane.epoch != NOT_OURS:
            await self.free(lane.lane_id, lane.epoch)

    async def free(self, lane_id: int, epoch: int) -> None:
        """Let any node take a lane, unless one has since."""
        params = {"lane_id": lane_id, "epoch": epoch}
        await self._store.commit(Unit(statements=(Statement("lane_release", params),)))
