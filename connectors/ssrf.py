"""Keeps requests to addresses that others chose off our own networks (CWE-918; pure).

A webhook's URL comes from a subscriber. Whatever its host says (a name, an odd spelling of an
address, a name that changes its mind), what counts is the address a socket is about to connect
to: the transport looks a name up once, every address found is judged, and the connection goes to
an address that was judged. Nothing here reads a URL, so no spelling can mislead it.
"""

import ipaddress
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import Protocol, runtime_checkable

__all__ = ["ADDRESS_REFUSED", "Network", "Refusal", "Restrictable", "refusal_of", "restrict"]

ADDRESS_REFUSED = "address_refused"
"""Code of `connectors.http.NotSent` where an address was refused: no byte left."""

Refusal = Callable[[str], str]
"""Says why an address is not to be connected to; empty where it may be."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_UNREADABLE = "unreadable"

_RESERVED: dict[str, tuple[str, ...]] = {
    "this_host": ("0.0.0.0/8", "::/128"),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"),
    "shared": ("100.64.0.0/10",),
    "loopback": ("127.0.0.0/8", "::1/128"),
    "link_local": ("169.254.0.0/16", "fe80::/10"),
    "protocol": ("192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24"),
    "documentation": (
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "2001:db8::/32",
        "3fff::/20",
    ),
    "relay": ("192.88.99.0/24",),
    "benchmark": ("198.18.0.0/15",),
    "cloud_host": ("168.63.129.16/32",),
    "multicast": ("224.0.0.0/4", "ff00::/8"),
    "future": ("240.0.0.0/4",),
    "ietf": ("2001::/23",),
}
"""Networks that are nobody's public server: IANA's special-purpose registries (RFC 6890 and after),
written out because Python's `is_global` differs between its releases, and one cloud's host
service, which has a public number. `ietf` holds Teredo, ORCHID and the benchmark network."""

_NETWORKS = tuple(
    (ipaddress.ip_network(text), reason) for reason, texts in _RESERVED.items() for text in texts
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)


class Network(StrEnum):
    """Where a connector may connect to."""

    PUBLIC = "public"
    """Only public addresses: the URL is somebody else's choice."""
    INTERNAL = "internal"
    """Anywhere, also our own networks: the URL is ours, and an administrator has agreed."""


@runtime_checkable
class Restrictable(Protocol):
    """A transport that judges every address before it connects to it."""

    def restrict(self, refusal: Refusal) -> None:
        """From now on connect only to addresses that `refusal` has nothing against."""
        ...


def restrict(transport: object, network: Network) -> None:
    """Keep a transport to that network.

    Raises ValueError for a transport that cannot judge addresses: what cannot be guarded is not
    used for somebody else's URL.
    """
    match network, transport:
        case Network.INTERNAL, _:
            return
        case Network.PUBLIC, Restrictable():
            transport.restrict(refusal_of)
        case _:
            raise ValueError("this transport cannot be kept off internal networks")


@lru_cache(maxsize=1024)
def refusal_of(address: str) -> str:
    """Return why an address, as a resolver or a socket gives it, is refused; empty: it is public.

    An address of version 6 that stands for one of version 4 (mapped, compatible, NAT64, 6to4,
    ISATAP) is judged as that one, too. What is no address is refused.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return _UNREADABLE
    if isinstance(found, ipaddress.IPv4Address):
        return _reserved(found)
    inner = _within(found)
    if inner is not None:
        return _reserved(found) or _reserved(inner)
    if found not in _GLOBAL_UNICAST:
        return _reserved(found) or "not_global"
    return _reserved(found)


def _reserved(address: Address) -> str:
    return next(
        (
            reason
            for network, reason in _NETWORKS
            if network.version == address.version and address in network
        ),
        "",
    )


def _within(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the address of version 4 that this one leads to, where it leads to one."""
    number = int(address)
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _SIX_TO_FOUR:
        return address.sixtofour
    if address in _NAT64 or address in _COMPATIBLE or (number >> 32) & 0xFFFFFFFF in _ISATAP:
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    return None
