"""What fails after a transaction is durable does not make it undone, and stops nothing."""

import pytest

from gateway.delivery import Action, Selection
from gateway.ports import Ports
from gateway.store import StoreUnavailable
from tests.walks.world import on_both_engines, status, until


class Bug(Exception):
    pass


class Crash(BaseException):
    """Ends an attempt as the end of its process does: nothing of it is recorded."""


def crash_at(point: str) -> Ports:
    def fail(name: str) -> None:
        if name == point:
            raise Crash

    return Ports(fail_point=fail)


@pytest.mark.parametrize("point", ["process.after_commit", "settle.after_commit"])
async def test_a_bug_right_after_the_commit_leaves_nothing_under_way_for_ever(
    world, advice, point
):
    planted = [point]

    def fail_point(name: str) -> None:
        if name in planted:
            planted.remove(name)
            raise Bug

    await world.start(Ports(fail_point=fail_point))
    for number in range(3):
        await world.hand_over(advice(number))
    await world.settled(seconds=10)
    assert not planted
    assert await world.states() == []
    assert sorted(world.partner.effects.values()) == [1, 1, 1]
    assert await world.counter("partner", "deliveries_done") == 3


def lost_after(name: str, nth: int) -> Ports:
    """Return ports of a store that does not know what became of its next commit, which is durable,
    once `name` has been passed so often."""
    left, lost = nth, False

    def fail(passing: str) -> None:
        nonlocal left, lost
        left -= passing == name
        if passing == "store.after_commit" and left == 0 and not lost:
            lost = True
            raise StoreUnavailable("Who knows.", code="writer_lost")

    return Ports(fail_point=fail)


@on_both_engines
@pytest.mark.parametrize("mode", ["key", "lookup", "none"])
async def test_a_second_try_whose_commit_was_lost_is_one_attempt_and_counts_once(
    world, partner, advice, mode
):
    world.partner_is(mode)
    partner.script = [status(503)]
    await world.start(lost_after("dispatch.after_reply", 2))
    await world.hand_over(advice(1))
    await world.settled()
    assert len(partner.requests) == 2
    rows = await world.hub.store.fetch("lanes")
    (lane,) = [row["lane_id"] for row in rows if row["kind"] == "deliver"]
    attempts = await world.hub.store.fetch("attempts_of", lane_id=lane, seq=1)
    assert [attempt["outcome"] for attempt in attempts] == ["failed", "done"]
    assert await world.counter("partner", "deliveries_done") == 1


async def test_a_conflict_after_a_crash_is_no_reason_for_a_new_key(world, partner, advice):
    await world.start(crash_at("dispatch.after_reply"))
    await world.hand_over(advice(1))

    async def sent() -> bool:
        return len(partner.requests) == 1 and world.hub.workers.idle

    await until(sent)
    await world.stop()
    partner.script = [status(409)]
    await world.start()
    await world.settled()
    (aside,) = await world.hub.operator.find(Selection())
    await world.hub.operator.act(Action.REPLAY, Selection(ids=(aside.id,)), actor="t")
    await world.settled()
    assert len(partner.requests) == 3
    assert len(set(partner.requests)) == 1


async def test_a_refusal_after_a_crash_is_no_reason_for_a_new_key(world, partner, advice):
    await world.start(crash_at("dispatch.after_reply"))
    await world.hand_over(advice(1))

    async def sent() -> bool:
        return len(partner.requests) == 1 and world.hub.workers.idle

    await until(sent)
    await world.stop()
    partner.script = [status(422), status(422)]
    await world.start()
    await world.settled()
    for key in ("-0", "-0"):  # the first try of this process and its replay: one may be there
        (aside,) = await world.hub.operator.find(Selection())
        assert partner.requests[-1].endswith(key)
        await world.hub.operator.act(Action.REPLAY, Selection(ids=(aside.id,)), actor="t")
        await world.settled()
    assert len(set(partner.requests)) == 1
    assert await world.states() == []


@on_both_engines
async def test_a_look_that_fails_after_a_lost_commit_is_no_reason_to_send_again(
    world, partner, advice, monkeypatch
):
    world.partner_is("lookup")
    partner.script = [status(503)]
    await world.start(lost_after("dispatch.after_reply", 1))
    fetch, busy = world.hub.store.fetch, ["lane_by_id", "attempt_one"]

    async def busy_once(statement: str, /, **values: object) -> object:
        if statement in busy:
            busy.remove(statement)
            raise StoreUnavailable("Busy.", code="store_busy")
        return await fetch(statement, **values)

    monkeypatch.setattr(world.hub.store, "fetch", busy_once)
    await world.hand_over(advice(1))
    await world.settled(seconds=30)
    assert busy == []
    assert len(partner.requests) == 2
    (lane,) = [r["lane_id"] for r in await fetch("lanes") if r["kind"] == "deliver"]
    attempts = await fetch("attempts_of", lane_id=lane, seq=1)
    assert [attempt["outcome"] for attempt in attempts] == ["failed", "done"]
    assert sorted(partner.effects.values()) == [1]


@on_both_engines
async def test_what_a_person_discards_while_its_commit_is_lost_holds_nobody(
    world, partner, advice, monkeypatch
):
    world.partner_is("key", "order_by: input.payer.name\n")
    partner.script = [status(503)]
    await world.start(lost_after("dispatch.after_reply", 1))
    await world.hand_over(advice(1))

    async def waits() -> bool:
        return await world.states() == ["waiting"]

    await until(waits)  # it is on record, and who wrote it does not know
    found = await world.hub.operator.find(Selection())
    one = Selection(ids=(found[0].id,))
    await world.hub.operator.act(Action.DISCARD, one, actor="t", reason="not ours")
    await world.hand_over(advice(2))
    await world.settled(seconds=20)
    assert sorted(partner.effects.values()) == [1]
    assert len(partner.requests) == 2
