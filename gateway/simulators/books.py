"""What a partner remembers: its effects in memory and, where wanted, in an append-only file."""

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["Journal", "effects_in"]


class Journal:
    """JSON lines, appended before the answer leaves; outlives a kill -9 of the partner.

    `path` None keeps nothing. Lines of requests that wait together share one fsync.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._file = -1
        self._written = 0
        self._synced = 0
        self._syncing = asyncio.Lock()

    def open(self) -> list[dict[str, Any]]:
        """Open for appending and return what is there, oldest first; a torn last line is cut."""
        if self._path is None:
            return []
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        whole = self._path.read_bytes()
        kept = whole[: whole.rfind(b"\n") + 1]
        os.ftruncate(self._file, len(kept))
        return [msgspec.json.decode(line) for line in kept.splitlines()]

    def append(self, record: dict[str, Any]) -> None:
        """Write one record; `sync` makes it durable."""
        if self._file < 0:
            return
        line = memoryview(msgspec.json.encode(record) + b"\n")
        while line:
            line = line[os.write(self._file, line) :]
        self._written += 1

    async def sync(self) -> None:
        """Return once everything appended so far is on the disk."""
        wanted = self._written
        if self._synced >= wanted:
            return
        async with self._syncing:
            if self._synced < wanted:
                covers = self._written
                await asyncio.get_running_loop().run_in_executor(None, os.fsync, self._file)
                self._synced = covers

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def effects_in(path: Path) -> dict[str, int]:
    """Count the effects per key in a journal file: what a test reads after a kill."""
    counts: dict[str, int] = {}
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            record = msgspec.json.decode(line)
            counts[record["key"]] = counts.get(record["key"], 0) + record["effects"]
    return counts
