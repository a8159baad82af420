"""What the API calls, over the hub: hands in what only memory knows, passes the rest on."""

import asyncio
from collections.abc import Iterable
from functools import partial

from connectors.base import CheckReport, Probe, Receiver, Sink, Source
from connectors.webhook import nobody
from gateway.api import Catalogue, ContractView, Polled, ReloadReport
from gateway.app.bundles import registry_of
from gateway.app.client_subscriptions import ClientSubscriptions
from gateway.app.contract_folder import ContractFolder, Decide
from gateway.app.hub import Hub, Reloaded
from gateway.delivery import Destination, Poller
from gateway.errors import Conflict, NotFound
from gateway.governance import compile_mask
from gateway.governance.envelope import event_kind
from gateway.governance.lifecycle import Usage
from gateway.governance.references import Reference
from gateway.health import (
    DestinationFacts,
    Direction,
    InterfaceFacts,
    InterfaceHealth,
    LaneFacts,
    PollFacts,
    Sums,
    look,
    render,
    snapshot,
)
from gateway.model.roles import Role
from gateway.pipeline import Bundle, milliseconds, poll_lane
from gateway.registry import ContractVersion
from gateway.store import AuditEntry, Unit
from gateway.translation import Limits

__all__ = ["HubServices"]

PROBE_SECONDS = 20
"""How long the other side may take to answer a probe."""


class HubServices:
    """The `gateway.api.Services` of one hub, running or only opened."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.flow = hub.flow
        self.store = hub.store
        self.operator = hub.operator
        self.ports = hub.ports
        self.subscriptions = ClientSubscriptions(hub)
        self._sums = Sums(hub.store, hub.ports.clock)
        self._catalogue: tuple[str, Catalogue] = ("", Catalogue(registry_of(hub.root)))
        self._views: dict[tuple[str, str, str], ContractView] = {}
        self._changing = asyncio.Lock()

    def begin(self) -> None:
        """Sum, behind the hub's start, what the first answers show."""
        self._sums.begin()

    @property
    def ready(self) -> bool:
        """Whether the hub takes and delivers."""
        return self.hub.ready

    @property
    def bundle(self) -> Bundle:
        """The configuration in force."""
        return self.hub.bundles.current

    def contract(self, name: str, version: str) -> ContractView:
        """Return a contract version as it is shown. Raises NotFound."""
        key = (self.bundle.hash, name, version)
        if key not in self._views:
            self._views[key] = self._view(name, version)
        return self._views[key]

    @property
    def catalogue(self) -> Catalogue:
        """The contracts of the configuration in force."""
        if self._catalogue[0] != self.bundle.hash:
            self._catalogue = (self.bundle.hash, Catalogue(registry_of(self.hub.root)))
        return self._catalogue[1]

    async def contract_step(
        self,
        version: ContractVersion,
        to: str,
        decide: Decide,
        *,
        known: Iterable[Reference],
        usage: Usage,
        audit: AuditEntry,
    ) -> ContractVersion:
        """Take a step of a version's life as `decide` says, put it on the audit record, and show
        it from now on. Raises what `decide` raises; Conflict where it has changed meanwhile."""
        clock = self.ports.clock
        limits = Limits(monotonic=clock.monotonic)
        async with self._changing:
            bundles = self.hub.bundles
            folder = ContractFolder(
                self.hub.root, bundles.environment, limits, lambda _: bundles.subscriptions
            )
            now = folder.registry.contract(version.name, version.version)
            if now.record != version.record:
                raise Conflict("It has changed meanwhile.", next_step="read it again.")
            run = partial(folder.decided, now=clock.now(), known=known, usage=usage)
            record = await asyncio.to_thread(run, now, to, decide)
            await self.store.commit(Unit(audit=(audit,)))
            folder.put(now, record)
            self._show_anew()
        return self.catalogue.version(version.name, version.version)

    def _show_anew(self) -> None:
        """Read contracts again: where nothing of the configuration uses a version, its state is no
        part of the bundle."""
        self._catalogue, self._views = ("", self._catalogue[1]), {}

    @property
    def api_nodes(self) -> int:
        """How many processes serve the API over the same store, at least 1."""
        serving = (Role.API, Role.ALL)
        return max(1, sum(node.role in serving for node in self.hub.node.living))

    def _view(self, name: str, version: str) -> ContractView:
        registry = self.catalogue.registry
        found = registry.contract(name, version)
        schema = registry.bundled_schema(name, version)
        mask_key = self.hub.keys.blind_index("mask", self.bundle.tenant).encode()
        return ContractView(
            name=name,
            version=version,
            schema=schema,
            mask=compile_mask(schema, mask_key),
            event=event_kind(found, schema),
        )

    # -- health -------------------------------------------------------------------------------

    async def interfaces(self, names: Iterable[str] = ()) -> list[InterfaceHealth]:
        """Return the health of those interfaces, of all where none is named. Raises NotFound."""
        facts = self._facts()
        wanted = list(names)
        for name in wanted:
            if name not in facts:
                known = ", ".join(sorted(facts))
                raise NotFound(f"There is no such interface (there are: {known}).")
        chosen = [facts[name] for name in wanted or sorted(facts)]
        return await look(chosen, self._lanes(), self.store, now=self._now(), sums=self._sums)

    def _facts(self) -> dict[str, InterfaceFacts]:
        sources = {name: self._source(name) for name in self.bundle.sources}
        return {**sources, **{name: self._sink(name) for name in self.bundle.sinks}}

    def _source(self, name: str) -> InterfaceFacts:
        source = self.bundle.sources[name]
        poller = self.hub.pollers.by_name.get(name)
        return InterfaceFacts(
            name=name,
            direction=Direction.IN,
            title=source.settings.title,
            connector=source.settings.connector,
            contract=f"{source.contract.name}/{source.contract.version}",
            under_way=self._under_way(name),
            poll=_poll_facts(poller) if poller else None,
        )

    def _sink(self, name: str) -> InterfaceFacts:
        sink = self.bundle.sinks[name]
        destination = self.hub.workers.destinations.get(name)
        return InterfaceFacts(
            name=name,
            direction=Direction.OUT,
            title=sink.settings.title,
            connector=sink.settings.connector,
            contract=f"{sink.accepts.name}/{sink.accepts.version}",
            destination=_destination_facts(destination) if destination else None,
            paused=destination.paused if destination else "",
            under_way=self._under_way(name),
        )

    def _under_way(self, interface: str) -> int:
        runners = self.hub.workers.runners.values()
        return sum(r.under_way for r in runners if r.lane.interface == interface)

    def _lanes(self) -> dict[str, LaneFacts]:
        return {
            name: LaneFacts(
                settled_to=runner.settled_to, read_to=runner.read_to, pending=runner.pending
            )
            for name, runner in self.hub.workers.runners.items()
        }

    async def metrics(self) -> bytes:
        """Return the figures in the Prometheus text format."""
        taken = await snapshot(
            await self.interfaces(),
            self.store,
            ready=self.ready,
            room=self.hub.space.room,
            now=self._now(),
        )
        return render(taken)

    def receiver(self, interface: str) -> Receiver:
        """Return what proves the sender of an interface; of one that receives nothing, and of one
        that is not there, what nobody can satisfy."""
        source = self.bundle.sources.get(interface)
        if source is None or not source.receives:
            return nobody(self.ports.clock)
        return self.hub.connections.receiver(interface)

    # -- what people ask of it ----------------------------------------------------------------

    async def pause(self, interface: str, *, actor: str, reason: str) -> None:
        """Try or poll nothing there until it is resumed. Raises NotFound."""
        await self.hub.pause(interface, actor=actor, reason=reason)

    async def resume(self, interface: str, *, actor: str) -> None:
        """Let a paused interface run again. Raises NotFound."""
        await self.hub.resume(interface, actor=actor)

    async def poll(self, interface: str) -> Polled:
        """Look at a source now. Raises NotFound where nothing is polled."""
        polled = {n for n, s in self.bundle.sources.items() if s.polled}
        if interface not in polled:
            known = ", ".join(sorted(polled)) or "none"
            raise NotFound(f"Nothing is polled there (polled are: {known}).")
        poller = self.hub.pollers.by_name.get(interface)
        if poller is None:
            await self.hub.lanes.ask(poll_lane(interface))
            return Polled(interface=interface, asked=True)
        taken = await poller.poll()
        return Polled(interface=interface, taken=taken, fault=poller.state.fault)

    async def check(self, interface: str) -> CheckReport:
        """Probe the other side without side effects. Raises NotFound."""
        facts = self._facts()
        if interface not in facts:
            raise NotFound("There is no such interface.")
        if not facts[interface].connector:
            return CheckReport(probes=())
        connections = self.hub.connections
        port: Sink | Source = connections.source(interface)
        if facts[interface].direction is Direction.OUT:
            port = connections.sink(interface)
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                return await port.check()
        except TimeoutError:
            late = Probe(name="answer", passed=False, detail=f"none in {PROBE_SECONDS} s")
            return CheckReport(probes=(late,))

    async def reload(self, *, actor: str, dry_run: bool) -> ReloadReport:
        """Read the root folder again and follow it. Raises ConfigError; then nothing changed."""
        done = await self.hub.rehearse() if dry_run else await self.hub.reload(actor=actor)
        self._show_anew()
        return _report(done, dry_run=dry_run)

    def _now(self) -> int:
        return milliseconds(self.ports.clock.now())


def _destination_facts(destination: Destination) -> DestinationFacts:
    return DestinationFacts(
        breaker=destination.breaker.value,
        probe_in_seconds=destination.opens_in(),
        places=destination.places,
        per_second=destination.per_second,
        quiet_seconds=destination.quiet_seconds,
    )


def _poll_facts(poller: Poller) -> PollFacts:
    state = poller.state
    return PollFacts(
        last_poll_at=state.last_poll_at,
        last_success_at=state.last_success_at,
        last_file_at=state.last_file_at,
        fault=state.fault,
        paused=state.paused,
    )


def _report(done: Reloaded, *, dry_run: bool) -> ReloadReport:
    return ReloadReport(
        bundle=done.bundle,
        changed=done.changed,
        interfaces=done.interfaces,
        opened=done.opened,
        dry_run=dry_run,
    )
