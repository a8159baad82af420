"""T-REL: two hundred reloads under traffic: a wrong configuration never applies.

What was accepted under one configuration is processed under it."""

import asyncio
import contextlib
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from tests.proofs.branches import Branch, branches
from tests.proofs.hub_process import HubProcess, running
from tests.proofs.traffic import Traffic, write_root

BRANCHES = ("north", "south")
WRONG = (
    ("config/routes.yaml", "routes: [{name: x, contract: remittance-advice, to: nobody}]\n"),
    ("config/routes.yaml", "routes: [{name: x, contract: no-such-contract, to: north}]\n"),
    ("config/interfaces/north.yaml", "interface: north\ndirection: out\nconector: http_api\n"),
    ("config/interfaces/feed.yaml", "interface: feed\n  direction: [in\n"),
    ("config/hub.yaml", "api: {port: ninety}\n"),
)


class Editor:
    """Edits the configuration of a running hub and has it read again."""

    def __init__(self, hub: HubProcess, city_sinks: dict[str, str]) -> None:
        self.hub = hub
        self.sinks = city_sinks
        self.applied: list[str] = []
        self.refused = 0

    async def right(self, number: int) -> None:
        """Another concurrency and another deadline: a bundle that was never there."""
        for name, text in self.sinks.items():
            more = text.replace("deadline_seconds: 30", f"deadline_seconds: {31 + number}")
            (self.hub.root / f"config/interfaces/{name}.yaml").write_text(more)
        status, answer = await self.hub.post("/v1/reload")
        assert status == 200, answer
        assert answer["changed"]
        self.applied.append(answer["bundle"])

    async def wrong(self, number: int) -> None:
        """A fault of one kind or another; the file is put right afterwards."""
        name, text = WRONG[number % len(WRONG)]
        file = self.hub.root / name
        before = file.read_text()
        file.write_text(text)
        status, answer = await self.hub.post("/v1/reload")
        file.write_text(before)
        assert status == 422, (name, status)
        assert answer["file"]
        self.refused += 1


async def reloaded(root: Path, *, reloads: int, per_second: float) -> dict[str, float]:
    """Reload under traffic, every other time wrongly; return the figures."""
    async with branches(**{name: Branch() for name in BRANCHES}) as city:
        sinks = {name: city.sink(name) for name in BRANCHES}
        write_root(root, sinks)
        async with running(root) as hub:
            traffic, editor = Traffic(city), Editor(hub, sinks)
            sent = asyncio.Event()

            async def keep_sending() -> list[float]:
                took: list[float] = []
                while not sent.is_set():
                    took += await traffic.deliver(hub, 50, to=BRANCHES, per_second=per_second)
                return took

            sending = asyncio.create_task(keep_sending())
            for number in range(reloads):
                await (editor.wrong if number % 2 else editor.right)(number)
                await asyncio.sleep(0.05)
            sent.set()
            took = await sending
            groups = await hub.get("/v1/set-aside/groups")
            assert groups == [], "a reload caused an error"
            assert await hub.stop() == 0
        for name in BRANCHES:
            assert set(city[name].effects.values()) == {1}
    bundles = versions(root)
    assert set(bundles) <= {first_bundle(root), *editor.applied}
    assert editor.refused == reloads // 2
    return {
        "reloads": reloads,
        "refused": editor.refused,
        "documents": len(took),
        "per_second": per_second,
        "bundles_with_documents": len(bundles),
        "errors": 0,
        "slowest_seconds": max(took),
    }


def versions(root: Path) -> Counter[str]:
    """Return how many messages each bundle made; each was made by the one its file came under."""
    with contextlib.closing(sqlite3.connect(root / "var/hub.db")) as database:
        rows = database.execute(
            "SELECT artifact.bundle, message.bundle FROM message JOIN artifact USING (artifact_id)"
        ).fetchall()
    assert all(accepted == made for accepted, made in rows)
    return Counter(made for _, made in rows)


def first_bundle(root: Path) -> str:
    with contextlib.closing(sqlite3.connect(root / "var/hub.db")) as database:
        (name,) = database.execute("SELECT hash FROM bundle ORDER BY at LIMIT 1").fetchone()
    return str(name)


@pytest.mark.slow
async def test_reloads_under_traffic_cause_no_error(tmp_path, report):
    figures = await reloaded(tmp_path, reloads=12, per_second=40)
    report("T-REL", **figures)


@pytest.mark.soak
async def test_two_hundred_reloads_under_traffic_cause_no_error(tmp_path, report):
    figures = await reloaded(tmp_path, reloads=200, per_second=100)
    report("T-REL", **figures)
    assert figures["bundles_with_documents"] >= 50
