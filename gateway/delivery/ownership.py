"""Who runs which lane: takes what falls to this node, gives back what does not, notices what is lost."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from gateway.delivery.nodes import Node
from gateway.errors import HubError
from gateway.model.states import LaneKind
from gateway.pipeline import Bundle, Lane, LanePlan, Lanes
from gateway.ports import Ports
from gateway.store import Row, Store

__all__ = ["Ownership", "Runs"]

log = logging.getLogger("remithub.delivery")

RENEW_SECONDS = 1.0
"""Between two looks at who lives and who owns what."""

LOOK_SECONDS = 5.0
"""The same where one process has the store alone."""

NEWS_SECONDS = 0.1
"""Between two looks at what other nodes have put on our lanes."""


class Runs(Protocol):
    """What runs lanes of some kinds: workers, pollers."""

    def start_lane(self, lane: Lane) -> None:
        """Begin to work a lane that is ours."""
        ...

    async def stop_lane(self, name: str) -> None:
        """Start nothing more there; return when what is under way has ended."""
        ...

    def lose_lane(self, name: str) -> None:
        """Stop there at once: it is not ours any more."""
        ...

    def look_again(self, name: str) -> None:
        """Somebody beside its owner changed what the lane has set aside."""
        ...

    def lost(self) -> set[str]:
        """Return the lanes that turned out to belong to somebody else."""
        ...


class Ownership:
    """Keeps the lanes of a bundle running on this node as far as they fall to it."""

    def __init__(
        self,
        *,
        node: Node,
        lanes: Lanes,
        store: Store,
        ports: Ports,
        runs: Callable[[LaneKind], Runs],
        each_turn: Callable[[], Awaitable[None]],
    ) -> None:
        self.news_seconds = NEWS_SECONDS
        self._node = node
        self._lanes = lanes
        self._store = store
        self._ports = ports
        self._runs = runs
        self._each_turn = each_turn
        """What else is to be looked at about once a second: configuration, pauses, breakers."""
        self._plans: list[LanePlan] = []
        self._bundle = ""
        self._giving: dict[str, asyncio.Task[None]] = {}
        self._leaving = False
        self._balancing = asyncio.Lock()
        self._heard: dict[str, tuple[int, int]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def follow(self, bundle: Bundle) -> None:
        """Know every lane of a bundle, and run those that fall to this node, which has joined."""
        self._plans, self._bundle = bundle.lanes(), bundle.hash
        await self._lanes.ensure(self._plans)
        await self._balance()
        if self._tasks:
            return
        shared = (self._renew_forever, self._listen_forever)
        loops = shared if self._node.shared else (self._look_forever,)
        self._tasks = [asyncio.create_task(loop()) for loop in loops]

    async def stop(self) -> None:
        """Give back every lane once nothing of it is under way, then leave. The lease is renewed
        as long as that takes; who is cancelled cuts off what is under way."""
        self._leaving = True
        stops = (self._runs_of(name).stop_lane(name) for name in self._lanes.owned())
        try:
            await asyncio.gather(*self._giving.values(), *stops, return_exceptions=True)
        except asyncio.CancelledError:
            self._lose_all()
            raise
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._node.name:
            await self._node.leave()

    async def _look_forever(self) -> None:
        """Nobody else is there, but what is in memory must not differ from the record for long:
        the answer to a commit may have been lost."""
        while True:
            await self._ports.clock.sleep(LOOK_SECONDS)
            try:
                await self._each_turn()
            except Exception as trouble:
                log.warning("The node does not see the record: %s", _told(trouble))

    # -- who owns what -------------------------------------------------------------------------

    async def _renew_forever(self) -> None:
        while True:
            await self._ports.clock.sleep(RENEW_SECONDS)
            try:
                await self._renew()
                await self._balance()
                await self._each_turn()
            except Exception as trouble:  # whatever it is: a node that renews no more owns nothing
                log.warning("The node waits: %s", _told(trouble))
                self._give_up_when_late()

    async def _renew(self) -> None:
        """A store that does not answer must not keep us owners beyond the lease."""
        left = (
            self._lanes.lease_end - self._ports.clock.monotonic() if self._lanes.lease_end else 1
        )
        renewed = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(left, 0.0)):
                renewed = await self._node.renew(self._bundle)
        self._give_up_when_late()
        if not renewed:
            self._lose_all()
            await self._node.join(self._bundle)
            log.warning("The lease had run out; this process joins anew.")

    def _give_up_when_late(self) -> None:
        if self._node.expired:
            self._lose_all()

    def _lose_all(self) -> None:
        for name in self._lanes.owned():
            self._lose(name)

    def _lose(self, name: str) -> None:
        self._runs_of(name).lose_lane(name)
        self._lanes.forget(name)

    async def _balance(self) -> None:
        async with self._balancing:  # a reload comes in between
            await self._take_and_give()

    async def _take_and_give(self) -> None:
        """Take what falls to us and is free, give back what falls to others."""
        mine = self._node.share(self._plans, self._bundle)
        planned = {name for name, *_ in self._plans}
        for lost in sorted({name for kind in LaneKind for name in self._runs(kind).lost()}):
            self._lose(lost)
        if self._leaving:
            return
        for name in sorted(self._lanes.owned().keys() & planned - mine - self._giving.keys()):
            self._giving[name] = asyncio.create_task(self._give_back(name))
        await self._take(mine - self._lanes.owned().keys() - self._giving.keys())
        await self._free_orphans(mine)
        if self._node.shared:  # where one process has it all, a start refuses to leave any behind
            await self._adopt(planned)

    async def _adopt(self, planned: set[str]) -> None:
        """Run what a lane still owes that no configuration names any more and nobody living has:
        something came for it while its route was removed, and its owner has left since."""
        taken = planned | {node.name for node in self._node.living}
        for row in await self._store.fetch("lanes"):
            kind = LaneKind(row["kind"])
            if {row["name"], row["owner"]} & taken or not self._node.role.owns(kind):
                continue
            owes = row["head"] > row["cursor"]
            if owes or await self._store.fetch("retries", lane=row["name"], limit=1):
                plan = (row["interface"], row["destination"], row["route"])
                await self._lanes.ensure([(row["name"], kind.value, *plan)])
                await self._take({row["name"]})

    async def _take(self, names: set[str]) -> None:
        owner = self._node.name
        lanes = await self._lanes.take(names, owner)
        self._ports.fail_point("lane.after_take")
        if self._leaving:  # `stop` has not seen them: nobody would end them
            return
        if owner != self._node.name:  # the lease ran out meanwhile: anybody may take a dead node's
            for lane in lanes:
                self._lanes.forget(lane.name)
            return
        for lane in lanes:
            self._heard.pop(lane.name, None)
            self._runs_of(lane.name).start_lane(lane)

    async def _free_orphans(self, mine: set[str]) -> None:
        """Give back what is ours by the store and run by nobody: the answer to a take was lost,
        or a release was, and the lane falls to another node by now."""
        for row in await self._store.fetch("lane_news", owner=self._node.name):
            if row["name"] not in self._lanes.owned().keys() | mine | self._giving.keys():
                await self._lanes.free(row["lane_id"], row["epoch"])

    async def _give_back(self, name: str) -> None:
        try:
            await self._runs_of(name).stop_lane(name)
            await self._lanes.release(name)
        except HubError as trouble:
            log.warning("lane %s is not given back yet: %s", name, trouble.code)
        finally:
            del self._giving[name]

    def _runs_of(self, name: str) -> Runs:
        return self._runs(LaneKind(self._lanes[name].kind))

    # -- what others put on our lanes ----------------------------------------------------------

    async def _listen_forever(self) -> None:
        while True:
            await self._ports.clock.sleep(self.news_seconds)
            try:
                self._hear(await self._store.fetch("lane_news", owner=self._node.name))
            except Exception as trouble:
                log.warning("The node hears nothing: %s", _told(trouble))
                await self._ports.clock.sleep(RENEW_SECONDS)

    def _hear(self, rows: list[Row]) -> None:
        for row in rows:
            name, said = row["name"], (row["head"], row["asked"])
            before = self._heard.get(name)
            if said == before or name not in self._lanes.owned():
                continue
            self._heard[name] = said
            self._lanes.ring((name,))
            if before is None or said[1] != before[1]:
                self._runs_of(name).look_again(name)


def _told(trouble: Exception) -> str:
    return trouble.code if isinstance(trouble, HubError) else type(trouble).__name__
