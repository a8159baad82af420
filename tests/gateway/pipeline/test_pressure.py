"""Back-pressure: what is too old closes an interface's intake, what is settled does not."""

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
