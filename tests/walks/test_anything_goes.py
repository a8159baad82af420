"""Everything at once, in an order that a seed decides: every payment ends somewhere, nowhere twice.

Hand-overs, partner faults, a person's hand, reloads, restarts and a full disk.
"""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from gateway.delivery import Action, Selection
from gateway.errors import Conflict, NotFound
from gateway.ports import Ports
from gateway.store import StoreUnavailable
from tests.walks.world import FEED, Partner, World, listening

STEPS = 60
SOAK_STEPS = 400

ORDERS = (
    "",
    "order_by: payment.method\n",
    "order_by: payment.method\non_dead: skip\n",
    "order_by: payment.amount\n",
)
"""The second holds everything behind a failure: there, order is order."""

SETTLED = {"done", "discarded"}
WITH_A_PERSON = {"dead", "held", "parked"}


@dataclass
class Moody(Partner):
    """A partner in bad moods that keeps its word: with `key` it makes one effect of a key, else
    an effect of every request that it does not refuse."""

    mode: str = "key"
    chance: random.Random = field(default_factory=random.Random)
    mood: float = 0.0

    async def deliver(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        key = request.headers["X-Reference"]
        self.requests.append(key)
        if self.mode == "key" and key in self.effects:
            return web.json_response({"id": "again"})
        if self.chance.random() < self.mood:
            return await self._fault(request, key)
        return self._effect(key)

    def _effect(self, key: str) -> web.Response:
        self.effects[key] = self.effects.get(key, 0) + 1
        return web.json_response({"id": "doc"})

    async def _fault(self, request: web.Request, key: str) -> web.StreamResponse:
        code = self.chance.choice([0, 1, 2, 3, 422, 429, 500, 503, 503, 401])
        match code:
            case 0:  # the effect is there, its answer is lost
                self._effect(key)
                request.transport.abort()
            case 1:  # nothing is there, and nobody says so
                request.transport.abort()
            case 2:  # longer than the deadline, then an effect
                await asyncio.sleep(0.5)
                self._effect(key)
            case 3:  # an effect behind a gateway that gives up
                self._effect(key)
                code = 504
        return web.Response(status=code if code > 3 else 200)


class Chaos:
    """One seed's story."""

    def __init__(self, world: World, partner: Moody, advice: Any, seed: int) -> None:
        self.world = world
        self.partner = partner
        self.advice = advice
        self.chance = random.Random(seed)
        self.disk_full = False
        self.accepted: set[str] = set()
        self.written = 0
        self.in_order = False

    def ports(self) -> Ports:
        def fail(name: str) -> None:
            if self.disk_full and name == "store.before_commit":
                raise StoreUnavailable("No room.", code="disk_full")

        return Ports(fail_point=fail, randomness=random.Random(self.chance.random()))

    async def story(self, steps: int) -> None:
        await self.world.start(self.ports())
        acts = [self.hand_over] * 8 + [self.order] * 6 + [self.mood] * 3
        acts += [self.reload, self.resume, self.fill_disk]
        restarts = set(self.chance.sample(range(steps), 2))
        for step in range(steps):
            await self.chance.choice(acts)()
            await asyncio.sleep(self.chance.choice([0, 0, 0.01, 0.05]))
            if step in restarts:
                await self.world.stop()
                await self.world.start(self.ports())
        await self.heal()

    async def hand_over(self) -> None:
        self.written += 1
        document = self.advice(self.written)
        kind = self.chance.random()
        if kind < 0.1:
            document["payment"]["amount"] = "12.3"  # dead: the contract forbids it
        elif kind < 0.2 and self.written > 1:
            # The same payment in other bytes: held.
            document = {**self.advice(self.chance.randrange(1, self.written)), "supersedes": None}
            document.pop("supersedes")
            document["remittance_id"] = f"rem_{self.written + 10**6:032x}"
        accepted = await self.world.hand_over(document)
        self.accepted.add(accepted.artifact_id)

    async def order(self) -> None:
        found = await self.world.hub.operator.find(Selection())
        if not found:
            return
        aside = self.chance.choice(found)
        action = self.chance.choice(list(Action))
        again = action is Action.REPLAY and self.partner.mode == "none"
        if again and f"{aside.id}-{aside.generation}" in self.partner.effects:
            action = Action.DISCARD  # a person looks first whether it is there
        if (
            action is Action.CONFIRM
            and f"{aside.id}-{aside.generation}" not in self.partner.effects
        ):
            action = Action.PARK
        try:
            await self.world.hub.operator.act(
                action, Selection(ids=(aside.id,)), actor="t", reason="because"
            )
        except (Conflict, NotFound):
            return

    async def mood(self) -> None:
        self.partner.mood = self.chance.choice([0.0, 0.3, 0.7, 1.0])

    async def reload(self) -> None:
        name = "config/interfaces/partner.yaml"
        text = (self.world.root / name).read_text().split("title:")[0]
        headers = f"  headers: {{X-Number: '{self.written}'}}\n"
        if self.chance.random() < 0.5 and "X-Number" not in text:
            text = text.replace("settings:\n", "settings:\n" + headers)
        self.world.write(name, text + f"title: Number {self.written}\n")
        await self.world.hub.reload()

    async def resume(self) -> None:
        await self.world.hub.resume("partner", actor="t")

    async def fill_disk(self) -> None:
        self.disk_full = True
        await asyncio.sleep(0.05)
        self.disk_full = False

    async def heal(self) -> None:
        """The partner is well, and a person works off what was set aside there.

        What waited behind a discarded one is only then on its way: it counts as pending.
        """
        self.partner.mood = 0.0
        await self.world.hub.resume("partner", actor="t")
        async with asyncio.timeout(90):
            while not await self._worked_off():
                pass

    async def _worked_off(self) -> bool:
        await asyncio.sleep(0.01)
        await self.world.settled(seconds=30)
        operator = self.world.hub.operator
        left = await operator.find(Selection(interface="partner"), limit=1000)
        for aside in left:
            there = f"{aside.id}-{aside.generation}" in self.partner.effects
            blind = self.partner.mode == "none" and there
            action = Action.DISCARD if blind else Action.REPLAY
            chosen = Selection(ids=(aside.id,))
            await operator.act(action, chosen, actor="t", reason="worked off")
        runners = self.world.hub.workers.runners.values()
        return not left and not any(runner.pending for runner in runners)

    # -- what must be true ---------------------------------------------------------------------

    async def holds(self) -> None:
        store = self.world.hub.store
        effects = self.partner.effects
        assert set(effects.values()) <= {1}, "an effect came twice under one key"
        deliveries = [key.rpartition("-")[0] for key in effects]
        assert len(deliveries) == len(set(deliveries)), "an effect came twice under two keys"
        done = cents = 0
        order: dict[str, list[str]] = {}
        for lane in await store.fetch("lanes"):
            for owed in await store.fetch(
                "owed_window", lane_id=lane["lane_id"], after_seq=0, limit=10_000
            ):
                outcomes = await self._stands(lane, owed)
                if lane["kind"] == "process" or "done" not in outcomes:
                    continue
                assert owed["delivery_id"] in deliveries, "done, and nothing is there"
                (message,) = await store.fetch("message_by_id", message_id=owed["item_id"])
                done, cents = done + 1, cents + message["amount_cents"]
                if "discarded" not in outcomes:
                    order.setdefault(owed["order_key"], []).append(owed["delivery_id"])
        counted = [
            await self.world.counter("partner", n) for n in ("deliveries_done", "cents_done")
        ]
        assert counted == [done, cents]
        if self.in_order:
            for owed_in_order in order.values():
                made = [name for name in deliveries if name in owed_in_order]
                assert made == owed_in_order, "effects of one key came out of their order"
        await self._every_part_is_somewhere()

    async def _stands(self, lane: dict[str, Any], owed: dict[str, Any]) -> set[str]:
        """Every owed thing is settled, or with a person: never both, never neither."""
        place = {"lane_id": lane["lane_id"], "seq": owed["seq"]}
        rows = await self.world.hub.store.fetch("retry_one", **place, part_offset=-1)
        attempts = await self.world.hub.store.fetch("attempts_of", **place)
        outcomes = {a["outcome"] for a in attempts if a["part_offset"] == -1}
        states = {row["state"] for row in rows}
        assert bool(outcomes & SETTLED) != bool(states), (lane["name"], outcomes, states)
        assert states <= (WITH_A_PERSON if lane["kind"] == "process" else set())
        return outcomes

    async def _every_part_is_somewhere(self) -> None:
        """Accepted parts are messages, and the counters say how many."""
        store = self.world.hub.store
        accepted = 0
        for artifact in self.accepted:
            for part in await store.fetch("parts_of_artifact", artifact_id=artifact):
                assert part["state"] in ("accepted", "held", "dead", "discarded")
                accepted += part["state"] == "accepted"
                if part["state"] == "accepted":
                    assert await store.fetch("owed_of_item", item_id=part["message_id"])
                elif part["state"] != "discarded":
                    rows = await store.fetch("retries", interface="feed", limit=10_000)
                    places = {(row["item_id"], row["part_offset"]) for row in rows}
                    assert (artifact, part["part_offset"]) in places
        assert await self.world.counter("feed", "artifacts") == len(self.accepted)
        assert await self.world.counter("feed", "parts_accepted") == accepted


async def run(tmp_path, advice, seed: int, steps: int) -> None:
    chance = random.Random(seed)
    mode = ("key", "lookup", "none")[seed % 3]
    async with listening(Moody(mode=mode, chance=chance)) as partner:
        world = World(tmp_path, partner)
        world.write("config/interfaces/feed.yaml", FEED)
        world.write(
            "config/routes.yaml",
            "routes:\n  - {name: all, contract: remittance-advice, to: partner}\n",
        )
        world.partner_is(mode, ORDERS[seed % len(ORDERS)])
        name = "config/interfaces/partner.yaml"
        text = (
            (world.root / name).read_text().replace("deadline_seconds: 2", "deadline_seconds: 0.3")
        )
        text = text.replace("breaker_failures: 100", "breaker_failures: 4, breaker_seconds: 0.1")
        world.write(name, text)
        chaos = Chaos(world, partner, advice, seed)
        chaos.in_order = seed % len(ORDERS) == 1
        try:
            await chaos.story(steps)
            await chaos.holds()
        finally:
            chaos.disk_full = False
            await world.stop()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_every_payment_is_somewhere_and_nowhere_twice(
    tmp_path, advice, seed
):
    await run(tmp_path, advice, seed, STEPS)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 130))
async def test_whatever_happens_for_longer(tmp_path, advice, seed):
    await run(tmp_path, advice, seed, SOAK_STEPS)
