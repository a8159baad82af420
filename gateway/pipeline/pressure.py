"""Back-pressure: an interface takes nothing in while what it took before waits for too long.

Refusing in time is what keeps a promise that every accepted file is worked off: the sender, or the
partner's folder, keeps what there is no time for. Only the age counts, not how many wait: where
senders outran processing five times, the last one taken waits for about five times the limit.
"""

import msgspec

from gateway.errors import TryAgain
from gateway.pipeline.bundle import process_lane
from gateway.pipeline.records import milliseconds
from gateway.ports import Clock
from gateway.store import Store

__all__ = ["LOOK_SECONDS", "HubBehind", "Pressure"]

LOOK_SECONDS = 1.0
"""Between two looks at one interface."""

PAGE = 256


class HubBehind(TryAgain):
    """The hub is behind with what it has taken at this interface: it is to be offered again."""

    code = "hub_behind"


class _Look(msgspec.Struct, frozen=True):
    at: float
    oldest_at: int
    """When the oldest file that is not processed came, in milliseconds; 0: there is none."""


class Pressure:
    """Looks, at most once a second per interface, how old the oldest unprocessed file is.

    It asks the store, not a lane's owner: that may be another node.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._looks: dict[str, _Look] = {}

    async def must_keep_up(self, interface: str, limit_seconds: float) -> None:
        """Raise HubBehind while the interface's oldest unprocessed file is older than that; a
        limit of 0 takes everything."""
        if not limit_seconds:
            return
        look = self._looks.get(interface)
        if look is None or self._clock.monotonic() - look.at >= LOOK_SECONDS:
            # Before the await: of many that come at once, one looks.
            stale = _Look(self._clock.monotonic(), look.oldest_at if look else 0)
            self._looks[interface] = stale
            look = _Look(stale.at, await self._oldest(interface, limit_seconds))
            self._looks[interface] = look
        if look.oldest_at and self._age(look.oldest_at) > limit_seconds:
            raise HubBehind(
                f"Files taken at '{interface}' wait for longer than {limit_seconds:g} s: "
                "nothing more is taken in there until they are processed.",
                next_step="offer it again later; nothing that was accepted is lost.",
            )

    def _age(self, at: int) -> float:
        return (milliseconds(self._clock.now()) - at) / 1000

    async def _oldest(self, interface: str, limit_seconds: float) -> int:
        rows = await self._store.fetch("lane_by_name", name=process_lane(interface))
        if not rows:
            return 0
        lane, after = rows[0]["lane_id"], rows[0]["cursor"]
        first = await self._store.fetch("owed_window", lane_id=lane, after_seq=after, limit=1)
        # What stays young enough until two looks from now need not be looked at closely.
        if not first or self._age(first[0]["at"]) <= limit_seconds - 2 * LOOK_SECONDS:
            return first[0]["at"] if first else 0
        return await self._oldest_unsettled(lane, after)

    async def _oldest_unsettled(self, lane: int, after: int) -> int:
        """The cursor follows lazily: what looks old may be settled. Reads no further than to the
        first that is not; an owner holds only so many above its cursor."""
        place = {"lane_id": lane, "after_seq": after}
        settled = {
            row["seq"]
            # In this order: what is settled in between is in one of the two.
            for query in ("set_aside_above", "settled_above")
            for row in await self._store.fetch(query, **place)
        }
        while True:
            rows = await self._store.fetch(
                "owed_window", lane_id=lane, after_seq=after, limit=PAGE
            )
            waiting = next((row["at"] for row in rows if row["seq"] not in settled), 0)
            if waiting or len(rows) < PAGE:
                return waiting
            after = rows[-1]["seq"]
