"""A partner with many branches: each is a destination with manners of its own, and counts effects."""

import asyncio
import contextlib
import json
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web

SINK = """\
interface: %(name)s
direction: out
connector: http_api
accepts: remittance-advice@^1.0
concurrency: %(concurrency)d
deadline_seconds: %(deadline)s
settings:
  base_url: %(url)s
  connections: %(concurrency)d
  idempotency: {mode: key}
  deliver:
    steps: [{id: send, request: {path: /branch/%(name)s}}]
    result: {external_id: "${steps.send.body.id}"}
%(more)s
"""


@dataclass
class Branch:
    """One destination. `status` other than 200 answers that and does nothing; a request waits
    `delay_seconds`; at most `capacity` requests a second are served, the others get a 503."""

    status: int = 200
    delay_seconds: float = 0.0
    capacity: float = 0.0
    requests: int = 0
    overloaded: int = 0
    effects: Counter[str] = field(default_factory=Counter)
    """By document: more than one is a double."""
    first_at: dict[str, float] = field(default_factory=dict)
    """When a document came first, on the monotonic clock."""
    bodies: dict[str, str] = field(default_factory=dict)
    asked_at: deque[float] = field(default_factory=deque)
    """When the requests of the last second came."""
    peak_per_second: int = 0
    _keys: set[str] = field(default_factory=set)
    _tokens: float = 0.0
    _filled_at: float = 0.0

    @property
    def doubled(self) -> int:
        """How many effects are there that should not be."""
        return sum(count - 1 for count in self.effects.values())

    async def serve(self, request: web.Request) -> web.Response:
        document = json.loads(await request.read())["remittance_id"]
        now = time.monotonic()
        self._count(now)
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        if self.status != 200:
            return web.json_response({"code": "no"}, status=self.status)
        if self.capacity and not self._takes(now):
            self.overloaded += 1
            return web.json_response({"code": "overloaded"}, status=503)
        self._book(document, request.headers["Idempotency-Key"], now)
        return web.json_response({"id": document})

    def _count(self, now: float) -> None:
        self.requests += 1
        self.asked_at.append(now)
        while self.asked_at[0] <= now - 1:
            self.asked_at.popleft()
        self.peak_per_second = max(self.peak_per_second, len(self.asked_at))

    def _takes(self, now: float) -> bool:
        """A bucket as large as a fifth of a second's capacity beyond what flows in."""
        burst = self.capacity / 5
        self._tokens = min(burst, self._tokens + (now - self._filled_at) * self.capacity)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _book(self, document: str, key: str, now: float) -> None:
        self.first_at.setdefault(document, now)
        if key not in self._keys:
            self._keys.add(key)
            self.effects[document] += 1


@dataclass
class Branches:
    """Every branch by name, and where they listen."""

    by_name: dict[str, Branch]
    url: str = ""

    def __getitem__(self, name: str) -> Branch:
        return self.by_name[name]

    def sink(
        self, name: str, *, concurrency: int = 16, deadline_seconds: float = 30, more: str = ""
    ) -> str:
        """Return the configuration of the interface that delivers to a branch."""
        facts = {
            "name": name,
            "concurrency": concurrency,
            "deadline": deadline_seconds,
            "url": self.url,
            "more": more,
        }
        return SINK % facts

    async def _serve(self, request: web.Request) -> web.Response:
        return await self.by_name[request.match_info["name"]].serve(request)


@contextlib.asynccontextmanager
async def branches(**by_name: Branch) -> AsyncIterator[Branches]:
    """Serve those branches on loopback."""
    there = Branches(by_name)
    app = web.Application()
    app.router.add_post("/branch/{name}", there._serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    there.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield there
    finally:
        await runner.cleanup()
