"""Compiles a config folder against contracts and mappings into a bundle, or says what is wrong where."""

import hashlib
from collections.abc import Callable, Collection, Iterator
from collections.abc import Mapping as ReadOnly
from typing import Any

import msgspec

import connectors
from gateway.errors import ConfigError, NotFound
from gateway.formats import READERS
from gateway.governance.quality import Partners, read_partners
from gateway.pipeline.bundle import (
    Bundle,
    ConfirmedBy,
    Contract,
    Grant,
    Reply,
    Sending,
    Sink,
    Source,
)
from gateway.pipeline.contracts import Contracts, as_json
from gateway.registry import ContractVersion, MappingSource, Registry, SchemaReference
from gateway.settings import (
    SUBSCRIPTIONS,
    Classification,
    Config,
    Route,
    Shown,
    SinkSettings,
    SourceSettings,
    may_go_inside,
    product_of_subscriber,
)
from gateway.settings import decode as decode_settings
from gateway.translation import (
    Expression,
    Limits,
    Mapping,
    compile_expression,
    compile_mapping,
    compile_predicate,
)

__all__ = ["compile_bundle"]

KEPT = "none"
"""The destination of a route that keeps a message on purpose."""


class _Compiler:
    def __init__(
        self, config: Config, registry: Registry, monotonic: Callable[[], float] | None
    ) -> None:
        self.config = config
        self.registry = registry
        self.limits = Limits(monotonic=monotonic)
        self.mappings: dict[str, Mapping] = {}
        self.files = {f"config/{name}": file.text for name, file in config.files.items()}
        self.contracts = Contracts(registry, self.files, self.limits)
        self.partners = self._partners()

    def fault(self, interface: str, key: str, reason: str) -> ConfigError:
        return self.config.place(self.config.file_of(interface), f"$.{key}", reason)

    def _partners(self) -> Partners:
        file = self.config.files.get("quality.yaml")
        if file is None:
            return Partners()
        partners = read_partners(file.tree, rules=self.contracts.rules)
        for interface in partners.partners:
            if interface not in self.config.interfaces:
                reason = f"there is no interface '{interface}'"
                raise self.config.place("quality.yaml", f"$.partners.{interface}", reason)
        return partners

    def contract(self, wanted: str) -> Contract:
        return self.contracts.contract(wanted)

    def _side(self, source: MappingSource, side: SchemaReference) -> dict[str, Any] | None:
        """Return the schema of one side of a mapping, kept among the bundle's files."""
        found = self.registry.side(source, side)
        if isinstance(found, ContractVersion):
            return self.contracts.keep(found)
        if found is not None:
            self.files[f"mappings/{source.name}/{side.schema}"] = as_json(found)
        return found

    def mapping(self, name: str) -> Mapping:
        if name not in self.mappings:
            source = self.registry.mapping(name)
            self.files[f"mappings/{name}/mapping.yaml"] = source.text

            def table(file: str) -> str:
                text = source.table(file)
                self.files[f"mappings/{name}/{file}"] = text
                return text

            self.mappings[name] = compile_mapping(
                source.text,
                source_schema=self._side(source, source.source),
                target_schema=self._side(source, source.target),
                tables=table,
                file=f"mappings/{name}/mapping.yaml",
                limits=self.limits,
            )
        return self.mappings[name]

    def target(self, mapping: Mapping) -> Contract:
        return self.contract(
            f"{mapping.header.target.contract}@{mapping.header.target.version or '*'}"
        )

    def options(self, interface: SourceSettings | SinkSettings) -> Any:
        if not interface.connector:
            return None
        try:
            spec = connectors.find(interface.connector)
        except KeyError:
            known = ", ".join(connectors.names())
            reason = f"there is no connector '{interface.connector}' (there are: {known})"
            raise self.fault(interface.interface, "connector", reason) from None
        into = isinstance(interface, SourceSettings)
        received = spec.receives if into and spec.source is None else None
        if received is None and (spec.source if into else spec.sink) is None:
            reason = f"connector '{interface.connector}' cannot work in this direction"
            raise self.fault(interface.interface, "connector", reason)
        tree = self.config.files[self.config.file_of(interface.interface)].tree
        kind = received or spec.settings
        return decode_settings(tree, kind, at="$.settings", data=interface.settings)

    def source(self, settings: SourceSettings) -> Source:
        if settings.format not in READERS:
            reason = f"there is no format '{settings.format}' (there are: {', '.join(READERS)})"
            raise self.fault(settings.interface, "format", reason)
        mapping, contract = self.reading(settings)
        self.allow(settings, contract, "mapping", settings.allow_draft)
        return Source(
            settings=settings,
            options=self.options(settings),
            format=READERS[settings.format],
            mapping=mapping,
            contract=contract,
            outcomes=self.partners.of(settings.interface, contract.name),
            receives=bool(settings.connector)
            and connectors.find(settings.connector).source is None,
        )

    def reading(self, settings: SourceSettings) -> tuple[Mapping | None, Contract]:
        if not settings.mapping:
            if not settings.contract:
                reason = "say `mapping`, or `contract` where the documents satisfy one already"
                raise self.fault(settings.interface, "format", reason)
            return None, self.known(settings, "contract", settings.contract)
        mapping = self.named(settings.interface, "mapping", settings.mapping)
        if mapping.header.source.format not in ("", settings.format):
            reason = f"mapping '{settings.mapping}' does not read format '{settings.format}'"
            raise self.fault(settings.interface, "mapping", reason)
        return mapping, self.target(mapping)

    def named(self, interface: str, key: str, wanted: str) -> Mapping:
        try:
            return self.mapping(wanted)
        except NotFound as error:
            raise self.fault(interface, key, error.message) from None

    def allow(
        self,
        settings: SourceSettings | SinkSettings,
        contract: Contract,
        key: str,
        allowed: bool,  # noqa: FBT001 - a setting, passed on
    ) -> None:
        if contract.draft and not allowed:
            reason = f"contract {contract.name} {contract.version} is a draft"
            raise self.fault(settings.interface, key, f"{reason}: say allow_draft: true")

    def sink(self, settings: SinkSettings) -> Sink:
        accepts = self.known(settings, "accepts", settings.accepts)
        self.allow(settings, accepts, "accepts", settings.allow_draft)
        mapping = None
        if settings.mapping:
            mapping = self.named(settings.interface, "mapping", settings.mapping)
        order_by = None
        if settings.order_by:
            order_by = self.expression(settings, accepts)
        return Sink(
            settings=settings,
            options=self.options(settings),
            accepts=accepts,
            mapping=mapping,
            reply=self.reply(settings),
            order_by=order_by,
            confirmed_by=self.confirmed_by(settings),
            grant=self.grant(settings, accepts),
        )

    def grant(self, settings: SinkSettings, accepts: Contract) -> Grant | None:
        """Return what a subscriber may see. One that a client has made itself is refused where
        nothing grants it any more: that must not stop a reload."""
        if not settings.subscriber:
            return None
        if settings.mapping:
            raise self.fault(settings.interface, "mapping", "a subscriber gets the contract's own")
        major = int(accepts.version.partition(".")[0])
        kept = Classification(accepts.event.classification)
        found = product_of_subscriber(self.config, settings.subscriber, accepts.name, major, kept)
        made_by_client = self.config.file_of(settings.interface).startswith(SUBSCRIPTIONS)
        if found is None and not made_by_client:
            reason = f"no product of '{settings.subscriber}' lets it subscribe to {accepts.name} {major}"
            raise self.fault(settings.interface, "subscriber", reason)
        client = self.config.clients.get(settings.subscriber)
        return Grant(
            client=settings.subscriber,
            interfaces=frozenset(client.interfaces if client else ()),
            masked=found is None or found.show is Shown.MASKED,
            refused=found is None or (made_by_client and self.strays(settings)),
        )

    def strays(self, settings: SinkSettings) -> bool:
        """Tell whether what a client has made goes into our own network, where it may no more."""
        url, inside = str(settings.settings["url"]), settings.settings["network"] != "public"
        return inside and not may_go_inside(self.config, settings.subscriber, url)

    def subscribed(self, sinks: ReadOnly[str, Sink], names: Collection[str]) -> Iterator[Sending]:
        """Yield the route of every subscription."""
        for name, sink in sinks.items():
            if sink.grant is None:
                continue
            if name in names:
                raise self.fault(name, "subscriber", f"a route is called '{name}' already")
            yield Sending(
                settings=Route(name=name, contract=sink.settings.accepts, to=name),
                takes=sink.accepts,
                when=None,
                mapping=None,
                owes=sink.accepts,
                sink=sink,
            )

    def confirmed_by(self, settings: SinkSettings) -> ConfirmedBy | None:
        confirm = settings.confirm
        if not confirm.contract:
            return None
        contract = self.known(settings, "confirm.contract", confirm.contract)
        self.allow(settings, contract, "confirm.contract", settings.allow_draft)
        if not contract.correlation:
            reason = f"{contract.name} has no correlation by which it could be joined"
            raise self.fault(settings.interface, "confirm.contract", reason)
        try:
            ok = compile_predicate(confirm.ok, schema=contract.schema) if confirm.ok else None
        except ConfigError as error:
            raise self.fault(settings.interface, "confirm.ok", error.reason) from None
        return ConfirmedBy(contract=contract, ok=ok)

    def expression(self, settings: SinkSettings, accepts: Contract) -> Expression:
        try:
            return compile_expression(settings.order_by, schema=accepts.schema)
        except ConfigError as error:
            raise self.fault(settings.interface, "order_by", error.reason) from None

    def known(self, settings: SourceSettings | SinkSettings, key: str, wanted: str) -> Contract:
        try:
            return self.contract(wanted)
        except NotFound as error:
            raise self.fault(settings.interface, key, error.message) from None

    def reply(self, settings: SinkSettings) -> Reply | None:
        if settings.reply is None:
            return None
        contract = self.known(settings, "reply.contract", settings.reply.contract)
        self.allow(settings, contract, "reply.contract", settings.reply.allow_draft)
        mapping = None
        if settings.reply.mapping:
            mapping = self.named(settings.interface, "reply.mapping", settings.reply.mapping)
        outcomes = self.partners.of(settings.interface, contract.name)
        return Reply(contract=contract, mapping=mapping, outcomes=outcomes)

    def sending(self, position: int, route: Route, sinks: ReadOnly[str, Sink]) -> Sending:
        def fault(key: str, reason: str) -> ConfigError:
            return self.config.place("routes.yaml", f"$.routes[{position}].{key}", reason)

        try:
            contract = self.contract(route.contract)
            mapping = self.mapping(route.mapping) if route.mapping else None
            when = compile_predicate(route.when, schema=contract.schema) if route.when else None
        except NotFound as error:
            key = "mapping" if route.mapping else "contract"
            raise fault(key, error.message) from None
        except ConfigError as error:
            # A condition's error knows no file; a mapping's names its own.
            raise (error if error.file else fault("when", error.reason)) from None
        owes = self.target(mapping) if mapping else contract
        sink = sinks.get(route.to)
        if sink is None and route.to != KEPT:
            raise fault("to", f"there is no outgoing interface '{route.to}' (or say `{KEPT}`)")
        if sink is not None and sink.accepts.name != owes.name:
            reason = f"'{route.to}' accepts {sink.accepts.name}, the route owes {owes.name}"
            raise fault("to", reason)
        return Sending(
            settings=route, takes=contract, when=when, mapping=mapping, owes=owes, sink=sink
        )


def compile_bundle(
    config: Config, registry: Registry, *, monotonic: Callable[[], float] | None = None
) -> Bundle:
    """Compile a config folder against contracts and mappings. Raises ConfigError (file, line).

    `monotonic` gives seconds by which a mapping's run time is bounded; none: it is not.
    """
    compiler = _Compiler(config, registry, monotonic)
    sources = {s.interface: compiler.source(s) for s in config.sources()}
    sinks = {s.interface: compiler.sink(s) for s in config.sinks()}
    routes: dict[str, tuple[Sending, ...]] = {}
    names: set[str] = set()
    made: list[Sending] = []
    for position, route in enumerate(config.routes.routes):
        if route.name in names:
            reason = f"route '{route.name}' stands twice"
            raise config.place("routes.yaml", f"$.routes[{position}].name", reason)
        names.add(route.name)
        sending = compiler.sending(position, route, sinks)
        made.append(sending)
    for sending in (*made, *compiler.subscribed(sinks, names)):
        name = sending.takes.name
        routes[name] = (*routes.get(name, ()), sending)
    digest = hashlib.sha256(msgspec.json.encode(compiler.files, order="sorted")).hexdigest()
    return Bundle(
        hash=digest[:32],
        tenant=config.hub.tenant,
        config=config,
        sources=sources,
        sinks=sinks,
        routes=routes,
        contracts={c.name: c for c in compiler.contracts.compiled.values()},
        files=compiler.files,
        confirms=_confirms(routes),
    )


def _confirms(routes: ReadOnly[str, tuple[Sending, ...]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for sending in (s for sendings in routes.values() for s in sendings):
        if sending.sink is not None and sending.sink.confirmed_by is not None:
            name = sending.sink.confirmed_by.contract.name
            found[name] = (*found.get(name, ()), sending.lane)
    return found
