"""Who names a contract: mappings, interfaces, routes, declared consumers; and which version it means."""

from collections.abc import Iterable, Iterator

import msgspec

from gateway.errors import NotFound
from gateway.governance.consumers import ContractReads
from gateway.registry import Registry
from gateway.settings import Config, SinkSettings, SourceSettings

__all__ = ["Reference", "of_clients", "referenced_by", "references"]


class Reference(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One place that names a contract. `by` reads "interface oakfield-erp"; `version` is a range."""

    by: str
    contract: str
    version: str = "*"


def references(
    registry: Registry, config: Config | None, declared: Iterable[ContractReads] = ()
) -> list[Reference]:
    """Return every place of mappings, configuration and declared consumers that names a contract.

    What clients have used is kept by the API: add `of_clients` to what is returned. Raises
    ConfigError for a mapping that cannot be read.
    """
    found = set(_of_mappings(registry))
    if config is not None:
        found |= set(_of_interfaces(config)) | set(_of_routes(config))
    found |= {
        Reference(by=one.consumer, contract=one.contract, version=one.version) for one in declared
    }
    return sorted(found)


def of_clients(contract: str, pins: Iterable[tuple[str, int]]) -> list[Reference]:
    """Return what clients count as naming a contract, by the majors that each has used.

    Only the newest counts: who has used 2.x has moved there, whatever it used before; whether it
    still calls that is for the gate of calls.
    """
    newest: dict[str, int] = {}
    for client, major in pins:
        newest[client] = max(major, newest.get(client, 0))
    return [
        Reference(by=f"client {client}", contract=contract, version=f"^{major}")
        for client, major in sorted(newest.items())
    ]


def referenced_by(
    registry: Registry, found: Iterable[Reference], contract: str, version: str = ""
) -> list[Reference]:
    """Return the places that name a contract; with a version, those that get this version.

    A range gets the newest version in force that fits it, as everywhere in the hub.
    """
    named = [one for one in found if one.contract == contract]
    return [one for one in named if not version or _means(registry, one) == version]


def _means(registry: Registry, one: Reference) -> str:
    try:
        return registry.contract(one.contract, one.version or "*").version
    except NotFound:
        return ""


def _of_mappings(registry: Registry) -> Iterator[Reference]:
    for mapping in registry.mappings():
        for side in (mapping.source, mapping.target):
            if side.contract:
                by = f"mapping {mapping.name}"
                yield Reference(by=by, contract=side.contract, version=side.version)


def _of_interfaces(config: Config) -> Iterator[Reference]:
    for name, settings in config.interfaces.items():
        for text in _named(settings):
            contract, _, version = text.partition("@")
            if contract:
                by = f"interface {name}"
                yield Reference(by=by, contract=contract, version=version or "*")


def _named(settings: SourceSettings | SinkSettings) -> Iterator[str]:
    if isinstance(settings, SourceSettings):
        yield settings.contract
        return
    yield settings.accepts
    yield settings.confirm.contract
    if settings.reply is not None:
        yield settings.reply.contract


def _of_routes(config: Config) -> Iterator[Reference]:
    for route in config.routes.routes:
        contract, _, version = route.contract.partition("@")
        yield Reference(by=f"route {route.name}", contract=contract, version=version or "*")
