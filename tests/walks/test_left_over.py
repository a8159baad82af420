"""What is owed by a route that is gone: somebody runs its lane until it is empty."""

import pytest

from gateway.model.roles import Role
from tests.walks.test_nodes import Cluster, raw
from tests.walks.world import ROUTES, until

__all__ = ["raw"]

MORE = ROUTES + "  - {name: more, contract: remittance-advice, to: partner}\n"


class Routed(Cluster):
    """Nodes whose routes a test changes."""

    routes = MORE

    def write(self, node: int):
        world = super().write(node)
        world.write("config/routes.yaml", self.routes)
        return world


@pytest.fixture
async def nodes(tmp_path, partner, postgres):
    there = Routed(tmp_path, partner, postgres.fresh())
    yield there
    await there.close()


async def _nothing_owed_yet(_bundle, _ended) -> None:
    """The check passed a moment before something came for the route."""


@pytest.mark.slow
async def test_what_a_route_that_is_gone_still_owes_outlives_the_owner_of_its_lane(
    nodes, partner, raw
):
    door = await nodes.start(0, Role.API)
    await door.pause("partner", actor="t", reason="so that it waits")
    await nodes.accept(door, 0, raw(1))
    first = await nodes.start(1, Role.WORKER)

    async def owed() -> bool:
        rows = await door.store.fetch("lanes")
        return sum(row["head"] - row["cursor"] for row in rows if row["kind"] == "deliver") == 2

    await until(owed, seconds=20)
    nodes.routes = ROUTES
    nodes.write(0)
    door.workers.may_leave = _nothing_owed_yet
    await door.reload()

    async def follows() -> bool:
        return first.bundles.current.hash == door.bundles.current.hash

    await until(follows, seconds=20)
    nodes.hubs.remove(first)
    await first.close()
    await nodes.start(2, Role.WORKER)
    await door.resume("partner", actor="t")

    async def there() -> bool:
        return len(partner.effects) == 2

    await until(there, seconds=20)
