"""What the flow is given: configurations, live connectors, keys. `gateway.app` makes them."""

from typing import Protocol

from connectors.base import Sink
from gateway.pipeline.bundle import Bundle

__all__ = ["Bundles", "Connections", "Sealer"]


class Bundles(Protocol):
    """Compiled configurations: the current one, and those that artifacts are pinned to."""

    @property
    def current(self) -> Bundle:
        """The configuration in force."""
        ...

    async def pinned(self, name: str) -> Bundle:
        """Return the bundle of that hash, or the current one where it cannot be read any more."""
        ...

    async def in_force(self) -> str:
        """Return the hash of the bundle that all nodes are to follow; this one may be behind."""
        ...


class Connections(Protocol):
    """Live connectors by interface."""

    def sink(self, interface: str) -> Sink:
        """Return the live sink of an outgoing interface. Raises NotFound."""
        ...


class Sealer(Protocol):
    """Keys at work: what is stored beside a body, and keyed hashes to find PHI by."""

    def seal_small(self, field: str, data: bytes) -> bytes:
        """Seal a few bytes; `field` names table, column and row."""
        ...

    def open_small(self, field: str, sealed: bytes) -> bytes:
        """Open what `seal_small` sealed. Raises StorageFault."""
        ...

    def blind_index(self, field: str, value: str) -> str:
        """Return a keyed hash."""
        ...
