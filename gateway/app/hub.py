"""The composition root: reads the config folder, connects every part, starts and stops them."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from connectors.base import TransportFactory
from connectors.http import AiohttpTransport
from gateway.app.bundles import BundleShelf, read_bundle
from gateway.app.connections import LiveConnections
from gateway.delivery import Destination, KeyOrder, LaneRunner, Operator, Poller, Work, decider
from gateway.errors import ConfigError, NotFound
from gateway.pipeline import (
    Bundle,
    Flow,
    Lane,
    Lanes,
    forget_unfinished,
    milliseconds,
    process_lane,
)
from gateway.ports import Ports
from gateway.settings import RetrySettings, Secrets
from gateway.store import (
    BACKUP_NOTICE,
    AuditEntry,
    KeyRing,
    Statement,
    Store,
    StoreSettings,
    Unit,
    open_store,
)

__all__ = ["Hub", "Reloaded"]

log = logging.getLogger("remithub")

OWNER = "hub"
"""The one owner of every lane while one process runs on an embedded database."""


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a reload did."""

    bundle: str
    changed: bool
    interfaces: tuple[str, ...]
    opened: tuple[str, ...]


class Hub:
    """A hub over one root folder. Use `await Hub.open(...)`, then `start`, then `close`."""

    def __init__(
        self,
        root: Path,
        store: Store,
        keys: KeyRing,
        bundle: Bundle,
        *,
        environment: Mapping[str, str],
        ports: Ports,
        transport_factory: TransportFactory,
    ) -> None:
        self.root = root
        self.store = store
        self.keys = keys
        self.bundles = BundleShelf(bundle)
        self.lanes = Lanes(store, OWNER)
        self.ports = ports
        self._environment = environment
        secrets = Secrets(root / bundle.config.hub.secrets_folder, environment)
        self.connections = LiveConnections(
            secret=secrets, transport=transport_factory, ports=ports
        )
        self._executor = ThreadPoolExecutor(2, thread_name_prefix="process")
        self.flow = self._make_flow()
        self.operator = Operator(store, self.lanes, ports, self._look_again)
        self.destinations: dict[str, Destination] = {}
        self.runners: dict[str, LaneRunner] = {}
        self.pollers: dict[str, Poller] = {}
        self._running: list[asyncio.Task[None]] = []
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._reloading = asyncio.Lock()
        self.ready = False

    def _make_flow(self) -> Flow:
        return Flow(
            store=self.store,
            lanes=self.lanes,
            bundles=self.bundles,
            connections=self.connections,
            sealer=self.keys,
            decide=decider(self.ports.randomness),
            executor=self._executor,
            ports=self.ports,
        )

    @classmethod
    async def open(
        cls,
        root: Path,
        environment: Mapping[str, str] | None = None,
        ports: Ports | None = None,
        transport_factory: TransportFactory = AiohttpTransport,
    ) -> "Hub":
        """Read the configuration and open the store. Raises ConfigError, StorageFault."""
        environment = os.environ if environment is None else environment
        ports = ports or Ports()
        bundle = read_bundle(root, environment)
        settings = bundle.config.hub.store
        key_file = root / settings.key_file
        fresh = not key_file.exists()
        keys = KeyRing.open(key_file)
        if fresh:
            log.warning("A new key file was made: %s. %s", settings.key_file, BACKUP_NOTICE)
        store = await open_store(
            StoreSettings(path=root / settings.path, reader_threads=settings.reader_threads),
            keys,
            ports,
        )
        return cls(
            root,
            store,
            keys,
            bundle,
            environment=environment,
            ports=ports,
            transport_factory=transport_factory,
        )

    async def start(self) -> None:
        """Take the lanes and start to work. Raises ConfigError where a secret is missing."""
        left = await forget_unfinished(self.store)
        if left:
            log.warning("%d uploads had not been finished; their senders still have them.", left)
        self._scheduler.start()
        await self._follow(self.bundles.current)
        self.ready = True

    async def close(self) -> None:
        """Start nothing more, let what is under way end, close everything."""
        self.ready = False
        await asyncio.gather(*(poller.stop() for poller in self.pollers.values()))
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        for runner in self.runners.values():
            runner.stop()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self.connections.close()
        self._executor.shutdown(wait=True)
        await self.store.close()

    async def reload(self, *, actor: str = "command line") -> Reloaded:
        """Read the root folder again and follow it, or raise ConfigError and change nothing.

        What began under the old configuration ends under it. Paused destinations run again.
        """
        async with self._reloading:
            loop = asyncio.get_running_loop()
            bundle = await loop.run_in_executor(None, read_bundle, self.root, self._environment)
            await self._may_leave(bundle)
            changed = bundle.hash != self.bundles.current.hash
            opened = await self._follow(bundle)
            await self._resume(actor)
        return Reloaded(
            bundle=bundle.hash,
            changed=changed,
            interfaces=tuple(sorted({**bundle.sources, **bundle.sinks})),
            opened=tuple(sorted(opened)),
        )

    # -- following a bundle --------------------------------------------------------------------

    async def _follow(self, bundle: Bundle) -> set[str]:
        opened = await self.connections.follow(bundle)
        row = {
            "hash": bundle.hash,
            "at": milliseconds(self.ports.clock.now()),
            "body": BundleShelf.text(bundle),
        }
        audit = AuditEntry("hub", "bundle.apply", bundle.hash)
        await self.store.commit(
            Unit(statements=(Statement("bundle_insert", row),), audit=(audit,))
        )
        paused = {row["name"]: row for row in await self.store.fetch("destinations")}
        for name, sink in bundle.sinks.items():
            known = self.destinations.get(name)
            destination = Destination(
                name,
                concurrency=sink.settings.concurrency,
                retry=sink.settings.retry,
                clock=self.ports.clock,
            )
            if known is None:
                self.destinations[name] = destination
                if paused.get(name, {}).get("state") == "paused":
                    destination.paused = paused[name]["reason"]
            else:
                known.concurrency = sink.settings.concurrency
                known.retry = sink.settings.retry
        self.bundles.put(bundle)
        for lane in await self.lanes.take(bundle.lanes()):
            self._run_lane(lane, bundle)
        self._poll(bundle)
        for name, poller in self.pollers.items():
            if paused.get(name, {}).get("state") == "paused":
                poller.pause(paused[name]["reason"])
        return opened

    def _run_lane(self, lane: Lane, bundle: Bundle) -> None:
        if lane.kind == "process":
            source = bundle.sources.get(lane.interface)
            destination = Destination(
                lane.name,
                concurrency=source.settings.concurrency if source else 4,
                retry=RetrySettings(),
                clock=self.ports.clock,
            )
            work = Work(self.flow.process, self.flow.set_aside)
            order = KeyOrder()
        else:
            destination = self.destinations[lane.destination]
            work = Work(self.flow.dispatch, self.flow.set_aside)
            order = KeyOrder(bundle.sinks[lane.destination].settings.on_dead)
        runner = LaneRunner(
            lane,
            work,
            destination,
            store=self.store,
            lanes=self.lanes,
            ports=self.ports,
            order=order,
        )
        self.runners[lane.name] = runner
        self._running.append(asyncio.create_task(runner.run(), name=lane.name))

    def _poll(self, bundle: Bundle) -> None:
        """Let the scheduler tick every source's poll; it only ticks, the work is the poller's."""
        self._scheduler.remove_all_jobs()
        before, self.pollers = self.pollers, {}
        for name, source in bundle.sources.items():
            if not source.settings.connector:
                continue
            port = self.connections.source(name)
            kept = before.get(name)
            if kept is None or kept.source is not port:
                kept = Poller(name, port, flow=self.flow, store=self.store, ports=self.ports)
            self.pollers[name] = kept
        for name, poller in self.pollers.items():
            self._scheduler.add_job(
                poller.poll,
                "interval",
                id=name,
                seconds=max(bundle.sources[name].settings.poll_seconds, 0.1),
                next_run_time=self.ports.clock.now(),
                misfire_grace_time=None,
                coalesce=True,
                max_instances=1,
            )

    async def _may_leave(self, bundle: Bundle) -> None:
        """Refuse to drop a lane that still owes something: drain it first, or discard."""
        wanted = {name for name, *_ in bundle.lanes()}
        gone = [lane for lane in self.lanes.all() if lane.name not in wanted]
        for lane in gone:
            rows = await self.store.fetch("retries", lane=lane.name, limit=1)
            (row,) = await self.store.fetch("lane_by_id", lane_id=lane.lane_id)
            under_way = not self.runners[lane.name].idle
            if rows or under_way or row["head"] > self.runners[lane.name].read_to:
                where = lane.route or lane.interface
                raise ConfigError(
                    f"'{where}' still owes something to '{lane.destination or 'process'}'",
                    next_step="let it drain, or discard what is set aside, then reload.",
                )

    async def _resume(self, actor: str) -> None:
        for name in [n for n, d in self.destinations.items() if d.paused]:
            await self.resume(name, actor=actor)
        for name in [n for n, p in self.pollers.items() if p.state.paused]:
            await self.resume(name, actor=actor)

    # -- what people ask of it -----------------------------------------------------------------

    async def rehearse(self) -> Reloaded:
        """Say what a reload would do, and change nothing. Raises ConfigError."""
        loop = asyncio.get_running_loop()
        bundle = await loop.run_in_executor(None, read_bundle, self.root, self._environment)
        await self._may_leave(bundle)
        return Reloaded(
            bundle=bundle.hash,
            changed=bundle.hash != self.bundles.current.hash,
            interfaces=tuple(sorted({**bundle.sources, **bundle.sinks})),
            opened=(),
        )

    async def resume(self, interface: str, *, actor: str) -> None:
        """Let a paused destination be tried, or a paused source be polled again. Raises NotFound."""
        await self._set_pause(interface, "run", "", actor)
        if interface in self.pollers:
            self.pollers[interface].resume()
            return
        self.destinations[interface].resume()
        self._look_again(lane.name for lane in self.lanes.all() if lane.destination == interface)

    async def pause(self, interface: str, *, actor: str, reason: str) -> None:
        """Try nothing at that destination, or poll that source no more, until it is resumed.

        Raises NotFound.
        """
        reason = reason or "paused by a person"
        await self._set_pause(interface, "paused", reason, actor)
        if interface in self.pollers:
            self.pollers[interface].pause(reason)
            return
        self.destinations[interface].paused = reason

    async def _set_pause(self, name: str, state: str, reason: str, actor: str) -> None:
        able = {*self.destinations, *self.pollers}
        if name not in able:
            known = ", ".join(sorted(able))
            raise NotFound(f"Nothing is tried or polled at '{name}' (but at: {known}).")
        row = {
            "name": name,
            "state": state,
            "reason": reason,
            "since": milliseconds(self.ports.clock.now()),
            "detail": "",
        }
        audit = AuditEntry(actor, f"interface.{state}", name, reason)
        await self.store.commit(
            Unit(statements=(Statement("destination_put", row),), audit=(audit,))
        )

    def _look_again(self, lanes: Iterable[str]) -> None:
        for name in lanes:
            if name in self.runners:
                task = asyncio.create_task(self.runners[name].unblock())
                task.add_done_callback(_log_failure)

    async def drained(self, *, within_seconds: float) -> bool:
        """Wait until nothing new is owed and nothing is under way; False when time ran out."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                while not all(runner.idle for runner in self.runners.values()):
                    await self.ports.clock.sleep(0.02)
                return True
        return False

    def process_runner(self, interface: str) -> LaneRunner:
        """Return the owner of an interface's process lane, for what wants to watch it."""
        return self.runners[process_lane(interface)]


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("a lane could not look again: %s", type(task.exception()).__name__)
