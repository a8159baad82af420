"""The embedded store: SQLite with one writer, group commit and reading connections.

The writer is a process by default, a thread by setting. Measured on two shared cores with eight
units a file (`remithub bench store`): both cost about 100 us of CPU per unit in all, but the
thread takes 95 of them from the hub's own interpreter, the process 14 to 33. With the event loop
kept busy at 120 files/s offered, the median of eight runs each was 271 ms for the process and
935 ms for the thread at the 99th percentile of a commit, at equal throughput (91 and 88 files/s on
a crowded machine; 1,050 to 1,200 with the loop free): every statement of the thread waits for the
GIL. The thread stays for tests and for `doctor`; a simulation hands over a `Committer` of its own.
"""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.errors import NotFound, StorageFault
from gateway.ports import Ports
from gateway.store.cache import BodyCache
from gateway.store.group import Committer, ThreadCommit, Writer
from gateway.store.interface import Store, StoreSettings, StoreStats, WriterShape
from gateway.store.keys import KeyRing
from gateway.store.migrations import HEAD_REVISION
from gateway.store.reading import KEY_CHECK, key_check, must_be_the_key
from gateway.store.sqlite.connection import batch_fault, connect_writer
from gateway.store.sqlite.engine import Engine, EngineSettings
from gateway.store.sqlite.lock import StoreLock
from gateway.store.sqlite.migrate import migrate
from gateway.store.sqlite.process import ProcessWriter
from gateway.store.sqlite.readers import Readers
from gateway.store.statements import read_block
from gateway.store.units import Committed, Row, Unit

__all__ = ["SqliteStore", "open_sqlite"]


async def open_sqlite(settings: StoreSettings, keys: KeyRing, ports: Ports) -> Store:
    """Open the database, making and migrating it where needed, and start its writer.

    Raises StorageFault: `store_locked` (another hub), `wrong_key`, `schema_too_new`,
    `store_damaged`; NotFound when it is absent and may not be made.
    """
    path = settings.path
    if not settings.create and not path.exists():
        raise NotFound(f"There is no database at {path}.", code="database_missing")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _make_private(path)
    lock = await StoreLock.take(path, wait_seconds=settings.lock_wait_seconds, clock=ports.clock)
    try:
        await asyncio.get_running_loop().run_in_executor(None, _prepare, path, keys)
        writer = await _start_writer(settings, keys, lock, ports)
    except BaseException:
        lock.release()
        raise
    return SqliteStore(settings, keys, writer, lock)


def _make_private(path: Path) -> None:
    """Make the database, where it is not there, its owner's only; its log files follow it."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


class SqliteStore:
    """The `Store` over SQLite; made by `open_sqlite`, used from the loop that opened it."""

    def __init__(
        self, settings: StoreSettings, keys: KeyRing, writer: Committer, lock: StoreLock
    ) -> None:
        self._path = settings.path
        self._writer = writer
        self._lock: StoreLock | None = lock
        self._readers = Readers(settings.path, keys, threads=settings.reader_threads)
        self._cache = BodyCache(settings.cache_bytes)

    @property
    def shared(self) -> bool:
        """No: the exclusive lock sees to that."""
        return False

    async def commit(self, unit: Unit) -> Committed:
        """Write the unit; return only after the group commit it belongs to is durable."""
        committed = await self._writer.submit(unit)
        self._cache.follow(unit)
        return committed

    async def fetch(self, query: str, **params: Any) -> list[Row]:
        """Run a named read query; see `sql/*.sql` for names, parameters and columns."""
        self._must_be_open()
        block = read_block(query)
        for name in block.optional:
            params.setdefault(name, None)
        rows = self._readers.try_inline(block, params)
        if rows is not None:
            return rows
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers.pool, self._readers.read, block, params)

    async def body(self, body_id: str) -> bytes:
        """Return a whole body; StorageFault (`body_missing`, `body_damaged`)."""
        self._must_be_open()
        data = self._cache.get(body_id)
        if data is None:
            loop = asyncio.get_running_loop()
            data = await loop.run_in_executor(self._readers.pool, self._readers.body, body_id)
            self._cache.put(body_id, data)
        return data

    def body_blocks(self, body_id: str) -> Iterator[bytes]:
        """Iterate over a body's chunks; blocking, on a connection of its own."""
        return self._readers.body_blocks(body_id)

    async def stats(self) -> StoreStats:
        """Return sizes in bytes and counts since start-up."""
        return StoreStats(
            engine="sqlite",
            engine_version=sqlite3.sqlite_version,
            schema_version=HEAD_REVISION,
            database_bytes=_size(self._path),
            wal_bytes=_size(self._path.with_name(self._path.name + "-wal")),
            queue_length=self._writer.waiting,
            batches=self._writer.batches,
            units=self._writer.units,
            failed_units=self._writer.failed_units,
            cache_bytes=self._cache.bytes,
            cache_hits=self._cache.hits,
            cache_misses=self._cache.misses,
        )

    def _must_be_open(self) -> None:
        if self._lock is None:
            raise StorageFault("The store is closed.", code="store_closed")

    async def close(self) -> None:
        """Write what is queued, then let go of the database; a second call does nothing."""
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        await asyncio.get_running_loop().run_in_executor(None, self._readers.close)
        await self._writer.close()
        lock.release()


async def _start_writer(
    settings: StoreSettings, keys: KeyRing, lock: StoreLock, ports: Ports
) -> Committer:
    engine = EngineSettings(
        path=str(settings.path),
        writer_name=settings.writer_name,
        max_bytes=settings.max_bytes,
        folds_beside=True,
    )

    def open_writer() -> Writer:
        if settings.writer is WriterShape.THREAD:
            return Engine(engine, keys)
        return ProcessWriter(engine, keys, lock_descriptor=lock.descriptor)

    writer = ThreadCommit(open_writer, ports)
    await writer.start()
    return writer


def _prepare(path: Path, keys: KeyRing) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    try:
        connection = connect_writer(path)
        try:
            migrate(path, connection)
            _check_key(connection, keys)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise batch_fault(error) from error


def _check_key(connection: sqlite3.Connection, keys: KeyRing) -> None:
    """Refuse a key that did not seal this database; a database without bodies learns its key."""
    row = connection.execute("SELECT value FROM hub WHERE key = ?", (KEY_CHECK,)).fetchone()
    if row is None and connection.execute("SELECT 1 FROM body LIMIT 1").fetchone() is None:
        values = (KEY_CHECK, key_check(keys))
        connection.execute("INSERT INTO hub (key, value) VALUES (?, ?)", values)
        return
    must_be_the_key(keys, row[0] if row else "")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
