"""Folds SQLite's write-ahead log into the database file beside the commits, not inside one.

In a database of gigabytes the pages of a thousand commits lie far apart, and a checkpoint inside a
commit makes whoever waits for it wait for thousands of random writes. Here a connection of its own
folds on a thread. Where commits are so many that it never reaches the end of the log, so that the
log cannot start over, the rest is folded between two commits.

Before 3.51.3 SQLite may lose pages when a checkpoint begins at a log folded to its end while a
commit starts that log over (sqlite.org/wal.html, "The WAL-Reset Bug"). Here none can: there is one
folding connection, its passes never overlap, and the one beside the commits begins only with
frames left to fold, so no commit can start the log over before that pass has ended.
"""

import contextlib
import os
import sqlite3
import struct
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from gateway.store.sqlite.connection import connect_folding

__all__ = ["Folding"]

_STEP_PAGES = 2000
"""So many pages are folded at a time: 8 MiB. Copying them costs 5 ms, syncing them 10 to 40, and
only a pass that reaches the log's end syncs."""

_START_OVER_PAGES = 4000
"""From this length on the log is made to start over."""

_PASSES = 10
"""So often a log that should start over is folded, one pass right after the other: the last ones
find a page or two to copy, take a millisecond each and fit between two commits."""

_LONGEST_PAGES = 10_000
"""At this length, 40 MiB, commits wait; with the largest group it stays below 64 MiB."""

_INDEX = struct.Struct("=16xI76xI")
"""Of the log's index (sqlite.org/walformat.html): frames in the log, frames folded. Its format has
been the same since 2010: programs with different SQLites share it."""


class Folding:
    """Keeps the log of the one writing connection short. One thread calls it: the writer's.

    Make it when that connection has read something: then the log has an index.
    """

    def __init__(self, path: Path) -> None:
        self._connection = connect_folding(path)
        self._index = os.open(path.with_name(path.name + "-shm"), os.O_RDONLY | os.O_CLOEXEC)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-fold")
        self._pass: Future[None] | None = None
        self._tried = 0
        self._waited_for = False

    def after_commit(self) -> None:
        """Fold if there is enough to fold; waits only where the log has grown too long."""
        length, folded = self._log()
        if length < self._tried:
            self._tried = 0  # the log has started over
        if self._pass is not None:
            if not self._pass.done() and length < _LONGEST_PAGES:
                return
            self._waited_for = True
            self._pass.result()
            self._pass, self._waited_for = None, False
            if length >= _LONGEST_PAGES:
                self._fold()
                length, folded = self._log()
        if length - max(folded, self._tried) >= _STEP_PAGES:
            self._tried = length
            self._pass = self._thread.submit(self._fold_beside)

    def close(self) -> None:
        """End the pass under way; call it before the writing connection is closed."""
        self._thread.shutdown()
        self._connection.close()

    def let_go(self) -> None:
        """Close the index; only when no connection of this process is open: closing any descriptor
        of a file drops the locks that the process holds on it."""
        os.close(self._index)

    def _fold_beside(self) -> None:
        """Fold, and where the log should start over, what was appended meanwhile too: the log
        starts over once a commit finds it folded to its end."""
        for _ in range(_PASSES):
            self._fold()
            length, folded = self._log()
            rest = length - folded
            if self._waited_for or length < _START_OVER_PAGES or not 0 < rest < _STEP_PAGES:
                return

    def _log(self) -> tuple[int, int]:
        """Return how many frames the log has, and how many of them are folded."""
        length, folded = _INDEX.unpack(os.pread(self._index, _INDEX.size, 0))
        return length, folded

    def _fold(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # a full disk: the log keeps it all, to try again
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
