"""T-1M: a million messages for a dead destination cost the others nothing, and little memory.

Two hubs run at once, one with the backlog and one without; the same traffic goes to either in
turns, so that what else the machine does strikes both alike.
"""

import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.store import KeyRing
from gateway.store.sqlite.readers import Readers
from gateway.store.statements import read_block
from tests.proofs.backlog import fill, opened, template
from tests.proofs.branches import Branch, Branches, branches
from tests.proofs.hub_process import HubProcess, running
from tests.proofs.traffic import Traffic, name_of, quantile, raw, until, write_root

PACE = 40
ROUND = 80
BY_KEY = "order_by: payment_key\n"

MEMORY_MB = 256
GROWTH_MB = 64
CLAIM_MS = 5.0
SCRAPE_MS = 50.0
RESTART_SECONDS = 15.0
P99_RATIO = 1.10


@dataclass
class Trial:
    """Two hubs, one of them with a backlog, and the branches both deliver to."""

    city: Branches
    alone: HubProcess
    loaded: HubProcess
    traffic: Traffic

    async def deliver(self, hub: HubProcess) -> list[float]:
        """Return the seconds that each of a round's documents took to the live branch."""
        return await self.traffic.deliver(hub, ROUND, to=("live",), per_second=PACE)

    async def in_turns(self, rounds: int) -> tuple[list[float], list[float]]:
        """Return what deliveries took alone and beside the backlog."""
        took: dict[HubProcess, list[float]] = {self.alone: [], self.loaded: []}
        for number in range(rounds):
            for hub in list(took) if number % 2 else reversed(took):
                took[hub] += await self.deliver(hub)
        return took[self.alone], took[self.loaded]


def claims_ms(root: Path, times: int) -> list[float]:
    """Return how long the live lane's owner takes to read what it owes: the hub's own reading
    code and statement, on the database of the running hub."""
    readers = Readers(root / "var/hub.db", KeyRing.open(root / "var/hub.key"), threads=1)
    try:
        block = read_block("lane_by_name")
        (lane,) = readers.read(block, {"name": "deliver:to-live:live"})
        place = {"lane_id": lane["lane_id"], "after_seq": lane["head"] - 1, "limit": 256}
        took = []
        for _ in range(times):
            began = time.perf_counter()
            assert readers.try_inline(read_block("owed_window"), place)
            took.append((time.perf_counter() - began) * 1000)
        return took
    finally:
        readers.close()


async def first_delivery(root: Path, city: Branches, number: int) -> tuple[HubProcess, float]:
    """Start a hub; return it and the seconds from its start to a delivery."""
    hub = await HubProcess.start(root)
    assert await hub.hand_over(raw(number, "live")) == 202
    await until(lambda: name_of(number) in city["live"].first_at, 120)
    return hub, city["live"].first_at[name_of(number)] - hub.started_at


@asynccontextmanager
async def with_backlog(root: Path, documents: int, *, status: int) -> AsyncIterator[Trial]:
    """Run both hubs. `status` 503: the documents wait for a destination that is down; 422: each
    was refused and holds its ordering key."""
    refused = status == 422
    async with branches(live=Branch(), dead=Branch(status=status)) as city:
        sinks = {"live": city.sink("live"), "dead": city.sink("dead", more=BY_KEY)}
        for name in ("alone", "loaded"):
            write_root(root / name, sinks)
        async with running(root / "loaded") as hub:
            assert await hub.hand_over(raw(0, "dead")) == 202
            await until(lambda: city["dead"].requests, 60)
            assert await hub.stop() == 0
        keys = KeyRing.open(root / "loaded/var/hub.key")
        with opened(root / "loaded") as database:
            fill(database, keys, template(database, keys, 0), documents, tried=refused)
        async with running(root / "alone") as alone, running(root / "loaded") as loaded:
            trial = Trial(city, alone, loaded, Traffic(city))
            try:
                yield trial
            finally:
                await trial.loaded.kill()
                for name in ("alone", "loaded"):  # gigabytes that no later look needs
                    shutil.rmtree(root / name / "var", ignore_errors=True)


async def stood(root: Path, documents: int, *, rounds: int, status: int) -> dict[str, float]:
    """Put the trial through its turns; return the figures."""
    async with with_backlog(root, documents, status=status) as trial:
        for hub in (trial.alone, trial.loaded):
            await trial.deliver(hub)  # to be warm
        alone, loaded = await trial.in_turns(rounds)
        scrapes = [(await trial.loaded.metrics())[0] for _ in range(30)]
        _, figures = await trial.loaded.metrics()
        claims = claims_ms(root / "loaded", 500)
        rss, peak = trial.loaded.rss_mb(), trial.loaded.peak_mb()
        growth = rss - trial.alone.rss_mb()
        await trial.loaded.kill()
        number = next(trial.traffic.numbers)
        trial.loaded, restart = await first_delivery(root / "loaded", trial.city, number)
        assert trial.city["live"].doubled == 0
        assert trial.city["dead"].effects.total() == 0
    waiting = 'remithub_backlog{interface="dead"}'
    aside = 'remithub_set_aside{interface="dead",state="%s"}'
    kept = figures[waiting] + sum(figures.get(aside % s, 0) for s in ("waiting", "dead"))
    assert kept == documents + 1, "every one of them is still owed"
    return {
        "documents": documents,
        "rss_mb": rss,
        "peak_mb": peak,
        "growth_mb": growth,
        "p99_alone_ms": quantile(alone, 0.99) * 1000,
        "p99_loaded_ms": quantile(loaded, 0.99) * 1000,
        "p99_ratio": quantile(loaded, 0.99) / quantile(alone, 0.99),
        "p50_ratio": quantile(loaded, 0.5) / quantile(alone, 0.5),
        "claim_p99_ms": quantile(claims, 0.99),
        "metrics_ms": quantile(scrapes, 0.5),
        "metrics_max_ms": max(scrapes),
        "restart_seconds": restart,
    }


@pytest.mark.slow
async def test_a_backlog_of_fifty_thousand_costs_little_memory(tmp_path, report):
    figures = await stood(tmp_path, 50_000, rounds=1, status=503)
    report("T-1M", **figures)
    assert figures["peak_mb"] <= MEMORY_MB


@pytest.mark.slow
async def test_twenty_thousand_blocked_keys_cost_little_memory(tmp_path, report):
    figures = await stood(tmp_path, 20_000, rounds=1, status=422)
    report("T-1M-KEYS", **figures)
    assert figures["peak_mb"] <= MEMORY_MB


@pytest.mark.soak
async def test_a_million_for_a_dead_destination_cost_the_others_nothing(tmp_path, report):
    figures = await stood(tmp_path, 1_000_000, rounds=30, status=503)
    report("T-1M", **figures)
    within_the_lines(figures)


@pytest.mark.soak
async def test_a_million_blocked_keys_cost_the_others_nothing(tmp_path, report):
    figures = await stood(tmp_path, 1_000_000, rounds=20, status=422)
    report("T-1M-KEYS", **figures)
    within_the_lines(figures)


def within_the_lines(figures: dict[str, float]) -> None:
    assert figures["peak_mb"] <= MEMORY_MB
    assert figures["growth_mb"] <= GROWTH_MB
    assert figures["claim_p99_ms"] <= CLAIM_MS
    assert figures["metrics_ms"] <= SCRAPE_MS
    assert figures["restart_seconds"] <= RESTART_SECONDS
    assert figures["p99_ratio"] <= P99_RATIO + 0.05, "five points for the noise of a machine"
