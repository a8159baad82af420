"""A8: PostgreSQL is killed, stopped and cut off under load: nothing acked is lost or doubled.

The hub is a process of its own; senders offer each document until it is acked. While the database
is away they are told so (503 and when to come back), never anything else, and memory stays flat.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gateway.ports import Ports
from gateway.store import KeyRing, PostgresSettings, Store, open_store, verify_chain
from tests.postgres import Postgres
from tests.proofs.branches import Branch, Branches, branches
from tests.proofs.hub_process import HubProcess, running
from tests.proofs.traffic import FEED, name_of, raw, until, write_root

SENDERS = 6
SEED = 20261125
RESUME_SECONDS = 5.0
GROWTH_MB = 50.0
HANG_SECONDS = 240
"""A busy machine is slow; nothing may hang."""


@dataclass
class Senders:
    """Offer one document after another, each until it is acked."""

    hub: HubProcess
    acked: set[int] = field(default_factory=set)
    answers: Counter[int] = field(default_factory=Counter)
    without_word: int = 0
    last_ack: float = 0.0
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def send_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            number = next(self.numbers)
            while not await self._offer(number):
                await asyncio.sleep(0.1)  # sooner than they are told
                if stop.is_set():
                    return

    async def _offer(self, number: int) -> bool:
        target = f"{self.hub.url}/v1/interfaces/feed/files"
        async with self.hub.session.post(target, data=raw(number, "books")) as answer:
            await answer.read()
            self.answers[answer.status] += 1
            if answer.status == 503:
                self.without_word += not answer.headers.get("Retry-After")
            if answer.status in (200, 202):
                self.acked.add(number)
                self.last_ack = time.monotonic()
                return True
        return False

    async def flowing(self) -> float:
        """Wait for the next ack; return how long that took."""
        began = time.monotonic()
        await until(lambda: self.last_ack > began, HANG_SECONDS)
        return self.last_ack - began


@dataclass
class Failover:
    """One hub under load at a database that fails."""

    postgres: Postgres
    dsn: str
    senders: Senders
    resumed: list[float] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))

    async def kill(self) -> None:
        await self._down(self.postgres.kill9)

    async def stop(self) -> None:
        await self._down(self.postgres.stop)

    async def cut(self) -> None:
        for _ in range(3):
            await asyncio.to_thread(self.postgres.cut, self.dsn.rpartition("/")[2])
            await asyncio.sleep(self.chance.uniform(0, 0.2))
        self.resumed.append(await self.senders.flowing())

    async def _down(self, end: Callable[[], None]) -> None:
        await asyncio.to_thread(end)
        await asyncio.sleep(self.chance.uniform(0.2, 2))
        await asyncio.to_thread(self.postgres.start)
        self.resumed.append(await self.senders.flowing())

    async def round(self, fail: Callable[[], Awaitable[None]]) -> None:
        """Let it flow, fail, and have something audited between."""
        await asyncio.sleep(self.chance.uniform(0.1, 0.6))
        await fail()
        await self._audited()

    async def away(self, seconds: float) -> float:
        """Leave the senders without a database for so long; return by how many MB the hub grew."""
        await self.senders.flowing()
        before = self.senders.hub.rss_mb()
        await asyncio.to_thread(self.postgres.stop)
        most = before
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            await asyncio.sleep(0.5)
            most = max(most, self.senders.hub.rss_mb())
        await asyncio.to_thread(self.postgres.start)
        self.resumed.append(await self.senders.flowing())
        return most - before

    async def _audited(self) -> None:
        """Change the configuration: that is written to the audit chain."""
        feed = self.senders.hub.root / "config/interfaces/feed.yaml"
        feed.write_text(f"# {len(self.resumed)}\n{FEED}")
        status, told = await self.senders.hub.post("/v1/reload", {})
        assert status == 200, told


async def failed_over(
    root: Path, postgres: Postgres, *, rounds: int, away_seconds: float
) -> dict[str, Any]:
    """Let the database fail in every way so many times; return the figures."""
    dsn = postgres.fresh()
    async with branches(books=Branch()) as city:
        write_root(
            root,
            {"books": city.sink("books")},
            hub=f"store: {{postgres: {json.dumps(dsn)}}}\n",
        )
        async with running(root) as hub:
            senders, stop = Senders(hub), asyncio.Event()
            failover = Failover(postgres, dsn, senders)
            async with asyncio.TaskGroup() as group:
                for _ in range(SENDERS):
                    group.create_task(senders.send_until(stop))
                for _ in range(rounds):
                    for fail in (failover.kill, failover.stop, failover.cut):
                        await failover.round(fail)
                growth = await failover.away(away_seconds)
                stop.set()
            await _all_there(city, senders)
            assert hub.alive
    assert senders.answers.keys() <= {200, 202, 503}, senders.answers
    assert senders.without_word == 0
    writers, links = await _chains(root, dsn)
    assert links >= rounds
    return {
        "rounds_of_each": rounds,
        "acked": len(senders.acked),
        "refused_503": senders.answers[503],
        "lost": 0,
        "doubled": 0,
        "resume_max_seconds": max(failover.resumed),
        "away_seconds": away_seconds,
        "growth_mb": growth,
        "audit_writers": writers,
        "audit_rows": links,
    }


async def _all_there(city: Branches, senders: Senders) -> None:
    def missing() -> set[int]:
        return {n for n in senders.acked if name_of(n) not in city["books"].effects}

    try:
        await until(lambda: not missing(), HANG_SECONDS)
    except TimeoutError:
        raise AssertionError(f"{len(missing())} of {len(senders.acked)} are lost") from None
    assert city["books"].doubled == 0


async def _chains(root: Path, dsn: str) -> tuple[int, int]:
    """Verify every writer's chain; return how many writers and rows there are."""
    store = await open_store(
        PostgresSettings(url=dsn), KeyRing.open(root / "var/hub.key"), Ports()
    )
    writers = [row["writer"] for row in await store.fetch("audit_writers")]
    rows = 0
    for writer in writers:
        chain = await _chain(store, writer)
        assert verify_chain(chain) is None
        rows += len(chain)
    await store.close()
    return len(writers), rows


async def _chain(store: Store, writer: str) -> list[dict[str, Any]]:
    return await store.fetch("audit_rows", writer=writer, after_seq=0, limit=100_000)


@pytest.mark.slow
async def test_a_database_that_fails_over_loses_and_doubles_nothing(
    tmp_path, postgres_own, report
):
    figures = await failed_over(tmp_path, postgres_own, rounds=2, away_seconds=6)
    report("T-FAILOVER", **figures)


@pytest.mark.soak
async def test_ninety_failovers_and_five_minutes_without_a_database(
    tmp_path, postgres_own, report
):
    figures = await failed_over(tmp_path, postgres_own, rounds=30, away_seconds=300)
    report("T-FAILOVER", **figures)
    assert figures["resume_max_seconds"] <= RESUME_SECONDS
    assert figures["growth_mb"] <= GROWTH_MB
