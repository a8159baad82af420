"""What must hold between the fields of a document, tried on what arrives: pass, warn, reject."""

from typing import Any

import pytest

from gateway.delivery import Action, Selection
from gateway.errors import ConfigError
from gateway.model.states import RetryState
from tests.walks.world import World, on_both_engines

RULE = "totals-are-right"
PARTNERS = "partners:\n  feed:\n    remittance-advice: {%s: %s}\n"


def untrue(document: dict[str, Any]) -> dict[str, Any]:
    """It satisfies its schema, and says a total that is not its own."""
    return {**document, "balance": {**document["balance"], "claims_paid_total": "0.01"}}


async def part_of(world: World, document: dict[str, Any]) -> dict[str, Any]:
    taken = await world.hand_over(document)
    await world.settled()
    (part,) = await world.hub.store.fetch("parts_of_artifact", artifact_id=taken.artifact_id)
    return part


@on_both_engines
async def test_a_broken_rule_is_counted_shown_or_refused_as_the_partner_wants(
    world: World, advice
) -> None:
    await world.start()
    good = await part_of(world, advice(1))
    assert (good["state"], "quality." in good["findings"]) == ("accepted", False)
    shown = await part_of(world, untrue(advice(2)))
    assert shown["state"] == "accepted", "the rule says warn where nobody says otherwise"
    assert f'"code":"quality.{RULE}"' in shown["findings"]

    world.write("config/quality.yaml", PARTNERS % (RULE, "reject"))
    await world.hub.reload(actor="local")
    refused = await part_of(world, untrue(advice(3)))
    assert (refused["state"], refused["code"]) == ("dead", "quality_rejected")
    assert f'"code":"quality.{RULE}"' in refused["findings"]
    (aside,) = await world.hub.operator.find(Selection(state=RetryState.DEAD), limit=9)
    assert RULE in aside.detail
    assert "0.01" not in aside.detail
    assert len(world.partner.effects) == 2

    world.write("config/quality.yaml", PARTNERS % (RULE, "pass"))
    await world.hub.reload(actor="local")
    await world.hub.operator.act(
        Action.REPLAY, Selection(ids=(aside.id,)), actor="local", reason="it is known"
    )
    await world.settled()
    assert await world.states() == []
    assert len(world.partner.effects) == 3
    counted = [await world.counter("feed", f"quality_{how}") for how in ("pass", "warn", "reject")]
    assert counted == [1, 1, 1]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (PARTNERS % ("totals-are-wrong", "reject"), 3, "has no quality rule 'totals-are-wrong'"),
        (PARTNERS % (RULE, "refuse"), 3, "refuse"),
        ((PARTNERS % (RULE, "warn")).replace("feed", "fed"), 2, "no interface 'fed'"),
        ((PARTNERS % (RULE, "warn")).replace("advice", "advise"), 3, "no contract"),
    ],
)
async def test_a_wrong_word_is_refused_and_what_ran_goes_on(
    world: World, text: str, line: int, reason: str
) -> None:
    await world.start()
    before = world.hub.bundles.current.hash
    world.write("config/quality.yaml", text)
    with pytest.raises(ConfigError, match=reason) as caught:
        await world.hub.reload(actor="local")
    assert (caught.value.file, caught.value.line) == ("quality.yaml", line)
    assert world.hub.bundles.current.hash == before
