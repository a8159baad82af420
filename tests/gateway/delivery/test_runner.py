"""A lane's owner in virtual time: real lanes, a real destination, a store whose writes take a while."""

import asyncio
import random

import msgspec
import pytest

from gateway.delivery.destination import Destination
from gateway.delivery.order import KeyOrder
from gateway.delivery.runner import CURSOR_EVERY, IDLE_SECONDS, LaneRunner, Work
from gateway.model.states import RetryState
from gateway.pipeline import Lanes
from gateway.settings import RateSettings, RetrySettings
from gateway.simulation.loop import VirtualLoop
from gateway.simulation.store import Disk, SimulatedStore
from gateway.simulation.surroundings import SimulatedClock, ports_of
from gateway.store import Statement, Unit
from tests.gateway.delivery.hand import DONE, FAULT

NAMES = ("claims", "letters")


@pytest.fixture
def loop():
    loop = VirtualLoop()
    yield loop
    loop.dispose()


async def owed(store, clock, deliveries: int) -> Lanes:
    """Return two lanes to one partner, each of which owes so many deliveries."""
    lanes = Lanes(store, clock)
    await lanes.ensure((name, "deliver", "billing", "billing", name) for name in NAMES)
    for name in NAMES:
        lane = {"lane_id": lanes[name].lane_id, "order_key": "", "at": 0}
        for number in range(deliveries):
            key = {"item_id": f"msg_{number}", "delivery_id": f"dlv_{name}_{number}"}
            await store.commit(Unit(statements=(Statement("owe", lane | key),)))
    await lanes.take(NAMES, "node")
    return lanes


async def set_aside(item, code, _detail):
    raise AssertionError((item.delivery_id, code))


async def worked_off(disk: Disk, clock: SimulatedClock, deliveries: int) -> list[float]:
    """Return when each delivery was made, in seconds; what the rate lets through at once is all
    but the last of each lane, and noting how far a lane has come takes longer than a token."""
    ports = ports_of(clock, disk.chance, lambda _: None)
    store = SimulatedStore(disk, ports, "node")
    lanes = await owed(store, clock, deliveries)
    rate = RateSettings(per_second=20, burst=len(NAMES) * (deliveries - 1))
    billing = Destination("billing", concurrency=8, retry=RetrySettings(), clock=clock, rate=rate)
    disk.trouble.late, disk.trouble.longest_seconds = 1.0, 1.0
    made: list[float] = []

    async def deliver(_item):
        made.append(clock.monotonic())
        return DONE

    runners = [
        LaneRunner(
            lanes[name],
            Work(deliver, set_aside),
            billing,
            store=store,
            lanes=lanes,
            ports=ports,
            order=KeyOrder(),
        )
        for name in NAMES
    ]
    running = [asyncio.create_task(runner.run()) for runner in runners]
    async with asyncio.timeout(600):
        while len(made) < len(NAMES) * deliveries:
            await clock.sleep(0.5)
    for runner in runners:
        runner.stop()
    await asyncio.gather(*running)
    await store.close()
    return made


@pytest.mark.parametrize("seed", range(3))
def test_a_token_that_came_while_a_lane_was_turned_away_is_not_waited_for(loop, seed):
    """Nobody rings for a token. A lane that was refused one, and then has to note how far it
    has come, would sleep on beside the one that came meanwhile, until it looks by itself."""
    clock = SimulatedClock(loop)
    disk = Disk(shared=False, chance=random.Random(seed), now_ms=lambda: 0)
    try:
        made = loop.run_until_complete(worked_off(disk, clock, CURSOR_EVERY + 1))
    finally:
        disk.remove()
    assert made[-1] - made[0] < IDLE_SECONDS / 5


RETRY = {
    "part_offset": -1,
    "state": "waiting",
    "due_at": 0,
    "generation": 0,
    "code": "",
    "detail": "",
    "failure": "destination",
    "fingerprint": "",
    "order_key": "",
    "since": 1,
    "amount_cents": None,
    "correlation": "",
}


async def most_at_once(disk: Disk, clock: SimulatedClock) -> int:
    """Return how many tries of one delivery were under way together. Each fails, and is due again
    when that is on record."""
    ports = ports_of(clock, disk.chance, lambda _: None)
    store = SimulatedStore(disk, ports, "node")
    lanes = await owed(store, clock, 1)
    billing = Destination("billing", concurrency=8, retry=RetrySettings(), clock=clock)
    under_way = most = tries = 0

    async def deliver(item):
        nonlocal under_way, most, tries
        under_way, tries = under_way + 1, tries + 1
        most = max(most, under_way)
        await clock.sleep(0.5)
        runner.look_again()  # somebody has changed another one
        await clock.sleep(0.5)
        under_way -= 1
        place = {"lane_id": lanes[item.lane].lane_id, "seq": item.seq, "attempts": tries}
        await store.commit(Unit(statements=(Statement("retry_put", RETRY | place),)))
        lanes.ring([item.lane])  # its owner looks in this very moment
        return msgspec.structs.replace(FAULT, state=RetryState.WAITING, due_at=0)

    runner = LaneRunner(
        lanes["claims"],
        Work(deliver, set_aside),
        billing,
        store=store,
        lanes=lanes,
        ports=ports,
        order=KeyOrder(),
    )
    running = asyncio.create_task(runner.run())
    async with asyncio.timeout(60):
        while tries < 4:
            await clock.sleep(0.5)
    runner.stop()
    await running
    await store.close()
    return most


def test_what_is_due_again_when_its_failure_is_on_record_is_tried_once_at_a_time(loop):
    clock = SimulatedClock(loop)
    disk = Disk(shared=False, chance=random.Random(1), now_ms=lambda: 0)
    try:
        most = loop.run_until_complete(most_at_once(disk, clock))
    finally:
        disk.remove()
    assert most == 1
