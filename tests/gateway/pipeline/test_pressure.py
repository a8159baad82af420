"""Back-pressure: what is too old closes an interface's intake, what is settled does not."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from gateway.pipeline.pressure import LOOK_SECONDS, HubBehind, Pressure
from gateway.ports import Ports
from gateway.store import KeyRing, Statement, Store, StoreSettings, Unit, WriterShape, open_store

LIMIT = 60.0
LANE = {
    "name": "process:feed",
    "kind": "process",
    "interface": "feed",
    "destination": "",
    "route": "",
}
ATTEMPT = {
    "lane_id": 1,
    "part_offset": -1,
    "number": 1,
    "generation": 0,
    "at": 0,
    "took_ms": 0,
    "outcome": "done",
    **dict.fromkeys(("failure", "code", "detail", "fingerprint", "external_id", "reply_id"), ""),
    "epoch": 0,
}


class Clock:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
async def store(tmp_path):
    keys = KeyRing.open(tmp_path / "hub.key")
    settings = StoreSettings(path=tmp_path / "hub.db", writer=WriterShape.THREAD)
    there = await open_store(settings, keys, Ports())
    await there.commit(Unit(statements=(Statement("lane_ensure", LANE),)))
    yield there
    await there.close()


async def owe(store: Store, clock: Clock, number: int) -> None:
    row = {
        "lane_id": 1,
        "item_id": f"art_{number}",
        "delivery_id": f"prc_{number}",
        "order_key": "",
        "at": int(clock.now().timestamp() * 1000),
    }
    await store.commit(Unit(statements=(Statement("owe", row),)))


async def settle(store: Store, number: int) -> None:
    await store.commit(
        Unit(statements=(Statement("attempt_insert", {**ATTEMPT, "seq": number}, expect=1),))
    )


async def later(clock: Clock, pressure: Pressure, seconds: float) -> None:
    clock.seconds += seconds
    await pressure.must_keep_up("feed", LIMIT)


async def test_an_interface_is_open_while_nothing_waits_for_too_long(store):
    clock = Clock()
    pressure = Pressure(store, clock)
    await pressure.must_keep_up("feed", LIMIT)
    await owe(store, clock, 1)
    await later(clock, pressure, LIMIT)


async def test_one_that_waits_for_too_long_closes_it_until_it_is_settled(store):
    clock = Clock()
    pressure = Pressure(store, clock)
    await owe(store, clock, 1)
    with pytest.raises(HubBehind):
        await later(clock, pressure, LIMIT + 1)
    await settle(store, 1)
    await later(clock, pressure, LOOK_SECONDS)


async def test_it_closes_between_two_looks_too(store):
    clock = Clock()
    pressure = Pressure(store, clock)
    await owe(store, clock, 1)
    await later(clock, pressure, LIMIT - LOOK_SECONDS / 2)
    with pytest.raises(HubBehind):
        await later(clock, pressure, LOOK_SECONDS * 0.75)


async def test_settled_ones_above_a_lazy_cursor_do_not_count(store):
    clock = Clock()
    pressure = Pressure(store, clock)
    for number in range(1, 301):
        await owe(store, clock, number)
    for number in range(1, 301):
        await settle(store, number)
    await later(clock, pressure, LIMIT + 1)
    await owe(store, clock, 301)
    with pytest.raises(HubBehind):
        await later(clock, pressure, LIMIT + 1)


async def test_a_settled_one_that_grows_too_old_between_two_looks_closes_nothing(store):
    clock = Clock()
    pressure = Pressure(store, clock)
    await owe(store, clock, 1)
    await settle(store, 1)
    await later(clock, pressure, LIMIT - LOOK_SECONDS / 2)
    await later(clock, pressure, LOOK_SECONDS * 0.75)


async def test_one_interface_behind_closes_no_other_and_zero_closes_none(store):
    clock = Clock()
    pressure = Pressure(store, clock)
    await owe(store, clock, 1)
    clock.seconds += LIMIT + 1
    await pressure.must_keep_up("another", LIMIT)
    await pressure.must_keep_up("feed", 0)
    with pytest.raises(HubBehind):
        await pressure.must_keep_up("feed", LIMIT)


class Lane:
    """A feed whose files come and are processed at given paces, by a clock moved by hand."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.pressures = [Pressure(store, clock)]
        self.owed = 0
        self.settled = 0
        self.came: dict[int, float] = {}
        self.oldest = 0.0
        self.told: list[int] = []

    async def offer(self, limit: float, count: int) -> None:
        for number in range(count):
            pressure = self.pressures[number % len(self.pressures)]
            try:
                await pressure.must_keep_up("feed", limit)
            except HubBehind as behind:
                self.told.append(behind.retry_after_seconds)
                continue
            with pressure.arriving("feed") as intake:
                self.owed += 1
                await owe(self.store, self.clock, self.owed)
                self.came[self.owed] = self.clock.seconds
                intake.taken = True

    async def run(self, seconds: int, *, limit: float, offered: int, worked_off: int) -> None:
        """A tenth of a second at a time, so many a tenth."""
        for _ in range(seconds * 10):
            await self.offer(limit, offered)
            self.clock.seconds += 0.1
            for _ in range(min(worked_off, self.owed - self.settled)):
                self.settled += 1
                await settle(self.store, self.settled)
                self.oldest = max(self.oldest, self.clock.seconds - self.came[self.settled])


@pytest.mark.parametrize("nodes", [1, 3])
async def test_senders_five_times_as_fast_never_make_the_last_one_wait_much_longer(store, nodes):
    clock = Clock()
    lane = Lane(store, clock)
    lane.pressures = [Pressure(store, clock) for _ in range(nodes)]
    await lane.run(30, limit=5, offered=10, worked_off=2)
    assert lane.oldest <= 2 * 5
    assert lane.settled >= 0.9 * 30 * 20, "it is never without work either"
    assert {told >= 1 for told in lane.told} == {True}


async def test_who_is_refused_is_told_to_come_back_later_the_longer_the_wait_is(store):
    clock = Clock()
    lane = Lane(store, clock)
    await lane.run(12, limit=80, offered=10, worked_off=1)
    assert max(lane.told) in range(8, 16), "about a quarter of the wait"


async def test_a_burst_after_little_traffic_is_taken(store):
    clock = Clock()
    lane = Lane(store, clock)
    await lane.run(5, limit=5, offered=5, worked_off=5)
    lane.told.clear()  # before it was seen at work
    for _ in range(30):
        await lane.run(1, limit=5, offered=0, worked_off=1)
        await lane.offer(5, 1)
    await lane.offer(5, 50)
    assert not lane.told


async def test_files_that_are_only_arriving_close_nothing(store):
    clock = Clock()
    pressure = Pressure(store, clock)
    await pressure.must_keep_up("feed", LIMIT)
    with contextlib.ExitStack() as slow:
        for _ in range(1000):
            slow.enter_context(pressure.arriving("feed"))
        await pressure.must_keep_up("feed", LIMIT)


async def test_what_can_start_at_once_is_never_too_much(store):
    clock = Clock()
    lane = Lane(store, clock)
    for _ in range(10):  # it stands still
        await lane.run(1, limit=5, offered=1, worked_off=0)
    await lane.run(1, limit=5, offered=0, worked_off=100)
    for _ in range(3):
        await lane.pressures[0].must_keep_up("feed", 5, at_once=3)
        await owe(store, clock, lane.owed + 1)
        lane.owed += 1
