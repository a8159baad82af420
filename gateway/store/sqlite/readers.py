"""Named reads and bodies over reading connections: short ones inline, the rest on threads.

A point read costs 20 us inline and 5 times that over a thread, whose every step waits for the
GIL behind the event loop; WAL readers never wait for the writer.
"""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

from gateway.errors import StorageFault
from gateway.store.keys import KeyRing
from gateway.store.reading import (
    body_damaged,
    body_incomplete,
    body_missing,
    opened_reasons,
)
from gateway.store.sealing import chunk_place
from gateway.store.sqlite.connection import batch_fault, connect_reader, read_fault
from gateway.store.statements import Block, Pace
from gateway.store.units import Row, StoreUnavailable

__all__ = ["Readers"]

_CHUNK = "SELECT last, sealed FROM body WHERE body_id = ? AND chunk = ?"


class Readers:
    """One inline connection for the loop's thread, one per reader thread."""

    def __init__(self, path: Path, keys: KeyRing, *, threads: int) -> None:
        self._path = path
        self._keys = keys
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._columns: dict[str, tuple[str, ...]] = {}
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="store-reader")

    @cached_property
    def _inline(self) -> sqlite3.Connection:
        return connect_reader(self._path, busy_ms=0)

    def try_inline(self, block: Block, params: dict[str, Any]) -> list[Row] | None:
        """Read on this thread when the block is a point read; None when it must go to a thread."""
        if block.pace is not Pace.POINT:
            return None
        try:
            return self._rows(self._inline, block, params)
        except StoreUnavailable:
            return None

    def read(self, block: Block, params: dict[str, Any]) -> list[Row]:
        """Read on a reader thread."""
        return self._rows(self._connection(), block, params)

    def body(self, body_id: str) -> bytes:
        """Return a whole body, on a reader thread."""
        return b"".join(self._chunks(self._connection(), body_id))

    def body_blocks(self, body_id: str) -> Iterator[bytes]:
        """Iterate over a body's chunks on a connection of its own."""
        with closing(connect_reader(self._path)) as connection:
            yield from self._chunks(connection, body_id)

    def close(self) -> None:
        """Wait for the threads and close every connection."""
        self.pool.shutdown()
        inline = self.__dict__.pop("_inline", None)
        for connection in (inline, *self._opened):
            if connection is not None:
                connection.close()

    def _chunks(self, connection: sqlite3.Connection, body_id: str) -> Iterator[bytes]:
        last = False
        chunk = 0
        while not last:
            try:
                row = connection.execute(_CHUNK, (body_id, chunk)).fetchone()
            except sqlite3.Error as error:
                raise batch_fault(error) from error
            if row is None:
                raise body_missing(body_id) if chunk == 0 else body_incomplete(body_id, chunk)
            last = bool(row[0])
            try:
                yield self._keys.open_sealed(row[1], chunk_place(body_id, chunk, last))
            except StorageFault as error:
                raise body_damaged(body_id, chunk) from error
            chunk += 1

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect_reader(self._path)
            self._opened.append(connection)
        return connection

    def _rows(
        self, connection: sqlite3.Connection, block: Block, params: dict[str, Any]
    ) -> list[Row]:
        try:
            cursor = connection.execute(block.statements[0], params)
            found = cursor.fetchall()
        except (sqlite3.Error, OverflowError, TypeError, ValueError) as error:
            raise read_fault(error, block.name) from error
        if not found:
            return []
        names = self._columns.get(block.name)
        if names is None:  # a block's columns are always the same
            names = tuple(column[0] for column in cursor.description)
            self._columns[block.name] = names
        rows = [dict(zip(names, row, strict=True)) for row in found]
        return opened_reasons(rows, block.name, self._keys)
