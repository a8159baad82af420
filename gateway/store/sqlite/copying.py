"""An SQLite database at rest, as one side of a copy: read under its lock, or made anew."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.errors import Conflict, NotFound
from gateway.ports import Clock
from gateway.store.copying import Records
from gateway.store.sqlite.connection import connect_reader, connect_writer
from gateway.store.sqlite.lock import StoreLock
from gateway.store.sqlite.migrate import migrate

__all__ = ["new_sqlite_side", "sqlite_side"]


class _SqliteSide:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str, *values: Any) -> AsyncIterator[tuple[Any, ...]]:
        for row in self._connection.execute(sql, values):
            yield row

    async def write(self, table: str, columns: tuple[str, ...], records: Records) -> None:
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608  our own names
        self._connection.execute("BEGIN")
        self._connection.executemany(sql, records)
        self._connection.execute("COMMIT")

    async def finish(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@asynccontextmanager
async def sqlite_side(path: Path, clock: Clock) -> AsyncIterator[_SqliteSide]:
    """Open a database that no hub uses, to be read. Raises StorageFault (`store_locked`), NotFound."""
    if not path.exists():
        raise NotFound(f"There is no database at {path}.", code="database_missing")
    lock = await StoreLock.take(path, wait_seconds=0, clock=clock)
    try:
        with contextlib.closing(connect_writer(path)) as connection:
            migrate(path, connection)
        with contextlib.closing(connect_reader(path)) as connection:
            yield _SqliteSide(connection)
    finally:
        lock.release()


@asynccontextmanager
async def new_sqlite_side(path: Path, clock: Clock) -> AsyncIterator[_SqliteSide]:
    """Make a database to be written; one that is not finished is removed again.

    Raises Conflict (`target_not_empty`) where a file is there.
    """
    if path.exists():
        raise Conflict(f"There is a file at {path} already.", code="target_not_empty")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    lock = await StoreLock.take(path, wait_seconds=0, clock=clock)
    done = False
    try:
        with contextlib.closing(connect_writer(path)) as connection:
            migrate(path, connection)
            yield _SqliteSide(connection)
            done = True
    finally:
        lock.release()
        if not done:
            for name in (path.name, path.name + "-wal", path.name + "-shm"):
                path.with_name(name).unlink(missing_ok=True)
