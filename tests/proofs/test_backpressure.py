"""T-BP: producers that send more than the hub can work off are told so; what it took, it works off.

Large remittances cost less to take than to process, one at a time: senders that never pause outrun
the hub.
"""

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from gateway.simulators.remittances import generate_835
from tests.proofs.branches import Branch, branches
from tests.proofs.hub_process import HubProcess, running
from tests.proofs.traffic import quantile, until

FEED = """\
interface: feed
direction: in
format: x12-835
mapping: x12-835-to-remittance-advice
production: false
concurrency: 1
behind_seconds: %g
"""
ROUTES = "routes: [{name: all, contract: remittance-advice, to: books}]\n"
SENDERS = 24
CLAIMS = 400
MEMORY_MB = 400
OLDEST = 2
"""How many times as long as the limit the oldest one taken may wait."""


def write_root(root: Path, sink: str, behind_seconds: float) -> None:
    folder = root / "config/interfaces"
    folder.mkdir(parents=True)
    (folder / "feed.yaml").write_text(FEED % behind_seconds)
    (folder / "books.yaml").write_text(sink)
    (root / "config/routes.yaml").write_text(ROUTES)
    (root / "config/hub.yaml").write_text("api: {port: 0}\n")


class Remittances:
    """Large remittances, quickly: one that was generated, under another trace number each."""

    def __init__(self) -> None:
        made = generate_835(payments=1, seed=1, claims_per_payment=CLAIMS, usage="T")
        self.raw = b"".join(made)
        self.trace = self.raw.partition(b"~TRN*1*")[2].partition(b"*")[0]
        self.number = 0

    def next(self) -> bytes:
        self.number += 1
        return self.raw.replace(self.trace, b"BP%09d" % self.number)


class Producers:
    """Senders that send the next file as soon as the last was answered, whatever the answer."""

    def __init__(self, hub: HubProcess) -> None:
        self.hub = hub
        self.answers: Counter[int] = Counter()
        self.told_seconds: Counter[int] = Counter()
        self.remittances = Remittances()

    async def send_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            target = f"{self.hub.url}/v1/interfaces/feed/files"
            async with self.hub.session.post(target, data=self.remittances.next()) as answer:
                await answer.read()
                self.answers[answer.status] += 1
                told = answer.headers.get("Retry-After", "0")
            if answer.status == 503:
                self.told_seconds[int(told)] += 1
                await asyncio.sleep(0.2)  # sooner than they are told


async def pressed(root: Path, *, seconds: float, behind_seconds: float) -> dict[str, float]:
    """Let the producers press for so long; return the figures."""
    async with branches(books=Branch()) as city:
        write_root(root, city.sink("books"), behind_seconds)
        async with running(root) as hub:
            producers, stop = Producers(hub), asyncio.Event()
            ages: list[float] = []
            memory: list[float] = []
            async with asyncio.TaskGroup() as senders:
                for _ in range(SENDERS):
                    senders.create_task(producers.send_until(stop))
                ends = time.monotonic() + seconds
                while time.monotonic() < ends:
                    await asyncio.sleep(0.5)
                    _, figures = await hub.metrics()
                    ages.append(figures['remithub_oldest_owed_seconds{interface="feed"}'])
                    memory.append(hub.rss_mb())
                stop.set()
            began = time.monotonic()
            taken = producers.answers[202]
            await until(lambda: len(city["books"].effects) >= taken, 240)
            drained = time.monotonic() - began
            await asyncio.sleep(0.5)
            code = await hub.hand_over(producers.remittances.next(), "feed")
            assert code == 202, "once it has caught up it takes again"
            assert producers.answers.keys() <= {202, 503}
            assert producers.answers[503], "it was never pressed"
            assert 1 <= min(producers.told_seconds) < 5, "a word of this interface's own"
            assert len(city["books"].effects) >= taken, "what was taken was worked off"
            assert city["books"].doubled == 0
            peak = hub.peak_mb()
    return {
        "seconds": seconds,
        "limit_seconds": behind_seconds,
        "taken": taken,
        "refused": producers.answers[503],
        "oldest_seconds": max(ages),
        "oldest_p50_seconds": quantile(ages, 0.5),
        "oldest_p99_seconds": quantile(ages, 0.99),
        "drained_seconds": drained,
        "peak_mb": peak,
        "rss_median_mb": quantile(memory, 0.5),
        "lost": 0,
    }


@pytest.mark.slow
async def test_a_hub_that_is_behind_says_so_and_loses_nothing(tmp_path, report):
    figures = await pressed(tmp_path, seconds=8, behind_seconds=1.5)
    report("T-BP", **figures)


@pytest.mark.soak
async def test_ten_minutes_of_pressure_lose_nothing_and_take_no_memory(tmp_path, report):
    figures = await pressed(tmp_path, seconds=600, behind_seconds=5)
    report("T-BP", **figures)
    assert figures["oldest_p99_seconds"] <= OLDEST * figures["limit_seconds"]
    assert figures["peak_mb"] <= MEMORY_MB
