"""What was taken becomes final: by asking, by a message of another feed, or by a person."""

import json

import pytest
from aiohttp import web

from gateway.delivery import Action, Selection
from gateway.pipeline import Arrival
from tests.walks.world import on_both_engines, status, until

ACKS = """\
interface: acks
direction: in
format: json
contract: acknowledgement@^1.0
"""
OK = "ok: 'input.result == \"accepted\"'"


def ack(about: str, result: str = "accepted") -> dict:
    return {
        "ack_id": f"ack-{about[:20]}-{result}",
        "for": {"kind": "message", "id": about},
        "level": "business",
        "result": result,
        "errors": [],
        "at": "2026-06-01T12:00:00.000Z",
    }


async def acknowledge(world, about: str, result: str = "accepted") -> None:
    raw = json.dumps(ack(about, result)).encode()

    async def blocks():
        yield raw

    await world.hub.flow.accept(Arrival(interface="acks"), blocks())


def are(world, *states):
    async def so() -> bool:
        return await world.states() == list(states)

    return so


async def done(world) -> int:
    return await world.counter("partner", "deliveries_done")


@pytest.fixture
def by_message(world):
    """A world in which an acknowledgement makes a delivery final."""
    world.partner_is("key", f"confirm: {{contract: acknowledgement@^1.0, {OK}}}\n")
    world.write("config/interfaces/acks.yaml", ACKS)
    world.write(
        "config/routes.yaml",
        "routes:\n"
        "  - {name: all, contract: remittance-advice, to: partner}\n"
        "  - {name: kept, contract: acknowledgement, to: none}\n",
    )
    return world


NAMED_BY = ("number", "correlation", "message")


async def name_of(world, how: str) -> str:
    """Return what an acknowledgement of the one message names it by."""
    if how == "number":
        return "doc-1"
    (row,) = await world.hub.store.fetch(
        "messages_of_contract", contract="remittance-advice", limit=10
    )
    return row["correlation"] if how == "correlation" else row["message_id"]


@pytest.mark.parametrize("how", NAMED_BY)
async def test_a_message_of_another_feed_makes_a_delivery_final_at_once(
    by_message, partner, advice, how
):
    await by_message.start()
    await by_message.hand_over(advice(1))
    await until(are(by_message, "confirming"))
    assert await done(by_message) == 0
    await acknowledge(by_message, "somebody-else")
    await acknowledge(by_message, await name_of(by_message, how))
    await until(are(by_message))
    assert await done(by_message) == 1
    assert len(partner.requests) == 1


@pytest.mark.parametrize("how", NAMED_BY)
async def test_a_confirmation_may_come_before_its_delivery_is_made(
    by_message, partner, advice, how
):
    await by_message.start()
    await by_message.hub.pause("partner", actor="t", reason="")
    await by_message.hand_over(advice(1))
    await by_message.hub.drained(within_seconds=0.2)
    await acknowledge(by_message, await name_of(by_message, how))
    await until(lambda: _stored(by_message, "acknowledgement"))
    await by_message.hub.resume("partner", actor="t")
    await until(lambda: _is(by_message, 1))
    await until(are(by_message))


@on_both_engines
@pytest.mark.parametrize("how", NAMED_BY)
@pytest.mark.parametrize("why", ["pause", "breaker"])
async def test_a_message_makes_it_final_though_nothing_may_be_sent(
    by_message, partner, advice, how, why
):
    """Settling by a message sends nothing: how the partner is does not matter."""
    world = by_message
    file = world.root / "config/interfaces/partner.yaml"
    file.write_text(file.read_text().replace("breaker_failures: 100", "breaker_failures: 1"))
    await world.start()
    await world.hand_over(advice(1))
    await until(are(world, "confirming"))
    name = await name_of(world, how)
    if why == "pause":
        await world.hub.pause("partner", actor="t", reason="")
    else:
        partner.script = [status(503)]
        await world.hand_over(advice(2))
        await until(are(world, "confirming", "waiting"))
    assert world.hub.workers.destinations["partner"].stopped
    sent = len(partner.requests)
    await acknowledge(world, name)
    await until(lambda: _is(world, 1), seconds=10)
    await until(are(world, *([] if why == "pause" else ["waiting"])))
    assert world.hub.workers.destinations["partner"].stopped
    assert len(partner.requests) == sent


async def test_a_refusal_by_message_is_a_dead_letter_though_nothing_may_be_sent(
    by_message, partner, advice
):
    await by_message.start()
    await by_message.hand_over(advice(1))
    await until(are(by_message, "confirming"))
    await by_message.hub.pause("partner", actor="t", reason="")
    await acknowledge(by_message, "doc-1", "rejected")
    await until(are(by_message, "dead"), seconds=10)


async def test_what_no_message_has_come_for_stays_as_it_is_while_nothing_may_be_sent(
    by_message, advice
):
    await by_message.start()
    await by_message.hand_over(advice(1))
    await until(are(by_message, "confirming"))
    await by_message.hub.pause("partner", actor="t", reason="")
    await acknowledge(by_message, "somebody-else")
    await until(lambda: _stored(by_message, "acknowledgement"))
    await acknowledge(by_message, "doc-1")
    await until(lambda: _is(by_message, 1), seconds=10)
    (lane,) = [
        row for row in await by_message.hub.store.fetch("lanes") if row["destination"] == "partner"
    ]
    tries = await by_message.hub.store.fetch("attempts_of", lane_id=lane["lane_id"], seq=1)
    assert [one["outcome"] for one in tries] == ["confirming", "done"]


async def _stored(world, contract) -> bool:
    return bool(await world.hub.store.fetch("messages_of_contract", contract=contract, limit=1))


async def _is(world, count) -> bool:
    return await done(world) == count


async def test_a_refusal_by_message_is_a_dead_letter_and_its_replay_a_new_key(
    by_message, partner, advice
):
    await by_message.start()
    await by_message.hand_over(advice(1))
    await until(are(by_message, "confirming"))
    await acknowledge(by_message, "doc-1", "rejected")
    await until(are(by_message, "dead"))
    (aside,) = await by_message.hub.operator.find(Selection())
    assert (aside.failure, aside.code) == ("message", "refused_by_confirmation")
    await by_message.hub.operator.act(Action.REPLAY, Selection(ids=(aside.id,)), actor="t")
    await until(are(by_message, "confirming"))
    assert len(set(partner.requests)) == 2


async def test_the_newest_word_counts(by_message, advice):
    await by_message.start()
    await by_message.hub.pause("partner", actor="t", reason="")
    await by_message.hand_over(advice(1))
    await by_message.hub.drained(within_seconds=0.2)
    for result in ("rejected", "accepted"):
        await acknowledge(by_message, "doc-1", result)
        await by_message.hub.drained(within_seconds=5)
    await by_message.hub.resume("partner", actor="t")
    await until(lambda: _is(by_message, 1))


async def test_a_confirmation_says_nothing_about_whether_the_partner_is_well(
    by_message, partner, advice
):
    await by_message.start()
    for number in range(4):
        await by_message.hand_over(advice(number))
    await until(are(by_message, *["confirming"] * 4))
    there = by_message.hub.workers.destinations["partner"]
    there._breaker.open(0.0, 1)
    for number in range(1, 5):
        await acknowledge(by_message, f"doc-{number}")
    await until(are(by_message))
    assert there.breaker == "half_open"


async def test_a_contract_that_cannot_be_joined_is_refused_with_its_line(by_message):
    text = (by_message.root / "config/interfaces/partner.yaml").read_text()
    by_message.write(
        "config/interfaces/partner.yaml", text.replace("input.result ==", "input.no_such ==")
    )
    with pytest.raises(Exception, match="no_such"):
        await by_message.start()


# -- by asking ----------------------------------------------------------------------------------

PENDING = '    result: {pending: "steps.send.body.pending"}\n'


def asking(world, mode: str, more: str) -> None:
    """The partner takes everything at first, and can be asked."""
    world.partner_is(mode, more)
    text = (world.root / "config/interfaces/partner.yaml").read_text()
    text = text.replace('    result: {external_id: "${steps.send.body.id|optional}"}\n', PENDING)
    world.write("config/interfaces/partner.yaml", text)


async def hidden(_partner, _key):
    return web.json_response({"pending": True, "level": "transport"})


async def test_it_is_asked_for_as_often_as_the_settings_say_and_final_once_it_is_there(
    world, partner, advice
):
    asking(world, "lookup", "confirm: {poll_seconds: 0.05}\n")
    partner.later = hidden
    await world.start()
    await world.hand_over(advice(1))

    async def asked() -> bool:
        return len(partner.lookups) >= 3

    await until(asked)
    partner.effects[partner.lookups[0]] = 1
    await until(are(world))
    assert (len(partner.requests), await done(world)) == (1, 1)


async def test_what_is_never_confirmed_is_parked_for_a_person(world, partner, advice):
    asking(world, "lookup", "confirm: {poll_seconds: 0.05, give_up_seconds: 0.3}\n")
    partner.later = hidden
    await world.start()
    await world.hand_over(advice(1))
    await until(are(world, "parked"))
    (aside,) = await world.hub.operator.find(Selection())
    assert (aside.code, aside.failure) == ("never_confirmed", "unconfirmed")
    partner.effects[partner.requests[0]] = 1
    await world.hub.operator.act(Action.REPLAY, Selection(ids=(aside.id,)), actor="t")
    await until(are(world))
    assert len(partner.requests) == 1  # it was asked about first


async def test_a_first_taken_that_is_no_reply_is_kept_and_troubles_nobody(world, partner, advice):
    asking(
        world, "lookup", "confirm: {poll_seconds: 0.05}\nreply: {contract: acknowledgement@^1.0}\n"
    )
    partner.later = hidden
    await world.start()
    await world.hand_over(advice(1))
    await until(are(world, "confirming"))
    assert not await _stored(world, "acknowledgement")
    assert await world.hub.store.fetch("lane_by_name", name="process:partner")
    (row,) = await world.hub.store.fetch("lane_by_name", name="process:partner")
    assert row["head"] == 0


async def test_a_first_taken_that_is_a_reply_becomes_a_message_beside_the_final_one(
    world, partner, advice
):
    asking(
        world, "lookup", "confirm: {poll_seconds: 0.05}\nreply: {contract: acknowledgement@^1.0}\n"
    )
    text = (world.root / "config/interfaces/partner.yaml").read_text()
    world.write(
        "config/interfaces/partner.yaml",
        text.replace(
            '"steps.send.body.pending"', "{path: steps.send.body.level, equals: transport}"
        ),
    )

    async def taken(_partner, _key):
        return web.json_response({**ack("doc-1"), "level": "transport"})

    partner.later = taken
    await world.start()
    await world.hand_over(advice(1))
    await until(are(world, "confirming"))
    rows = await world.hub.store.fetch(
        "messages_of_contract", contract="acknowledgement", limit=10
    )
    assert [row["cause_id"][:4] for row in rows] == ["dlv_"]


async def test_nobody_gets_in_to_ask_so_the_destination_waits_and_nothing_is_sent_again(
    world, partner, advice
):
    asking(world, "lookup", "confirm: {poll_seconds: 0.05}\n")
    partner.later = hidden
    partner.closed = True
    await world.start()
    await world.hand_over(advice(1))
    there = world.hub.workers.destinations["partner"]

    async def paused() -> bool:
        return bool(there.paused)

    await until(paused)
    assert await world.states() == ["confirming"]
    partner.closed = False
    partner.effects[partner.requests[0]] = 1
    await world.hub.resume("partner", actor="t")
    await until(are(world))
    assert len(partner.requests) == 1


async def test_a_partner_that_cannot_tell_keeps_it_confirming_and_its_breaker_as_it_was(
    world, partner, advice
):
    asking(world, "lookup", "confirm: {poll_seconds: 0.02}\n")
    text = (world.root / "config/interfaces/partner.yaml").read_text()
    text = text.replace("breaker_failures: 100", "breaker_failures: 2")
    world.write("config/interfaces/partner.yaml", text)
    partner.later = hidden
    partner.down = True
    await world.start()
    await world.hand_over(advice(1))

    async def asked() -> bool:
        return len(partner.lookups) >= 6

    await until(asked)
    assert world.hub.workers.destinations["partner"].breaker == "closed"
    assert await world.states() == ["confirming"]
