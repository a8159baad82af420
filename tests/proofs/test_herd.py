"""T-HERD: a destination comes back to a backlog: it is not run over, and what is new does not wait.

The backlog is owed by one route; what is new comes by another route to the same destination, of
high priority. (Within one route order is kept: there, what is new waits for its turn.) How long new
ones usually take is measured in turns with that, at a second hub that has no backlog.
"""

import asyncio
import time
from pathlib import Path

import pytest

from gateway.store import KeyRing
from tests.proofs.backlog import fill, opened, template
from tests.proofs.branches import Branch, branches
from tests.proofs.hub_process import HubProcess, running
from tests.proofs.traffic import Traffic, name_of, quantile, raw, until, write_root

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


async def owe_a_backlog(root: Path, branch: Branch, backlog: int) -> None:
    """Deliver one document and owe as many more."""
    async with running(root) as hub:
        assert await hub.hand_over(raw(0, "till")) == 202
        await until(lambda: branch.effects, 60)
        assert await hub.stop() == 0
    keys = KeyRing.open(root / "var/hub.key")
    with opened(root) as database:
        fill(database, keys, template(database, keys, 0), backlog, tried=False)


class Drain:
    """The hub with the backlog and the calm one, given new documents in turns."""

    def __init__(self, traffic: Traffic, hub: HubProcess, calm: HubProcess) -> None:
        self.traffic = traffic
        self.hub = hub
        self.calm = calm
        self.fresh: list[float] = []
        self.normal: list[float] = []

    async def turn(self) -> None:
        """Send some new ones to either."""
        for hub, branch, took in (
            (self.hub, "fresh", self.fresh),
            (self.calm, "calm", self.normal),
        ):
            took += await self.traffic.deliver(  # noqa: PLW2901 - kept in the list itself
                hub, 12, to=(branch,), per_second=FRESH_PER_SECOND
            )

    async def run(self, owed: int) -> float:
        """Send turn after turn until the backlog is there; return the seconds."""
        till, began = self.traffic.city["till"], time.monotonic()
        before = len(till.effects) - len(self.fresh)
        while len(till.effects) - before - len(self.fresh) < owed:
            await self.turn()
        return time.monotonic() - began


async def herd(root: Path, *, backlog: int, cap: float, down_seconds: float) -> dict[str, float]:
    """Down, then up again; return the figures."""
    till = Branch()
    async with branches(till=till, fresh=till, calm=Branch()) as city:
        more = MORE % {"cap": cap, "burst": max(1, int(cap / 10))}
        write_root(root / "loaded", {"till": city.sink("till", more=more)})
        (root / "loaded/config/routes.yaml").write_text(ROUTES)
        write_root(root / "calm", {"calm": city.sink("calm", more=more)})
        await owe_a_backlog(root / "loaded", till, backlog)
        till.status = 503
        async with running(root / "calm") as calm, running(root / "loaded") as hub:
            drain = Drain(Traffic(city, waits_seconds=120 + backlog / cap), hub, calm)
            await drain.traffic.deliver(calm, 20, to=("calm",), per_second=40)  # to be warm
            await asyncio.sleep(down_seconds)
            tries_while_down = till.requests - len(till.effects)
            till.requests = till.peak_per_second = 0
            till.status, till.capacity = 200, cap * 1.1
            seconds = await drain.run(backlog)
            await asyncio.sleep(0.5)
    assert till.doubled == 0
    assert len(till.effects) == 1 + backlog + len(drain.fresh), "everything came, once"
    came = sorted(till.first_at[name_of(number)] for number in range(1, backlog + 1))
    middle = came[backlog // 4 : backlog * 3 // 4]  # behind the probes, before the end
    fresh, normal = quantile(drain.fresh, 0.95), quantile(drain.normal, 0.95)
    return {
        "backlog": backlog,
        "cap_per_second": cap,
        "tries_while_down": tries_while_down,
        "pace_ratio": len(middle) / (middle[-1] - middle[0]) / cap,
        "peak_ratio": till.peak_per_second / cap,
        "overloaded_share": till.overloaded / till.requests,
        "drain_ratio": seconds / ((backlog + len(drain.fresh)) / cap),
        "fresh_p95_ms": fresh * 1000,
        "normal_p95_ms": normal * 1000,
        "fresh_p95_ratio": fresh / normal,
        "fresh_p50_ratio": quantile(drain.fresh, 0.5) / quantile(drain.normal, 0.5),
    }


@pytest.mark.slow
async def test_a_destination_that_comes_back_is_not_run_over(tmp_path, report):
    figures = await herd(tmp_path, backlog=80, cap=20, down_seconds=2)
    report("T-HERD", **figures)
    assert figures["overloaded_share"] <= 0.05, "a busy machine may bunch some together"
    assert figures["tries_while_down"] < 50, "an open breaker makes no attempts"


@pytest.mark.soak
async def test_a_backlog_of_thousands_drains_at_the_pace_of_its_destination(tmp_path, report):
    figures = await herd(tmp_path, backlog=40_000, cap=200, down_seconds=30)
    report("T-HERD", **figures)
    assert figures["peak_ratio"] <= PEAK
    assert figures["overloaded_share"] < OVERLOADED
    assert figures["drain_ratio"] <= DRAIN + 0.05
    assert figures["fresh_p95_ratio"] <= P95_RATIO + 0.2
