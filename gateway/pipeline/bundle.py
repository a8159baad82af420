"""The configuration, compiled: what every step of the flow looks things up in.

It never changes; a reload makes another one, and what began under this one ends under it.
"""

import hashlib
from collections.abc import Callable
from collections.abc import Mapping as ReadOnly
from typing import Any

import msgspec

import connectors
from gateway.errors import ConfigError, NotFound
from gateway.formats import READERS, Format
from gateway.governance import Profile, Validator, compile_validator, shown_in_full
from gateway.model.states import LaneKind
from gateway.pipeline.lanes import LanePlan
from gateway.registry import ContractVersion, MappingSource, Registry, SchemaReference
from gateway.settings import Config, Route, SinkSettings, SourceSettings
from gateway.settings import decode as decode_settings
from gateway.translation import (
    Expression,
    Limits,
    Mapping,
    Predicate,
    compile_expression,
    compile_mapping,
    compile_predicate,
)

__all__ = [
    "Bundle",
    "Contract",
    "Reply",
    "Sending",
    "Sink",
    "Source",
    "compile_bundle",
    "delivery_lane",
    "process_lane",
]

KEPT = "none"
"""The destination of a route that keeps a message on purpose."""


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """One contract version, ready to judge documents. `correlation` and `amount` are dotted paths
    to what a message is joined and weighed by, `identity` to what must be seen once only; empty
    where it has none."""

    name: str
    version: str
    draft: bool
    schema: dict[str, Any]
    validator: Validator
    correlation: str
    amount: str
    identity: str


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A feed in."""

    settings: SourceSettings
    options: Any
    format: Format
    mapping: Mapping | None
    contract: Contract


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination's answer becomes."""

    contract: Contract
    mapping: Mapping | None


class Sink(msgspec.Struct, frozen=True, kw_only=True):
    """A system out."""

    settings: SinkSettings
    options: Any
    accepts: Contract
    mapping: Mapping | None
    reply: Reply | None
    order_by: Expression | None


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """A route: `owes` is the contract of the message that is owed, after `mapping`."""

    settings: Route
    when: Predicate | None
    mapping: Mapping | None
    owes: Contract
    sink: Sink | None

    @property
    def lane(self) -> str:
        """Return the name of the lane this route owes into; empty where it only keeps."""
        return delivery_lane(self.settings.name, self.settings.to) if self.sink else ""


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """Everything compiled. `hash` names it; `files` is the text it was made from, by path below a
    root folder: written out there, it compiles to the same bundle."""

    hash: str
    tenant: str
    config: Config
    sources: ReadOnly[str, Source]
    sinks: ReadOnly[str, Sink]
    routes: ReadOnly[str, tuple[Sending, ...]]
    contracts: ReadOnly[str, Contract]
    files: ReadOnly[str, str]

    def lanes(self) -> list[LanePlan]:
        """Return every lane this bundle needs. A polled source's holds nothing: whoever owns it
        polls."""
        wanted = [
            (process_lane(name), LaneKind.PROCESS.value, name, "", "")
            for name in (*self.sources, *self.sinks)
        ]
        wanted += [
            (poll_lane(name), LaneKind.POLL.value, name, "", "")
            for name, source in self.sources.items()
            if source.settings.connector
        ]
        for sendings in self.routes.values():
            wanted += [
                (s.lane, LaneKind.DELIVER.value, s.settings.to, s.settings.to, s.settings.name)
                for s in sendings
                if s.sink
            ]
        return wanted


def process_lane(interface: str) -> str:
    """Name the lane that owes an interface's artifacts to `process`."""
    return f"process:{interface}"


def poll_lane(interface: str) -> str:
    """Name the lane whose owner polls an interface."""
    return f"poll:{interface}"


def delivery_lane(route: str, destination: str) -> str:
    """Name the lane of what one route owes to one destination."""
    return f"deliver:{route}:{destination}"


class _Compiler:
    def __init__(
        self, config: Config, registry: Registry, monotonic: Callable[[], float] | None
    ) -> None:
        self.config = config
        self.registry = registry
        self.monotonic = monotonic
        self.contracts: dict[str, Contract] = {}
        self.mappings: dict[str, Mapping] = {}
        self.files = {f"config/{name}": file.text for name, file in config.files.items()}

    def fault(self, interface: str, key: str, reason: str) -> ConfigError:
        return self.config.place(f"interfaces/{interface}.yaml", f"$.{key}", reason)

    def contract(self, wanted: str) -> Contract:
        name, _, span = wanted.partition("@")
        found = self.registry.contract(name, span or "*")
        key = f"{found.name}/{found.version}"
        if key not in self.contracts:
            self.contracts[key] = self._compile_contract(found)
        return self.contracts[key]

    def _compile_contract(self, found: ContractVersion) -> Contract:
        schema = self._keep_contract(found)
        index = found.header.index
        for path in (index.correlation, index.identity):
            # What messages are found by stands in a column in clear.
            if path and not shown_in_full(schema, path):
                raise ConfigError(
                    f"the index '{path}' is PHI or is not there: name a key, a hash or an amount",
                    file=f"contracts/{found.name}/contract.yaml",
                )
        return Contract(
            name=found.name,
            version=found.version,
            draft=found.status == "draft",
            schema=schema,
            validator=compile_validator(schema, Profile.WRITER),
            correlation=index.correlation,
            amount=index.amount,
            identity=index.identity,
        )

    def _keep_contract(self, found: ContractVersion) -> dict[str, Any]:
        """Put a contract among the bundle's files, standing alone, so that it can be read again
        from there; return its schema."""
        schema = self.registry.bundled_schema(found.name, found.version)
        place = f"contracts/{found.name}"
        self.files[f"{place}/contract.yaml"] = _json(msgspec.to_builtins(found.header))
        self.files[f"{place}/{found.version}/schema.json"] = _json(schema)
        return schema

    def _side(self, source: MappingSource, side: SchemaReference) -> dict[str, Any] | None:
        """Return the schema of one side of a mapping, kept among the bundle's files."""
        found = self.registry.side(source, side)
        if isinstance(found, ContractVersion):
            return self._keep_contract(found)
        if found is not None:
            self.files[f"mappings/{source.name}/{side.schema}"] = _json(found)
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
                limits=Limits(monotonic=self.monotonic),
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
        able = spec.source if isinstance(interface, SourceSettings) else spec.sink
        if able is None:
            reason = f"connector '{interface.connector}' cannot work in this direction"
            raise self.fault(interface.interface, "connector", reason)
        tree = self.config.files[f"interfaces/{interface.interface}.yaml"].tree
        return decode_settings(tree, spec.settings, at="$.settings", data=interface.settings)

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
        )

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
        return Reply(contract=contract, mapping=mapping)

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
        return Sending(settings=route, when=when, mapping=mapping, owes=owes, sink=sink)


def _json(body: Any) -> str:
    return msgspec.json.encode(body, order="sorted").decode()


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
    for position, route in enumerate(config.routes.routes):
        if route.name in names:
            reason = f"route '{route.name}' stands twice"
            raise config.place("routes.yaml", f"$.routes[{position}].name", reason)
        names.add(route.name)
        sending = compiler.sending(position, route, sinks)
        routes[route.contract] = (*routes.get(route.contract, ()), sending)
    digest = hashlib.sha256(msgspec.json.encode(compiler.files, order="sorted")).hexdigest()
    return Bundle(
        hash=digest[:32],
        tenant=config.hub.tenant,
        config=config,
        sources=sources,
        sinks=sinks,
        routes=routes,
        contracts={c.name: c for c in compiler.contracts.values()},
        files=compiler.files,
    )
