"""T-SOAK: traffic for minutes to hours: memory, descriptors and the log stay where they are."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from tests.proofs.branches import Branch, branches
from tests.proofs.hub_process import HubProcess, running
from tests.proofs.traffic import Traffic, quantile, write_root

MINUTES = float(os.environ.get("SOAK_MINUTES", "20"))
"""The full length of the guide is 120."""
BRANCHES = ("north", "east", "south", "flaky")
WAL_MB = 64
CONNECTIONS = 32
"""Clients that come and go with the machine's load would be steps in the memory."""
WARM_DOCUMENTS = 130_000
"""These go through as fast as they are taken, and fill what is bounded: 32 MiB of recent bodies
are full after 14,000, but their table is made anew every 27,000, and the allocator has found its
places for it, 4 MB, only after 120,000; then it stays there (a cache by itself: to the page, over
280,000 more). The slope is of what comes after."""
WARM_AT_ONCE = 2_000
SLOPE_MB_PER_HOUR = 1
MEASURED_MB = 0.75
"""What memory may rise by while it is measured before the slope says anything: the steps of an
allocator and of two interpreters, in a run of any length."""


class Watch:
    """Looks at a running hub every so often."""

    def __init__(self, hub: HubProcess | None = None) -> None:
        self.hub = hub
        self.hours: list[float] = []
        self.rss_mb: list[float] = []
        self.descriptors: list[int] = []
        self.wal_mb: list[float] = []

    async def look_until(self, stop: asyncio.Event, every_seconds: float) -> None:
        assert self.hub is not None
        began = time.monotonic()
        while not stop.is_set():
            self.hours.append((time.monotonic() - began) / 3600)
            self.rss_mb.append(self.hub.rss_mb())
            self.descriptors.append(self.hub.descriptors())
            wal = self.hub.root / "var/hub.db-wal"
            self.wal_mb.append(wal.stat().st_size / (1 << 20))
            await asyncio.sleep(every_seconds)

    def slope_mb_per_hour(self) -> float:
        """Return the least squares slope of the memory."""
        hours, memory = self.hours, self.rss_mb
        middle, level = sum(hours) / len(hours), sum(memory) / len(memory)
        above = sum((h - middle) * (m - level) for h, m in zip(hours, memory, strict=True))
        return above / sum((h - middle) ** 2 for h in hours)


async def soaked(root: Path, *, warm: int, seconds: float, per_second: float) -> dict[str, float]:
    """Send so many as fast as they are taken, then at that pace for so long, one branch failing
    now and then; return the figures of the latter."""
    async with branches(**{name: Branch() for name in BRANCHES}) as city:
        more = {"flaky": "retry: {schedule_seconds: [0, 1, 1, 2, 2, 5, 5, 5], breaker_seconds: 1}"}
        write_root(root, {n: city.sink(n, more=more.get(n, "")) for n in BRANCHES})
        async with running(root, connections=CONNECTIONS) as hub:
            traffic, watch, stop = Traffic(city), Watch(hub), asyncio.Event()
            for _ in range(0, warm, WARM_AT_ONCE):
                many = min(warm, WARM_AT_ONCE)
                await traffic.burst(hub, many, to=BRANCHES[:3], at_once=CONNECTIONS)
            before = sum(len(city[name].effects) for name in BRANCHES)
            watching = asyncio.create_task(watch.look_until(stop, max(0.5, seconds / 240)))
            ends, took, batch = time.monotonic() + seconds, [], int(per_second * 5)
            began, sent = time.monotonic(), 0
            while time.monotonic() < ends:
                steady = traffic.deliver(hub, batch, to=BRANCHES[:3], per_second=per_second)
                took += await steady
                city["flaky"].status = 503  # a moment's fault, and what it leaves behind
                numbers = {next(traffic.numbers): "flaky" for _ in range(10)}
                await traffic.hand_over(hub, numbers)
                city["flaky"].status = 200
                sent += batch + len(numbers)
            wall = time.monotonic() - began
            async with asyncio.timeout(120):
                while sum(len(city[name].effects) for name in BRANCHES) < before + sent:
                    await asyncio.sleep(0.1)
            stop.set()
            await watching
            assert await hub.stop() == 0
    assert sum(city[name].doubled for name in BRANCHES) == 0
    assert sum(len(city[name].effects) for name in BRANCHES) == before + sent
    slope, half = watch.slope_mb_per_hour(), len(watch.descriptors) // 2
    return {
        "minutes": wall / 60,
        "warm_documents": before,
        "documents": sent,
        "per_second": sent / wall,
        "p99_ms": quantile(took, 0.99) * 1000,
        "rss_mb": watch.rss_mb[-1],
        "slope_mb_per_hour": slope,
        "rise_mb": slope * watch.hours[-1],
        "descriptors": max(watch.descriptors[half:]),
        "descriptors_before": max(watch.descriptors[:half]),
        "wal_max_mb": max(watch.wal_mb),
        "lost": 0,
        "doubled": 0,
    }


@pytest.mark.parametrize("bytes_a_document", [0, 100])
def test_a_leak_of_100_bytes_a_document_is_seen_in_twenty_minutes(bytes_a_document):
    watch = Watch()
    seconds = range(0, 1200, 5)
    watch.hours = [second / 3600 for second in seconds]
    watch.rss_mb = [
        160 + 0.1 * (second % 3) + second * 100 * bytes_a_document / (1 << 20)
        for second in seconds
    ]
    leaked = 360_000 * bytes_a_document / (1 << 20)
    assert watch.slope_mb_per_hour() == pytest.approx(leaked, abs=0.2)
    rise = watch.slope_mb_per_hour() * watch.hours[-1]
    assert (rise <= MEASURED_MB) == (bytes_a_document == 0)


@pytest.mark.slow
async def test_a_few_seconds_of_traffic_leave_nothing_behind(tmp_path, report):
    figures = await soaked(tmp_path, warm=200, seconds=6, per_second=50)
    report("T-SOAK", **figures)
    assert figures["wal_max_mb"] <= WAL_MB


@pytest.mark.soak
async def test_minutes_of_traffic_leave_nothing_behind(tmp_path, report):
    figures = await soaked(tmp_path, warm=WARM_DOCUMENTS, seconds=MINUTES * 60, per_second=100)
    report("T-SOAK", **figures)
    assert figures["wal_max_mb"] <= WAL_MB
    assert figures["slope_mb_per_hour"] <= SLOPE_MB_PER_HOUR or figures["rise_mb"] <= MEASURED_MB
    assert figures["descriptors"] <= figures["descriptors_before"] * 1.2 + 8
