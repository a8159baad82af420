"""Whatever a destination answers is a message, or is kept raw; it never causes a resend."""

import pytest
from aiohttp import web

from gateway.delivery import Action, Selection
from gateway.model.states import RetryState

REPLY = "reply: {contract: acknowledgement@^1.0}\n"


def acknowledgement(**changed):
    return {
        "ack_id": "ack-1",
        "for": {"kind": "message", "id": "msg_00000000000000000000000000000001"},
        "level": "business",
        "result": "accepted",
        "errors": [],
        "at": "2026-06-01T12:00:00.000Z",
        **changed,
    }


@pytest.fixture
def asking(world):
    """A world whose partner answers with acknowledgements."""
    world.partner_is("key", REPLY)
    text = (world.root / "config/interfaces/partner.yaml").read_text()
    text = text.replace('    result: {external_id: "${steps.send.body.id|optional}"}\n', "")
    world.write("config/interfaces/partner.yaml", text)
    return world


async def test_an_answer_becomes_a_message_with_its_cause(asking, partner, advice):
    partner.answer = acknowledgement(id=None)
    await asking.start()
    await asking.hand_over(advice(1))
    await asking.settled()
    (row,) = await asking.hub.store.fetch(
        "messages_of_contract", contract="acknowledgement", limit=10
    )
    assert row["cause_id"].startswith("dlv_")
    lanes = await asking.hub.store.fetch("lanes")
    (lane,) = [one["lane_id"] for one in lanes if one["destination"] == "partner"]
    attempts = await asking.hub.store.fetch("attempts_of", lane_id=lane, seq=1)
    assert [a["reply_id"] for a in attempts] == [row["message_id"]]


async def test_an_answer_that_breaks_its_contract_is_a_dead_letter_of_its_own(
    asking, partner, advice
):
    partner.answer = acknowledgement(result="perhaps", at="yesterday")
    await asking.start()
    await asking.hand_over(advice(1))
    await asking.settled()
    assert len(partner.requests) == 1
    assert await asking.counter("partner", "deliveries_done") == 1
    (aside,) = await asking.hub.operator.find(Selection())
    assert (aside.state, aside.lane, aside.code) == ("dead", "process:partner", "contract_invalid")
    assert "perhaps" not in f"{aside}"


async def test_the_answer_is_replayed_by_itself_once_its_mapping_is_repaired(
    asking, partner, advice
):
    partner.answer = acknowledgement(result="perhaps")
    await asking.start()
    await asking.hand_over(advice(1))
    await asking.settled()
    asking.write(
        "mappings/partner-answer/mapping.yaml",
        """\
mapping: partner-answer
version: 1.0.0
source: {any: true}
target: {contract: acknowledgement, version: "^1.0"}
base: input
drop: [id]
fields:
  result: '"accepted"'
""",
    )
    text = (asking.root / "config/interfaces/partner.yaml").read_text()
    asking.write(
        "config/interfaces/partner.yaml",
        text.replace("@^1.0}", "@^1.0, mapping: partner-answer}"),
    )
    await asking.hub.reload()
    await asking.hub.operator.act(Action.REPLAY, Selection(state=RetryState.DEAD), actor="ann")
    await asking.settled()
    assert await asking.states() == []
    assert len(partner.requests) == 1
    rows = await asking.hub.store.fetch(
        "messages_of_contract", contract="acknowledgement", limit=10
    )
    assert len(rows) == 1


@pytest.mark.parametrize("depth", [90, 300, 950, 20_000])
async def test_an_answer_that_nests_without_end_makes_no_second_effect(
    asking, partner, advice, depth
):
    """Once a validator gave up on it, and what the partner had done was taken for refused."""
    raw = b'{"a":' * depth + b"1" + b"}" * depth

    def act(partner, _request, key):
        partner.effects[key] = partner.effects.get(key, 0) + 1
        return web.Response(body=raw, content_type="application/json")

    partner.script = [act] * 10
    await asking.start()
    await asking.hand_over(advice(1))
    await asking.settled()
    (aside,) = await asking.hub.operator.find(Selection())
    assert aside.code in ("contract_invalid", "reply_unreadable")
    await asking.hub.operator.act(Action.REPLAY, Selection(everything=True), actor="ann")
    await asking.settled()
    assert len(partner.effects) == 1


@pytest.mark.parametrize("content", [b'"\xff"', b'{"at": 1e9999999999999999999}', b"{}"])
async def test_a_file_of_a_feed_that_became_a_destination_is_no_answer_of_it(asking, content):
    await asking.start()
    await asking.hand_over(content)
    await asking.settled()
    text = (asking.root / "config/interfaces/partner.yaml").read_text()
    asking.write(
        "config/interfaces/feed.yaml", text.replace("interface: partner", "interface: feed")
    )
    await asking.hub.reload()
    await asking.hub.operator.act(Action.REPLAY, Selection(everything=True), actor="ann")
    await asking.settled()
    (aside,) = await asking.hub.operator.find(Selection())
    assert aside.code == "interface_removed"
