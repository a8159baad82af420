"""The composition root: reads the config folder, connects every part, starts and stops them."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from connectors.base import TransportFactory
from connectors.http import AiohttpTransport
from gateway.app.bundles import IN_FORCE, BundleShelf, read_bundle
from gateway.app.connections import LiveConnections
from gateway.app.node_mark import NodeMark
from gateway.app.pauses import Pauses
from gateway.app.stores import store_settings
from gateway.app.subscribing import Subscribing
from gateway.app.subscriptions import Subscriptions
from gateway.delivery import (
    Node,
    Operator,
    Ownership,
    Pollers,
    SchedulerTicks,
    Ticks,
    Workers,
    decider,
)
from gateway.errors import ConfigError
from gateway.model.roles import Role
from gateway.model.states import DestinationState, LaneKind
from gateway.pipeline import Bundle, Flow, Lanes, forget_unfinished, milliseconds
from gateway.ports import Ports
from gateway.settings import Secrets
from gateway.store import (
    BACKUP_NOTICE,
    AuditEntry,
    KeyRing,
    Space,
    Statement,
    Store,
    Unit,
    open_store,
)

__all__ = ["Hub", "Reloaded"]

log = logging.getLogger("remithub")

MARKS = "var/nodes"
"""Below the root folder: which nodes its processes are."""


class Reloaded(msgspec.Struct, frozen=True):
    """What a reload did."""

    bundle: str
    changed: bool
    interfaces: tuple[str, ...]
    opened: tuple[str, ...]

    @classmethod
    def by(cls, bundle: Bundle, opened: Iterable[str] = (), *, changed: bool) -> "Reloaded":
        """Return what following a bundle does."""
        names = tuple(sorted({**bundle.sources, **bundle.sinks}))
        return cls(bundle.hash, changed, names, tuple(sorted(opened)))


class Hub:
    """A hub over one root folder. Use `await Hub.open(...)`, then `start`, then `close`."""

    ready = False
    """Whether it has started and is not closing: only then it takes anything."""

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
        role: Role = Role.ALL,
        ticks: Ticks | None = None,
    ) -> None:
        self.root = root
        self.store = store
        self.keys = keys
        self.bundles = BundleShelf(bundle, store, environment, monotonic=ports.clock.monotonic)
        self.lanes = Lanes(store, ports.clock)
        self.ports = ports
        secrets = Secrets(root / bundle.config.hub.secrets_folder, environment)
        self.subscriptions = Subscriptions(store, keys, ports.clock)
        self.connections = LiveConnections(
            secret=self.subscriptions.before(secrets), transport=transport_factory, ports=ports
        )
        self._executor = ThreadPoolExecutor(2, thread_name_prefix="process")
        self.space = self._make_space(bundle)
        self.flow = self._make_flow()
        self._refused = ""
        self._mark: NodeMark | None = None
        self.workers = Workers(flow=self.flow, store=store, lanes=self.lanes, ports=ports)
        paused: dict[str, str] = {}
        self.pollers = self._make_pollers(ticks or SchedulerTicks(), paused)
        self.node = Node(store, self.lanes, ports, role)
        self.ownership = self._make_ownership()
        self.operator = Operator(store, self.lanes, ports, self.workers.look_again)
        self._reloading = asyncio.Lock()
        self.subscribing = Subscribing(
            self.subscriptions, self.bundles, store, self._follow, self._reloading
        )
        self.pauses = self._make_pauses(paused)

    def _make_space(self, bundle: Bundle) -> Space:
        where = bundle.config.hub.store
        # A database elsewhere says itself when it is full.
        low = 0 if self.store.shared else where.free_bytes_low
        return Space((self.root / where.path).parent, low, self.ports.clock)

    def _make_pollers(self, ticks: Ticks, paused: dict[str, str]) -> Pollers:
        return Pollers(
            flow=self.flow, store=self.store, ports=self.ports, ticks=ticks, paused=paused
        )

    def _make_pauses(self, reasons: dict[str, str]) -> Pauses:
        return Pauses(
            reasons,
            store=self.store,
            clock=self.ports.clock,
            bundles=self.bundles,
            workers=self.workers,
            pollers=self.pollers,
            subscribing=self.subscribing,
        )

    def _make_ownership(self) -> Ownership:
        return Ownership(
            node=self.node,
            lanes=self.lanes,
            store=self.store,
            ports=self.ports,
            runs=lambda kind: self.pollers if kind is LaneKind.POLL else self.workers,
            each_turn=self._each_turn,
        )

    def _make_flow(self) -> Flow:
        return Flow(
            store=self.store,
            space=self.space,
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
        role: Role = Role.ALL,
    ) -> "Hub":
        """Read the configuration and open the store. Raises ConfigError, StorageFault."""
        environment = os.environ if environment is None else environment
        ports = ports or Ports()
        bundle = read_bundle(root, environment, monotonic=ports.clock.monotonic)
        settings = bundle.config.hub.store
        key_file = root / settings.key_file
        fresh = not key_file.exists()
        keys = KeyRing.open(key_file)
        if fresh:
            log.warning("A new key file was made: %s. %s", settings.key_file, BACKUP_NOTICE)
        store = await open_store(store_settings(root, bundle.config.hub, environment), keys, ports)
        if role is not Role.ALL and not store.shared:
            await store.close()
            raise ConfigError(
                f"role '{role}' needs a database that processes can share",
                next_step="set `store.postgres` in hub.yaml, or run without --role.",
            )
        hub = cls(
            root,
            store,
            keys,
            bundle,
            environment=environment,
            ports=ports,
            transport_factory=transport_factory,
            role=role,
        )
        if store.shared:
            hub._mark = NodeMark.claim(root / MARKS)
        return hub

    async def start(self) -> None:
        """Take the lanes and start to work. Raises ConfigError where a secret is missing, or an
        interface or a route that still owes something."""
        left = await forget_unfinished(self.store, self.ports.clock)
        if left:
            log.warning("%d uploads had not been finished; their senders still have them.", left)
        await self.subscribing.begin(self.root)
        if self._mark and self._mark.name:
            await self.node.bury(self._mark.name)
        await self.node.join(self.bundles.current.hash)
        self._write_mark()
        others = await self._followed_by_others()
        if others is None:
            await self.workers.may_leave(self.bundles.current, self.subscriptions.ended)
            await self._follow(self.bundles.current)
        else:
            await self._follow(others, announce=False)
        self.ready = True

    def _write_mark(self) -> None:
        if self._mark and self._mark.name != self.node.name:
            self._mark.write(self.node.name)

    async def _followed_by_others(self) -> Bundle | None:
        """Return the configuration that living nodes follow: one that joins does as they do."""
        if all(living.name == self.node.name for living in self.node.living):
            return None
        found = await self.bundles.recall(await self.bundles.in_force())
        if found is not None and found.hash != self.bundles.current.hash:
            log.warning(
                "The other nodes follow another configuration than this folder's: theirs is taken."
                " `remithub reload` here makes all follow this one."
            )
        return found

    async def close(self) -> None:
        """Start nothing more, let what is under way end, close everything."""
        self.ready = False
        await self.ownership.stop()
        self.pollers.stop()
        await self.connections.close()
        if self._mark:
            self._mark.release()
            self._mark = None
        self._executor.shutdown(wait=True)
        await self.store.close()

    async def reload(self, *, actor: str = "command line") -> Reloaded:
        """Read the root folder again and follow it, or raise ConfigError and change nothing.

        What began under the old configuration ends under it. What a fault had paused runs again.
        Other nodes on the same store follow within seconds.
        """
        async with self._reloading:
            bundle = await self._read()
            changed = bundle.hash != self.bundles.current.hash
            opened = await self._follow(bundle)
            await self.pauses.end_those_of_faults(actor=actor)
        return Reloaded.by(bundle, opened, changed=changed)

    async def _read(self) -> Bundle:
        """Read the root folder. Raises ConfigError, also where something owed is left out."""
        bundle = await self.bundles.read(self.root, await self.subscriptions.load())
        await self.workers.may_leave(bundle, self.subscriptions.ended)
        return bundle

    # -- following a bundle --------------------------------------------------------------------

    async def _follow(self, bundle: Bundle, *, announce: bool = True) -> set[str]:
        ready = self.connections.prepare(bundle)
        row = {
            "hash": bundle.hash,
            "at": milliseconds(self.ports.clock.now()),
            "body": BundleShelf.text(bundle),
        }
        statements = [Statement("bundle_insert", row)]
        if announce:
            statements.append(Statement("hub_put", {"key": IN_FORCE, "value": bundle.hash}))
        audit = AuditEntry("hub", "bundle.apply", bundle.hash)
        try:
            self.ports.fail_point("reload.before_commit")
            await self.store.commit(Unit(statements=tuple(statements), audit=(audit,)))
            self.ports.fail_point("reload.after_commit")
        except BaseException:
            await self.connections.drop(ready)
            raise
        opened = self.connections.switch(ready)
        self.bundles.put(bundle)
        self.workers.follow(bundle)
        self.pollers.follow(bundle, self.connections.source)
        await self._look_around()  # before anything starts: it would knock where all is paused
        await self.ownership.follow(bundle)
        return opened

    async def _each_turn(self) -> None:
        """Follow what another node has put in force, and look around."""
        self._write_mark()
        await self._look_around()
        await self.subscribing.look()
        wanted = await self.bundles.in_force()
        if wanted in (self.bundles.current.hash, self._refused, "") or self._reloading.locked():
            return
        async with self._reloading:
            bundle = await self.bundles.recall(wanted)
            try:
                if bundle is not None:
                    await self._follow(bundle, announce=False)
            except ConfigError as fault:
                self._refused = wanted
                log.error("This node cannot follow the configuration in force: %s", fault)  # noqa: TRY400 - the text says it all

    async def _look_around(self) -> None:
        self.workers.share_among(self.node.fellows(LaneKind.DELIVER))
        await self.pauses.look()

    # -- what people ask of it -----------------------------------------------------------------

    async def rehearse(self) -> Reloaded:
        """Say what a reload would do, and change nothing. Raises ConfigError."""
        bundle = await self._read()
        return Reloaded.by(bundle, changed=bundle.hash != self.bundles.current.hash)

    async def resume(self, interface: str, *, actor: str) -> None:
        """Let a paused destination be tried, or a paused source be polled again. Raises NotFound."""
        await self.pauses.put(interface, DestinationState.RUN, actor=actor, reason="")

    async def pause(self, interface: str, *, actor: str, reason: str) -> None:
        """Try nothing at that destination, or poll that source no more, until it is resumed.

        The reason, a person's own words, goes on the audit record only. Raises NotFound.
        """
        await self.pauses.put(interface, DestinationState.PAUSED, actor=actor, reason=reason)

    async def drained(self, *, within_seconds: float) -> bool:
        """Wait until nothing new is owed and nothing is under way; False when time ran out."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                while not self.workers.idle:
                    await self.ports.clock.sleep(0.02)
                return True
        return False
