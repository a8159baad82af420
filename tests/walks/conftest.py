"""A running hub in a root folder of its own, and a partner that does what a test's script says."""

import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.walks.world import EXAMPLES, FEED, ROUTES, Partner, World, listening


@pytest.fixture
async def partner() -> AsyncIterator[Partner]:
    async with listening(Partner()) as there:
        yield there


@pytest.fixture(params=[os.environ.get("REMITHUB_TEST_ENGINE", "sqlite")])
def engine(request: pytest.FixtureRequest) -> str:
    """The DSN that `world` runs on, "" for SQLite; see `on_both_engines`. REMITHUB_TEST_ENGINE=postgresql
    runs every walk there."""
    if request.param == "sqlite":
        return ""
    dsn: str = request.getfixturevalue("postgres").migrated()
    return dsn


@pytest.fixture
async def world(tmp_path: Path, partner: Partner, engine: str) -> AsyncIterator[World]:
    """A world whose partner takes keys; `start` it once its files are right."""
    there = World(tmp_path, partner, engine=engine)
    there.write("config/interfaces/feed.yaml", FEED)
    there.write("config/routes.yaml", ROUTES)
    there.partner_is("key")
    yield there
    await there.stop()


@pytest.fixture(scope="session")
def advice() -> Callable[[int], dict[str, Any]]:
    """A valid remittance advice; every number gives another payment."""
    (first, *_) = sorted(EXAMPLES.glob("*.json"))
    text = first.read_text()

    def make(number: int) -> dict[str, Any]:
        document = json.loads(text)
        document["payment_key"] = f"{number:064x}"
        document["remittance_id"] = f"rem_{number:032x}"
        return document

    return make
