"""Each part of a file has its own state; one bad part does not stop the others."""

import pytest

from gateway.delivery import Action, Selection
from gateway.model.states import RetryState
from gateway.ports import Ports
from gateway.simulators.remittances import generate_835
from tests.walks.world import on_both_engines, status

pytestmark = on_both_engines

FEED = """\
interface: feed
direction: in
format: x12-835
mapping: x12-835-to-remittance-advice
"""


class Crash(BaseException):
    """What no part of the hub catches."""


@pytest.fixture
def remits(world):
    """A world whose feed reads 835s."""
    world.write("config/interfaces/feed.yaml", FEED)
    return world


def file_of(payments: int, seed: int, **more) -> bytes:
    return b"".join(generate_835(payments=payments, seed=seed, claims_per_payment=2, **more))


async def states(world, artifact_id: str) -> list[tuple[str, str]]:
    rows = await world.hub.store.fetch("parts_of_artifact", artifact_id=artifact_id)
    return [(row["state"], row["code"]) for row in rows]


async def test_one_payment_out_of_balance_is_held_and_the_others_go_on(remits, partner):
    await remits.start()
    accepted = await remits.hand_over(file_of(5, 1, fault="out_of_balance"))
    await remits.settled()
    found = await states(remits, accepted.artifact_id)
    assert sorted(state for state, _ in found) == ["accepted"] * 4 + ["held"]
    assert ("held", "payment_out_of_balance") in found
    assert len(partner.effects) == 4


async def test_a_release_lets_a_held_part_go_once_and_leaves_its_name(remits, partner):
    await remits.start()
    accepted = await remits.hand_over(file_of(3, 2, fault="out_of_balance"))
    await remits.settled()
    held = Selection(state=RetryState.HELD)
    (aside,) = await remits.hub.operator.find(held)
    assert aside.amount_cents is not None
    report = await remits.hub.operator.act(Action.RELEASE, held, actor="ann", reason="called")
    assert (report.count, report.amount_cents) == (1, aside.amount_cents)
    await remits.settled()
    assert {s for s, _ in await states(remits, accepted.artifact_id)} == {"accepted"}
    assert len(partner.effects) == 3
    again = await remits.hub.operator.act(Action.RELEASE, held, actor="ann")
    assert again.count == 0


async def test_a_discarded_part_stays_on_record(remits, partner):
    await remits.start()
    accepted = await remits.hand_over(file_of(2, 3, fault="out_of_balance"))
    await remits.settled()
    held = Selection(state=RetryState.HELD)
    await remits.hub.operator.act(Action.DISCARD, held, actor="ann", reason="payer resends")
    assert ("discarded", "payment_out_of_balance") in await states(remits, accepted.artifact_id)
    assert await remits.states() == []
    assert len(partner.effects) == 1


async def test_a_payment_that_came_by_another_file_is_held(remits, partner):
    await remits.start()
    raw = file_of(2, 4)
    await remits.hand_over(raw)
    await remits.settled()
    again = await remits.hand_over(raw.replace(b"*P*:~", b"*P*:~\n", 1))
    assert not again.duplicate
    await remits.settled()
    assert await states(remits, again.artifact_id) == [("held", "payment_key_seen")] * 2
    assert len(partner.effects) == 2


async def test_test_data_on_a_production_feed_is_held_and_taken_on_a_test_feed(remits, partner):
    await remits.start()
    first = await remits.hand_over(file_of(1, 5, usage="T"))
    await remits.settled()
    assert [s for s, _ in await states(remits, first.artifact_id)] == ["held"]
    remits.write("config/interfaces/feed.yaml", FEED + "production: false\n")
    await remits.hub.reload()
    second = await remits.hand_over(file_of(1, 6, usage="T"))
    await remits.settled()
    assert [s for s, _ in await states(remits, second.artifact_id)] == ["accepted"]


async def test_a_mapping_that_cannot_make_the_contract_is_repaired_and_replayed(remits, partner):
    broken = """\
mapping: x12-835-to-remittance-advice
version: 1.0.0
source: {format: x12-835}
target: {contract: remittance-advice, version: "^1.0"}
base: input
fields:
  currency: substring(payer.name, 0, 2)
"""
    remits.write("mappings/x12-835-to-remittance-advice/mapping.yaml", broken)
    await remits.start()
    accepted = await remits.hand_over(file_of(2, 7))
    await remits.settled()
    assert {s for s, _ in await states(remits, accepted.artifact_id)} == {"dead"}
    dead = Selection(state=RetryState.DEAD)
    remits.write(
        "mappings/x12-835-to-remittance-advice/mapping.yaml",
        broken.replace("substring(payer.name, 0, 2)", "currency"),
    )
    await remits.hub.reload()
    report = await remits.hub.operator.act(Action.REPLAY, dead, actor="ann")
    assert report.count == 2
    await remits.settled()
    assert {s for s, _ in await states(remits, accepted.artifact_id)} == {"accepted"}
    assert len(partner.effects) == 2


async def test_a_large_file_is_processed_in_many_transactions_and_resumes(remits, partner):
    """More parts than one transaction takes, and the process dies in the middle."""
    raw = file_of(1500, 8)
    remits.write(
        "config/routes.yaml", "routes:\n  - {name: k, contract: remittance-advice, to: none}\n"
    )
    commits = 0

    def die(name: str) -> None:
        nonlocal commits
        if name == "process.after_commit":
            commits += 1
            if commits == 5:
                raise Crash

    await remits.start(Ports(fail_point=die))
    accepted = await remits.hand_over(raw)
    runner = remits.hub.workers.runners["process:feed"]
    while runner.under_way or commits < 5:
        await remits.hub.ports.clock.sleep(0.02)
    before = len(await states(remits, accepted.artifact_id))
    assert 0 < before < 1500
    await remits.stop()
    await remits.start()
    await remits.settled(seconds=30)
    found = await states(remits, accepted.artifact_id)
    assert len(found) == 1500
    assert {state for state, _ in found} == {"accepted"}
    assert await remits.counter("feed", "parts_accepted") == 1500


async def test_a_refusal_keeps_its_words_sealed_and_out_of_sight(remits, partner):
    partner.script = [status(422, {"error": "Jane Roe is unknown"})]
    await remits.start()
    await remits.hand_over(file_of(1, 9))
    await remits.settled()
    (aside,) = await remits.hub.operator.find(Selection())
    assert "Jane" not in f"{aside}"
