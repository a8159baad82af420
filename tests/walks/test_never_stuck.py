"""Where money could lie unseen: what no timer and no list owned any more."""

import asyncio
import os
import signal
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from connectors.base import Call, Delivered, Document, Idempotency, Unknown
from gateway.app import server
from gateway.delivery import Action, Selection, runner
from gateway.errors import ConfigError, Conflict
from gateway.model.states import RetryState
from gateway.pipeline.deliver import deliver
from gateway.pipeline.facts import LaneItem, StoredMessage
from gateway.ports import Ports, SystemClock
from gateway.simulators.remittances import generate_835
from gateway.store import Statement, StoreUnavailable, Unit
from gateway.store.postgres import PostgresStore
from gateway.store.sqlite import SqliteStore
from tests.walks.world import ROUTES, status, until

PENDING = """\
    result: {pending: "steps.send.body.pending"}
  lookup:
    steps: [{id: find, request: {method: GET, path: "/effects/${key}"}}]
    found: steps.find.body.id
    absent_status: [404]
"""


class Disk:
    """A disk that can be full; ports whose store is on it."""

    def __init__(self) -> None:
        self.full = False
        self.ports = Ports(fail_point=self.pass_by)
        self.bug_at = self.full_at = ""

    def pass_by(self, name: str) -> None:
        if self.full and name == "store.before_commit":
            raise StoreUnavailable("No room.", code="disk_full")
        if name in (self.bug_at, self.full_at):
            self.full = True
        if name == self.bug_at:
            self.bug_at = ""
            raise RuntimeError


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Move the cursor with every item, and wait less for the store."""
    monkeypatch.setattr(runner, "CURSOR_EVERY", 1)
    monkeypatch.setattr(runner, "TROUBLE_SECONDS", 0.1)


async def test_lanes_go_on_by_themselves_after_the_disk_was_full(world, partner, advice):
    disk = Disk()
    disk.full_at = "process.after_commit"  # just before the lane moves its cursor
    await world.start(disk.ports)
    await world.hand_over(advice(1))
    await asyncio.sleep(0.5)
    assert disk.full
    disk.full_at, disk.full = "", False
    await world.hand_over(advice(2))
    await world.settled()
    assert len(partner.effects) == 2


async def test_what_cannot_even_be_set_aside_is_set_aside_once_it_can(world, partner, advice):
    disk = Disk()
    disk.bug_at = "dispatch.after_reply"
    await world.start(disk.ports)
    await world.hand_over(advice(1))

    async def full() -> bool:
        return disk.full

    await until(full)
    await asyncio.sleep(0.3)
    disk.full = False
    await world.settled()
    assert await world.states() == ["dead"]
    assert len(partner.requests) == 1


async def test_what_was_done_before_an_order_failed_goes_on(world, partner, advice):
    partner.script = [status(422)]
    await world.start()
    await world.hand_over(advice(1))
    await world.hand_over(b"no json at all")
    await world.settled()
    dead = {a.code: a.id for a in await world.hub.operator.find(Selection())}
    several = Selection(ids=(dead["http_422"], dead["not_json"], "dlv_never_owed"))
    await world.hub.operator.act(Action.PARK, Selection(ids=(dead["not_json"],)), actor="t")
    with pytest.raises(Conflict):
        await world.hub.operator.act(Action.RELEASE, Selection(ids=(dead["http_422"],)), actor="t")
    await world.hub.operator.act(
        Action.DISCARD, Selection(ids=(dead["not_json"],)), actor="t", reason="no file"
    )
    with pytest.raises(Exception, match="Nothing is set aside"):
        await world.hub.operator.act(Action.REPLAY, several, actor="t")
    await world.settled()
    assert len(partner.effects) == 1


async def test_a_part_let_go_early_does_not_settle_its_artifact(world, partner):
    """Else a crash would lose the parts that are still to come."""
    world.write(
        "config/interfaces/feed.yaml",
        "interface: feed\ndirection: in\nformat: x12-835\nmapping: x12-835-to-remittance-advice\n",
    )
    world.write("config/routes.yaml", ROUTES.replace("to: partner", "to: none"))
    first = b"".join(generate_835(payments=1, seed=1, claims_per_payment=2, usage="T"))
    raw = first + b"".join(generate_835(payments=1200, seed=8, claims_per_payment=2))
    await world.start()
    await world.hand_over(raw)
    process = world.hub.workers.runners["process:feed"]

    async def held() -> bool:
        return await world.states() == ["held"]

    await until(held)
    await world.hub.operator.act(Action.RELEASE, Selection(state=RetryState.HELD), actor="t")

    async def let_go() -> bool:
        assert process.under_way, "the artifact must still be under way: make it longer"
        return await world.states() == []

    await until(let_go)
    while process.under_way > 1:
        await asyncio.sleep(0.001)
    assert process.under_way == 1
    assert process.settled_to == 0
    await world.settled(seconds=30)
    assert process.settled_to == 1


async def test_a_delivery_is_asked_about_more_than_a_thousand_times(world, partner, advice):
    world.partner_is("lookup")
    text = (world.root / "config/interfaces/partner.yaml").read_text()
    head, _, tail = text.partition("    result: {external_id")
    world.write("config/interfaces/partner.yaml", head + PENDING + tail[tail.index("deadline_") :])
    hidden = []

    async def pending(partner, key):
        hidden.append(key)
        return web.json_response({"pending": True})

    partner.later = pending
    await world.start()
    await world.hand_over(advice(1))

    async def confirming() -> bool:
        return await world.states() == ["confirming"]

    await until(confirming)
    (row,) = await world.hub.store.fetch("retries", limit=1)
    place = {"lane_id": row["lane_id"], "seq": 1}
    (lane,) = await world.hub.store.fetch("lane_by_id", lane_id=row["lane_id"])
    (attempt,) = await world.hub.store.fetch("attempts_of", **place)
    attempt["epoch"] = lane["epoch"]
    made = [Statement("attempt_insert", {**attempt, "number": n}, 1) for n in range(2, 1502)]
    now = Statement("retry_put", {**row, "due_at": 0})
    await world.hub.store.commit(Unit(statements=(*made, now)))
    world.hub.workers.look_again(lane["name"])

    async def asked() -> bool:
        return len(partner.lookups) == 1 and await world.states() == ["confirming"]

    await until(asked)
    partner.effects[hidden[0]] = 1
    await world.hub.store.commit(Unit(statements=(now,)))
    world.hub.workers.look_again(lane["name"])
    await until(lambda: _no_rows(world))
    assert await world.counter("partner", "deliveries_done") == 1


async def _no_rows(world) -> bool:
    return await world.states() == []


async def test_what_is_never_confirmed_can_be_given_up(world, partner, advice):
    world.partner_is("lookup")
    text = (world.root / "config/interfaces/partner.yaml").read_text()
    head, _, tail = text.partition("    result: {external_id")
    world.write("config/interfaces/partner.yaml", head + PENDING + tail[tail.index("deadline_") :])

    async def pending(_partner, _key):
        return web.json_response({"pending": True})

    partner.later = pending
    await world.start()
    await world.hand_over(advice(1))

    async def confirming() -> bool:
        return await world.states() == ["confirming"]

    await until(confirming)
    everything = Selection(state=RetryState.CONFIRMING)
    await world.hub.operator.act(Action.DISCARD, everything, actor="t", reason="phoned")
    await asyncio.sleep(0.2)
    assert await world.states() == []


async def test_a_hub_does_not_start_without_a_lane_that_still_owes_something(
    world, partner, advice
):
    await world.start()
    await world.hub.pause("partner", actor="t", reason="")
    await world.hand_over(advice(1))
    await world.hub.drained(within_seconds=0.3)
    await world.stop()
    world.write("config/routes.yaml", ROUTES.replace("name: all", "name: renamed"))
    with pytest.raises(ConfigError, match="'all' still owes something to 'partner'"):
        await world.start()
    await world.stop()
    world.write("config/routes.yaml", ROUTES)
    await world.start()
    await world.hub.resume("partner", actor="t")
    await world.settled()
    assert len(partner.effects) == 1
    await world.stop()
    world.write("config/routes.yaml", ROUTES.replace("name: all", "name: renamed"))
    await world.start()


async def test_a_paused_destination_is_not_even_tried_after_a_restart(
    world, partner, advice, monkeypatch
):
    partner.script = [status(401)]
    await world.start()
    await world.hand_over(advice(1))

    async def paused() -> bool:
        return bool(world.hub.workers.destinations["partner"].paused)

    await until(paused)
    await world.stop()
    kind = PostgresStore if world.engine else SqliteStore
    fetch = kind.fetch

    async def slowly(store, query, **params):
        rows = await fetch(store, query, **params)
        await asyncio.sleep(0.2 if query == "destinations" else 0)
        return rows

    monkeypatch.setattr(kind, "fetch", slowly)
    await world.start()
    await asyncio.sleep(0.3)
    assert len(partner.requests) == 1


async def test_an_answer_that_is_due_and_does_not_come_is_a_dead_letter(world, partner, advice):
    """A confirmation that nobody misses would be a journal that nobody writes."""
    world.partner_is("key", "reply: {contract: acknowledgement@^1.0}\n")
    text = (world.root / "config/interfaces/partner.yaml").read_text()
    world.write(
        "config/interfaces/partner.yaml",
        text.replace('    result: {external_id: "${steps.send.body.id|optional}"}\n', ""),
    )

    async def nothing(partner, key):
        partner.effects[key] = 1
        return web.Response(status=204)

    partner.later = nothing
    await world.start()
    await world.hand_over(advice(1))
    await world.settled()
    (aside,) = await world.hub.operator.find(Selection())
    assert (aside.lane, aside.code) == ("process:partner", "reply_missing")
    assert len(partner.requests) == 1


async def test_a_writer_that_is_killed_costs_nothing_but_a_moment(world, partner, advice):
    if world.engine:
        pytest.skip("only SQLite's writer is a process of the hub's own")
    await world.start()
    tasks = Path("/proc/self/task").glob("*/children")
    children = " ".join(task.read_text() for task in tasks).split()
    (writer,) = [
        int(pid)
        for pid in children
        if b"gateway.store.sqlite.process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    for number in range(30):
        if number == 15:
            os.kill(writer, signal.SIGKILL)
        try:
            await world.hand_over(advice(number))
        except StoreUnavailable:  # what a sender is told to do then
            await world.hand_over(advice(number))
    await world.settled(seconds=10)
    assert await world.states() == []
    assert len(partner.effects) == len(partner.requests) == 30


async def test_a_hub_that_is_told_to_stop_stops_though_the_disk_is_full(
    world, partner, advice, monkeypatch
):
    monkeypatch.setattr(server, "STOP_SECONDS", 1.0)
    world.write("config/hub.yaml", "api: {port: 0}\n")
    disk = Disk()
    disk.full_at = "dispatch.after_reply"
    clock = SystemClock()
    async with server.serving(world.root, environment={}, ports=disk.ports) as listening:
        world.hub = listening.hub
        await world.hand_over(advice(1))

        async def full() -> bool:
            return disk.full

        await until(full)
        began = clock.monotonic()
    assert clock.monotonic() - began < 3
    disk.full_at, disk.full = "", False
    await world.stop()
    await world.start()
    await world.settled()
    assert partner.requests == [partner.requests[0]] * 2
    assert len(partner.effects) == 1


class Deaf:
    """A sink that never returns, whatever it is told."""

    idempotency = Idempotency.KEY

    async def deliver(self, call: Call, document: Document):
        while True:
            try:
                await asyncio.sleep(3)
                return Delivered()
            except asyncio.CancelledError:
                continue


async def test_an_attempt_ends_at_its_deadline_whatever_its_sink_does(world):
    await world.start()
    sink = world.hub.bundles.current.sinks["partner"]
    sink = msgspec.structs.replace(
        sink, settings=msgspec.structs.replace(sink.settings, deadline_seconds=0.2)
    )
    message = StoredMessage(
        message_id="msg_1",
        contract="remittance-advice",
        version="1.0.0",
        interface="feed",
        correlation="",
        amount_cents=None,
        created_at=0,
        trace="",
        data={},
    )
    item = LaneItem(lane="l", seq=1, item_id="msg_1", delivery_id="dlv_1")
    clock = SystemClock()
    began = clock.monotonic()
    call = Call(key="k", attempt=1, deadline=began + 0.2)
    outcome = await deliver(message, item, sink, Deaf(), call, {"tenant_id": "local"})
    assert isinstance(outcome, Unknown)
    assert clock.monotonic() - began < 1.2


@pytest.mark.parametrize("first", ["pause", "resume"])
async def test_what_a_person_decides_is_not_undone_by_a_look_that_began_before(world, first):
    """A look at the record takes a while; what is decided meanwhile is newer than what it saw."""
    hub = await world.start()
    await hub.pause("partner", actor="t", reason="")
    if first == "pause":
        await hub.resume("partner", actor="t")
    destination = hub.workers.destinations["partner"]
    before = bool(destination.paused)
    fetch = hub.store.fetch

    async def slow(query, **params):
        rows = await fetch(query, **params)
        if query == "destinations":
            hub.store.fetch = fetch
            await (hub.resume if before else hub.pause)(
                "partner", actor="t", **({} if before else {"reason": ""})
            )
        return rows

    hub.store.fetch = slow
    await hub.pauses.look()
    assert bool(destination.paused) is not before
    await hub.pauses.look()
    assert bool(destination.paused) is not before
