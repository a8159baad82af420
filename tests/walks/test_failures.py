"""Each kind of failure, from the attempt to what a person sees."""

import asyncio

import pytest

from gateway.delivery import Action, Selection
from gateway.model.states import RetryState
from tests.walks.world import effect_then_silence, silence, status


async def test_a_message_reaches_its_partner_once(world, partner, advice):
    await world.start()
    await world.hand_over(advice(1))
    await world.settled()
    assert list(partner.effects.values()) == [1]
    assert await world.counter("partner", "deliveries_done") == 1
    assert await world.states() == []


async def test_a_sender_s_trace_reaches_the_partner(world, partner, advice):
    await world.start()
    given = f"00-{'ab' * 16}-{'cd' * 8}-01"
    await world.hand_over(advice(1), meta={"traceparent": given})
    await world.hand_over(advice(2))
    await world.settled()
    traces = {trace.split("-")[1] for trace in partner.traces}
    assert "ab" * 16 in traces
    assert len(traces) == 2


async def test_the_same_bytes_are_taken_once_unless_a_person_says_again(world, partner, advice):
    await world.start()
    first = await world.hand_over(advice(1))
    second = await world.hand_over(advice(1))
    assert (second.duplicate, second.artifact_id) == (True, first.artifact_id)
    third = await world.hand_over(advice(1), again=True)
    assert not third.duplicate
    await world.settled()
    # The second custody of the same payment is held: nobody posts it twice unseen.
    assert await world.states() == ["held"]
    assert len(partner.effects) == 1


async def test_a_destination_fault_is_tried_again_with_the_same_key(world, partner, advice):
    partner.script = [status(503), status(429)]
    await world.start()
    await world.hand_over(advice(1))
    await world.settled()
    assert len(partner.requests) == 3
    assert len(set(partner.requests)) == 1
    assert await world.counter("partner", "attempts_failed") == 2


async def test_a_partner_that_stays_down_makes_a_dead_letter_and_a_replay_delivers(
    world, partner, advice
):
    partner.script = [status(503)] * 4
    await world.start()
    await world.hand_over(advice(1))
    await world.settled()
    (aside,) = await world.hub.operator.find(Selection())
    assert (aside.state, aside.failure, aside.attempts) == ("dead", "destination", 4)
    report = await world.hub.operator.act(
        Action.REPLAY, Selection(state=RetryState.DEAD), actor="t", dry_run=True
    )
    assert report.count == 1
    assert await world.states() == ["dead"]
    await world.hub.operator.act(Action.REPLAY, Selection(ids=(aside.id,)), actor="t")
    await world.settled()
    assert await world.states() == []
    assert len(partner.effects) == 1


async def test_a_refusal_is_dead_at_once_and_its_replay_is_a_new_key(world, partner, advice):
    partner.script = [status(422, {"error": "closed"})]
    await world.start()
    await world.hand_over(advice(1))
    await world.settled()
    (aside,) = await world.hub.operator.find(Selection())
    assert (aside.state, aside.failure) == ("dead", "message")
    await world.hub.operator.act(Action.REPLAY, Selection(ids=(aside.id,)), actor="t")
    await world.settled()
    first, second = partner.requests
    assert first != second
    assert first.rpartition("-")[0] == second.rpartition("-")[0]


async def test_a_refusal_after_a_lost_reply_keeps_its_key_when_replayed(world, partner, advice):
    partner.script = [effect_then_silence, status(422)]
    await world.start()
    await world.hand_over(advice(1))
    await world.settled()
    (aside,) = await world.hub.operator.find(Selection())
    assert (aside.state, aside.failure) == ("dead", "message")
    await world.hub.operator.act(Action.REPLAY, Selection(ids=(aside.id,)), actor="t")
    await world.settled()
    assert len(partner.requests) == 3
    assert partner.effects == {partner.requests[0]: 1}


async def test_a_lost_reply_is_sent_again_with_its_key_and_has_one_effect(world, partner, advice):
    partner.script = [effect_then_silence]
    await world.start()
    await world.hand_over(advice(1))
    await world.settled()
    assert partner.requests == [partner.requests[0]] * 2
    assert partner.effects == {partner.requests[0]: 1}


@pytest.mark.parametrize(("lost", "sent"), [(effect_then_silence, 1), (silence, 2)])
async def test_a_partner_that_can_be_asked_is_asked_before_anything_is_sent_again(
    world, partner, advice, lost, sent
):
    world.partner_is("lookup")
    partner.script = [lost]
    await world.start()
    await world.hand_over(advice(1))
    await world.settled()
    assert len(partner.lookups) == 1
    assert len(partner.requests) == sent
    assert await world.states() == []


async def test_an_unknown_outcome_without_key_or_lookup_waits_for_a_person(world, partner, advice):
    world.partner_is("none")
    partner.script = [effect_then_silence]
    await world.start()
    await world.hand_over(advice(1))
    await world.settled()
    assert await world.states() == ["parked"]
    assert len(partner.requests) == 1
    await asyncio.sleep(0.3)
    assert len(partner.requests) == 1


async def test_a_bad_credential_pauses_the_destination_until_a_person_resumes(
    world, partner, advice
):
    partner.script = [status(401)]
    world.partner_is("key", "concurrency: 1\n")
    await world.start()
    for number in range(5):
        await world.hand_over(advice(number))
    await asyncio.sleep(0.3)
    assert len(partner.requests) == 1
    assert world.hub.workers.destinations["partner"].paused
    await world.hub.resume("partner", actor="t")
    await world.settled()
    assert len(partner.effects) == 5


async def test_an_open_breaker_makes_no_attempts_and_no_retry_rows(world, partner, advice):
    partner.script = [status(503)] * 3
    world.partner_is("key")
    text = (world.root / "config/interfaces/partner.yaml").read_text()
    text = text.replace("breaker_failures: 100", "breaker_failures: 3, breaker_seconds: 600")
    world.write("config/interfaces/partner.yaml", text + "concurrency: 1\n")
    await world.start()
    for number in range(20):
        await world.hand_over(advice(number))
    await asyncio.sleep(0.3)
    assert len(partner.requests) == 3
    assert len(await world.states()) <= 3
    await world.hub.resume("partner", actor="t")
    await world.settled()
    assert len(partner.effects) == 20


async def test_what_the_contract_forbids_is_a_dead_letter_that_names_the_place(world, advice):
    await world.start()
    document = advice(1)
    document["payment"]["amount"] = "12.3"
    await world.hand_over(document)
    await world.hand_over(b"no json at all")
    await world.settled()
    codes = {a.code: a.detail for a in await world.hub.operator.find(Selection())}
    assert set(codes) == {"contract_invalid", "not_json"}
    assert "/payment/amount" in codes["contract_invalid"]
    assert "12.3" not in codes["contract_invalid"]


async def test_a_discard_is_final_audited_and_needs_a_reason(world, partner, advice):
    partner.script = [status(422)]
    await world.start()
    await world.hand_over(advice(1))
    await world.settled()
    selection = Selection(state=RetryState.DEAD)
    with pytest.raises(Exception, match="reason"):
        await world.hub.operator.act(Action.DISCARD, selection, actor="t")
    await world.hub.operator.act(Action.DISCARD, selection, actor="ann", reason="paid by hand")
    assert await world.states() == []
    (entry, *_) = await world.hub.store.fetch("audit_tail", limit=1)
    assert (entry["actor"], entry["reason"]) == ("ann", "paid by hand")
    await world.stop()
    await world.start()
    await world.settled()
    assert len(partner.requests) == 1


async def test_a_backlog_survives_a_restart(world, partner, advice):
    partner.script = [status(401)]
    world.partner_is("key", "concurrency: 1\n")
    await world.start()
    for number in range(10):
        await world.hand_over(advice(number))
    await asyncio.sleep(0.1)
    await world.stop()
    await world.start()
    await asyncio.sleep(0.1)
    assert len(partner.requests) == 1  # still paused
    await world.hub.resume("partner", actor="t")
    await world.settled()
    assert len(partner.effects) == 10
