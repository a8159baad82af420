"""Three destinations behind proxies that fail, and a partner that counts effects, not requests."""

import asyncio
import contextlib
import json
import sqlite3
import ssl
from bisect import bisect_left
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway.app import Hub
from gateway.delivery import Action, Aside, Selection
from gateway.model.states import RetryState
from gateway.pipeline import Arrival
from gateway.ports import Randomness, SystemClock
from gateway.simulators.tcp_proxy import Fault, TcpProxy

EXAMPLE = (
    Path(__file__).resolve().parents[2]
    / "contracts/remittance-advice/1.0.0/examples/valid/capitation_without_claims.json"
)
MODES = ("key", "lookup", "none")
TRIES = 90

FEED = """\
interface: feed
direction: in
format: json
contract: remittance-advice@^1.0
concurrency: 32
"""
SINK = """\
interface: %(mode)s
direction: out
connector: http_api
accepts: remittance-advice@^1.0
concurrency: %(concurrency)d
settings:
  base_url: http://127.0.0.1:%(port)d
  connections: %(concurrency)d
  timeouts: {connect_seconds: 1, read_seconds: %(read)s, pool_seconds: 1}
  idempotency: {mode: %(mode)s}
  deliver:
    steps: [{id: send, request: {path: /%(mode)s, headers: {X-Reference: "${key}"}}}]
    result: {external_id: "${steps.send.body.id}"}
  lookup:
    steps: [{id: find, request: {method: GET, path: "/effects/%(mode)s/${key}"}}]
    found: steps.find.body.id
    absent_status: [404]
deadline_seconds: %(deadline)s
retry:
  schedule_seconds: [%(schedule)s]
  breaker_failures: 1000000
  breaker_calls: 1000000
"""


@dataclass
class Partner:
    """One system in three manners: takes keys, can be asked, or neither. Every request that
    carries a new key, or comes where no key is taken, is an effect."""

    effects: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (mode, document)."""
    references: dict[tuple[str, str], str] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)

    async def deliver(self, request: web.Request) -> web.Response:
        mode = request.match_info["mode"]
        try:
            document = json.loads(await request.read())["remittance_id"]
        except ConnectionError:  # cut in the middle: no request at all
            raise web.HTTPBadRequest from None
        self.requests[mode] += 1
        key = request.headers["Idempotency-Key" if mode == "key" else "X-Reference"]
        if mode != "key" or (mode, key) not in self.references:
            self.effects[mode, document] += 1
        self.references[mode, key] = document
        # As long as answers are: a drip must not be through before the deadline.
        return web.json_response({"id": document, "words": "taken into the books " * 4})

    async def find(self, request: web.Request) -> web.Response:
        found = self.references.get((request.match_info["mode"], request.match_info["key"]))
        return web.json_response({"id": found} if found else {}, status=200 if found else 404)

    def total(self, mode: str) -> int:
        """Return how many effects there are."""
        return sum(count for (there, _), count in self.effects.items() if there == mode)

    def doubled(self, mode: str) -> int:
        """Return how many effects are there that should not be."""
        return sum(count - 1 for (there, _), count in self.effects.items() if there == mode)


@contextlib.asynccontextmanager
async def listening(
    partner: Partner, encryption: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve the partner; yields its port."""
    app = web.Application()
    app.router.add_post("/{mode}", partner.deliver)
    app.router.add_get("/effects/{mode}/{key}", partner.find)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=encryption).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@dataclass
class Storm:
    """A running hub, its three destinations, and what is known of them."""

    root: Path
    partner: Partner
    proxies: dict[str, TcpProxy]
    concurrency: int
    deadline_seconds: float
    hub: Hub | None = None
    handed_over: int = 0

    async def start(self) -> None:
        """Write the configuration and start the hub."""
        config = self.root / "config"
        (config / "interfaces").mkdir(parents=True)
        (config / "interfaces/feed.yaml").write_text(FEED)
        routes = [f"  - {{name: to-{m}, contract: remittance-advice, to: {m}}}" for m in MODES]
        (config / "routes.yaml").write_text("\n".join(["routes:", *routes, ""]))
        for mode, proxy in self.proxies.items():
            facts = {
                "mode": mode,
                "port": proxy.port,
                "concurrency": self.concurrency,
                "read": self.deadline_seconds / 4,
                "deadline": self.deadline_seconds,
                "schedule": ", ".join(["0"] + ["0.1"] * (TRIES - 1)),
            }
            (config / f"interfaces/{mode}.yaml").write_text(SINK % facts)
        self.hub = await Hub.open(self.root, {})
        await self.hub.start()

    async def stop(self) -> None:
        """Stop the hub."""
        if self.hub is not None:
            await self.hub.close()
            self.hub = None

    async def hand_over(self, count: int) -> None:
        """Hand over that many documents, each with an identity of its own."""
        for start in range(0, count, 32):
            batch = range(start, min(start + 32, count))
            await asyncio.gather(*(self._hand_over(self.handed_over + n) for n in batch))
        self.handed_over += count

    async def _hand_over(self, number: int) -> None:
        document = json.loads(EXAMPLE.read_text())
        document["payment_key"] = f"{number:064x}"
        document["remittance_id"] = f"rem_{number:032x}"
        raw = json.dumps(document).encode()

        async def blocks() -> AsyncIterator[bytes]:
            yield raw

        assert self.hub is not None
        await self.hub.flow.accept(Arrival(interface="feed"), blocks())

    async def settled(self, seconds: float) -> None:
        """Wait until everything is delivered or waits for a person."""
        assert self.hub is not None
        async with asyncio.timeout(seconds):
            while not await self._quiet():
                await asyncio.sleep(0.05)

    async def _quiet(self) -> bool:
        assert self.hub is not None
        if not await self.hub.drained(within_seconds=5):
            return False
        waiting = await self.hub.store.fetch("retries", state="waiting", limit=1)
        return not waiting and await self.hub.drained(within_seconds=0.1)

    async def parked(self) -> list[Aside]:
        """Return what waits for a person because its outcome is unknown."""
        assert self.hub is not None
        return await self.hub.operator.find(Selection(state=RetryState.PARKED), limit=1_000_000)

    async def decide(self, parked: list[Aside]) -> tuple[int, int]:
        """Look at the partner, as a person would, and say of each either that it is there or
        that it is to be sent again. Returns how many of either."""
        assert self.hub is not None
        known = {key for mode, key in self.partner.references if mode == "none"}
        there = tuple(aside.id for aside in parked if _key(aside) in known)
        again = tuple(aside.id for aside in parked if _key(aside) not in known)
        if there:
            await self.hub.operator.act(
                Action.DISCARD, Selection(ids=there), actor="biller", reason="it is there"
            )
        if again:
            await self.hub.operator.act(Action.REPLAY, Selection(ids=again), actor="biller")
        return len(there), len(again)

    def attempts(self) -> list[dict[str, Any]]:
        """Return every attempt at the three destinations, read from the closed store's file."""
        with contextlib.closing(sqlite3.connect(self.root / "var/hub.db")) as database:
            database.row_factory = sqlite3.Row
            rows = database.execute(
                "SELECT lane.destination, attempt.outcome, attempt.code, "
                "attempt.at, attempt.took_ms "
                "FROM attempt JOIN lane USING (lane_id) WHERE lane.kind = 'deliver'"
            )
            return [dict(row) for row in rows]


def _key(aside: Aside) -> str:
    return f"{aside.id}-{aside.generation}"


@contextlib.asynccontextmanager
async def storm(
    root: Path, *, seed: int, concurrency: int, deadline_seconds: float
) -> AsyncIterator[Storm]:
    """Start partner, proxies and hub; stop them in order."""
    partner = Partner()
    async with listening(partner) as port, contextlib.AsyncExitStack() as stack:
        proxies = {
            mode: await stack.enter_async_context(
                TcpProxy("127.0.0.1", port, randomness=Randomness(f"{seed} {mode}"))
            )
            for mode in MODES
        }
        there = Storm(root, partner, proxies, concurrency, deadline_seconds)
        try:
            await there.start()
            yield there
        finally:
            await there.stop()


@contextlib.contextmanager
def blowing(proxies: dict[str, TcpProxy], fault: Fault, share: float) -> Iterator[None]:
    """Let `fault` strike that share of exchanges; a refusal comes and goes in turns instead."""
    flapping: asyncio.Task[None] | None = None
    if fault is Fault.REFUSE:
        flapping = asyncio.create_task(_flap(list(proxies.values())))
    else:
        for proxy in proxies.values():
            proxy.chances = {fault: share}
    try:
        yield
    finally:
        if flapping is not None:
            flapping.cancel()
        for proxy in proxies.values():
            proxy.chances = {}
            proxy.fault = None


BEAT_SECONDS = 0.05
LATE_SECONDS = 0.02


class Heartbeat:
    """Knows when the event loop was late: hub, partner and proxies share it here."""

    def __init__(self) -> None:
        self.longest_lag_seconds = 0.0
        self._late: list[tuple[float, float]] = []
        """When a beat was due and when it came, in seconds since the epoch, in order."""

    async def beat(self) -> None:
        """Beat until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + BEAT_SECONDS
            await asyncio.sleep(BEAT_SECONDS)
            lag = loop.time() - due
            if lag > LATE_SECONDS:
                came = SystemClock().now().timestamp()
                self._late.append((came - lag, came))
                self.longest_lag_seconds = max(self.longest_lag_seconds, lag)

    def late_seconds(self, since: float, until: float) -> float:
        """Return how much of that time, in seconds since the epoch, no timer could fire in."""
        first = bisect_left(self._late, since, key=lambda late: late[1])
        after = bisect_left(self._late, until, key=lambda late: late[0])
        spans = self._late[first:after]
        return sum(min(until, came) - max(since, due) for due, came in spans)


async def _flap(proxies: list[TcpProxy]) -> None:
    while True:
        for fault in (Fault.REFUSE, None):
            for proxy in proxies:
                proxy.fault = fault
            await asyncio.sleep(0.05)
