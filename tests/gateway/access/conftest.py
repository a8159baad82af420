"""Stores of both engines, and a clock that stands still until a test moves it."""

from datetime import UTC, datetime

import pytest

from gateway.ports import Ports
from gateway.store import Store
from tests.gateway.store.conftest import (
    OpenStore,
    folder,
    migrated,
    open_engine,
    open_postgres,
    open_sqlite,
)

__all__ = ["folder", "migrated", "open_engine", "open_postgres", "open_sqlite"]

START = 1_800_000_000


class StillClock:
    """Both times move together, by `pass_`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(START + self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def pass_(self, *, days: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        self.seconds += days * 86_400 + minutes * 60 + seconds


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def ports(clock: StillClock) -> Ports:
    return Ports(clock=clock)


@pytest.fixture
async def store(open_engine: OpenStore) -> Store:
    return await open_engine()
