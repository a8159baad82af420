"""T-ISO: one dead and one slow destination do not slow the eight healthy ones.

Two hubs of the same configuration run at once; one of them owes hundreds of documents to the dead
and the slow destination. The healthy ones get the same traffic from either in turns.
"""

import asyncio
import statistics
from pathlib import Path

import pytest

from tests.proofs.branches import Branch, Branches, branches
from tests.proofs.hub_process import HubProcess, running
from tests.proofs.traffic import Traffic, name_of, quantile, write_root

HEALTHY = tuple(f"healthy-{n}" for n in range(8))
SLOW_SECONDS = 10.0
SHARE = 0.95
P99_RATIO = 1.10
PACE = 40


async def made_sick(hub: HubProcess, traffic: Traffic, each: int) -> dict[int, str]:
    """Owe that many to the dead and to the slow destination."""
    owed = {next(traffic.numbers): ("dead", "slow")[n % 2] for n in range(2 * each)}
    await traffic.hand_over(hub, owed)
    while not (traffic.city["dead"].requests and traffic.city["slow"].requests):
        await asyncio.sleep(0.05)
    return owed


async def isolated(
    root: Path, *, sick: int, rounds: int, burst: int, steady: int
) -> dict[str, float]:
    """Give both hubs their turns; return the figures."""
    by_name = {name: Branch() for name in HEALTHY}
    sicks = {"dead": Branch(status=503), "slow": Branch(delay_seconds=SLOW_SECONDS)}
    async with branches(**by_name, **sicks) as city:
        for name in ("alone", "beside"):
            write_root(root / name, {n: city.sink(n) for n in city.by_name})
        async with running(root / "alone") as alone, running(root / "beside") as beside:
            traffic = Traffic(city)
            for hub in (alone, beside):
                await traffic.burst(hub, 80, to=HEALTHY)  # to be warm
            owed = await made_sick(beside, traffic, sick)
            rates: dict[HubProcess, list[float]] = {alone: [], beside: []}
            took: dict[HubProcess, list[float]] = {alone: [], beside: []}
            for number in range(rounds):
                for hub in (alone, beside) if number % 2 else (beside, alone):
                    rates[hub].append(await traffic.burst(hub, burst, to=HEALTHY))
                    took[hub] += await traffic.deliver(hub, steady, to=HEALTHY, per_second=PACE)
            await they_are_kept(beside, city, owed)
    return {
        "rounds": rounds,
        "healthy_share": statistics.median(
            b / a for a, b in zip(rates[alone], rates[beside], strict=True)
        ),
        "alone_per_second": statistics.median(rates[alone]),
        "p99_ratio": quantile(took[beside], 0.99) / quantile(took[alone], 0.99),
        "p50_ratio": quantile(took[beside], 0.5) / quantile(took[alone], 0.5),
        "p99_alone_ms": quantile(took[alone], 0.99) * 1000,
        "tries_at_the_dead": city["dead"].requests,
    }


async def they_are_kept(hub: HubProcess, city: Branches, owed: dict[int, str]) -> None:
    """What is owed to the sick is still owed, every healthy delivery came once."""
    for name in HEALTHY:
        assert set(city[name].effects.values()) == {1}, name
    _, figures = await hub.metrics()
    dead = [n for n, branch in owed.items() if branch == "dead"]
    waiting = figures.get('remithub_set_aside{interface="dead",state="waiting"}', 0)
    assert figures['remithub_backlog{interface="dead"}'] + waiting == len(dead)
    assert city["dead"].effects.total() == 0
    assert city["dead"].requests < len(dead), "an open breaker makes no attempts"
    slow = {name_of(n) for n, branch in owed.items() if branch == "slow"}
    assert city["slow"].effects.keys() <= slow
    assert city["slow"].doubled == 0


@pytest.mark.slow
async def test_the_healthy_do_not_wait_for_the_sick(tmp_path, report):
    figures = await isolated(tmp_path, sick=60, rounds=1, burst=160, steady=80)
    report("T-ISO", **figures)


@pytest.mark.soak
async def test_the_healthy_keep_their_pace_beside_the_sick(tmp_path, report):
    figures = await isolated(tmp_path, sick=1000, rounds=24, burst=400, steady=160)
    report("T-ISO", **figures)
    assert figures["healthy_share"] >= SHARE - 0.03, "three points for the noise of a machine"
    assert figures["p99_ratio"] <= P99_RATIO + 0.1
