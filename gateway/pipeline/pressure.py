"""Back-pressure: an interface takes nothing in while what it took before waits for too long, or will.

Refusing in time is what keeps a promise that every accepted file is worked off: the sender, or the
partner's folder, keeps what there is no time for. Two things close an interface: its oldest file
has waited for longer than the limit, or one taken now would (what waits there, by how many a second
were worked off lately). The second is what keeps the last one taken from waiting for many times the
limit where senders outrun processing.
"""

import contextlib
import math
from collections.abc import Iterator

import msgspec

from gateway.errors import TryAgain
from gateway.pipeline.bundle import process_lane
from gateway.pipeline.drain import Drain
from gateway.pipeline.records import milliseconds
from gateway.ports import Clock
from gateway.store import Row, Store

__all__ = ["LOOK_SECONDS", "HubBehind", "Intake", "Pressure"]

LOOK_SECONDS = 1.0
"""Between two looks at one interface."""

PAGE = 256

AIM_SHARE = 0.5
"""What is taken in should wait no longer than this share of the limit: a lane may grow slower by
half and still keep it."""

UNDER_WAY_SHARE = 0.25
"""Files that are only arriving count for no more than this share of the limit: slow senders may not
close an interface to others."""

COME_BACK_SHARE = 0.25
"""Who is refused is told to come back after this share of the wait there is: what there is room for
by then is worth asking for, and not everybody asks every second."""

RETRY_AFTER_BOUNDS_SECONDS = (1, 300)


class HubBehind(TryAgain):
    """The hub is behind with what it has taken at this interface: it is to be offered again."""

    code = "hub_behind"


class Intake:
    """How one file is taken in: to be told when it is durable and new."""

    taken = False


class _Gate:
    """What is known of one interface. Counts are of files, times are monotonic seconds."""

    def __init__(self, looked_at: float) -> None:
        self.looked_at = looked_at
        self.oldest_at = 0
        """When the oldest file that is not processed came, in milliseconds; 0: there is none."""
        self.head = 0
        self.waiting = 0.0
        """How many were not processed at the last look."""
        self.taken = 0
        """Since the last look, by this process."""
        self.elsewhere = 0.0
        """A second, by other nodes."""
        self.under_way = 0
        self.drain = Drain()

    def waits(self, now: float) -> float:
        """Return how many wait now, about."""
        passed = now - self.looked_at
        came = self.taken + self.elsewhere * passed
        return max(0.0, self.waiting + came - self.drain.per_second * passed)

    def wait_on(self, now: float) -> None:
        """Go by the estimate until the look that begins now has found something."""
        self.waiting, self.taken, self.looked_at = self.waits(now), 0, now

    def expected(self, now: float, limit_seconds: float) -> tuple[float, float]:
        """Return how many wait now, about, and how many seconds they take."""
        rate = self.drain.per_second
        arriving = min(self.under_way, rate * limit_seconds * UNDER_WAY_SHARE)
        waiting = self.waits(now) + arriving
        return waiting, waiting / rate


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a look has found; `done`: how many were ever processed, None where that was not
    counted."""

    head: int = 0
    waiting: int = 0
    oldest_at: int = 0
    done: int | None = None


class Pressure:
    """Looks, at most once a second per interface, at how many files wait there and since when.

    It asks the store, not a lane's owner: that may be another node.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._gates: dict[str, _Gate] = {}

    @contextlib.contextmanager
    def arriving(self, interface: str) -> Iterator[Intake]:
        """One file is on its way in for the length of the block; one that was admitted."""
        gate, intake = self._gates.get(interface), Intake()
        if gate is None:
            yield intake
            return
        gate.under_way += 1
        try:
            yield intake
        finally:
            gate.under_way -= 1
            gate.taken += intake.taken

    async def must_keep_up(
        self, interface: str, limit_seconds: float, *, at_once: int = 1
    ) -> None:
        """Raise HubBehind while the interface's oldest unprocessed file is older than that, or
        one taken now might have to wait for longer; a limit of 0 takes everything. `at_once`
        files are processed at the same time: so many never are too many."""
        if not limit_seconds:
            return
        now = self._clock.monotonic()
        gate = self._gates.get(interface)
        if gate is None or now - gate.looked_at >= LOOK_SECONDS:
            gate = self._gates.setdefault(interface, _Gate(now - LOOK_SECONDS))
            await self._look(gate, interface, limit_seconds, at_once)
        age = self._age(gate.oldest_at) if gate.oldest_at else 0.0
        waiting, wait = gate.expected(self._clock.monotonic(), limit_seconds)
        if age > limit_seconds or (waiting > at_once and wait > limit_seconds * AIM_SHARE):
            raise _behind(interface, limit_seconds, max(age, wait))

    async def _look(self, gate: _Gate, interface: str, limit_seconds: float, at_once: int) -> None:
        now = self._clock.monotonic()
        passed, before, taken = now - gate.looked_at, gate.waiting, gate.taken
        gate.wait_on(now)  # before the await: of many that come at once, one looks
        found = await self._find(gate, interface, limit_seconds)
        if gate.head:
            gate.elsewhere = max(0, found.head - gate.head - taken) / passed
        last_look_at = milliseconds(self._clock.now()) - passed * 1000
        gate.drain.looked(
            found.done,
            passed_seconds=passed,
            # One that came before the last look still waits, and others do that do not fit in.
            busy=min(before, found.waiting) > at_once and found.oldest_at <= last_look_at,
        )
        gate.head, gate.waiting, gate.oldest_at = found.head, found.waiting, found.oldest_at

    def _age(self, at: int) -> float:
        return (milliseconds(self._clock.now()) - at) / 1000

    async def _find(self, gate: _Gate, interface: str, limit_seconds: float) -> _Found:
        rows = await self._store.fetch("lane_by_name", name=process_lane(interface))
        if not rows:
            return _Found()
        lane = rows[0]
        place = {"lane_id": lane["lane_id"], "after_seq": lane["cursor"]}
        first = await self._store.fetch("owed_window", **place, limit=1)
        oldest_at = first[0]["at"] if first else 0
        waiting = lane["head"] - lane["cursor"]
        # What stays young and short enough until two looks from now need not be looked at closely.
        young = not first or self._age(oldest_at) <= limit_seconds - 2 * LOOK_SECONDS
        if young and waiting <= gate.drain.per_second * limit_seconds / 2:
            done = None if waiting else lane["head"]
            return _Found(head=lane["head"], waiting=waiting, oldest_at=oldest_at, done=done)
        return await self._look_closely(lane)

    async def _look_closely(self, lane: Row) -> _Found:
        """The cursor follows lazily: what looks old may be settled. Reads no further than to the
        first that is not; an owner holds only so many above its cursor."""
        after, head = lane["cursor"], lane["head"]
        place = {"lane_id": lane["lane_id"], "after_seq": after}
        settled = {
            row["seq"]
            # In this order: what is settled in between is in one of the two.
            for query in ("set_aside_above", "settled_above")
            for row in await self._store.fetch(query, **place)
        }
        waiting = head - after - sum(seq <= head for seq in settled)
        while True:
            rows = await self._store.fetch(
                "owed_window", lane_id=lane["lane_id"], after_seq=after, limit=PAGE
            )
            oldest_at = next((row["at"] for row in rows if row["seq"] not in settled), 0)
            if oldest_at or len(rows) < PAGE:
                done = head - waiting
                return _Found(head=head, waiting=waiting, oldest_at=oldest_at, done=done)
            after = rows[-1]["seq"]


def _behind(interface: str, limit_seconds: float, wait_seconds: float) -> HubBehind:
    low, high = RETRY_AFTER_BOUNDS_SECONDS
    after = min(max(math.ceil(wait_seconds * COME_BACK_SHARE), low), high)
    return HubBehind(
        f"Files taken at '{interface}' wait for longer than {limit_seconds:g} s, or would: "
        "nothing more is taken in there until they are processed.",
        next_step="offer it again later; nothing that was accepted is lost.",
        retry_after_seconds=after,
    )
