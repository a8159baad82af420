"""Lanes by name: their numbers and epochs in the store, and the bells that wake their owners."""

import asyncio
from collections.abc import Iterable

import msgspec

from gateway.errors import Conflict
from gateway.store import Row, Statement, Store, Unit

__all__ = ["Lane", "Lanes"]


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """A lane this process owns. `epoch` fences: a settling statement of an older epoch fails."""

    lane_id: int
    name: str
    kind: str
    interface: str
    destination: str
    route: str
    epoch: int
    head: int
    cursor: int


class Lanes:
    """The lanes this process has taken ownership of."""

    def __init__(self, store: Store, owner: str) -> None:
        self._store = store
        self._owner = owner
        self._lanes: dict[str, Lane] = {}
        self._bells: dict[str, asyncio.Event] = {}

    def __getitem__(self, name: str) -> Lane:
        return self._lanes[name]

    def all(self) -> list[Lane]:
        """Return every lane taken so far."""
        return list(self._lanes.values())

    def bell(self, name: str) -> asyncio.Event:
        """Return the event that is set whenever something new may be owed in that lane."""
        return self._bells[name]

    def ring(self, names: Iterable[str]) -> None:
        """Wake the owners of those lanes; called after the commit that owes them something."""
        for name in names:
            if name in self._bells:
                self._bells[name].set()

    async def take(self, wanted: Iterable[tuple[str, str, str, str, str]]) -> list[Lane]:
        """Make the lanes that are not there yet and take those not owned yet; return the latter.

        Each item is (name, kind, interface, destination, route). Taking raises the epoch.
        """
        taken: list[Lane] = []
        for name, kind, interface, destination, route in wanted:
            if name in self._lanes:
                continue
            ensure = Statement(
                "lane_ensure",
                {
                    "name": name,
                    "kind": kind,
                    "interface": interface,
                    "destination": destination,
                    "route": route,
                },
            )
            made = await self._store.commit(Unit(statements=(ensure,)))
            taken_row = await self._take_one(name, made.rows[0][0]["lane_id"])
            lane = Lane(
                lane_id=taken_row["lane_id"],
                name=name,
                kind=kind,
                interface=interface,
                destination=destination,
                route=route,
                epoch=taken_row["epoch"],
                head=taken_row["head"],
                cursor=taken_row["cursor"],
            )
            self._lanes[name] = lane
            self._bells[name] = asyncio.Event()
            taken.append(lane)
        return taken

    async def _take_one(self, name: str, lane_id: int) -> Row:
        params = {"lane_id": lane_id, "owner": self._owner, "lease_until": 0, "now": 0}
        done = await self._store.commit(Unit(statements=(Statement("lane_take", params),)))
        if not done.rows[0]:
            raise Conflict(f"Lane {name} belongs to another process.")
        return done.rows[0][0]
