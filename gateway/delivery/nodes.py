"""This process as one of those that share a store: a lease, renewed; who else lives; which lanes fall to it.

A node that cannot renew in time stops acting as an owner by its own clock before the store would
let another one take over.
"""

import logging
from collections.abc import Iterable

import msgspec

from gateway.errors import StorageFault
from gateway.model.roles import Role
from gateway.model.states import LaneKind
from gateway.pipeline import LanePlan, Lanes, milliseconds
from gateway.ports import Ports
from gateway.store import Statement, Store, Unit

__all__ = ["LEASE_SECONDS", "Living", "Node"]

log = logging.getLogger("remithub.delivery")

LEASE_SECONDS = 6.0
"""Renewed four times within its length; a dead node's lanes are taken over a little later."""

FOREVER_SECONDS = 100 * 365 * 24 * 3600.0
"""The lease on a store that one process holds alone."""

FORGET_MS = 24 * 3600 * 1000
"""The record of a dead node stays so long, for people who look."""


class Living(msgspec.Struct, frozen=True, kw_only=True):
    """A node whose lease runs, and the configuration it follows."""

    name: str
    role: Role
    bundle: str


class Node:
    """Membership of this process."""

    def __init__(self, store: Store, lanes: Lanes, ports: Ports, role: Role = Role.ALL) -> None:
        self.role = role
        self.name = ""
        self.living: tuple[Living, ...] = ()
        self.shared = store.shared
        self._store = store
        self._lanes = lanes
        self._ports = ports
        self._started_at = 0

    @property
    def lease_seconds(self) -> float:
        """How long a renewal holds."""
        return LEASE_SECONDS if self.shared else FOREVER_SECONDS

    async def join(self, bundle: str) -> None:
        """Become a node, under a new name. Raises StorageFault."""
        self.name = self._ports.ids.new("node")
        self._started_at = milliseconds(self._ports.clock.now())
        gone = Statement("nodes_forget", {"kept_ms": FORGET_MS})
        if not self.shared:
            gone = Statement("nodes_clear", {})
        await self._store.commit(Unit(statements=(gone,)))
        await self.renew(bundle)

    async def bury(self, name: str) -> None:
        """Give back whatever a node had that is known to be dead. Raises StorageFault."""
        await self._store.commit(Unit(statements=(Statement("node_leave", {"name": name}),)))

    async def renew(self, bundle: str) -> bool:
        """Renew the lease and learn who lives; False where it had run out, which the node finds
        out by its own clock too. Raises StorageFault."""
        row = {
            "name": self.name,
            "role": self.role.value,
            "started_at": self._started_at,
            "lease_ms": int(self.lease_seconds * 1000),
            "bundle": bundle,
        }
        began = self._ports.clock.monotonic()  # the lease cannot end later than this tells
        done = await self._store.commit(Unit(statements=(Statement("node_renew", row),)))
        if not done.affected[0]:
            return False
        self.living = tuple(msgspec.convert(found, Living) for found in done.rows[0])
        if self.shared:
            self._lanes.lease_end = began + self.lease_seconds
            half_way_ms = (self._ports.clock.monotonic() - began) * 1000 / 2
            self._lanes.due_time.follow(done.rows[0][0]["store_now"] + half_way_ms)
        return True

    @property
    def expired(self) -> bool:
        """Whether the lease has run out by our own clock."""
        end = self._lanes.lease_end
        return end is not None and self._ports.clock.monotonic() >= end

    def share(self, plans: Iterable[LanePlan], bundle: str) -> set[str]:
        """Return the names of the lanes that fall to this node: every node that may own a kind
        has as many as any other, give or take one, and all nodes reckon the same. Only those that
        follow the same configuration count: who cannot follow it does not know its lanes."""
        mine: set[str] = set()
        by_kind: dict[LaneKind, list[str]] = {}
        for name, kind, *_ in plans:
            by_kind.setdefault(LaneKind(kind), []).append(name)
        here = [n for n in self.living if n.bundle == bundle or n.name == self.name]
        for kind, names in by_kind.items():
            able = sorted(node.name for node in here if node.role.owns(kind))
            mine |= {
                name
                for position, name in enumerate(sorted(names))
                if able and able[position % len(able)] == self.name
            }
        return mine

    def fellows(self, kind: LaneKind) -> int:
        """Return how many living nodes own lanes of that kind, at least 1: shares of a limit."""
        return max(1, sum(node.role.owns(kind) for node in self.living))

    async def leave(self) -> None:
        """Give back whatever is ours, so that nobody waits for the lease to run out."""
        try:
            await self.bury(self.name)
        except StorageFault as trouble:
            log.warning("The node leaves without a word: %s", trouble.code)
