"""The world of the crash matrix: three feeds, five destinations with different answers to repetition.

Effects are counted at the partners, which no fate of the hub can touch.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import msgspec
from aiohttp import web

from gateway.app.server import ADDRESS_FILE, Address
from gateway.cli.examination import Mark, examine
from gateway.delivery import Action, Selection
from gateway.model.states import RetryState
from gateway.pipeline import Arrival
from gateway.simulators.remittances import generate_835
from gateway.store import verify_chain
from tests.gateway.live import advice
from tests.proofs.matrix.doomed import DONE, NEVER_PASSED, TRAFFIC_OVER, owns_all
from tests.walks.world import PARTNER, Partner, World, listening

__all__ = ["PARTNER_POINTS", "Cell", "Scene", "points", "scene_in"]

REPOSITORY = Path(__file__).resolve().parents[3]
MODES = ("key", "lookup", "none")
FILES, POSTS = 3, 2
"""Handed over in every cell: by folder, by HTTP."""
BIG_PAYMENTS, BIG_CLAIMS = 33, 100
"""One more file, larger than a chunk and than a batch, where only such a one passes the point."""
BIG_POINTS = ("accept.mid_body", "process.between_batches")
PARTNER_POINTS = ("partner.mid_request", "partner.no_reply")
"""The hub is killed by its partner: before the effect, and after it but before the answer."""

INTERFACES = {
    "feed": """\
interface: feed
direction: in
connector: folder
format: json
contract: remittance-advice@^1.0
poll_seconds: 0.1
settings: {path: %(root)s/inbox, settle_seconds: 0}
""",
    "posted": """\
interface: posted
direction: in
format: json
contract: remittance-advice@^1.0
""",
    "big": """\
interface: big
direction: in
connector: folder
format: x12-835
mapping: x12-835-to-remittance-advice
poll_seconds: 0.1
settings: {path: %(root)s/big, settle_seconds: 0}
""",
    "drop": """\
interface: drop
direction: out
connector: folder
accepts: remittance-advice@^1.0
settings: {path: %(root)s/drop}
deadline_seconds: 2
""",
}
SINKS = (*MODES, "refusing", "drop")


class Cell(msgspec.Struct, frozen=True):
    """One cell of the matrix. `action` is kill, raise or stall:SECONDS."""

    point: str
    nth: int
    action: str


def points() -> list[str]:
    """Every fail point that this world passes, from the code itself."""
    found: set[str] = set()
    for folder in ("gateway", "connectors"):
        for file in (REPOSITORY / folder).rglob("*.py"):
            found |= set(re.findall(r'fail_point\("([a-z_.]+)"\)', file.read_text()))
    return sorted(name for name in found if not name.startswith(("sftp.", "webhook.")))


class Plain(Partner):
    """Makes an effect of every request: nobody but the hub sees to it that there is one."""

    def make_effect(self, key: str) -> None:
        self.effects[key] = self.effects.get(key, 0) + 1

    async def deliver(self, request: web.Request) -> web.StreamResponse:
        key = request.headers["X-Reference"]
        if self.script:
            return self.script.pop(0)(self, request, key)
        await request.read()
        self.make_effect(key)
        return web.json_response({"id": "doc"})


class Keyed(Plain):
    """Makes one effect per key."""

    def make_effect(self, key: str) -> None:
        self.effects.setdefault(key, 1)


class Refusing(Partner):
    """Refuses everything for good."""

    async def deliver(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({}, status=422)


@dataclass
class Scene:
    """A world, its partners, and what has been handed over."""

    world: World
    partners: dict[str, Plain]
    seed: int = 0
    documents: int = 0
    unsent: list[int] = field(default_factory=list)
    """Posted documents that were not acknowledged: their sender still has them."""
    struck: list[Cell] = field(default_factory=list)
    _number: int = 0

    @property
    def root(self) -> Path:
        return self.world.root

    def write_files(self, cell: Cell) -> None:
        for _ in range(FILES):
            number = self._next()
            self._put(self.root / "inbox" / f"{number}.json", json.dumps(advice(number)).encode())
        if cell.point in BIG_POINTS:
            raw = generate_835(
                payments=BIG_PAYMENTS, seed=self.documents, claims_per_payment=BIG_CLAIMS
            )
            self._put(self.root / "big" / f"{self.documents}.835", b"".join(raw))
            self.documents += BIG_PAYMENTS

    def _next(self) -> int:
        self._number += 1
        self.documents += 1
        return self._number

    @staticmethod
    def _put(path: Path, raw: bytes) -> None:
        part = path.with_name(path.name + ".part")
        part.write_bytes(raw)
        part.rename(path)

    async def play(self, cell: Cell, python: tuple[str, ...] = (sys.executable,)) -> None:
        """Run a hub into the cell's fate, with traffic; note whether it was struck."""
        self.write_files(cell)
        for name in (ADDRESS_FILE, TRAFFIC_OVER):
            (self.root / name).unlink(missing_ok=True)
        hub = await asyncio.create_subprocess_exec(
            *(*python, "-m", "tests.proofs.matrix.doomed"),
            *(str(self.root), cell.point, str(cell.nth), cell.action),
            cwd=REPOSITORY,
            stderr=asyncio.subprocess.DEVNULL,
        )
        died_by_partner = self._arm(cell, hub.pid)
        posting = asyncio.create_task(self._post())
        async with asyncio.timeout(120):
            code = await hub.wait()
        posting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await posting
        allowed = {-signal.SIGKILL} if cell.action == "kill" else {DONE, 1}
        assert code in allowed | {NEVER_PASSED}, f"{cell}: {code}"
        if code != NEVER_PASSED or died_by_partner():
            self.struck.append(cell)

    def _arm(self, cell: Cell, pid: int) -> Callable[[], bool]:
        """Have the partner kill the hub where the point is the partner's."""
        struck: list[str] = []

        def strike(partner: Plain, _request: web.Request, key: str) -> web.Response:
            if cell.point == "partner.no_reply":
                partner.make_effect(key)
            struck.append(key)
            os.kill(pid, signal.SIGKILL)
            return web.Response()

        if cell.point in PARTNER_POINTS:
            self.partners[MODES[cell.nth % 3]].script = [strike]
        return lambda: bool(struck)

    async def _post(self) -> None:
        """Post documents as an honest sender: what is not acknowledged is not forgotten."""
        mine = [self._next() for _ in range(POSTS)]
        self.unsent += mine
        while not (self.root / ADDRESS_FILE).exists():
            await asyncio.sleep(0.02)
        address = msgspec.json.decode((self.root / ADDRESS_FILE).read_bytes(), type=Address)
        token = (self.root / address.token_file).read_text().strip()
        async with httpx.AsyncClient(
            base_url=address.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False
        ) as client:
            for number in mine:
                raw = json.dumps(advice(number)).encode()
                answer = None
                while answer is None or answer.status_code != 202:
                    with contextlib.suppress(httpx.HTTPError):
                        answer = await client.post("/v1/interfaces/posted/files", content=raw)
                    await asyncio.sleep(0.02)
                self.unsent.remove(number)
        (self.root / TRAFFIC_OVER).touch()

    async def is_right(self) -> int:
        """Start a hub that nothing happens to: every payment ends once where it belongs, or,
        where nobody can be asked, with a person. Return how many things were replayed by hand."""
        (self.root / ADDRESS_FILE).unlink(missing_ok=True)
        hub = await self.world.start()
        for number in self.unsent:
            raw = json.dumps(advice(number)).encode()
            await hub.flow.accept(Arrival(interface="posted"), _once(raw))
        self.unsent.clear()
        await self._all_taken()
        by_hand = 0
        for name in ("feed", "posted", "big", "key", "lookup", "drop"):  # not `none`
            asked = Selection(interface=name, state=RetryState.DEAD)
            report = await hub.operator.act(Action.REPLAY, asked, actor="a test")
            by_hand += report.count
        await self._all_taken()
        await self._check()
        await self.world.stop()
        sights = await asyncio.to_thread(lambda: list(examine(self.root)))
        broken = [one.about for one in sights if one.mark is Mark.BROKEN]
        assert not broken, "the doctor finds something"
        return by_hand

    async def _all_taken(self) -> None:
        async with asyncio.timeout(60):
            folders = ((self.root / "inbox", "*.json"), (self.root / "big", "*.835"))
            while any(list(folder.glob(names)) for folder, names in folders):
                await asyncio.sleep(0.02)
        done = False
        while not done:  # on a busy machine a lease may run out: what nobody works is not done
            async with asyncio.timeout(60):
                while not owns_all(self.world.hub):
                    await asyncio.sleep(0.02)
            await self.world.settled(seconds=60)
            done = owns_all(self.world.hub)

    async def _check(self) -> None:
        store = self.world.hub.store
        rows = await store.fetch("retries", limit=100_000)
        aside = {(row["interface"], row["state"]) for row in rows}
        unsure = [row for row in rows if row["interface"] == "none"]
        allowed = {("none", "parked"), ("none", "dead"), ("refusing", "dead")}
        assert aside <= allowed | {("refusing", "parked")}, aside - allowed
        refused = sum(row["interface"] == "refusing" for row in rows)
        assert refused == self.documents, "a refusal is lost"
        for mode, partner in self.partners.items():
            assert set(partner.effects.values()) <= {1}, f"twice at {mode}"
            parked = {f"{row['delivery_id']}-0" for row in unsure} if mode == "none" else set()
            assert len(partner.effects.keys() | parked) == self.documents, f"lost at {mode}"
            done = await self.world.counter(mode, "deliveries_done")
            assert done == self.documents - len(parked), f"miscounted at {mode}"
        assert len(list((self.root / "drop").glob("*.json"))) == self.documents, "lost in a folder"
        for writer in {row["writer"] for row in await store.fetch("audit_tail", limit=100_000)}:
            audit = await store.fetch("audit_rows", writer=writer, after_seq=0, limit=100_000)
            assert verify_chain(audit) is None, "the audit chain"
        for lane in await store.fetch("lanes"):
            owed = await store.fetch(
                "owed_window", lane_id=lane["lane_id"], after_seq=0, limit=100_000
            )
            numbers = [row["seq"] for row in owed]
            assert numbers == list(range(1, lane["head"] + 1)), f"a gap in {lane['name']}"


async def _once(raw: bytes) -> AsyncIterator[bytes]:
    yield raw


@contextlib.asynccontextmanager
async def scene_in(root: Path, hub_yaml: str = "") -> AsyncIterator[Scene]:
    """A scene in an empty folder; `hub_yaml` says which store."""
    for name in ("inbox", "big", "drop"):
        (root / name).mkdir()
    async with contextlib.AsyncExitStack() as stack:
        made: dict[str, Partner] = {mode: Plain() for mode in MODES}
        made["key"], made["refusing"] = Keyed(), Refusing()
        for partner in made.values():
            await stack.enter_async_context(listening(partner))
        world = World(root, made["key"])
        world.write("config/hub.yaml", "api: {port: 0}\n" + hub_yaml)
        for name, text in INTERFACES.items():
            world.write(f"config/interfaces/{name}.yaml", text.replace("%(root)s", str(root)))
        routes = "routes:\n"
        for name in SINKS:
            routes += f"  - {{name: to-{name}, contract: remittance-advice, to: {name}}}\n"
        world.write("config/routes.yaml", routes)
        for name, partner in made.items():
            mode = name if name in MODES else "key"
            text = PARTNER % {"url": partner.url, "mode": mode}
            text = text.replace("interface: partner", f"interface: {name}")
            world.write(f"config/interfaces/{name}.yaml", text)
        try:
            yield Scene(world, {mode: made[mode] for mode in MODES})  # type: ignore[misc]  # as fixtures make them
        finally:
            await world.stop()
