"""Sums over much are shown a little old, never waited for again."""

import asyncio
from typing import Any

import pytest

from gateway.errors import StorageFault
from gateway.health.sums import FEW, REST, Sums


class Clock:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds


class Table:
    """A store with so many rows set aside; summing them takes a second, every time counts."""

    def __init__(self, clock: Clock, rows: int) -> None:
        self.clock = clock
        self.rows = rows
        self.taken = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.fault: StorageFault | None = None

    async def fetch(self, query: str, **_params: Any) -> list[dict[str, Any]]:
        assert query == "retry_sums"
        self.clock.seconds += 1.0
        await self.answers.wait()
        if self.fault is not None:
            raise self.fault
        self.taken += 1
        return [{"count": self.rows, "taken": self.taken}]


def make(rows: int) -> tuple[Clock, Table, Sums]:
    clock = Clock()
    table = Table(clock, rows)
    return clock, table, Sums(table, clock)


async def taken(sums: Sums) -> int:
    (row,) = await sums.rows()
    return row["taken"]


async def settled() -> None:
    """Let what was begun behind the answers end."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_few_are_summed_for_every_answer():
    _, _, sums = make(FEW)
    assert [await taken(sums) for _ in range(3)] == [1, 2, 3]


async def test_sums_of_many_rest_and_are_then_taken_behind_the_answer():
    clock, table, sums = make(FEW + 1)
    assert await taken(sums) == 1
    clock.seconds += REST - 0.1
    assert await taken(sums) == 1
    assert table.taken == 1
    clock.seconds += 0.2
    table.answers.clear()
    assert [await taken(sums) for _ in range(2)] == [1, 1], "nobody waits for the new ones"
    table.answers.set()
    await settled()
    assert await taken(sums) == 2


async def test_the_first_of_many_are_taken_behind_the_start_and_nobody_waits_for_them():
    _, table, sums = make(FEW + 1)
    table.answers.clear()
    sums.begin()
    assert [await sums.rows() for _ in range(2)] == [[], []]
    table.answers.set()
    await settled()
    assert await taken(sums) == 1
    assert table.taken == 1


async def test_few_that_have_become_many_at_once_are_not_waited_for_either():
    _, table, sums = make(FEW)
    assert await taken(sums) == 1
    table.answers.clear()
    assert [await taken(sums) for _ in range(2)] == [1, 1]
    table.answers.set()
    await settled()
    assert table.taken == 2


async def test_a_fault_behind_an_answer_is_told_to_who_asks_next():
    clock, table, sums = make(FEW + 1)
    await sums.rows()
    clock.seconds += REST + 1
    table.answers.clear()
    table.fault = StorageFault("The database refused.")
    assert await taken(sums) == 1
    table.answers.set()
    await settled()
    with pytest.raises(StorageFault):
        await sums.rows()


async def test_once_there_are_few_again_they_are_exact_again():
    clock, table, sums = make(FEW + 1)
    await sums.rows()
    table.rows = FEW
    clock.seconds += REST
    await sums.rows()
    await settled()
    assert [await taken(sums) for _ in range(2)] == [3, 4]
