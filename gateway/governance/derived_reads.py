"""What mappings, routes and interfaces read of a contract, taken from their own expressions."""

import re
from collections.abc import Iterator

from gateway.errors import ConfigError, NotFound
from gateway.governance.consumers import ContractReads, pointer_of_path
from gateway.registry import MappingSource, Registry
from gateway.settings import Config, SinkSettings
from gateway.translation import (
    DEFAULT_LIMITS,
    Limits,
    compile_expression,
    compile_mapping,
)

__all__ = ["derived_reads"]

_CARRIES = re.compile(r"(^|[\s{,])base:")
"""A mapping that starts from its input (or a row from its item) hands on what it does not name."""


def derived_reads(
    registry: Registry, config: Config | None, *, limits: Limits = DEFAULT_LIMITS
) -> list[ContractReads]:
    """Return what every mapping, route and interface reads, and what the hub itself indexes.

    An interface without a mapping hands documents over as they are: it reads all of them. What
    does not compile is left out; `remithub check` names it.
    """
    made = _Deriver(registry, limits)
    found = [*made.index(), *made.mappings()]
    if config is not None:
        found += [*made.sinks(config), *made.routes(config)]
    return found


class _Deriver:
    def __init__(self, registry: Registry, limits: Limits) -> None:
        self.registry = registry
        self.limits = limits
        self.known: dict[str, ContractReads | None] = {}

    def index(self) -> Iterator[ContractReads]:
        for contract in self.registry.contracts():
            index = contract.header.index
            paths = {path for path in (index.correlation, index.amount, index.identity) if path}
            if paths:
                yield ContractReads(
                    consumer="the hub's index",
                    contract=contract.name,
                    version=contract.version,
                    paths=frozenset(pointer_of_path(path) for path in paths),
                )

    def mappings(self) -> Iterator[ContractReads]:
        for source in self.registry.mappings():
            found = self.of_mapping(source.name)
            if found is not None:
                yield found

    def of_mapping(self, name: str) -> ContractReads | None:
        if name not in self.known:
            try:
                self.known[name] = self._compile(self.registry.mapping(name))
            except (ConfigError, NotFound):
                self.known[name] = None
        return self.known[name]

    def _compile(self, source: MappingSource) -> ContractReads | None:
        if not source.source.contract:
            return None
        mapping = compile_mapping(
            source.text,
            source_schema=self.registry.source_schema(source),
            target_schema=self.registry.target_schema(source),
            tables=source.table,
            file=source.place,
            limits=self.limits,
        )
        return ContractReads(
            consumer=f"mapping {source.name}",
            contract=source.source.contract,
            version=source.source.version,
            paths=mapping.reads,
            whole=bool(_CARRIES.search(source.text)),
        )

    def sinks(self, config: Config) -> Iterator[ContractReads]:
        for settings in config.sinks():
            contract, _, version = settings.accepts.partition("@")
            by = f"interface {settings.interface}"
            made = self.of_mapping(settings.mapping) if settings.mapping else None
            paths = self.of_expression(contract, version, settings.order_by)
            yield ContractReads(
                consumer=by,
                contract=contract,
                version=version or "*",
                paths=paths | (made.paths if made else frozenset()),
                whole=not settings.mapping or (made is not None and made.whole),
            )
            yield from self.confirming(settings, by)

    def confirming(self, settings: SinkSettings, by: str) -> Iterator[ContractReads]:
        contract, _, version = settings.confirm.contract.partition("@")
        paths = self.of_expression(contract, version, settings.confirm.ok)
        if contract:
            yield ContractReads(
                consumer=by, contract=contract, version=version or "*", paths=paths
            )

    def routes(self, config: Config) -> Iterator[ContractReads]:
        for route in config.routes.routes:
            contract, _, version = route.contract.partition("@")
            made = self.of_mapping(route.mapping) if route.mapping else None
            yield ContractReads(
                consumer=f"route {route.name}",
                contract=contract,
                version=version or "*",
                paths=self.of_expression(contract, version, route.when)
                | (made.paths if made else frozenset()),
                whole=made is not None and made.whole,
            )

    def of_expression(self, contract: str, version: str, text: str) -> frozenset[str]:
        if not text or not contract:
            return frozenset()
        try:
            found = self.registry.contract(contract, version or "*")
            schema = self.registry.bundled_schema(contract, found.version)
            return compile_expression(text, schema, limits=self.limits).reads
        except (ConfigError, NotFound):
            return frozenset()
