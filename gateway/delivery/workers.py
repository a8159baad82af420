"""All lane owners of this process, and the destinations they share: started and kept by a bundle."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from gateway.delivery.destination import Destination
from gateway.delivery.order import KeyOrder
from gateway.delivery.runner import LaneRunner, Work
from gateway.errors import ConfigError
from gateway.model.states import LaneKind
from gateway.pipeline import Bundle, Flow, Lane, Lanes, process_lane
from gateway.ports import Ports
from gateway.settings import RetrySettings
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
        self._running: list[asyncio.Task[None]] = []

    async def follow(self, bundle: Bundle) -> None:
        """Make the destinations and lanes that are new, adapt those that are not."""
        for name, sink in bundle.sinks.items():
            if name not in self.destinations:
                self.destinations[name] = Destination(
                    name, concurrency=1, retry=sink.settings.retry, clock=self._ports.clock
                )
            self.destinations[name].concurrency = sink.settings.concurrency
            self.destinations[name].retry = sink.settings.retry
        for name, source in bundle.sources.items():
            runner = self.runners.get(process_lane(name))
            if runner is not None:
                runner.destination.concurrency = source.settings.concurrency
        for lane in await self._lanes.take(bundle.lanes()):
            self._run(lane, bundle)

    def _run(self, lane: Lane, bundle: Bundle) -> None:
        flow = self._flow
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
                destination = self.destinations[lane.destination]
                work = Work(flow.dispatch, flow.set_aside)
                order = KeyOrder(bundle.sinks[lane.destination].settings.on_dead)
        runner = LaneRunner(
            lane,
            work,
            destination,
            store=self._store,
            lanes=self._lanes,
            ports=self._ports,
            order=order,
        )
        self.runners[lane.name] = runner
        self._running.append(asyncio.create_task(runner.run(), name=lane.name))

    async def may_leave(self, bundle: Bundle) -> None:
        """Refuse a bundle that drops a lane which still owes something. Raises ConfigError."""
        wanted = {name for name, *_ in bundle.lanes()}
        for lane in await self._store.fetch("lanes"):
            if lane["name"] not in wanted and await self._owes(lane):
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

    def look_again(self, lanes: Iterable[str]) -> None:
        """A person changed what those lanes had set aside: their owners read it anew."""
        for name in lanes:
            if name in self.runners:
                task = asyncio.create_task(self.runners[name].unblock())
                task.add_done_callback(_log_failure)

    def resume(self, destination: str) -> None:
        """Let a paused destination be tried again."""
        self.destinations[destination].resume()
        lanes = [lane.name for lane in self._lanes.all() if lane.destination == destination]
        self.look_again(lanes)

    @property
    def idle(self) -> bool:
        """Whether nothing new is owed and nothing is under way."""
        return all(runner.idle for runner in self.runners.values())

    async def stop(self) -> None:
        """Start nothing more; return when what is under way has ended."""
        for runner in self.runners.values():
            runner.stop()
        await asyncio.gather(*self._running, return_exceptions=True)


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("a lane could not look again: %s", type(task.exception()).__name__)
