"""A hub is stopped in the middle of everything, its store copied to the other engine: it goes on.

What waits, is due, set aside, being confirmed, held, paused, not even begun: nothing is lost,
nothing has its effect twice.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from gateway.app import Hub
from gateway.cli.examination import Mark, examine
from gateway.cli.store import copy
from gateway.delivery import Action, Selection
from gateway.model.states import RetryState
from gateway.pipeline import Arrival
from gateway.simulators.remittances import generate_835
from gateway.store import verify_chain
from tests.walks.test_confirming import ACKS, acknowledge
from tests.walks.world import PARTNER, Partner, World, listening, until

NEVER = "retry: {schedule_seconds: [0, 86400], breaker_failures: 100, jitter: 0}\n"
SOON = "retry: {schedule_seconds: [0, 2, 2, 2, 2, 2, 2, 2], breaker_failures: 100, jitter: 0}\n"
BY_MESSAGE = "confirm: {contract: acknowledgement@^1.0, ok: 'input.result == \"accepted\"'}\n"
SYSTEMS = {
    "prompt": ("key", "takes", ""),
    "patient": ("key", "busy", NEVER),
    "due": ("key", "busy", SOON),
    "refusing": ("key", "refuses", ""),
    "unsure": ("none", "loses_its_answer", ""),
    "confirming": ("key", "takes", BY_MESSAGE),
    "paused": ("key", "takes", ""),
}
"""By name: how it tells a repetition, what it does before the move, more of its interface."""

REMITS = """\
interface: remits
direction: in
format: x12-835
mapping: x12-835-to-remittance-advice
"""
POSTED, PAYMENTS, HELD, UNBEGUN = 3, 3, 1, 1
BEGUN = POSTED + PAYMENTS - HELD
"""Documents that went out to every system before the hub was stopped."""

ALL = BEGUN + HELD + UNBEGUN


@dataclass
class System(Partner):
    """Has an effect of every request that it takes: it would be seen if one came twice."""

    mood: str = "takes"

    async def deliver(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        key = request.headers["X-Reference"]
        self.requests.append(key)
        match self.mood:
            case "busy":
                return web.json_response({}, status=503)
            case "refuses":
                return web.json_response({}, status=422)
        self.effects[key] = self.effects.get(key, 0) + 1
        if self.mood == "loses_its_answer":
            request.transport.abort()
        return web.json_response({"id": f"doc-{key}"})


class Move:
    """A hub at seven systems, and the engine that it runs on."""

    def __init__(self, world: World, systems: dict[str, System]) -> None:
        self.world = world
        self.systems = systems
        routes = "routes:\n  - {name: kept, contract: acknowledgement, to: none}\n"
        for name, (mode, mood, more) in SYSTEMS.items():
            systems[name].mood = mood
            text = PARTNER % {"url": systems[name].url, "mode": mode}
            text = text.replace("interface: partner", f"interface: {name}")
            if "retry:" in more:
                text = text.partition("retry:")[0]
            world.write(f"config/interfaces/{name}.yaml", text + more)
            routes += f"  - {{name: to-{name}, contract: remittance-advice, to: {name}}}\n"
        (world.root / "config/interfaces/partner.yaml").unlink()
        world.write("config/routes.yaml", routes)
        world.write("config/interfaces/acks.yaml", ACKS)
        world.write("config/interfaces/remits.yaml", REMITS)

    async def states(self) -> dict[str, set[str]]:
        """Return the states of what every interface has in its retry table."""
        found: dict[str, set[str]] = {}
        for row in await self.world.hub.store.fetch("retries", limit=1000):
            found.setdefault(row["interface"], set()).add(row["state"])
        return found

    async def facts(self) -> dict[str, Any]:
        """Return what a copy must leave as it is, as the store tells it."""
        store = self.world.hub.store
        lanes = await store.fetch("lanes")
        owed = [
            row
            for lane in lanes
            for row in await store.fetch(
                "owed_window", lane_id=lane["lane_id"], after_seq=0, limit=1000
            )
        ]
        return {
            "retries": await store.fetch("retries", limit=1000),
            "owed": owed,
            "heads": [(lane["name"], lane["head"]) for lane in lanes],
            "messages": await store.fetch(
                "messages_of_contract", contract="remittance-advice", limit=1000
            ),
            "audit": await store.fetch("audit_tail", limit=1000),
        }

    async def act(self, action: Action, name: str, state: RetryState) -> int:
        selection = Selection(interface=name, state=state)
        report = await self.world.hub.operator.act(action, selection, actor="ann", reason="seen")
        return report.count

    async def post_835(self) -> None:
        raw = b"".join(
            generate_835(payments=PAYMENTS, seed=5, claims_per_payment=2, fault="out_of_balance")
        )

        async def blocks():
            yield raw

        await self.world.hub.flow.accept(Arrival(interface="remits"), blocks())


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until that is so, on a busy machine too."""
    await until(condition, seconds=60)


async def all_is(move: Move, **wanted: set[str]) -> bool:
    return await move.states() == wanted


async def go_into_every_state(move: Move, advice) -> dict[str, Any]:
    """Run the hub until something is in every state; stop it, and return what its store says."""
    world = move.world
    await world.start()
    await world.hub.pause("paused", actor="ann", reason="month end")
    for number in range(POSTED):
        await world.hand_over(advice(number))
    await move.post_835()
    await eventually(
        lambda: all_is(
            move,
            remits={"held"},
            patient={"waiting"},
            due={"waiting"},
            refusing={"dead"},
            unsure={"parked"},
            confirming={"confirming"},
        )
    )
    await eventually(lambda: _aside(move, 5 * BEGUN + HELD))
    await eventually(lambda: _done(move, "prompt", BEGUN))
    await world.hub.workers.stop_lane("process:feed")
    await world.hand_over(advice(POSTED))  # nobody begins with it
    facts = await move.facts()
    await world.stop()
    return facts


async def _aside(move: Move, count: int) -> bool:
    return len(await move.world.hub.store.fetch("retries", limit=1000)) == count


async def _done(move: Move, name: str, count: int) -> bool:
    return await move.world.counter(name, "deliveries_done") == count


async def let_everything_end(move: Move) -> None:
    """Be the people, the partners that are well again, and the time that passes."""
    hub = move.world.hub
    await eventually(lambda: _done(move, "prompt", BEGUN + UNBEGUN))
    await eventually(lambda: _done(move, "due", BEGUN + UNBEGUN))
    assert (await move.states())["patient"] == {"waiting"}
    assert await move.act(Action.RELEASE, "remits", RetryState.HELD) == HELD
    await eventually(lambda: _done(move, "prompt", ALL))
    assert await move.act(Action.REPLAY, "patient", RetryState.WAITING) == BEGUN
    assert await move.act(Action.REPLAY, "refusing", RetryState.DEAD) == BEGUN
    assert await move.act(Action.CONFIRM, "unsure", RetryState.PARKED) == BEGUN
    assert not move.systems["paused"].requests
    await hub.resume("paused", actor="ann")
    await eventually(lambda: _all_at(move, "confirming"))
    for key in move.systems["confirming"].effects:
        await acknowledge(move.world, f"doc-{key}")
    for name in SYSTEMS:
        await eventually(lambda name=name: _done(move, name, ALL))
    await move.world.settled(seconds=60)


async def _all_at(move: Move, name: str) -> bool:
    rows = await move.world.hub.store.fetch("retries", limit=1000)
    return sum(row["interface"] == name for row in rows) == ALL


async def is_whole(move: Move) -> None:
    """Nothing lost, nothing twice, every chain holds, and the doctor finds nothing broken."""
    store = move.world.hub.store
    assert await move.states() == {}
    for name, system in move.systems.items():
        assert sorted(system.effects.values()) == [1] * ALL, name
    for row in await store.fetch("audit_writers"):
        chain = await store.fetch("audit_rows", writer=row["writer"], after_seq=0, limit=1000)
        assert verify_chain(chain) is None
    for lane in await store.fetch("lanes"):
        window = {"lane_id": lane["lane_id"], "after_seq": 0, "limit": 1000}
        numbers = [row["seq"] for row in await store.fetch("owed_window", **window)]
        assert numbers == list(range(1, lane["head"] + 1))
    await move.world.stop()
    sights = await asyncio.to_thread(lambda: list(examine(move.world.root)))
    assert not [one for one in sights if one.mark is Mark.BROKEN]


@pytest.fixture
async def move(world):
    systems = {name: System() for name in SYSTEMS}
    async with contextlib.AsyncExitStack() as stack:
        for system in systems.values():
            await stack.enter_async_context(listening(system))
        yield Move(world, systems)
        await world.stop()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)
async def test_a_hub_on_a_copy_of_its_store_goes_on_in_the_middle_of_everything(
    move, world, advice, postgres
):
    facts = await go_into_every_state(move, advice)
    target = "moved.db" if world.engine else postgres.fresh()
    assert await asyncio.to_thread(copy, to=target, root=world.root) == 0
    world.engine = "" if world.engine else target
    world.write("config/hub.yaml", "" if world.engine else "store: {path: moved.db}\n")
    for system in move.systems.values():
        system.mood = "takes"
    world.hub = await Hub.open(world.root, {})
    assert await move.facts() == facts
    await world.stop()
    await world.start()
    again = await world.hand_over(advice(0))
    assert again.duplicate
    await let_everything_end(move)
    await is_whole(move)
