"""Several hubs on one PostgreSQL and a destination they share: its breaker, its places, its words."""

import asyncio
import json

import pytest

from gateway.pipeline import Arrival
from tests.walks.test_confirming import ACKS, OK, ack
from tests.walks.test_nodes import Cluster
from tests.walks.world import status, until

ROUTES = """\
routes:
  - {name: one, contract: remittance-advice, to: partner}
  - {name: two, contract: remittance-advice, to: partner}
  - {name: kept, contract: acknowledgement, to: none}
"""


class Pair(Cluster):
    """Two lanes to one partner, one for each node; `more` goes into the partner's file."""

    more = ""
    retry = ""

    def write(self, node: int):
        world = super().write(node)
        world.write("config/routes.yaml", ROUTES)
        world.write("config/interfaces/acks.yaml", ACKS)
        path = "config/interfaces/partner.yaml"
        text = (world.root / path).read_text()
        if self.retry:
            text = text.replace("breaker_failures: 100", self.retry)
        world.write(path, text + self.more)
        return world

    async def both(self):
        hubs = [await self.start(0), await self.start(1)]

        async def shared() -> bool:
            lanes = [_lanes(hub) for hub in hubs]
            return sorted(map(len, lanes)) == [1, 1]

        await until(shared, 60)
        return hubs


def _lanes(hub) -> set[str]:
    return {name for name in hub.lanes.owned() if name.startswith("deliver:")}


@pytest.fixture
async def pair(tmp_path, partner, postgres):
    there = Pair(tmp_path, partner, postgres.fresh())
    yield there
    await there.close()


def there(hub):
    return hub.workers.destinations["partner"]


def of(*hubs):
    async def states_are(wanted: str) -> bool:
        return all(there(hub).breaker == wanted for hub in hubs)

    return states_are


async def test_a_breaker_that_one_node_opens_is_open_on_the_other_and_closes_there_too(
    pair, partner, advice
):
    pair.retry = "breaker_failures: 2, breaker_seconds: 600"
    pair.more = "concurrency: 8\n"
    first, second = await pair.both()

    async def halves() -> bool:
        return [there(hub).places for hub in (first, second)] == [4, 4]

    await until(halves, 60)
    partner.script = [status(503)] * 2
    there(second).paused = "only for this test"
    for number in range(2):
        await pair.accept(first, 0, json.dumps(advice(number)).encode())
    states_are = of(first, second)
    await until(lambda: states_are("open"), 30)
    there(second).paused = ""
    assert len(partner.requests) == 2
    await second.resume("partner", actor="t")  # it needs no news of its own to be heard
    await until(lambda: states_are("closed"), 30)

    async def all_there() -> bool:
        return len(partner.effects) == 4

    await until(all_there, 60)


async def test_places_come_back_when_a_node_leaves(pair):
    pair.more = "concurrency: 8\nrate: {per_second: 20, burst: 4}\n"
    first, second = await pair.both()

    async def half() -> bool:
        return (there(first).places, there(first).per_second) == (4, 10)

    await until(half, 60)
    pair.hubs.remove(second)
    await second.close()

    async def alone() -> bool:
        return (there(first).places, there(first).per_second) == (8, 20)

    await until(alone, 60)


async def test_a_confirmation_that_one_node_takes_settles_the_delivery_of_another(
    pair, partner, advice
):
    pair.more = f"confirm: {{contract: acknowledgement@^1.0, {OK}}}\n"
    first, second = await pair.both()
    await pair.accept(first, 0, json.dumps(advice(1)).encode())

    async def confirming() -> bool:
        rows = await first.store.fetch("retries", limit=10)
        return [row["state"] for row in rows] == ["confirming"] * 2

    await until(confirming, 60)
    raw = json.dumps(ack(f"{1:064x}")).encode()

    async def blocks():
        yield raw

    await second.flow.accept(Arrival(interface="acks"), blocks())

    async def done() -> bool:
        return not await first.store.fetch("retries", limit=10)

    await until(done, 60)
    await asyncio.sleep(0.2)
    assert len(partner.requests) == 2
