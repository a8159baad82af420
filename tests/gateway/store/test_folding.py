"""The log is folded beside the commits: never lost, never long, and no commit does it."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count, islice
from pathlib import Path

import pytest

from gateway.store import KeyRing, Statement, Unit
from gateway.store.sqlite import folding
from gateway.store.sqlite.connection import connect_reader
from gateway.store.sqlite.engine import Engine, EngineSettings

STEP, START_OVER, LONGEST = 20, 60, 200

Write = Callable[[int], None]


@pytest.fixture
def engine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(folding, "_STEP_PAGES", STEP)
    monkeypatch.setattr(folding, "_START_OVER_PAGES", START_OVER)
    monkeypatch.setattr(folding, "_LONGEST_PAGES", LONGEST)
    settings = EngineSettings(path=str(folder / "hub.db"), writer_name="hub", folds_beside=True)
    with closing(Engine(settings, KeyRing.open(folder / "hub.key"))) as made:
        for connection in (made._connection, made._folding._connection):
            connection.execute("PRAGMA synchronous = OFF")  # the disk's pace does not matter here
        yield made


@pytest.fixture
def write(engine: Engine) -> Write:
    """Writes so many values, a commit each."""
    numbers = count()

    def written(times: int) -> None:
        for number in islice(numbers, times):
            row = {"key": f"key {number}", "value": "v" * 3000}
            engine.apply([Unit(statements=(Statement("hub_put", row),))], at=0)

    return written


def kept(path: Path) -> int:
    with closing(connect_reader(path)) as reader:
        assert reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(reader.execute("SELECT COUNT(*) FROM hub WHERE key LIKE 'key %'").fetchone()[0])


def test_the_log_starts_over_again_and_again_and_nothing_is_lost(folder, engine, write):
    write(600)
    frames = (folder / "hub.db-wal").stat().st_size // 4096
    assert frames < LONGEST + 2 * STEP, "some 2,000 pages were written"
    assert kept(folder / "hub.db") == 600


def test_commits_fold_nothing_themselves(engine, write, monkeypatch):
    began: list[int] = []
    monkeypatch.setattr(engine._folding, "_fold_beside", lambda: began.append(1))
    write(STEP)
    pages = engine._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    assert pages[1] >= STEP, "all of it was still in the log"
    assert began


def test_no_commit_starts_the_log_over_while_a_pass_runs(engine, write, monkeypatch):
    """What keeps us clear of the fault that SQLite has before 3.51.3."""
    usual = engine._folding._fold
    seen: list[tuple[int, int]] = []

    def watched() -> None:
        if threading.current_thread() is not threading.main_thread():
            seen.append(engine._folding._log())
        usual()

    monkeypatch.setattr(engine._folding, "_fold", watched)
    write(600)
    assert len(seen) > 5
    assert all(folded < length for length, folded in seen), "each began with something to fold"


def test_a_long_read_lets_the_log_grow_and_does_not_stop_it_from_being_folded_later(
    folder, engine, write
):
    with closing(connect_reader(folder / "hub.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM hub").fetchone()
        write(150)
        assert engine._folding._log()[0] > LONGEST
    write(100)
    assert engine._folding._log()[0] < LONGEST + 2 * STEP, "it has started over"
    assert kept(folder / "hub.db") == 250


def test_a_pass_that_the_disk_refuses_is_tried_again(engine, write, monkeypatch):
    class Refusing:
        def execute(self, _sql: str) -> None:
            raise sqlite3.OperationalError("database or disk is full")

    usual = engine._folding._connection
    engine._folding._connection = Refusing()
    write(100)
    length, folded = engine._folding._log()
    assert (length > LONGEST, folded) == (True, 0)
    engine._folding._connection = usual
    write(100)
    assert engine._folding._log()[0] < LONGEST + 2 * STEP, "it has started over"
