"""NUL characters: no database takes them as text, so they must stop nothing and nobody."""

import json

from aiohttp import web

from tests.walks.world import on_both_engines

pytestmark = on_both_engines


async def test_an_answer_with_nul_in_its_id_is_on_record_and_not_sent_again(
    world, partner, advice
):
    partner.answer = {"id": "doc\0-1"}
    await world.start()
    await world.hand_over(advice(1))
    await world.settled(60)
    assert len(partner.requests) == 1
    assert await world.states() == []
    told = set()
    for lane in await world.hub.store.fetch("lanes"):
        attempts = await world.hub.store.fetch("attempts_of", lane_id=lane["lane_id"], seq=1)
        told |= {row["external_id"] for row in attempts}
    assert told
    assert not any("\0" in one for one in told)


async def test_a_refusal_in_words_with_nul_is_a_dead_letter(world, partner, advice):
    def refuse(_partner, _request, _key):
        return web.json_response({"error": "no\0pe"}, status=422)

    partner.script = [refuse]
    await world.start()
    await world.hand_over(advice(1))
    await world.settled(60)
    assert await world.states() == ["dead"]


async def test_a_document_with_nul_in_what_it_is_found_by_is_dead_and_others_go_on(
    world, partner, advice
):
    await world.start()
    wrong = advice(1)
    wrong["payment_key"] = wrong["payment_key"][:-1] + "\0"
    await world.hand_over(wrong)
    text = json.dumps(advice(2)).encode().replace(b'"currency": "USD"', b'"currency": "US\\u0000"')
    await world.hand_over(text)
    await world.hand_over(advice(3))
    await world.settled(60)
    assert sorted(await world.states()) == ["dead", "dead"]
    assert len(partner.requests) == 1
