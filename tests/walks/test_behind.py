"""An interface that is behind takes nothing in and fetches nothing, until it has caught up."""

import asyncio
import json

import pytest

from gateway.errors import TryAgain
from gateway.pipeline.pressure import HubBehind
from gateway.ports import Ports
from tests.walks.world import FEED, until

POLLED = """\
interface: polled
direction: in
connector: folder
format: json
contract: remittance-advice@^1.0
poll_seconds: 0.1
behind_seconds: 0.5
settings: {path: %s, settle_seconds: 0}
"""


class Jam:
    """Lets nothing be processed while it stands."""

    def __init__(self) -> None:
        self.stands = True

    def __call__(self, name: str) -> None:
        if self.stands and name == "process.before_commit":
            raise TryAgain("Nothing moves.", code="jam")


async def test_what_is_behind_is_offered_again_and_nothing_is_lost(world, partner, advice):
    inbox = world.root / "inbox"
    inbox.mkdir(parents=True)
    world.write("config/interfaces/polled.yaml", POLLED % inbox)
    world.write("config/interfaces/feed.yaml", FEED + "behind_seconds: 0.5\n")
    jam = Jam()
    await world.start(Ports(fail_point=jam))

    def file(number: int) -> None:
        (inbox / f"{number}.part").write_text(json.dumps(advice(number)))
        (inbox / f"{number}.part").rename(inbox / f"{number}.json")

    async def fetched() -> bool:
        return not list(inbox.glob("*.json"))

    await world.hand_over(advice(1))
    file(2)
    await until(fetched)
    await asyncio.sleep(1.6)  # longer than the limit and than the pause between two looks
    with pytest.raises(HubBehind):
        await world.hand_over(advice(3))
    file(4)
    await asyncio.sleep(0.5)
    assert not await fetched(), "it stays where it is"
    assert world.hub.pollers.by_name["polled"].state.fault == "hub_behind"
    jam.stands = False

    async def all_there() -> bool:
        return len(partner.effects) == 3

    await until(all_there, seconds=30)
    await world.hand_over(advice(3))
    await until(lambda: _count(partner, 4), seconds=30)
    assert set(partner.effects.values()) == {1}


async def _count(partner, wanted: int) -> bool:
    return len(partner.effects) == wanted
