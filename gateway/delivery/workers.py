"""All lane owners of this process, and the destinations they share: started and kept by a bundle."""

import asyncio
import logging
from collections import Counter
from typing import Any

from gateway.delivery.destination import Destination
from gateway.delivery.order import KeyOrder
from gateway.delivery.runner import LaneRunner, Work
from gateway.errors import ConfigError
from gateway.model.states import LaneKind
from gateway.pipeline import Bundle, Flow, Lane, Lanes, process_lane
from gateway.ports import Ports
from gateway.settings import Priority, RetrySettings
from gateway.store import Row, Store

__all__ = ["Workers"]

log = logging.getLogger("remithub.delivery")

REPLY_CONCURRENCY = 4
"""Raw answers of one destination that are processed at once."""


class Workers:
    """Runs a lane owner for every lane a bundle needs; what is not needed any more runs empty."""

    def __init__(self, *, flow: Flow, store: Store, lanes: Lanes, ports: Ports) -> None:
        self.destinations: dict[str, Destination] = {}
        self.runners: dict[str, LaneRunner] = {}
        self._flow = flow
        self._store = store
        self._lanes = lanes
        self._ports = ports
        self._running: dict[str, asyncio.Task[None]] = {}
        self._bundle: Bundle | None = None

    def follow(self, bundle: Bundle) -> None:
        """Make the destinations that are new, adapt those that are not."""
        self._bundle = bundle
        for name, sink in bundle.sinks.items():
            settings = sink.settings
            limits: Any = {
                "concurrency": settings.concurrency,
                "retry": settings.retry,
                "rate": settings.rate,
            }
            if name not in self.destinations:
                self.destinations[name] = Destination(name, clock=self._ports.clock, **limits)
            self.destinations[name].follow(**limits)
        self._follow_lanes(bundle)
        for name, source in bundle.sources.items():
            runner = self.runners.get(process_lane(name))
            if runner is not None:
                runner.destination.concurrency = source.settings.concurrency

    def _follow_lanes(self, bundle: Bundle) -> None:
        priorities = bundle.priorities()
        for name, runner in self.runners.items():
            sink = bundle.sinks.get(runner.lane.destination)
            if sink is None or name not in priorities:
                continue
            if runner.follow(on_dead=sink.settings.on_dead, priority=priorities[name]):
                self.look_again(name)

    # -- what `Ownership` asks -----------------------------------------------------------------

    def start_lane(self, lane: Lane) -> None:
        """Begin to work a lane that is ours."""
        assert self._bundle is not None  # noqa: S101 - `follow` comes first
        bundle, flow = self._bundle, self._flow
        match LaneKind(lane.kind):
            case LaneKind.PROCESS:
                source = bundle.sources.get(lane.interface)
                destination = Destination(
                    lane.name,
                    concurrency=source.settings.concurrency if source else REPLY_CONCURRENCY,
                    retry=RetrySettings(),
                    clock=self._ports.clock,
                )
                work, order = Work(flow.process, flow.set_aside), KeyOrder()
            case LaneKind.DELIVER:
                sink = bundle.sinks.get(lane.destination)  # of one that is gone all is set aside
                destination = self.destinations.get(lane.destination) or Destination(
                    lane.name,
                    concurrency=REPLY_CONCURRENCY,
                    retry=RetrySettings(),
                    clock=self._ports.clock,
                )
                work = Work(flow.dispatch, flow.set_aside, flow.told)
                order = KeyOrder(sink.settings.on_dead) if sink else KeyOrder()
        runner = LaneRunner(
            lane,
            work,
            destination,
            store=self._store,
            lanes=self._lanes,
            ports=self._ports,
            order=order,
            priority=bundle.priorities().get(lane.name, Priority.NORMAL),
        )
        self.runners[lane.name] = runner
        self._running[lane.name] = asyncio.create_task(runner.run(), name=lane.name)

    async def stop_lane(self, name: str) -> None:
        """Start nothing more there; return when what is under way has ended."""
        if name in self.runners:
            self.runners[name].stop()
            await asyncio.gather(self._running[name], return_exceptions=True)
            self._drop(name)

    def lose_lane(self, name: str) -> None:
        """Stop there at once: it is not ours any more."""
        if name in self.runners:
            self.runners[name].lose()
            self._drop(name)

    def _drop(self, name: str) -> None:
        self.runners.pop(name, None)
        self._running.pop(name, None)

    def look_again(self, name: str) -> None:
        """Somebody changed what that lane has set aside: its owner reads it anew."""
        if name in self.runners:
            self.runners[name].look_again()

    def lost(self) -> set[str]:
        """Return the lanes that turned out to belong to somebody else."""
        return {name for name, runner in self.runners.items() if runner.lost}

    # -- what the hub asks ---------------------------------------------------------------------

    def share_among(self, nodes: int) -> None:
        """So many living nodes deliver: each has its share of what a destination allows. No more
        can be at one than it has lanes."""
        lanes = Counter(lane.destination for lane in self._lanes.all() if lane.destination)
        for name, destination in self.destinations.items():
            destination.nodes = max(1, min(nodes, lanes[name]))

    async def may_leave(self, bundle: Bundle, ended: frozenset[str] = frozenset()) -> None:
        """Refuse a bundle that drops a lane which still owes something, unless to a destination
        that has `ended`. Raises ConfigError."""
        wanted = {name for name, *_ in bundle.lanes()}
        for lane in await self._store.fetch("lanes"):
            gone = lane["name"] not in wanted and lane["destination"] not in ended
            if gone and await self._owes(lane):
                where = lane["route"] or lane["interface"]
                raise ConfigError(
                    f"'{where}' still owes something to '{lane['destination'] or 'process'}'",
                    next_step="put it back, let it drain or discard what is set aside, then"
                    " remove it.",
                )

    async def _owes(self, lane: Row) -> bool:
        """Whether anything of a stored lane is not settled; its cursor follows lazily."""
        if await self._store.fetch("retries", lane=lane["name"], limit=1):
            return True
        place = {"lane_id": lane["lane_id"], "after_seq": lane["cursor"]}
        settled = await self._store.fetch("settled_above", **place)
        return bool(lane["head"] - lane["cursor"] > len(settled))

    def resume(self, destination: str) -> None:
        """Let a paused destination be tried again."""
        self.destinations[destination].resume()
        for lane in self._lanes.all():
            if lane.destination == destination:
                self.look_again(lane.name)

    @property
    def idle(self) -> bool:
        """Whether nothing new is owed and nothing is under way."""
        return all(runner.idle for runner in self.runners.values())
