"""T-HERD: a destination comes back to a backlog: it is not run over, and what is new does not wait.

The backlog is owed by one route; what is new comes by another route to the same destination, of
high priority. (Within one route order is kept: there, what is new waits for its turn.)
"""

import asyncio
import time
from pathlib import Path

import pytest

from gateway.store import KeyRing
from tests.proofs.backlog import fill, opened, template
from tests.proofs.branches import Branch, branches
from tests.proofs.hub_process import HubProcess, running
from tests.proofs.traffic import Traffic, quantile, raw, until, write_root

MORE = """\
rate: {per_second: %(cap)g, burst: %(burst)d}
retry: {breaker_seconds: 1, breaker_longest_seconds: 2}
"""
ROUTES = """\
routes:
  - {name: backlog, contract: remittance-advice, to: till, when: payer.name == 'till'}
  - {name: fresh, contract: remittance-advice, to: till, when: payer.name == 'fresh', priority: high}
"""
PEAK = 1.2
OVERLOADED = 0.01
DRAIN = 1.1
P95_RATIO = 2.0
FRESH_PER_SECOND = 15


async def with_a_backlog(root: Path, traffic: Traffic, backlog: int) -> list[float]:
    """Deliver one, learn how long what is new takes, then owe the rest; return those seconds."""
    async with running(root) as hub:
        assert await hub.hand_over(raw(0, "till")) == 202
        await until(lambda: traffic.city["till"].effects, 60)
        await traffic.deliver(hub, 20, to=("fresh",), per_second=40)  # to be warm
        normal = await traffic.deliver(hub, 60, to=("fresh",), per_second=FRESH_PER_SECOND)
        assert await hub.stop() == 0
    keys = KeyRing.open(root / "var/hub.key")
    with opened(root) as database:
        fill(database, keys, template(database, keys, 0), backlog, tried=False)
    return normal


async def drained(hub: HubProcess, traffic: Traffic, owed: int) -> tuple[float, list[float]]:
    """Wait until all of it is there; return the seconds and what new ones took meanwhile."""
    till, began = traffic.city["till"], time.monotonic()
    before = len(till.effects)
    took: list[float] = []
    while len(till.effects) - before - len(took) < owed:
        took += await traffic.deliver(hub, 16, to=("fresh",), per_second=FRESH_PER_SECOND)
    return time.monotonic() - began, took


async def herd(root: Path, *, backlog: int, cap: float, down_seconds: float) -> dict[str, float]:
    """Down, then up again; return the figures."""
    till = Branch()
    async with branches(till=till, fresh=till) as city:
        more = MORE % {"cap": cap, "burst": max(1, int(cap / 10))}
        write_root(root, {"till": city.sink("till", more=more)})
        (root / "config/routes.yaml").write_text(ROUTES)
        traffic = Traffic(city, waits_seconds=120 + backlog / cap)
        normal = await with_a_backlog(root, traffic, backlog)
        till.status = 503
        async with running(root) as hub:
            await asyncio.sleep(down_seconds)
            tries_while_down = till.requests - len(till.effects)
            till.requests = till.peak_per_second = 0
            till.status, till.capacity = 200, cap * 1.1
            seconds, took = await drained(hub, traffic, backlog)
            await asyncio.sleep(0.5)
    assert till.doubled == 0
    assert len(till.effects) == 1 + 20 + 60 + backlog + len(took), "everything came, once"
    return {
        "backlog": backlog,
        "cap_per_second": cap,
        "tries_while_down": tries_while_down,
        "peak_ratio": till.peak_per_second / cap,
        "overloaded_share": till.overloaded / till.requests,
        "drain_ratio": seconds / ((backlog + len(took)) / cap),
        "fresh_p95_ms": quantile(took, 0.95) * 1000,
        "normal_p95_ms": quantile(normal, 0.95) * 1000,
        "fresh_p95_ratio": quantile(took, 0.95) / quantile(normal, 0.95),
    }


@pytest.mark.slow
async def test_a_destination_that_comes_back_is_not_run_over(tmp_path, report):
    figures = await herd(tmp_path, backlog=240, cap=60, down_seconds=2)
    report("T-HERD", **figures)
    assert figures["peak_ratio"] <= PEAK + 0.1
    assert figures["tries_while_down"] < 50, "an open breaker makes no attempts"


@pytest.mark.soak
async def test_a_backlog_of_thousands_drains_at_the_pace_of_its_destination(tmp_path, report):
    figures = await herd(tmp_path, backlog=20_000, cap=100, down_seconds=60)
    report("T-HERD", **figures)
    assert figures["peak_ratio"] <= PEAK
    assert figures["overloaded_share"] < OVERLOADED
    assert figures["drain_ratio"] <= DRAIN + 0.05
    assert figures["fresh_p95_ratio"] <= P95_RATIO + 0.2
