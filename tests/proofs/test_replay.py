"""T-REP: five operators replay overlapping selections while traffic runs: each item goes once.

Each order has an id and is given twice, as by a double click: the second is answered like the first.
"""

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.proofs.branches import Branch, branches
from tests.proofs.hub_process import HubProcess, running
from tests.proofs.traffic import Traffic, until, write_root

OPERATORS = 5


async def dead_letters(hub: HubProcess, traffic: Traffic, count: int) -> list[str]:
    """Have that many refused; return the names of what is set aside."""
    owed = {next(traffic.numbers): "fussy" for _ in range(count)}
    await traffic.hand_over(hub, owed)
    await until(lambda: traffic.city["fussy"].requests >= count, 600)
    names: list[str] = []
    async with asyncio.timeout(120):
        while len(names) < count:
            names = await listed(hub)
    assert len(names) == count
    return names


async def listed(hub: HubProcess) -> list[str]:
    """Return what is dead, page by page."""
    names: list[str] = []
    after = ""
    while True:
        page = await hub.get("/v1/set-aside", state="dead", limit=1000, after=after)
        names += [aside["id"] for aside in page["set_aside"]]
        after = page["next"]
        if not after:
            return names


def orders(names: list[str], group: str) -> list[dict[str, Any]]:
    """Return what five people ask for at once: each overlaps every other."""
    half, third = names[: len(names) // 2], names[len(names) // 3 :]
    whole: list[dict[str, Any]] = [
        {"state": "dead", "interface": "fussy"},
        {"group": group, "state": "dead"},
        {"everything": True},
    ]
    return [
        {**order, "order": f"order-{number}"}
        for number, order in enumerate([*whole, {"ids": half}, {"ids": third}])
    ]


async def replayed(root: Path, *, count: int, traffic_documents: int) -> dict[str, float]:
    """Let them; return the figures."""
    async with branches(fussy=Branch(status=422), live=Branch()) as city:
        write_root(root, {name: city.sink(name) for name in ("fussy", "live")})
        async with running(root) as hub:
            traffic = Traffic(city)
            names = await dead_letters(hub, traffic, count)
            (group,) = await hub.get("/v1/set-aside/groups")
            city["fussy"].status = 200
            before = city["fussy"].requests
            beside = asyncio.create_task(
                traffic.deliver(hub, traffic_documents, to=("live",), per_second=40)
            )
            answers = await asyncio.gather(
                *(hub.post("/v1/set-aside/replay", o) for o in 2 * orders(names, group["group"]))
            )
            await until(lambda: len(city["fussy"].effects) >= count, 600)
            took = await beside
            await asyncio.sleep(1)  # what would come twice comes now
            assert await hub.stop() == 0
    assert {status for status, _ in answers} == {200}, answers
    counts = [answer["count"] for _, answer in answers[:OPERATORS]]
    assert counts == [answer["count"] for _, answer in answers[OPERATORS:]], (
        "one order, one answer"
    )
    assert city["fussy"].requests - before == count, "each item was sent once"
    assert city["fussy"].doubled == city["live"].doubled == 0
    entries = audited(root, "set_aside.replay")
    assert entries.keys() == set(names)
    assert sum(entries.values()) == sum(counts), "one entry per item and order that moved it"
    assert set(audited(root, "order.replay").values()) == {1}, "one entry per order"
    return {
        "items": count,
        "operators": OPERATORS,
        "replayed": sum(counts),
        "sent": city["fussy"].requests - before,
        "doubled": 0,
        "audited": sum(entries.values()),
        "slowest_beside_seconds": max(took),
    }


def audited(root: Path, action: str) -> dict[str, int]:
    """Return how often each thing that was acted on is on the audit record."""
    with contextlib.closing(sqlite3.connect(root / "var/hub.db")) as database:
        rows = database.execute(
            "SELECT object_id, COUNT(*) FROM audit WHERE action = ? GROUP BY object_id", (action,)
        )
        return dict(rows.fetchall())


@pytest.mark.slow
async def test_five_operators_replay_the_same_and_each_item_goes_once(tmp_path, report):
    report("T-REP", **await replayed(tmp_path, count=300, traffic_documents=80))


@pytest.mark.soak
async def test_five_operators_replay_ten_thousand_while_traffic_runs(tmp_path, report):
    report("T-REP", **await replayed(tmp_path, count=10_000, traffic_documents=1200))
