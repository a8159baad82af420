"""T-2N: two nodes on one PostgreSQL, one of them killed again and again: nothing lost, nothing twice.

Either is a real process with a folder of its own. Senders do as senders do: what was not answered
is sent again, to the other node. A folder is polled by whichever node owns its lane.
"""

import asyncio
import contextlib
import itertools
import json
import random
import shutil
import time
from pathlib import Path

import aiohttp
import pytest

from tests.proofs.branches import Branch, Branches, branches
from tests.proofs.hub_process import HubProcess
from tests.proofs.traffic import FEED, document, name_of, paced, quantile, raw, until, write_root

BRANCHES = ("north", "east", "south", "west")
FEEDS = ("feed", "feed-b", "feed-c")
TAKEOVER_SECONDS = 10.0
SEED = 20261125

POLLED = """\
interface: inbox
direction: in
connector: folder
format: json
contract: remittance-advice@^1.0
poll_seconds: 0.5
settings: {path: %s, settle_seconds: 0}
"""


class Cluster:
    """Two nodes of one database; what was accepted, and when."""

    def __init__(self, folder: Path, city: Branches, dsn: str) -> None:
        self.folder = folder
        self.city = city
        self.dsn = dsn
        self.nodes: list[HubProcess] = []
        self.accepted_at: dict[int, float] = {}
        self.filed: list[int] = []
        self.sent_again = 0
        self.inbox = folder / "inbox"
        self.inbox.mkdir()

    def write(self, node: int) -> Path:
        """Write the root folder of a node; they share the key."""
        root = self.folder / f"node{node}"
        store = f"store: {{postgres: '{self.dsn}'}}\n"
        write_root(root, {name: self.city.sink(name) for name in BRANCHES}, hub=store)
        interfaces = root / "config/interfaces"
        for name in FEEDS[1:]:
            (interfaces / f"{name}.yaml").write_text(FEED.replace(": feed", f": {name}"))
        (interfaces / "inbox.yaml").write_text(POLLED % self.inbox)
        if node:
            (root / "var").mkdir(mode=0o700, exist_ok=True)
            shutil.copy2(self.folder / "node0/var/hub.key", root / "var/hub.key")
        return root

    async def start(self) -> None:
        """Start both nodes; the first makes the key."""
        for node in range(2):
            self.nodes.append(await HubProcess.start(self.write(node)))

    async def send(self, number: int) -> None:
        """Hand over one document, until a node has said that it has it."""
        body, feed = raw(number, BRANCHES[number % 4]), FEEDS[number % 3]
        async with asyncio.timeout(120):
            for attempt in itertools.count():
                node = self.nodes[(number + attempt) % 2]
                with contextlib.suppress(aiohttp.ClientError, RuntimeError, OSError):
                    if await node.hand_over(body, feed) == 202:
                        self.accepted_at[number] = time.monotonic()
                        return
                self.sent_again += 1
                await asyncio.sleep(0.1)

    def file(self, number: int) -> None:
        """Put one document into the folder that is polled."""
        part = self.inbox / f"{number}.part"
        part.write_text(json.dumps(document(number, BRANCHES[number % 4])))
        part.rename(part.with_suffix(".json"))
        self.filed.append(number)

    async def kill_and_start(self, node: int) -> float:
        """Kill -9 a node and start it anew; return the seconds it was away."""
        began = time.monotonic()
        gone = self.nodes[node]
        await gone.kill()
        self.nodes[node] = await HubProcess.start(gone.root)
        return time.monotonic() - began

    def waited(self) -> list[float]:
        """Return the seconds from each answer 202 to the arrival at the partner."""
        there = {doc: at for b in BRANCHES for doc, at in self.city[b].first_at.items()}
        return [there[name_of(number)] - at for number, at in self.accepted_at.items()]

    def effects(self) -> int:
        """Return how many documents have had their effect."""
        return sum(len(self.city[name].effects) for name in BRANCHES)


async def killed(
    folder: Path, dsn: str, *, kills: int, every_seconds: float, per_second: float
) -> dict[str, float]:
    """Kill one node or the other under traffic; return the figures."""
    draw = random.Random(SEED)
    async with branches(**{name: Branch() for name in BRANCHES}) as city:
        cluster = Cluster(folder, city, dsn)
        await cluster.start()
        try:
            numbers = itertools.count(1)
            sending = True

            async def keep_sending() -> None:
                while sending:
                    batch = list(itertools.islice(numbers, 20))
                    cluster.file(1_000_000 + batch[0])
                    await paced(cluster.send, batch, per_second=per_second)

            traffic = asyncio.create_task(keep_sending())
            away: list[float] = []
            for number in range(kills):
                await asyncio.sleep(every_seconds * draw.uniform(0.8, 1.2))
                away.append(await cluster.kill_and_start(number % 2))
            await asyncio.sleep(every_seconds / 2)
            sending = False
            await traffic
            owed = len(cluster.accepted_at) + len(cluster.filed)
            await until(lambda: cluster.effects() >= owed, 120)
            await asyncio.sleep(1)  # what would come twice comes now
            files = await cluster.nodes[0].metrics()
        finally:
            for node in cluster.nodes:
                await node.kill()
    assert cluster.effects() == owed, "lost or invented"
    assert sum(city[name].doubled for name in BRANCHES) == 0
    taken = files[1]['remithub_artifacts_total{interface="inbox"}']
    assert taken == len(cluster.filed), "each file of the folder was taken once"
    assert not list(cluster.inbox.glob("*.json"))
    waited = cluster.waited()
    requests = sum(city[name].requests for name in BRANCHES)
    return {
        "kills": kills,
        "documents": owed,
        "lost": owed - cluster.effects(),
        "doubled": sum(city[name].doubled for name in BRANCHES),
        "repeated_requests": requests - owed,
        "sent_again": cluster.sent_again,
        "takeover_seconds": max(waited),
        "p50_seconds": quantile(waited, 0.5),
        "away_seconds": max(away),
        "polled_once": len(cluster.filed),
    }


@pytest.mark.slow
async def test_a_node_killed_three_times_loses_nothing_and_doubles_nothing(
    tmp_path, postgres, report
):
    figures = await killed(tmp_path, postgres.fresh(), kills=3, every_seconds=4, per_second=20)
    report("T-2N", **figures)


@pytest.mark.soak
async def test_a_node_killed_every_fifteen_seconds_for_five_minutes(tmp_path, postgres, report):
    figures = await killed(tmp_path, postgres.fresh(), kills=20, every_seconds=15, per_second=25)
    report("T-2N", **figures)
    assert figures["takeover_seconds"] <= TAKEOVER_SECONDS
