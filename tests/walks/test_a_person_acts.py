"""A person replays and discards while the hub is at work: nothing twice, nothing brought back."""

import asyncio

import pytest
from aiohttp import web

from gateway.delivery import Action, Selection
from gateway.errors import UsageFault
from gateway.model.states import RetryState
from gateway.ports import Ports
from gateway.store import StoreUnavailable
from tests.walks.world import effect_then_silence, silence, status, until


async def test_what_is_discarded_while_it_is_sent_is_on_record_as_sent(world, partner, advice):
    answering = asyncio.Event()

    async def slowly(partner, key):
        await answering.wait()
        partner.effects[key] = 1
        return web.json_response({"id": "late"})

    partner.script = [status(503)]
    await world.start()
    partner.later = slowly
    await world.hand_over(advice(1))

    async def second() -> bool:
        return len(partner.requests) == 2

    await until(second)
    waiting = Selection(state=RetryState.WAITING)
    report = await world.hub.operator.act(Action.DISCARD, waiting, actor="t", reason="by hand")
    assert report.count == 1
    answering.set()
    await world.settled()
    assert await world.states() == []
    assert len(partner.effects) == 1
    assert await world.counter("partner", "deliveries_done") == 1
    await world.stop()
    await world.start()
    await world.settled()
    assert len(partner.requests) == 2


async def test_what_is_discarded_while_it_fails_stays_discarded(world, partner, advice):
    answering = asyncio.Event()

    async def slowly(_partner, _key):
        await answering.wait()
        return web.Response(status=503)

    partner.script = [status(503)]
    await world.start()
    partner.later = slowly
    await world.hand_over(advice(1))

    async def second() -> bool:
        return len(partner.requests) == 2

    await until(second)
    await world.hub.operator.act(
        Action.DISCARD, Selection(state=RetryState.WAITING), actor="t", reason="by hand"
    )
    answering.set()
    await world.settled()
    await asyncio.sleep(0.2)
    assert await world.states() == []
    assert len(partner.requests) == 2


async def test_what_is_discarded_while_it_waits_for_the_disk_is_not_sent(world, partner, advice):
    full = False

    def fail(name: str) -> None:
        if full and name == "store.before_commit":
            raise StoreUnavailable("No room.", code="disk_full")

    world.partner_is("lookup")
    partner.script = [status(503)] * 2
    await world.start(Ports(fail_point=fail))
    await world.hand_over(advice(1))

    async def waits() -> bool:
        return len(partner.requests) == 2 and await world.states() == ["waiting"]

    await until(waits)
    full = True
    await asyncio.sleep(0.3)  # the next try cannot even be put on record
    full = False
    await world.hub.operator.act(
        Action.DISCARD, Selection(state=RetryState.WAITING), actor="t", reason="by hand"
    )
    await world.settled()
    assert len(partner.requests) == 2
    assert await world.states() == []


async def test_what_is_discarded_while_it_is_sent_still_goes_before_its_successors(
    world, partner, advice
):
    at_once = most = 0

    async def slowly(partner, key):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.2)
        at_once -= 1
        partner.effects[key] = 1
        return web.json_response({"id": "late"})

    world.partner_is("key", "order_by: payment.method\n")
    partner.script = [status(503)]
    await world.start()
    partner.later = slowly
    for number in range(4):
        await world.hand_over(advice(number))

    async def second() -> bool:
        return len(partner.requests) == 2

    await until(second)
    await world.hub.operator.act(
        Action.DISCARD, Selection(state=RetryState.WAITING), actor="t", reason="by hand"
    )
    await world.settled()
    assert len(partner.effects) == 4
    assert most == 1


async def test_a_person_may_send_again_where_nobody_can_be_asked(world, partner, advice):
    world.partner_is("none")
    partner.script = [silence]
    await world.start()
    await world.hand_over(advice(1))
    await world.settled()
    assert await world.states() == ["parked"]
    parked = Selection(state=RetryState.PARKED)
    await world.hub.operator.act(Action.REPLAY, parked, actor="t", reason="it is not there")
    await world.settled()
    assert await world.states() == []
    assert len(partner.requests) == 2


async def test_a_person_who_has_seen_the_effect_settles_it(world, partner, advice):
    world.partner_is("none")
    partner.script = [effect_then_silence]
    await world.start()
    await world.hand_over(advice(1))
    await world.settled()
    parked = Selection(state=RetryState.PARKED)
    with pytest.raises(UsageFault, match="reason"):
        await world.hub.operator.act(Action.CONFIRM, parked, actor="t")
    await world.hub.operator.act(Action.CONFIRM, parked, actor="t", reason="document 4711")
    assert await world.states() == []
    assert len(partner.requests) == 1
    assert await world.counter("partner", "deliveries_done") == 1
    (row,) = await world.hub.store.fetch("audit_tail", limit=1)
    assert (row["action"], row["reason"]) == ("set_aside.confirm", "document 4711")


async def test_replaying_a_refused_delivery_twice_makes_one_new_key(world, partner, advice):
    partner.script = [status(422)]
    await world.start()
    await world.hand_over(advice(1))
    await world.settled()
    (aside,) = await world.hub.operator.find(Selection())
    await world.hub.pause("partner", actor="t", reason="so that nothing goes in between")
    for _ in range(2):
        await world.hub.operator.act(Action.REPLAY, Selection(ids=(aside.id,)), actor="t")
    await world.hub.resume("partner", actor="t")
    await world.settled()
    assert [key[-2:] for key in partner.requests] == ["-0", "-1"]
