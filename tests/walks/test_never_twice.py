"""Where money could be sent twice: between an effect and its record, and by a person's hand."""

import asyncio

import pytest
from aiohttp import web

from gateway.delivery import Action, Selection
from gateway.model.states import RetryState
from gateway.ports import Ports
from gateway.simulators.remittances import generate_835
from gateway.store import StoreUnavailable
from tests.walks.world import effect_then_silence, silence, status, until

FEED_835 = """\
interface: feed
direction: in
format: x12-835
mapping: x12-835-to-remittance-advice
"""

BROKEN = """\
mapping: to-partner
version: 1.0.0
source: {contract: remittance-advice, version: "^1.0"}
target: {any: true}
base: input
assert:
  - {that: 'input.payer.name == ""', else: NEVER_TRUE}
"""


class Crash(BaseException):
    """What no part of the hub catches."""


def at(name: str, nth: int, raises: BaseException):
    """Return ports whose fail point of that name raises when it is passed the nth time."""
    passed = 0

    def fail(passing: str) -> None:
        nonlocal passed
        passed += passing == name
        if passing == name and passed == nth:
            raise raises

    return Ports(fail_point=fail)


def full_after(name: str, seconds_of_commits: int = 1):
    """Return ports of a store that is full for the next commits once `name` has been passed."""
    left = 0

    def fail(passing: str) -> None:
        nonlocal left
        if passing == name:
            left = seconds_of_commits
        elif passing == "store.before_commit" and left:
            left -= 1
            raise StoreUnavailable("No room.", code="disk_full")

    return Ports(fail_point=fail)


@pytest.mark.parametrize("mode", ["key", "lookup", "none"])
async def test_a_disk_that_is_full_when_an_answer_comes_sends_nothing_again(
    world, partner, advice, mode
):
    world.partner_is(mode)
    await world.start(full_after("dispatch.after_reply"))
    await world.hand_over(advice(1))
    await world.settled()
    assert len(partner.requests) == 1
    assert await world.states() == []
    assert await world.counter("partner", "deliveries_done") == 1


@pytest.mark.parametrize(("mode", "left"), [("lookup", []), ("none", ["parked"])])
async def test_a_crash_in_a_second_try_is_as_unknown_as_one_in_the_first(
    world, partner, advice, mode, left
):
    world.partner_is(mode)
    partner.script = [status(503)]
    await world.start(at("dispatch.after_reply", 2, Crash()))
    await world.hand_over(advice(1))

    async def sent_twice() -> bool:
        return len(partner.requests) == 2 and world.hub.workers.idle

    await until(sent_twice)
    await world.stop()
    await world.start()
    await world.settled()
    assert len(partner.requests) == 2
    assert len(partner.lookups) == (mode == "lookup")
    assert await world.states() == left


@pytest.mark.parametrize("mode", ["key", "lookup"])
async def test_a_bug_after_the_effect_is_replayed_under_the_same_key(world, partner, advice, mode):
    world.partner_is(mode)
    await world.start(at("dispatch.after_reply", 1, RuntimeError("a bug")))
    await world.hand_over(advice(1))
    await world.settled()
    (aside,) = await world.hub.operator.find(Selection())
    assert (aside.state, aside.code) == ("dead", "internal_error")
    await world.hub.operator.act(Action.REPLAY, Selection(ids=(aside.id,)), actor="t")
    await world.settled()
    assert len(set(partner.requests)) == 1
    assert len(partner.effects) == 1
    assert len(partner.requests) == (2 if mode == "key" else 1)


async def test_a_crash_while_a_person_sends_again_waits_for_a_person_again(world, partner, advice):
    world.partner_is("none")
    partner.script = [silence]
    await world.start(at("dispatch.after_reply", 2, Crash()))
    await world.hand_over(advice(1))
    await world.settled()
    await world.hub.operator.act(Action.REPLAY, Selection(state=RetryState.PARKED), actor="t")

    async def sent_twice() -> bool:
        return len(partner.requests) == 2 and world.hub.workers.idle

    await until(sent_twice)
    await world.stop()
    await world.start()
    await world.settled()
    assert len(partner.requests) == 2
    assert await world.states() == ["parked"]


async def test_a_mapping_that_breaks_after_a_lost_reply_refuses_nothing(world, partner, advice):
    """What may be at the partner already keeps its key, whatever becomes of its rendering."""
    partner.script = [effect_then_silence]
    text = (world.root / "config/interfaces/partner.yaml").read_text()
    world.write(
        "config/interfaces/partner.yaml", text.replace("[0, 0.05, 0.05, 0.05]", "[0, 3, 0.05]")
    )
    await world.start()
    await world.hand_over(advice(1))

    async def waits() -> bool:
        return await world.states() == ["waiting"]

    await until(waits)
    world.write("mappings/to-partner/mapping.yaml", BROKEN)
    world.write("config/interfaces/partner.yaml", text + "mapping: to-partner\n")
    await world.hub.reload()
    await world.settled()
    (aside,) = await world.hub.operator.find(Selection())
    world.write("config/interfaces/partner.yaml", text)
    await world.hub.reload()
    await world.hub.operator.act(Action.REPLAY, Selection(ids=(aside.id,)), actor="t")
    await world.settled()
    assert len(set(partner.requests)) == 1


async def test_who_was_unsure_once_asks_before_every_later_try(world, partner, advice):
    """The first try's effect comes late: after the second has asked and was told to come again."""

    def late(partner, _request, key):
        partner.effects[key] = 1
        return web.Response(status=503)

    world.partner_is("lookup")
    partner.script = [silence, late]
    await world.start()
    await world.hand_over(advice(1))
    await world.settled()
    assert len(partner.requests) == 2
    assert len(partner.lookups) == 2


@pytest.fixture
def remits(world):
    """A world whose feed reads 835s."""
    world.write("config/interfaces/feed.yaml", FEED_835)
    return world


async def parts(world, accepted) -> list[tuple[str, str]]:
    rows = await world.hub.store.fetch("parts_of_artifact", artifact_id=accepted.artifact_id)
    return [(row["state"], row["code"]) for row in rows]


async def test_a_payment_that_stands_twice_in_one_file_is_taken_once(remits, partner):
    raw = b"".join(generate_835(payments=1, seed=11, claims_per_payment=2))
    await remits.start()
    accepted = await remits.hand_over(raw + raw)
    await remits.settled()
    assert await parts(remits, accepted) == [("accepted", ""), ("held", "payment_key_repeated")]
    assert len(partner.effects) == 1
    release = Selection(state=RetryState.HELD)
    await remits.hub.operator.act(Action.RELEASE, release, actor="t", reason="two payments")
    await remits.settled()
    assert await parts(remits, accepted) == [("accepted", "")] * 2
    assert len(partner.effects) == 2


async def test_a_release_for_one_reason_is_no_release_for_another(remits, partner):
    """A payment marked as a test is released after it has come by another file."""
    good = b"".join(generate_835(payments=1, seed=12, claims_per_payment=2))
    wrong = b"".join(generate_835(payments=1, seed=12, claims_per_payment=2, usage="T"))
    await remits.start()
    held = await remits.hand_over(wrong)
    await remits.settled()
    await remits.hand_over(good)
    await remits.settled()
    assert len(partner.effects) == 1
    release = Selection(state=RetryState.HELD)
    await remits.hub.operator.act(Action.RELEASE, release, actor="t")
    await remits.settled()
    assert await parts(remits, held) == [("held", "payment_key_seen")]
    await remits.hub.operator.act(Action.RELEASE, release, actor="t", reason="two payments")
    await remits.settled()
    assert await parts(remits, held) == [("accepted", "")]
    assert len(partner.effects) == 2


async def test_a_released_payment_has_been_seen_like_any_other(remits, partner):
    good = b"".join(generate_835(payments=1, seed=13, claims_per_payment=2))
    wrong = b"".join(generate_835(payments=1, seed=13, claims_per_payment=2, usage="T"))
    await remits.start()
    await remits.hand_over(wrong)
    await remits.settled()
    await remits.hub.operator.act(Action.RELEASE, Selection(state=RetryState.HELD), actor="t")
    await remits.settled()
    assert len(partner.effects) == 1
    again = await remits.hand_over(good)
    await remits.settled()
    assert await parts(remits, again) == [("held", "payment_key_seen")]
    assert len(partner.effects) == 1


async def test_a_reload_lets_a_call_under_way_end_on_its_connector(world, partner, advice):
    answering = asyncio.Event()

    async def slowly(partner, key):
        await answering.wait()
        partner.effects[key] = 1
        return web.json_response({"id": "late"})

    world.partner_is("none")
    await world.start()
    partner.later = slowly
    await world.hand_over(advice(1))

    async def sent() -> bool:
        return len(partner.requests) == 1

    await until(sent)
    text = (world.root / "config/interfaces/partner.yaml").read_text()
    world.write(
        "config/interfaces/partner.yaml",
        text.replace("settings:\n", "settings:\n  headers: {X-Changed: 'yes'}\n"),
    )
    reloaded = await world.hub.reload()
    assert reloaded.opened == ("partner",)
    answering.set()
    await world.settled()
    assert await world.states() == []
    assert len(partner.requests) == 1
