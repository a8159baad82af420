"""Who talks to whom at one site, by its configuration: for an inventory and a map of the network."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from gateway.settings import Config, InterfaceSettings, SinkSettings, SourceSettings

__all__ = ["Connection", "connections", "diagram"]

HUB = "hub"
_ADDRESSES = ("base_url", "url", "host", "path")
_ODD = re.compile(r"[^A-Za-z0-9_]")


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One way that data takes; `at` is the other side's host, or a folder of this machine."""

    name: str
    origin: str
    target: str
    by: str
    at: str = ""
    carries: tuple[str, ...] = ()


def connections(config: Config) -> list[Connection]:
    """Return every connection, those that come in first. No secret, no path of a URL."""
    found = [
        *(_source(one) for one in config.sources()),
        *(
            Connection(name=name, origin=name, target=HUB, by="api", carries=client.products)
            for name, client in config.clients.items()
        ),
        *(_sink(one, config) for one in config.sinks()),
        *_own(config),
    ]
    return sorted(found, key=lambda one: (one.target != HUB, one.name))


def _source(one: SourceSettings) -> Connection:
    carries = (one.contract or one.format,)
    by = one.connector or "api"
    return Connection(
        name=one.interface, origin=one.interface, target=HUB, by=by, at=_at(one), carries=carries
    )


def _sink(one: SinkSettings, config: Config) -> Connection:
    routed = sorted(
        {route.contract for route in config.routes.routes if route.to == one.interface}
    )
    return Connection(
        name=one.interface,
        origin=HUB,
        target=one.interface,
        by=one.connector,
        at=_at(one),
        carries=tuple(routed or [one.accepts]),
    )


def _own(config: Config) -> Iterator[Connection]:
    """Yield what the hub itself needs: the store, issuers, the provider, the security contact."""
    hub = config.hub
    named = [("store", "postgres", hub.store.postgres)] if hub.store.postgres else []
    named += [("issuer", "https", issuer.jwks_url) for issuer in hub.access.issuers]
    if hub.access.people is not None:
        named.append(("provider", "https", hub.access.people.issuer))
    if hub.access.break_glass is not None and hub.access.break_glass.page is not None:
        named.append(("security-contact", "webhook", hub.access.break_glass.page.url))
    for name, by, address in named:
        if address:
            yield Connection(name=name, origin=HUB, target=name, by=by, at=_host(address))


def _at(one: InterfaceSettings) -> str:
    settings: dict[str, Any] = one.settings
    given = (settings[name] for name in _ADDRESSES if isinstance(settings.get(name), str))
    return _host(next(given, ""))


def _host(address: str) -> str:
    """Return host and port of an address, without who, where and what is asked there."""
    if "://" not in address:
        return address
    return urlsplit(address).netloc.rpartition("@")[2]


def diagram(found: list[Connection]) -> str:
    """Return the connections as a flow chart (Mermaid)."""
    lines = ["flowchart LR", f"  {HUB}[[RemitHub]]"]
    for one in found:
        other = one.target if one.origin == HUB else one.origin
        label = f"{one.name}<br>{one.at}" if one.at else one.name
        lines.append(f'  {_node(other)}["{_label(label)}"]')
        carried = ", ".join((one.by, *one.carries))
        ends = (_node(one.origin), _node(one.target))
        lines.append(f'  {ends[0]} -->|"{_label(carried)}"| {ends[1]}')
    return "\n".join(lines)


def _node(name: str) -> str:
    return name if name == HUB else f"n_{_ODD.sub('_', name)}"


def _label(text: str) -> str:
    return text.replace('"', "#quot;")
