"""A small world: a root folder, a running hub, and a partner that does what a test's script says."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.app import Hub
from gateway.pipeline import Arrival

EXAMPLES = Path(__file__).resolve().parents[2] / "contracts/remittance-advice/1.0.0/examples/valid"

on_both_engines = pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)
"""Over a test, a class or a module (`pytestmark`) that uses `world`: once on each engine."""

FEED = """\
interface: feed
direction: in
format: json
contract: remittance-advice@^1.0
"""
PARTNER = """\
interface: partner
direction: out
connector: http_api
accepts: remittance-advice@^1.0
settings:
  base_url: %(url)s
  idempotency: {mode: %(mode)s}
  deliver:
    steps: [{id: send, request: {path: /deliver, headers: {X-Reference: "${key}"}}}]
    result: {external_id: "${steps.send.body.id|optional}"}
  lookup:
    steps: [{id: find, request: {method: GET, path: "/effects/${key}"}}]
    found: steps.find.body.id
    absent_status: [404]
deadline_seconds: 2
retry: {schedule_seconds: [0, 0.05, 0.05, 0.05], breaker_failures: 100, jitter: 0}
"""
ROUTES = """\
routes:
  - {name: all, contract: remittance-advice, to: partner}
"""


@dataclass
class Partner:
    """Answers by script, then 200. Keeps the effect of every key, as an honest partner does."""

    script: list[Callable[["Partner", web.Request, str], Any]] = field(default_factory=list)
    effects: dict[str, int] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    lookups: list[str] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=dict)
    later: Callable[["Partner", str], Awaitable[Any]] | None = None
    """Answers instead of the usual 200 once the script is through, and may take its time."""
    url: str = ""
    closed: bool = False
    """Nobody gets in to ask."""
    down: bool = False
    """It cannot say what is there."""

    async def deliver(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        key = request.headers["X-Reference"]
        self.requests.append(key)
        self.traces.append(request.headers.get("traceparent", ""))
        if self.script:
            answered = self.script.pop(0)(self, request, key)
            if answered is not None:
                return answered
        elif self.later is not None:
            return await self.later(self, key)
        self.effects.setdefault(key, 1)
        answer = {"id": f"doc-{len(self.effects)}", **self.answer}
        return web.json_response({k: v for k, v in answer.items() if v is not None})

    async def find(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        self.lookups.append(key)
        if self.closed or self.down:
            return web.Response(status=401 if self.closed else 503)
        if key in self.effects:
            return web.json_response({"id": "doc-found"})
        return web.Response(status=404)


def status(code: int, body: Any = None, **headers: str):
    """Answer with that status and no effect."""

    def act(_partner: Partner, _request: web.Request, _key: str) -> web.Response:
        return web.json_response(body or {}, status=code, headers=headers)

    return act


def effect_then_silence(partner: Partner, request: web.Request, key: str) -> None:
    """Make the effect, then lose the reply."""
    partner.effects[key] = 1
    request.transport.abort()


def silence(_partner: Partner, request: web.Request, _key: str) -> web.Response:
    """Make no effect and lose the connection."""
    request.transport.abort()
    return web.Response()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Wait until that is so."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def listening(partner: Partner) -> AsyncIterator[Partner]:
    app = web.Application()
    app.router.add_post("/deliver", partner.deliver)
    app.router.add_get("/effects/{key}", partner.find)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    partner.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield partner
    finally:
        await runner.cleanup()


@dataclass
class World:
    """A root folder and, while it runs, its hub."""

    root: Path
    partner: Partner
    hub: Hub | None = None
    engine: str = ""
    """The DSN of a PostgreSQL database to run on; empty: SQLite in `root`."""

    def __post_init__(self) -> None:
        if self.engine:
            self.write("config/hub.yaml", "")

    def write(self, name: str, text: str) -> None:
        if name == "config/hub.yaml" and self.engine:
            text += f"store: {{postgres: {json.dumps(self.engine)}}}\n"
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def partner_is(self, mode: str, more: str = "") -> None:
        text = PARTNER % {"url": self.partner.url, "mode": mode}
        self.write("config/interfaces/partner.yaml", text + more)

    async def start(self, ports=None) -> Hub:
        self.hub = await Hub.open(self.root, {}, ports)
        await self.hub.start()
        return self.hub

    async def stop(self) -> None:
        if self.hub is not None:
            await self.hub.close()
            self.hub = None

    async def hand_over(self, document: Any, **options: Any):
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()

        async def blocks() -> AsyncIterator[bytes]:
            yield raw

        return await self.hub.flow.accept(Arrival(interface="feed", **options), blocks())

    async def settled(self, seconds: float = 20) -> None:
        """Wait until nothing is under way and nothing waits for its time."""
        async with asyncio.timeout(seconds):
            while True:
                assert await self.hub.drained(within_seconds=seconds)
                waiting = await self.hub.store.fetch("retries", state="waiting", limit=1)
                if not waiting and all(r.idle for r in self.hub.workers.runners.values()):
                    return
                await asyncio.sleep(0.01)

    async def states(self) -> list[str]:
        rows = await self.hub.store.fetch("retries", limit=100)
        return [row["state"] for row in rows]

    async def counter(self, interface: str, name: str) -> int:
        rows = await self.hub.store.fetch("counters", interface=interface)
        return {row["name"]: row["value"] for row in rows}.get(name, 0)
