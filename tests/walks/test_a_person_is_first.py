"""What a person decides before a send is decided keeps it from being sent, at every kind of sink."""

import pytest

from gateway.delivery import Action, Selection
from gateway.model.states import RetryState
from tests.walks.world import on_both_engines, status

DEAD = Selection(state=RetryState.DEAD)
WAITING = Selection(state=RetryState.WAITING)

pytestmark = on_both_engines


@pytest.fixture(params=["none", "lookup", "key"])
async def dead(request, world, partner, advice):
    """A world with one dead delivery at a sink of each kind."""
    world.partner_is(request.param)
    partner.script = [status(422)]
    await world.start()
    await world.hand_over(advice(1))
    await world.settled()
    assert (await world.states(), len(partner.requests)) == (["dead"], 1)
    return world


def between(world, act) -> None:
    """Have `act` done once, after the owner of the lane has seen that the item stands."""
    reading = world.hub.flow.reading
    message = reading.message

    async def acting(name: str):
        reading.message = message
        await act()
        return await message(name)

    reading.message = acting


async def test_a_discard_right_before_the_send_is_kept(dead, partner):
    operator = dead.hub.operator

    async def discard() -> None:
        report = await operator.act(Action.DISCARD, WAITING, actor="bob", reason="paid by cheque")
        assert report.count == 1

    between(dead, discard)
    await operator.act(Action.REPLAY, DEAD, actor="ann")
    await dead.settled()
    assert len(partner.requests) == 1, "it was sent although it was discarded"
    assert await dead.states() == []
    (last,) = (await attempts(dead))[1:]
    assert last["outcome"] == "discarded"
    assert await dead.hub.drained(within_seconds=20)


async def test_what_is_parked_right_before_the_send_waits_for_a_person(dead, partner):
    operator = dead.hub.operator

    async def park() -> None:
        await operator.act(Action.PARK, WAITING, actor="bob")

    between(dead, park)
    await operator.act(Action.REPLAY, DEAD, actor="ann")
    await dead.settled()
    assert (await dead.states(), len(partner.requests)) == (["parked"], 1)
    await operator.act(Action.REPLAY, Selection(everything=True), actor="ann")
    await dead.settled()
    assert (await dead.states(), len(partner.requests)) == ([], 2)


async def test_what_is_parked_and_let_go_again_right_before_the_send_is_sent_once(dead, partner):
    operator = dead.hub.operator

    async def park_and_replay() -> None:
        await operator.act(Action.PARK, WAITING, actor="bob")
        await operator.act(Action.REPLAY, Selection(everything=True), actor="bob")

    between(dead, park_and_replay)
    await operator.act(Action.REPLAY, DEAD, actor="ann")
    await dead.settled()
    assert (await dead.states(), len(partner.effects)) == ([], 1)
    assert len(partner.requests) == 2


async def attempts(world):
    (lane,) = [r for r in await world.hub.store.fetch("lanes") if r["destination"] == "partner"]
    return await world.hub.store.fetch("attempts_of", lane_id=lane["lane_id"], seq=1)
