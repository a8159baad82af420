"""What is not known is asked about before anything is sent again, and not too early."""

from gateway.delivery import Action, Selection
from gateway.model.states import RetryState
from gateway.ports import Ports
from tests.walks.test_confirming import are
from tests.walks.world import effect_then_silence, until


async def test_after_a_lost_reply_a_locked_door_keeps_the_outcome_unknown(world, partner, advice):
    world.partner_is("lookup")
    partner.script = [effect_then_silence]
    partner.closed = True
    await world.start()
    await world.hand_over(advice(1))
    there = world.hub.workers.destinations["partner"]

    async def paused() -> bool:
        return bool(there.paused)

    await until(paused)
    assert await world.states() == ["waiting"]
    partner.closed = False
    await world.hub.resume("partner", actor="t")
    await until(are(world))
    assert (len(partner.requests), len(partner.effects)) == (1, 1)


async def test_nobody_asks_before_what_is_there_can_be_seen(world, partner, advice):
    world.partner_is("lookup")
    text = (world.root / "config/interfaces/partner.yaml").read_text()
    world.write(
        "config/interfaces/partner.yaml",
        text.replace("retry: {", "retry: {lookup_after_seconds: 30, "),
    )
    partner.script = [effect_then_silence]
    await world.start()
    await world.hand_over(advice(1))
    await until(are(world, "waiting"))
    (aside,) = await world.hub.operator.find(Selection(state=RetryState.WAITING))
    assert aside.due_at - aside.since > 25_000
    assert partner.lookups == []


class Crash(BaseException):
    """What no part of the hub catches."""


def crash_after_reply(name: str) -> None:
    if name == "dispatch.after_reply":
        raise Crash


async def test_after_a_crash_too_nobody_asks_before_what_is_there_can_be_seen(
    world, partner, advice
):
    world.partner_is("lookup")
    text = (world.root / "config/interfaces/partner.yaml").read_text()
    text = text.replace("retry: {", "retry: {lookup_after_seconds: 30, ")
    text = text.replace("breaker_failures: 100", "breaker_failures: 1")
    world.write(
        "config/interfaces/partner.yaml",
        text.replace("deadline_seconds: 2", "deadline_seconds: 0.5"),
    )
    await world.start(Ports(fail_point=crash_after_reply))
    await world.hand_over(advice(1))

    async def sent() -> bool:
        return len(partner.requests) == 1 and world.hub.workers.idle

    await until(sent)
    await world.stop()
    await world.start()
    await until(are(world, "waiting"))
    (aside,) = await world.hub.operator.find(Selection())
    assert (aside.code, aside.failure) == ("begun_before", "unknown")
    assert partner.lookups == []
    assert world.hub.workers.destinations["partner"].breaker == "closed", "nobody was asked"
    await world.hub.operator.act(Action.REPLAY, Selection(ids=(aside.id,)), actor="t")
    await until(are(world))
    assert (len(partner.lookups), len(partner.requests)) == (1, 1)
