"""Several hubs on one PostgreSQL when something goes wrong between two steps: no lane is left alone."""

import asyncio
import os

import pytest

from gateway.app import Hub
from gateway.app.bundles import IN_FORCE
from gateway.delivery import Action, Selection
from gateway.model.roles import Role
from gateway.ports import Ports
from gateway.store import Statement, StoreUnavailable, Unit
from tests.walks.test_nodes import FEEDS, Cluster, owned, raw, shared
from tests.walks.world import World, status, until

__all__ = ["raw"]

pytestmark = pytest.mark.slow


class Troubled(Cluster):
    """Nodes with ports and an environment of their own; `more` goes into the partner's file."""

    more = ""

    def write(self, node: int) -> World:
        world = super().write(node)
        world.partner_is("key", self.more)
        return world

    async def node(self, number: int, role: Role = Role.ALL, fail_point=None, **secrets: str):
        ports = Ports(fail_point=fail_point) if fail_point else Ports()
        hub = await Hub.open(self.write(number).root, secrets, ports, role=role)
        self.hubs.append(hub)
        await hub.start()
        return hub


@pytest.fixture
async def nodes(tmp_path, partner, postgres):
    there = Troubled(tmp_path, partner, postgres.fresh())
    yield there
    await there.close()


def there_are(partner, effects: int):
    async def so_many() -> bool:
        return len(partner.effects) >= effects

    return so_many


async def test_a_lane_that_could_not_be_given_back_at_once_is_given_back_later(nodes):
    hub, failures = None, 0

    def fail(name: str) -> None:
        nonlocal failures
        if name == "store.before_commit" and hub and hub.ownership._giving and failures < 4:
            failures += 1
            raise StoreUnavailable("Away.", code="store_unreachable")

    hub = await nodes.node(0, fail_point=fail)
    two = await nodes.node(1)
    await until(lambda: shared(hub, two), seconds=20)
    assert failures
    rows = await two.store.fetch("lanes")
    assert {row["name"] for row in rows if row["owner"] == two.node.name} == owned(two)


async def test_a_node_that_is_behind_processes_what_came_under_a_newer_configuration(
    nodes, partner, raw
):
    one, two = await nodes.node(0), await nodes.node(1)
    await until(lambda: shared(one, two), seconds=15)
    nodes.write(0).write(
        "config/routes.yaml",
        "routes:\n  - {name: all, contract: remittance-advice, to: partner}\n"
        "  - {name: more, contract: remittance-advice, to: partner}\n",
    )
    await one.reload()
    for feed in range(FEEDS):
        await nodes.accept(one, feed, raw(feed))
    await until(there_are(partner, 2 * FEEDS), seconds=20)
    assert await one.store.fetch("retries", limit=10) == []


async def test_what_a_person_decides_reaches_the_owner_though_the_node_ends_right_after(
    nodes, partner, raw
):
    planted = ["set_aside.after_commit"]

    def fail(name: str) -> None:
        if name in planted:
            planted.remove(name)
            raise StoreUnavailable("Away.", code="store_unreachable")

    nodes.more = "order_by: input.payer.name\non_dead: hold\n"
    one, _ = await nodes.node(0, Role.API, fail), await nodes.node(1, Role.WORKER)
    partner.script = [status(422)]
    await nodes.accept(one, 0, raw(1))

    async def dead() -> bool:
        return bool(await one.store.fetch("retries", state="dead", limit=1))

    await until(dead, seconds=20)
    await nodes.accept(one, 0, raw(2))
    await asyncio.sleep(1)
    assert len(partner.requests) == 1
    with pytest.raises(StoreUnavailable):
        await one.operator.act(Action.DISCARD, Selection(everything=True), actor="t", reason="r")
    assert not planted
    await until(there_are(partner, 1), seconds=10)


async def test_a_node_goes_on_renewing_whatever_fails_beside_that(nodes):
    """A configuration that cannot even be read ends the turn, not the turns."""
    one = await nodes.node(0)
    before = owned(one)
    rows = [Statement("bundle_insert", {"hash": "odd", "at": 1, "body": b"no configuration"})]
    rows.append(Statement("hub_put", {"key": IN_FORCE, "value": "odd"}))
    await one.store.commit(Unit(statements=tuple(rows)))
    await asyncio.sleep(2)
    lease = one.lanes.lease_end

    async def renewed() -> bool:
        return one.lanes.lease_end > lease

    await until(renewed, seconds=10)
    assert owned(one) == before


async def test_a_mark_that_cannot_be_written_keeps_no_node_from_joining_anew(nodes):
    one = await nodes.node(0)
    name, before = one.node.name, owned(one)
    os.close(one._mark._descriptor)
    one._mark._descriptor = os.open(one.root / "config/hub.yaml", os.O_RDONLY)
    one.lanes.lease_end = one.ports.clock.monotonic() - 1

    async def anew() -> bool:
        return one.node.name != name and owned(one) == before

    await until(anew, seconds=15)


async def test_a_node_that_leaves_while_it_takes_lanes_leaves_none_running(nodes):
    one, two = await nodes.node(0), await nodes.node(1)
    await until(lambda: shared(one, two), seconds=15)
    few = len(owned(one))
    nodes.hubs.remove(two)
    await two.close()

    async def takes() -> bool:
        return len(owned(one)) > few

    async with asyncio.timeout(15):
        while not await takes():
            await asyncio.sleep(0)
    await one.ownership.stop()
    assert one.workers.runners == {}


async def test_a_node_that_cannot_follow_keeps_no_lane_of_the_others_idle(nodes, partner, raw):
    one = await nodes.node(0, REMITHUB_SECRET_TOKEN="t")
    two = await nodes.node(1)
    await until(lambda: shared(one, two), seconds=15)
    world = nodes.write(0)
    text = (world.root / "config/interfaces/partner.yaml").read_text()
    secret = "settings:\n  headers: {X-Token: '${secret:TOKEN}'}\n"
    world.write(
        "config/interfaces/other.yaml",
        text.replace("interface: partner", "interface: other").replace("settings:\n", secret),
    )
    world.write(
        "config/routes.yaml",
        "routes:\n"
        + "".join(
            f"  - {{name: r{n}, contract: remittance-advice, to: other}}\n" for n in range(4)
        )
        + "  - {name: all, contract: remittance-advice, to: partner}\n",
    )
    await one.reload()
    await nodes.accept(one, 0, raw(1))
    await until(there_are(partner, 5), seconds=20)
