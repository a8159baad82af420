"""Plays cells by themselves: a folder, partners and a database of its own for each, two at once."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.postgres import Postgres
from tests.proofs.matrix.scene import Cell, scene_in

__all__ = ["Played", "play_alone"]

AT_ONCE = 2
"""Most of a cell is waiting: for a start, a lease, a stall."""


@dataclass
class Played:
    """What became of the cells."""

    struck: list[Cell] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    """By cell, what is not as it must be."""
    documents: int = 0
    slowest_seconds: float = 0.0


async def play_alone(cells: list[Cell], folder: Path, shared: Postgres | None) -> Played:
    """Play every cell, on SQLite where no `shared` is given, and look at what it left; one that
    breaks something does not end the rest."""
    played = Played()
    waiting = iter(list(enumerate(cells)))
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(_play_some(waiting, folder, shared, played))
    return played


async def _play_some(
    waiting: Iterator[tuple[int, Cell]], folder: Path, shared: Postgres | None, played: Played
) -> None:
    for number, cell in waiting:
        root = folder / f"cell{number}"
        root.mkdir()
        began = time.monotonic()
        try:
            with _store(shared) as hub_yaml:
                await _play(cell, root, hub_yaml, played)
        except (AssertionError, TimeoutError) as error:
            about = f"{cell.point}:{cell.nth}:{cell.action}"
            played.broken[about] = str(error).partition("\n")[0] or type(error).__name__
        played.slowest_seconds = max(played.slowest_seconds, time.monotonic() - began)


async def _play(cell: Cell, root: Path, hub_yaml: str, played: Played) -> None:
    async with scene_in(root, hub_yaml) as scene:
        await scene.play(cell)
        by_hand = await scene.is_right()
        played.documents += scene.documents
        played.struck += scene.struck
    if cell.action == "kill":  # a planted exception is a bug, which a person sees
        assert by_hand == 0, "a hand was needed"


@contextlib.contextmanager
def _store(shared: Postgres | None) -> Iterator[str]:
    """Give what hub.yaml says of a store that is empty; a database is gone again afterwards."""
    if shared is None:
        yield ""
        return
    dsn = shared.migrated()
    try:
        yield f"store: {{postgres: {dsn}}}\n"
    finally:
        name = dsn.rpartition("/")[2]
        shared.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
