"""Several hubs on one PostgreSQL: they share the lanes, follow one another, and take over."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from gateway.app import Hub
from gateway.delivery import Action, Selection
from gateway.delivery.nodes import LEASE_SECONDS
from gateway.model.roles import Role
from gateway.pipeline import Arrival
from gateway.ports import Ports, SystemClock
from tests.walks.world import FEED, World, status, until

FEEDS = 6


class Cluster:
    """Hubs with one database, one key and folders of their own, all in this event loop."""

    def __init__(self, tmp_path, partner, dsn: str) -> None:
        self.folder = tmp_path
        self.partner = partner
        self.dsn = dsn
        self.hubs: list[Hub] = []

    def write(self, node: int) -> World:
        world = World(self.folder / f"node{node}", self.partner)
        world.write("config/hub.yaml", f"store: {{postgres: '{self.dsn}'}}\napi: {{port: 0}}\n")
        for feed in range(FEEDS):
            text = FEED.replace("interface: feed", f"interface: feed{feed}")
            world.write(f"config/interfaces/feed{feed}.yaml", text)
        world.write(
            "config/routes.yaml",
            "routes:\n  - {name: all, contract: remittance-advice, to: partner}\n",
        )
        world.partner_is("key")
        key = self.folder / "node0/var/hub.key"
        if node and key.exists():
            world.write("var/hub.key", "")
            shutil.copy2(key, world.root / "var/hub.key")
        return world

    async def start(self, node: int, role: Role = Role.ALL) -> Hub:
        hub = await Hub.open(self.write(node).root, {}, role=role)
        self.hubs.append(hub)
        await hub.start()
        return hub

    async def accept(self, hub: Hub, feed: int, raw: bytes) -> None:
        async def blocks() -> AsyncIterator[bytes]:
            yield raw

        await hub.flow.accept(Arrival(interface=f"feed{feed}"), blocks())

    async def close(self) -> None:
        for hub in self.hubs:
            await hub.close()


@pytest.fixture
async def cluster(tmp_path, partner, postgres):
    there = Cluster(tmp_path, partner, postgres.fresh())
    yield there
    await there.close()


def owned(hub: Hub) -> set[str]:
    return set(hub.lanes.owned())


async def shared(*hubs: Hub) -> bool:
    """Whether every lane belongs to exactly one of them, and each has some."""
    lanes = [owned(hub) for hub in hubs]
    every = {name for name, *_ in hubs[0].bundles.current.lanes()}
    return set().union(*lanes) == every and sum(map(len, lanes)) == len(every) and all(lanes)


async def deliver(cluster, hub, raw, numbers) -> None:
    for number in numbers:
        await cluster.accept(hub, number % FEEDS, raw(number))


@pytest.fixture
def raw(advice):
    import json

    return lambda number: json.dumps(advice(number)).encode()


@pytest.mark.slow
async def test_nodes_share_the_lanes_and_what_one_accepts_any_delivers(cluster, partner, raw):
    one = await cluster.start(0)
    assert await shared(one)
    two = await cluster.start(1)
    await until(lambda: shared(one, two), seconds=15)
    await deliver(cluster, one, raw, range(20))
    await deliver(cluster, two, raw, range(20, 40))

    async def all_there() -> bool:
        return len(partner.effects) == 40

    await until(all_there, seconds=20)
    assert len(partner.requests) == 40, "nothing was sent twice"
    await two.close()
    cluster.hubs.remove(two)
    await until(lambda: shared(one), seconds=5)  # it left with a word: nobody waits for a lease


class WrongClock(SystemClock):
    """A machine whose wall clock is an hour ahead or behind."""

    def __init__(self, hours: int) -> None:
        self._wrong = timedelta(hours=hours)

    def now(self) -> datetime:
        return super().now() + self._wrong


@pytest.mark.slow
@pytest.mark.parametrize("hours", [1, -1])
async def test_what_waits_is_due_by_the_store_s_clock_whatever_a_node_s_clock_says(
    cluster, partner, raw, hours
):
    """One node puts down when it is to be tried again, another compares."""
    partner.script = [status(503)]
    world = cluster.write(0)
    text = world.root.joinpath("config/interfaces/partner.yaml").read_text()
    text = text.replace("[0, 0.05, 0.05, 0.05]", "[0, 4, 0.05, 0.05]")
    world.write("config/interfaces/partner.yaml", text)
    hub = await Hub.open(world.root, {}, Ports(clock=WrongClock(hours)))
    await hub.start()
    await cluster.accept(hub, 0, raw(1))
    await until(lambda: waiting(hub))
    began = hub.ports.clock.monotonic()
    await hub.close()
    hub = await Hub.open(world.root, {})
    cluster.hubs.append(hub)
    await hub.start()

    async def sent_again() -> bool:
        return len(partner.requests) == 2

    await until(sent_again, seconds=30)
    assert hub.ports.clock.monotonic() - began > 2, "not before its time"


async def waiting(hub: Hub) -> bool:
    return bool(await hub.store.fetch("retries", state="waiting", limit=1))


@pytest.mark.slow
async def test_a_node_that_falls_silent_is_replaced_and_cannot_settle_any_more(
    cluster, partner, raw
):
    one = await cluster.start(0)
    two = await cluster.start(1)
    await until(lambda: shared(one, two), seconds=15)
    for task in one.ownership._tasks:  # the node hangs: it renews nothing, but its lanes go on
        task.cancel()
    one.lanes.lease_end = None  # and its clock stands still: it believes itself the owner
    began = asyncio.get_running_loop().time()
    await until(lambda: shared(two), seconds=LEASE_SECONDS + 8)
    assert asyncio.get_running_loop().time() - began < 10
    await deliver(cluster, two, raw, range(FEEDS))

    async def all_there() -> bool:
        return len(partner.effects) == FEEDS

    await until(all_there, seconds=20)
    for runner in one.workers.runners.values():
        runner.look_again()  # whatever it still does must come to nothing
    await asyncio.sleep(0.5)
    assert set(partner.effects.values()) == {1}
    rows = await two.store.fetch("lanes")
    assert {row["owner"] for row in rows} == {two.node.name}


@pytest.mark.slow
async def test_a_node_whose_lease_runs_out_stops_by_itself_and_joins_anew(cluster, raw):
    one = await cluster.start(0)
    name, before = one.node.name, owned(one)
    one.lanes.lease_end = one.ports.clock.monotonic() - 1

    async def anew() -> bool:
        return one.node.name != name and owned(one) == before

    await until(anew, seconds=15)


@pytest.mark.slow
async def test_what_a_person_says_at_one_node_holds_at_all(cluster, partner, raw):
    one = await cluster.start(0, Role.API)
    two = await cluster.start(1, Role.WORKER)
    await until(lambda: shared_out(two), seconds=15)
    assert owned(one) == set()
    await one.pause("partner", actor="t", reason="because")
    await until(lambda: is_paused(two), seconds=10)
    await one.resume("partner", actor="t")
    await until(lambda: is_running(two), seconds=10)
    partner.script = [status(422)]
    await deliver(cluster, one, raw, [1])

    async def dead() -> bool:
        return bool(await one.store.fetch("retries", state="dead", limit=1))

    await until(dead, seconds=15)
    await one.operator.act(Action.REPLAY, Selection(everything=True), actor="t")

    async def there() -> bool:
        return len(partner.effects) == 1

    await until(there, seconds=3)


async def shared_out(hub: Hub) -> bool:
    return any(name.startswith("deliver:") for name in owned(hub))


async def is_paused(hub: Hub) -> bool:
    return bool(hub.workers.destinations["partner"].paused)


async def is_running(hub: Hub) -> bool:
    return not hub.workers.destinations["partner"].paused


@pytest.mark.slow
async def test_a_reload_at_one_node_is_followed_by_all_and_by_those_that_join(cluster, raw):
    one = await cluster.start(0)
    two = await cluster.start(1)
    world = cluster.write(0)
    world.write("config/interfaces/more.yaml", FEED.replace("interface: feed", "interface: more"))
    await one.reload()
    wanted = one.bundles.current.hash

    async def follows() -> bool:
        return two.bundles.current.hash == wanted and await shared(one, two)

    await until(follows, seconds=15)
    three = await cluster.start(2)  # its own folder does not know the new interface
    assert three.bundles.current.hash == wanted
    with contextlib.suppress(TimeoutError):
        await until(lambda: shared(one, two, three), seconds=15)
    assert await shared(one, two, three)


@pytest.mark.slow
async def test_a_node_that_is_started_again_takes_its_lanes_back_at_once(cluster, raw):
    one = await cluster.start(0)
    before = owned(one)
    for task in one.ownership._tasks:  # killed: it renews nothing and says nothing
        task.cancel()
    one._mark.release()
    one._mark = None
    began = asyncio.get_running_loop().time()
    again = await cluster.start(0)
    await until(lambda: shared(again), seconds=3)
    assert asyncio.get_running_loop().time() - began < LEASE_SECONDS
    assert owned(again) == before
