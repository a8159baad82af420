"""T-SHUT: told to stop under load, the hub takes nothing more, ends in time, and doubles nothing."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gateway.app import server
from tests.proofs.hub_process import HubProcess
from tests.proofs.traffic import name_of, raw, write_root

SINK = """\
interface: {mode}
direction: out
connector: http_api
accepts: remittance-advice@^1.0
concurrency: 16
deadline_seconds: {bounds.deadline}
settings:
  base_url: {url}
  timeouts: {{read_seconds: {bounds.deadline}}}
  idempotency: {{mode: {mode}}}
  deliver:
    steps: [{{id: send, request: {{path: /{mode}}}}}]
"""
MODES = ("key", "none")
CLIENTS = 12
REFUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Bounds:
    """In seconds: what a stop may take in all and requests of it, and a delivery's deadline, which
    a hub started anew waits out before it says that an effect is unknown."""

    stop: float = server.STOP_SECONDS
    answers: float = server.ANSWER_SECONDS
    deadline: int = 120

    @property
    def code(self) -> str:
        """Python that gives a hub these bounds."""
        return (
            "from gateway.app import server\n"
            f"server.STOP_SECONDS, server.ANSWER_SECONDS = {self.stop}, {self.answers}"
        )


SHIPPED = Bounds()
SHORT = Bounds(stop=6, answers=2, deadline=12)


@dataclass
class Partner:
    """Counts effects: of a new key where it takes keys, of every request where it does not."""

    pause: Callable[[int], float]
    """How long the nth answer takes, in seconds."""
    effects: Counter[tuple[str, str]] = field(default_factory=Counter)
    keys: set[str] = field(default_factory=set)
    calls: int = 0
    cut_off: int = 0

    async def deliver(self, request: web.Request) -> web.Response:
        mode = request.match_info["mode"]
        document = json.loads(await request.read())["remittance_id"]
        key = request.headers.get("Idempotency-Key", "")
        self.calls += 1
        if mode == "none" or key not in self.keys:
            self.keys.add(key)
            self.effects[mode, document] += 1
        try:
            await asyncio.sleep(self.pause(self.calls))
        except asyncio.CancelledError:
            self.cut_off += 1
            raise
        return web.json_response({"id": document})


@contextlib.asynccontextmanager
async def listening(partner: Partner) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/{mode}", partner.deliver)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@dataclass
class Load:
    """Clients that hand over one document after another until they are refused."""

    hub: HubProcess
    accepted: dict[str, str] = field(default_factory=dict)
    """By document, the destination it is owed to."""
    last_accepted_at: float = 0.0
    sent: int = 0

    async def client(self) -> None:
        while True:
            number, self.sent = self.sent, self.sent + 1
            mode = MODES[number % 2]
            try:
                code = await self.hub.hand_over(raw(number, mode))
            except (aiohttp.ClientError, OSError, TimeoutError):
                return
            if code == 202:
                self.accepted[name_of(number)] = mode
                self.last_accepted_at = time.monotonic()
            else:
                await asyncio.sleep(0.05)


async def stopped(hub: HubProcess, load: Load) -> tuple[int, float, float]:
    """Tell it to stop; return the exit code, and the seconds until it took nothing more and
    until it had ended."""
    began = time.monotonic()
    hub.process.terminate()
    async with asyncio.timeout(120):
        code = await hub.process.wait()
    ended = time.monotonic() - began
    return code, max(0.0, load.last_accepted_at - began), ended


async def told_to_stop(
    root: Path,
    partner: Partner,
    *,
    seconds: float,
    then: Callable[[HubProcess], Awaitable[None]],
    bounds: Bounds = SHIPPED,
) -> dict[str, float]:
    """Load a hub, stop it, start another on the same folder and let it come to an end."""
    async with listening(partner) as url:
        sinks = {mode: SINK.format(mode=mode, url=url, bounds=bounds) for mode in MODES}
        write_root(root, sinks)
        hub = await HubProcess.start(root, before=bounds.code)
        load = Load(hub)
        clients = [asyncio.create_task(load.client()) for _ in range(CLIENTS)]
        await asyncio.sleep(seconds)
        code, refused, ended = await stopped(hub, load)
        await asyncio.gather(*clients)
        await hub.kill()
        calls = partner.calls
        again = await HubProcess.start(root, before=bounds.code)
        try:
            await then(again)
        finally:
            assert await again.stop() == 0
    assert code == 0, (root / "hub.log").read_text()[-3000:]
    assert len(load.accepted) > 20, "there must have been load"
    expected = {(mode, name) for name, mode in load.accepted.items()}
    # What was refused or cut off may have been taken all the same; nothing taken is lost.
    assert expected <= set(partner.effects)
    assert set(partner.effects.values()) == {1}, "something came twice"
    return {
        "accepted": len(load.accepted),
        "after_restart": partner.calls - calls,
        "refuses_s": refused,
        "exits_s": ended,
    }


async def drained(hub: HubProcess) -> None:
    async with asyncio.timeout(180):
        while True:
            found = await hub.get("/v1/interfaces")
            busy = sum(one["backlog"] + one["under_way"] for one in found)
            waiting = sum(one["set_aside"].get("waiting", {}).get("count", 0) for one in found)
            if not busy and not waiting:
                return
            await asyncio.sleep(0.2)


async def nothing_parked(hub: HubProcess) -> None:
    await drained(hub)
    found = await hub.get("/v1/set-aside")
    assert found["set_aside"] == []


async def parked_are_given_up(hub: HubProcess) -> None:
    """What was cut off at a system that cannot tell waits for a person, and is there already."""
    await drained(hub)
    page = await hub.get("/v1/set-aside", limit=1000)
    assert {(one["state"], one["interface"]) for one in page["set_aside"]} == {("parked", "none")}


@pytest.mark.slow
async def test_under_load_what_is_under_way_ends_and_nothing_comes_twice(tmp_path, report):
    partner = Partner(pause=lambda n: 0.05 if n % 10 else 1.0)
    figures = await told_to_stop(tmp_path, partner, seconds=3, then=nothing_parked)
    assert partner.cut_off == 0
    assert figures["exits_s"] < SHIPPED.stop + 5
    report("T-SHUT", **figures)


async def a_few_never_answered(root: Path, bounds: Bounds) -> dict[str, float]:
    """Every seventh call hangs while the first hub runs; the second finds them answering."""
    hung: list[int] = []

    def pause(number: int) -> float:
        if number % 7 == 0 and len(hung) < 12:
            hung.append(number)
            return 90.0
        return 0.02

    partner = Partner(pause=pause)
    figures = await told_to_stop(root, partner, seconds=3, then=parked_are_given_up, bounds=bounds)
    assert partner.cut_off > 0
    assert figures["exits_s"] < bounds.stop + 5
    return {**figures, "cut_off": partner.cut_off}


@pytest.mark.slow
async def test_a_partner_that_never_answers_does_not_hold_up_the_end(tmp_path, report):
    report("T-SHUT hung", **await a_few_never_answered(tmp_path, SHORT))


@pytest.mark.soak
async def test_a_partner_that_never_answers_does_not_hold_up_the_end_as_shipped(tmp_path, report):
    report("T-SHUT hung", **await a_few_never_answered(tmp_path, SHIPPED))


@pytest.mark.soak
async def test_twenty_stops_under_load(tmp_path, report):
    stops: list[dict[str, float]] = []
    for number in range(20):
        root = tmp_path / str(number)
        partner = Partner(pause=lambda n: (n * 7919 % 97) / 400)
        stops.append(await told_to_stop(root, partner, seconds=3, then=nothing_parked))
        assert partner.cut_off == 0
    report(
        "T-SHUT",
        stops=len(stops),
        accepted=sum(one["accepted"] for one in stops),
        after_restart=sum(one["after_restart"] for one in stops),
        refuses_s=max(one["refuses_s"] for one in stops),
        exits_s=max(one["exits_s"] for one in stops),
        lost=0,
        doubled=0,
    )
    assert all(one["refuses_s"] < REFUSE_SECONDS for one in stops)
    assert all(one["exits_s"] < SHIPPED.stop for one in stops)
