"""Kill -9 at every named point of the flow: after the last restart every effect is there once.

One point after another on one database, whatever the destination can do about repetition.
"""

import asyncio
import contextlib
import json
import random
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from tests.walks.world import PARTNER, Partner, World, listening

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = 4
"""Handed over before each kill."""

FEED = """\
interface: feed
direction: in
connector: folder
format: json
contract: remittance-advice@^1.0
poll_seconds: 0.1
settings: {path: %s, settle_seconds: 0}
"""
FOLDER = """\
interface: drop
direction: out
connector: folder
accepts: remittance-advice@^1.0
settings: {path: %s}
"""
MODES = ("key", "lookup", "none")


class Plain(Partner):
    """Makes an effect of every request: nobody but the hub sees to it that there is one."""

    async def deliver(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        key = request.headers["X-Reference"]
        self.requests.append(key)
        self.effects[key] = self.effects.get(key, 0) + 1
        return web.json_response({"id": "doc"})


def points() -> list[str]:
    """Every fail point that this world passes, from the code itself."""
    found: set[str] = set()
    for folder in ("gateway", "connectors"):
        for file in (REPOSITORY / folder).rglob("*.py"):
            found |= set(re.findall(r'fail_point\("([a-z_.]+)"\)', file.read_text()))
    return sorted(name for name in found if not name.startswith("sftp."))


@dataclass
class Scene:
    """A world of one feed and four destinations, each with another answer to repetition."""

    world: World
    partners: dict[str, Partner]
    inbox: Path
    drop: Path
    written: int = 0
    killed: list[str] = field(default_factory=list)

    def write_files(self, advice, count: int) -> None:
        for _ in range(count):
            self.written += 1
            part = self.inbox / f"{self.written}.json.part"
            part.write_text(json.dumps(advice(self.written)))
            part.rename(part.with_suffix(""))

    async def kill_at(self, point: str, nth: int) -> None:
        arguments = ("-m", "tests.walks.doomed", str(self.world.root), point, str(nth))
        hub = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, cwd=REPOSITORY, stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(30):
            code = await hub.wait()
        assert code in (-9, 3), f"{point}: {code}"
        if code == -9:
            self.killed.append(point)

    async def all_taken(self) -> None:
        async with asyncio.timeout(30):
            while list(self.inbox.glob("*.json")):
                await asyncio.sleep(0.05)
        await self.world.settled(seconds=30)


@contextlib.asynccontextmanager
async def scene_in(root: Path) -> AsyncIterator[Scene]:
    inbox, drop = root / "inbox", root / "drop"
    inbox.mkdir()
    drop.mkdir()
    async with contextlib.AsyncExitStack() as stack:
        partners = {
            mode: await stack.enter_async_context(
                listening(Partner() if mode == "key" else Plain())
            )
            for mode in MODES
        }
        world = World(root, partners["key"])
        world.write("config/interfaces/feed.yaml", FEED % inbox)
        world.write("config/interfaces/drop.yaml", FOLDER % drop)
        routes = "routes:\n"
        for name in (*MODES, "drop"):
            routes += f"  - {{name: to-{name}, contract: remittance-advice, to: {name}}}\n"
        world.write("config/routes.yaml", routes)
        for mode, partner in partners.items():
            text = PARTNER % {"url": partner.url, "mode": mode}
            text = text.replace("interface: partner", f"interface: {mode}")
            world.write(f"config/interfaces/{mode}.yaml", text)
        try:
            yield Scene(world, partners, inbox, drop)
        finally:
            await world.stop()


async def is_right(scene: Scene) -> None:
    """Every payment is once where it belongs, or, where nobody can be asked, with a person."""
    await scene.world.start()
    await scene.all_taken()
    rows = await scene.world.hub.store.fetch("retries", limit=10_000)
    assert {(row["interface"], row["state"]) for row in rows} <= {("none", "parked")}
    for mode in MODES:
        effects = scene.partners[mode].effects
        assert set(effects.values()) == {1}, f"twice at {mode}"
        left = len(rows) if mode == "none" else 0
        unsure = {f"{row['delivery_id']}-0" for row in rows} if left else set()
        assert len(effects.keys() | unsure) == scene.written, mode
        done = await scene.world.counter(mode, "deliveries_done")
        assert done == scene.written - left, mode
    assert len(list(scene.drop.glob("*.json"))) == scene.written


@pytest.mark.slow
async def test_a_hub_killed_at_every_point_loses_nothing_and_doubles_nothing(tmp_path, advice):
    randomness = random.Random(20261125)
    async with scene_in(tmp_path) as scene:
        for point in points():
            scene.write_files(advice, FILES)
            await scene.kill_at(point, randomness.randint(1, FILES))
        assert scene.killed == points()
        await is_right(scene)


@pytest.mark.soak
async def test_a_hub_killed_a_hundred_times_at_any_point(tmp_path, advice):
    randomness = random.Random(7)
    async with scene_in(tmp_path) as scene:
        for _ in range(100):
            scene.write_files(advice, FILES)
            await scene.kill_at(randomness.choice(points()), randomness.randint(1, 12))
        assert len(scene.killed) > 80
        await is_right(scene)
