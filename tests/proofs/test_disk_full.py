"""A full disk: nothing acknowledged is lost, the hub says so at once and goes on when there is room.

A small volume of its own is filled under load, now and then to the last byte. Where a volume
cannot be mounted, the database's own bound stands in for it.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import sqlite3
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from gateway.app.server import Listening, serving
from gateway.ports import Ports
from gateway.store import (
    KeyRing,
    Statement,
    StoreSettings,
    StoreUnavailable,
    Unit,
    open_store,
    verify_chain,
)
from tests.gateway.live import advice
from tests.proofs.power.workload import taken
from tests.walks.world import PARTNER, Partner, World, listening

MIB = 1 << 20
VOLUME_BYTES = 160 * MIB
LOW_BYTES = 24 * MIB
SENDERS = 4
RED_SECONDS = 5.0
GREEN_SECONDS = 10.0
LANE = {
    "name": "process:feed",
    "kind": "process",
    "interface": "feed",
    "destination": "",
    "route": "",
}

HUB = f"api: {{port: 0}}\nstore: {{free_bytes_low: {LOW_BYTES}}}\n"
POSTED = """\
interface: posted
direction: in
format: json
contract: remittance-advice@^1.0
"""
FETCHED = """\
interface: fetched
direction: in
connector: folder
format: json
contract: remittance-advice@^1.0
poll_seconds: 0.1
settings: {path: %s, settle_seconds: 0}
"""


@contextlib.contextmanager
def mounted(folder: Path) -> Iterator[bool]:
    """Mount a small volume there; give False where this is not allowed."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={VOLUME_BYTES}", "none", str(folder)]
    try:
        done = (
            subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 0
        )
    except FileNotFoundError:
        done = False
    try:
        yield done
    finally:
        if done:
            subprocess.run(["umount", "-l", str(folder)], check=True, timeout=30)


@dataclass
class Load:
    """What was handed over, how it was answered, and what the partner made of it."""

    listening: Listening
    client: httpx.AsyncClient
    partner: Partner
    inbox: Path
    volume: Path
    sent: int = 0
    filed: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    taken: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    red_after: list[float] = field(default_factory=list)
    green_after: list[float] = field(default_factory=list)

    @property
    def ballast(self) -> Path:
        return self.volume / "ballast"

    async def send_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.send()

    async def send(self) -> httpx.Response:
        self.sent += 1
        raw = json.dumps(advice(self.sent)).encode()
        answer = await self.client.post("/v1/interfaces/posted/files", content=raw)
        self.answers[answer.status_code] += 1
        digest = hashlib.sha256(raw).hexdigest()
        (self.taken if answer.status_code == 202 else self.refused).add(digest)
        if answer.status_code == 507:
            assert answer.headers["Retry-After"]
            await asyncio.sleep(0.02)
        return answer

    def file(self) -> None:
        self.filed += 1
        part = self.inbox / f"{self.filed}.part"
        part.write_text(json.dumps(advice(1_000_000 + self.filed)))
        part.rename(part.with_suffix(".json"))

    def fill(self, leave: int) -> None:
        """Take all room but so many bytes."""
        with self.ballast.open("ab") as file:
            step = VOLUME_BYTES
            while step >= 4096:
                free = _free(self.volume) - leave
                try:
                    os.posix_fallocate(file.fileno(), file.tell(), max(min(step, free), 1))
                except OSError:
                    step //= 2
                file.seek(0, os.SEEK_END)
                if free <= 4096:
                    return

    async def turns(self, code: int, within: float) -> float:
        """Wait until the readiness says so; return the seconds."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(within * 3):  # a busy machine may be late, not stuck
            while (await self.client.get("/readyz")).status_code != code:
                await asyncio.sleep(0.05)
        return loop.time() - began

    async def until(self, condition) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.02)

    async def without_room(self, *, leave: int) -> None:
        """One time: full, red, nothing taken in, deliveries go on while they can; room, green."""
        gate = asyncio.Event()

        async def wait_at_the_gate(partner: Partner, key: str):
            await gate.wait()
            partner.later = None
            return await self._effect(key)

        self.partner.later = wait_at_the_gate
        self.file()
        await asyncio.sleep(0.3)
        self.fill(leave)
        self.red_after.append(await self.turns(507, RED_SECONDS))
        assert (await self.send()).status_code == 507
        self.file()
        before = len(self.partner.effects)
        gate.set()
        if leave:
            await self.until(lambda: len(self.partner.effects) > before)
        await asyncio.sleep(0.4)
        assert (self.inbox / f"{self.filed}.json").exists(), "nothing is fetched without room"
        self.ballast.unlink()
        self.green_after.append(await self.turns(200, GREEN_SECONDS))
        assert (await self.send()).status_code == 202
        await self.until(lambda: not list(self.inbox.glob("*.json")))

    async def _effect(self, key: str):
        self.partner.effects.setdefault(key, 1)
        return web.json_response({"id": "late"})


def _free(folder: Path) -> int:
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize


@contextlib.asynccontextmanager
async def loaded(root: Path, volume: Path) -> AsyncIterator[Load]:
    inbox = root / "inbox"
    inbox.mkdir()
    async with contextlib.AsyncExitStack() as stack:
        partner = await stack.enter_async_context(listening(Partner()))
        world = World(root, partner)
        world.write("config/hub.yaml", HUB)
        world.write("config/interfaces/posted.yaml", POSTED)
        world.write("config/interfaces/fetched.yaml", FETCHED % inbox)
        world.write(
            "config/interfaces/partner.yaml", PARTNER % {"url": partner.url, "mode": "key"}
        )
        world.write(
            "config/routes.yaml",
            "routes: [{name: all, contract: remittance-advice, to: partner}]\n",
        )
        hub = await stack.enter_async_context(serving(root, environment={}))
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                base_url=hub.address.url,
                headers={"Authorization": f"Bearer {hub.token}"},
                trust_env=False,
                timeout=60,
            )
        )
        yield Load(hub, client, partner, inbox, volume)


async def everything_is_there(load: Load) -> None:
    """What was answered 202 is stored and delivered once; what was refused is not there."""
    async with asyncio.timeout(120):
        while not await load.listening.hub.drained(within_seconds=60):
            pass
        await load.until(
            lambda: len(load.partner.effects) == len(load.taken) + load.filed  # each its delivery
        )
    assert set(load.partner.effects.values()) == {1}


def is_sound(root: Path, load: Load) -> None:
    with contextlib.closing(sqlite3.connect(root / "var/hub.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute("SELECT sha256 FROM artifact WHERE interface = 'posted'")
        there = {row[0] for row in rows}
    assert load.taken == there, "acknowledged and stored are the same"
    assert not load.refused & there


async def filled(root: Path, times: int, report, name: str) -> None:
    with mounted(root / "var") as possible:
        if not possible:
            await bounded(root / "bounded", times, report, name)
            return
        async with loaded(root, root / "var") as load:
            for number in range(times):
                stop = asyncio.Event()
                async with asyncio.TaskGroup() as senders:
                    for _ in range(SENDERS):
                        senders.create_task(load.send_until(stop))
                    await load.without_room(leave=LOW_BYTES // 2 if number % 2 else 0)
                    stop.set()
            await everything_is_there(load)
        is_sound(root, load)
    assert load.answers.keys() <= {202, 507}
    report(
        name,
        times=times,
        taken=len(load.taken),
        refused=len(load.refused),
        lost=0,
        red_seconds=max(load.red_after),
        green_seconds=max(load.green_after),
    )


async def bounded(folder: Path, times: int, report, name: str) -> None:
    """Where no volume can be mounted: the store alone, against the bound of its database."""
    folder.mkdir()
    keys = KeyRing.open(folder / "hub.key")
    stored = refused = 0
    for time in range(1, times + 1):
        settings = StoreSettings(path=folder / "hub.db", max_bytes=time * MIB)
        store = await open_store(settings, keys, Ports())
        await store.commit(Unit(statements=(Statement("lane_ensure", LANE),)))
        with contextlib.suppress(StoreUnavailable):
            while True:
                await store.commit(taken(f"item_{stored}"))
                stored += 1
        refused += 1
        owed = await store.fetch("owed_window", lane_id=1, after_seq=0, limit=100_000)
        assert [row["item_id"] for row in owed] == [f"item_{n}" for n in range(stored)]
        chain = await store.fetch("audit_rows", writer="hub", after_seq=0, limit=100_000)
        assert verify_chain(chain) is None
        await store.close()
    report(name, times=times, taken=stored, refused=refused, lost=0, instead="max_bytes")


@pytest.mark.slow
async def test_a_disk_that_fills_up_under_load_loses_nothing(tmp_path, report):
    await filled(tmp_path, 3, report, "T-DISK")


@pytest.mark.soak
async def test_a_disk_that_fills_up_twenty_times_loses_nothing(tmp_path, report):
    await filled(tmp_path, 20, report, "T-DISK")


async def test_the_bound_of_the_database_stands_in_for_a_volume(tmp_path, report):
    await bounded(tmp_path / "bounded", 3, report, "T-DISK-BOUND")
