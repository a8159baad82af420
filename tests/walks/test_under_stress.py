"""A partner that is down, slow or strict; what waits, what is new, and whose turn it is."""

import asyncio
from collections import Counter

import pytest
from aiohttp import web

from gateway.delivery import Action, Selection
from gateway.delivery import order as order_module
from gateway.delivery import window as window_module
from gateway.model.states import RetryState
from gateway.ports import Ports, SystemClock
from gateway.store import Statement, StoreUnavailable, Unit
from tests.walks.world import status, until

INTERFACE = "config/interfaces/partner.yaml"


def change(world, old: str, new: str, more: str = "") -> None:
    text = (world.root / INTERFACE).read_text()
    assert old in text
    world.write(INTERFACE, text.replace(old, new) + more)


def breaker(world, seconds: float, more: str = "") -> None:
    change(
        world,
        "retry: {schedule_seconds: [0, 0.05, 0.05, 0.05], breaker_failures: 100, jitter: 0}",
        f"retry: {{schedule_seconds: [0, 0.05], breaker_failures: 2, breaker_seconds: {seconds},"
        " breaker_longest_seconds: 0.4, jitter: 0}",
        more,
    )


def seen(count, partner):
    async def so() -> bool:
        return len(partner.requests) >= count

    return so


async def test_an_outage_burns_no_item_s_tries_though_it_is_probed_again_and_again(
    world, partner, advice
):
    """Two tries each, and some ten failed probes: without exemption all would be dead letters."""
    partner.script = [status(503)] * 12
    breaker(world, 0.05, "concurrency: 1\n")
    await world.start()
    for number in range(4):
        await world.hand_over(advice(number))
    await until(seen(12, partner), 30)
    assert "dead" not in await world.states()
    await world.settled(30)
    assert await world.states() == []
    assert len(partner.effects) == 4
    assert world.hub.workers.destinations["partner"].breaker == "closed"


async def test_an_open_breaker_is_still_open_after_a_restart(world, partner, advice):
    partner.script = [status(503)] * 2
    breaker(world, 3600, "concurrency: 1\n")
    change(world, "breaker_longest_seconds: 0.4", "breaker_longest_seconds: 3600")
    await world.start()
    for number in range(4):
        await world.hand_over(advice(number))
    await until(seen(2, partner))

    async def told() -> bool:
        rows = await world.hub.store.fetch("destinations")
        return [row["opened"] for row in rows] == [1]

    await until(told)
    await world.stop()
    await world.start()
    await asyncio.sleep(0.3)
    assert len(partner.requests) == 2
    assert world.hub.workers.destinations["partner"].breaker == "open"
    await world.hub.resume("partner", actor="t")
    await world.settled()
    assert len(partner.effects) == 4
    await until(lambda: _closed(world))


async def _closed(world) -> bool:
    rows = await world.hub.store.fetch("destinations")
    return [row["opened"] for row in rows] == [0]


async def test_a_rate_is_kept_and_what_waits_for_it_burns_no_try(world, partner, advice):
    change(world, "deadline_seconds", "rate: {per_second: 20, burst: 2}\ndeadline_seconds")
    await world.start()
    clock = SystemClock()
    at = []

    async def told(partner, key):
        at.append(clock.monotonic())
        partner.effects[key] = 1
        return web.json_response({"id": key})

    partner.later = told
    for number in range(22):
        await world.hand_over(advice(number))
    await world.settled(60)
    assert at[-1] - at[0] >= 0.95  # 2 at once, then 20 in a second
    assert await world.counter("partner", "attempts_done") == 22


async def test_retry_after_keeps_the_whole_destination_quiet(world, partner, advice):
    partner.script = [status(429, **{"Retry-After": "1"})]
    change(world, "deadline_seconds", "concurrency: 1\ndeadline_seconds")
    await world.start()
    clock = SystemClock()
    for number in range(5):
        await world.hand_over(advice(number))
    await until(seen(1, partner))
    began = clock.monotonic()
    await until(seen(2, partner))
    assert clock.monotonic() - began > 0.7
    await world.settled(30)
    assert len(partner.effects) == 5


async def waiting(world, count: int) -> None:
    """Make the first `count` deliveries of the lane wait, due now, as after an outage."""
    (lane,) = [
        row for row in await world.hub.store.fetch("lanes") if row["name"] == "deliver:all:partner"
    ]
    rows = [
        {
            "lane_id": lane["lane_id"],
            "seq": seq,
            "part_offset": -1,
            "state": "waiting",
            "due_at": 1,
            "attempts": 1,
            "generation": 0,
            "failure": "destination",
            "code": "http_503",
            "detail": "",
            "fingerprint": "",
            "order_key": "",
            "since": 1,
            "amount_cents": None,
            "correlation": "",
        }
        for seq in range(1, count + 1)
    ]
    await world.hub.store.commit(Unit(statements=tuple(Statement("retry_put", r) for r in rows)))


async def test_what_waits_and_what_is_new_go_in_turn(world, partner, advice):
    change(world, "deadline_seconds", "concurrency: 1\ndeadline_seconds")
    await world.start()
    await world.hub.pause("partner", actor="t", reason="")
    for number in range(60):
        await world.hand_over(advice(number))
    await world.hub.drained(within_seconds=0.5)
    await waiting(world, 30)
    await world.stop()
    await world.start()
    await world.hub.resume("partner", actor="t")
    await world.settled(60)
    lanes = {r["name"]: r["lane_id"] for r in await world.hub.store.fetch("lanes")}
    old = set()
    for seq in range(1, 31):
        (row,) = await world.hub.store.fetch(
            "owed_one", lane_id=lanes["deliver:all:partner"], seq=seq
        )
        old.add(f"{row['delivery_id']}-0")
    first = Counter(key in old for key in partner.requests[:20])
    assert min(first.values()) >= 6, "each kind gets 30 % while both wait"
    assert len(first) == 2
    assert len(partner.requests) == 60


ROUTES = """\
routes:
  - {name: low, contract: remittance-advice, to: partner, priority: low}
  - {name: high, contract: remittance-advice, to: partner, priority: high}
"""


async def test_a_low_lane_gets_its_eighth_beside_a_high_one_and_all_when_alone(
    world, partner, advice
):
    world.write("config/routes.yaml", ROUTES)
    change(world, "deadline_seconds", "concurrency: 1\ndeadline_seconds")
    await world.start()
    await world.hub.pause("partner", actor="t", reason="")
    for number in range(40):
        await world.hand_over(advice(number))
    await world.hub.drained(within_seconds=0.5)
    await world.hub.resume("partner", actor="t")
    await world.settled(60)
    (lane,) = [r for r in await world.hub.store.fetch("lanes") if r["route"] == "high"]
    rows = await world.hub.store.fetch(
        "owed_window", lane_id=lane["lane_id"], after_seq=0, limit=100
    )
    high = {f"{row['delivery_id']}-0" for row in rows}
    order = [key in high for key in partner.requests]
    assert len(order) == 80
    assert 26 <= sum(order[:32]) <= 30
    assert 2 <= 32 - sum(order[:32]) <= 6


# -- a person, in the middle of it --------------------------------------------------------------


@pytest.mark.parametrize(("answer", "left"), [(503, ["parked"]), (200, [])])
async def test_a_park_while_it_is_tried_stays_unless_the_try_succeeds(
    world, partner, advice, answer, left
):
    inside, go = asyncio.Event(), asyncio.Event()

    async def slowly(partner, key):
        inside.set()
        await go.wait()
        return web.json_response({"id": key}, status=answer)

    partner.script = [status(503)]
    partner.later = slowly
    change(world, "deadline_seconds: 2", "deadline_seconds: 30")
    await world.start()
    await world.hand_over(advice(1))
    await asyncio.wait_for(inside.wait(), 20)
    (aside,) = await world.hub.operator.find(Selection())
    await world.hub.operator.act(Action.PARK, Selection(ids=(aside.id,)), actor="ann")
    go.set()
    await until(lambda: _flew(world))
    await asyncio.sleep(0.2)
    assert await world.states() == left
    assert len(partner.requests) == 2
    attempts = await world.hub.store.fetch("attempts_of", lane_id=aside.lane_id, seq=aside.seq)
    assert [a["outcome"] for a in attempts] == ["failed", "done" if answer == 200 else "failed"]


async def _flew(world) -> bool:
    return all(not r.under_way for r in world.hub.workers.runners.values())


# -- order --------------------------------------------------------------------------------------

KEYED = "order_by: input.payer.name\non_dead: %s\n"


async def test_on_dead_follows_a_reload_at_once(world, partner, advice):
    partner.script = [status(422)]
    world.partner_is("key", KEYED % "hold")
    await world.start()
    for number in range(5):
        await world.hand_over(advice(number))
    await world.hub.drained(within_seconds=0.5)
    assert len(partner.requests) == 1
    world.partner_is("key", KEYED % "skip")
    await world.hub.reload()
    await until(seen(5, partner))
    await world.settled()
    world.partner_is("key", KEYED % "hold")
    await world.hub.reload()
    await world.hand_over(advice(9))
    await world.hub.drained(within_seconds=0.5)
    assert (len(partner.requests), await world.states()) == (5, ["dead"])


async def test_replays_of_a_key_never_run_beside_each_other_or_its_successors(
    world, partner, advice
):
    together, most = 0, 0

    async def slowly(partner, key):
        nonlocal together, most
        together += 1
        most = max(most, together)
        await asyncio.sleep(0.02)
        together -= 1
        partner.effects[key] = 1
        return web.json_response({"id": key})

    partner.script = [status(422)] * 4
    partner.later = slowly
    world.partner_is("key", KEYED % "skip")
    await world.start()
    for number in range(8):
        await world.hand_over(advice(number))
    await until(seen(4, partner))
    for _ in range(5):
        dead = Selection(state=RetryState.DEAD)
        await world.hub.operator.act(Action.REPLAY, dead, actor="t", order_id="")
        await asyncio.sleep(0.01)
    await world.settled(30)
    assert most == 1
    assert len(partner.effects) == 8


async def test_more_blocked_keys_than_are_kept_in_memory_still_block_theirs(
    world, partner, advice, monkeypatch
):
    monkeypatch.setattr(order_module, "MAX_KEYS", 3)
    monkeypatch.setattr("gateway.delivery.runner.MAX_KEYS", 3)
    monkeypatch.setattr(window_module, "WINDOW", 2)
    partner.script = [status(422)] * 8
    world.partner_is("key", "order_by: input.payment_key\non_dead: hold\nconcurrency: 1\n")
    await world.start()
    for number in range(8):
        await world.hand_over(advice(number))
    await world.settled()
    assert await world.states() == ["dead"] * 8
    runner = world.hub.workers.runners["deliver:all:partner"]
    assert runner._order._blocked is None
    for number in range(8, 10):
        await world.hand_over(advice(number))
    await world.settled()
    assert len(partner.effects) == 2
    await world.stop()
    await world.start()
    again = [await world.hand_over(advice(number), again=True) for number in range(8)]
    assert len(again) == 8
    await world.settled()
    await world.hub.operator.act(
        Action.RELEASE, Selection(state=RetryState.HELD), actor="t", reason="on purpose"
    )
    await world.hub.drained(within_seconds=1)
    assert len(partner.effects) == 2, "every successor waits behind its dead predecessor"
    await world.hub.operator.act(
        Action.DISCARD, Selection(state=RetryState.DEAD), actor="t", reason="posted by hand"
    )
    await world.settled(30)
    assert len(partner.effects) == 10


async def test_what_could_not_be_asked_about_is_not_forgotten(world, partner, advice, monkeypatch):
    monkeypatch.setattr(order_module, "MAX_KEYS", 1)
    monkeypatch.setattr("gateway.delivery.runner.TROUBLE_SECONDS", 0.05)
    partner.script = [status(422)] * 3
    world.partner_is("key", "order_by: input.payment_key\non_dead: hold\nconcurrency: 1\n")
    await world.start()
    for number in range(3):
        await world.hand_over(advice(number))
    await world.settled()
    fetch, failed = world.hub.store.fetch, []

    async def fails_twice(query, **params):
        if query == "retry_states_of_key" and len(failed) < 2:
            failed.append(query)
            raise StoreUnavailable("Busy.")
        return await fetch(query, **params)

    monkeypatch.setattr(world.hub.store, "fetch", fails_twice)
    await world.hand_over(advice(5))
    await until(lambda: _effects(partner, 1))
    assert len(failed) == 2


async def _effects(partner, count: int) -> bool:
    return len(partner.effects) == count


# -- clocks -------------------------------------------------------------------------------------


class JumpingClock(SystemClock):
    """A wall clock that a test sets wrong."""

    ahead = 0.0

    def now(self):
        from datetime import timedelta

        return super().now() + timedelta(seconds=self.ahead)


@pytest.mark.parametrize("jump", [3600, -3600])
async def test_a_wall_clock_that_jumps_fires_nothing_early_and_delays_nothing(
    world, partner, advice, jump
):
    clock = JumpingClock()
    change(world, "[0, 0.05, 0.05, 0.05]", "[0, 1.0]")
    partner.script = [status(503)]
    await world.start(Ports(clock=clock))
    await world.hand_over(advice(1))
    await until(seen(1, partner))
    began = clock.monotonic()
    clock.ahead = jump
    await asyncio.sleep(0.2)
    world.hub.workers.look_again("deliver:all:partner")
    await asyncio.sleep(0.2)
    assert len(partner.requests) == 1
    await until(seen(2, partner), 10)
    assert 0.5 < clock.monotonic() - began < 8
