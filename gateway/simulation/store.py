"""The store of a simulated process: the real SQLite engine, driven by a writer that may fail.

A writer delays, says that it is busy or full, or commits and loses its answer. The database lies
in this process's memory (SQLite's `memdb`), where all connections of one world share it: there is
no log and nothing is flushed; power losses and real files are proved elsewhere.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

from gateway.ports import Ports
from gateway.simulation.loop import Process
from gateway.store import KeyRing, Row, StoreSettings, StoreUnavailable, Unit
from gateway.store.group import LoopCommit, Outcome
from gateway.store.sealing import seal
from gateway.store.sqlite.connection import connect_reader, connect_writer
from gateway.store.sqlite.engine import Engine, EngineSettings
from gateway.store.sqlite.lock import StoreLock
from gateway.store.sqlite.migrate import migrate
from gateway.store.sqlite.readers import Readers
from gateway.store.sqlite.store import SqliteStore
from gateway.store.statements import read_block

__all__ = ["KEYS", "Disk", "SimulatedStore", "Trouble"]


class _Keys(KeyRing):
    """Seals without compressing first; what is opened is opened as ever."""

    def seal(self, data: bytes, place: bytes) -> bytes:
        """Seal under the active key, bound to `place`."""
        return seal(data, place, key_id=self._active, kek=self._keys[self._active], pack=False)


KEYS = _Keys({b"simulate": b"k" * 32}, active=b"simulate", index=b"i" * 32)
"""Fixed: nothing here is secret, and blind indexes must be the same for the same seed."""


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - where files are memory


@lru_cache(maxsize=1)
def _template() -> sqlite3.Connection:
    """Return an empty migrated database: migrations run once per process."""
    with tempfile.TemporaryDirectory(prefix="remithub-simulation-") as folder:
        path = Path(folder) / "hub.db"
        connection = connect_writer(path)
        migrate(path, connection)
        connection.execute("PRAGMA journal_mode = DELETE")  # memory has no write-ahead log
        template = sqlite3.connect(":memory:", check_same_thread=False)
        connection.backup(template)
        connection.close()
        return template


class Trouble:
    """What may go wrong with writes just now: chances from 0 to 1, and seconds."""

    def __init__(self) -> None:
        self.busy = 0.0
        self.answer_lost = 0.0
        self.late = 0.0
        self.read_busy = 0.0
        self.longest_seconds = 0.0
        self.full = False


class Disk:
    """The database file that the processes of one world share, and its troubles."""

    def __init__(self, *, shared: bool, chance: Any, now_ms: Callable[[], int]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="remithub-simulation-", dir=_memory()))
        """For files of the world's own; `remove` removes it."""
        self.path = Path(f"file:/{self.folder.name}?vfs=memdb")
        """The database's address, which is SQLite's own. It is there until `remove`."""
        self.lost_answers = 0
        self.shared = shared
        self.chance = chance
        self.now_ms = now_ms
        """The database's own clock: where it is shared, no process's counts."""
        self.trouble = Trouble()
        self._engines: dict[str, _Engine] = {}
        self._reader = connect_reader(self.path)
        self._reader.row_factory = sqlite3.Row
        _template().backup(self._reader)

    def rows(self, sql: str, *parameters: object) -> list[Row]:
        """Return the rows of a query of the simulation's own."""
        return [dict(row) for row in self._reader.execute(sql, parameters)]

    def engine(self, name: str) -> "_Engine":
        """Return the engine of the process that begins there now."""
        if name not in self._engines:
            settings = EngineSettings(path=str(self.path), writer_name=name)
            self._engines[name] = _Engine(settings, KEYS)
        self._engines[name].begin()
        return self._engines[name]

    def remove(self) -> None:
        """Forget the database and remove the folder."""
        for engine in self._engines.values():
            engine.dispose()
        self._reader.close()
        shutil.rmtree(self.folder)


class _Engine(Engine):
    """The engine of one place: its connection, with every statement it has compiled, is kept from
    one process there to the next."""

    def begin(self) -> None:
        """Know nothing but what the database says, as a process does that has just started."""
        self._roll_back()
        self._chain = self._extended = self._load_chain()

    def close(self) -> None:
        """Take back what was not committed, as the end of a process does."""
        self._roll_back()

    def dispose(self) -> None:
        """Close the connection."""
        super().close()

    @property
    def connection(self) -> sqlite3.Connection:
        """Return the connection; nothing else uses it while a group is written."""
        return self._connection


class _Readers(Readers):
    """Reads on the connection that writes: on one thread nobody reads what is half written."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._keys = KEYS
        self._inline = connection
        self._columns = {}
        self.pool = ThreadPoolExecutor(1)  # the virtual loop never asks it

    def body_blocks(self, body_id: str) -> Iterator[bytes]:
        """Iterate over a body's chunks."""
        return self._chunks(self._inline, body_id)

    def close(self) -> None:
        """Nothing is open here."""

    def _connection(self) -> sqlite3.Connection:
        return self._inline


class _Writer:
    """What `LoopCommit` awaits."""

    def __init__(self, disk: Disk, ports: Ports, name: str) -> None:
        self._disk = disk
        self._ports = ports
        self.engine = disk.engine(name)

    async def apply(self, units: Sequence[Unit], *, at: int) -> list[Outcome]:
        """Write the group, unless trouble comes first."""
        trouble, chance = self._disk.trouble, self._disk.chance
        if trouble.full:
            raise StoreUnavailable("No room.", code="disk_full")
        if chance.random() < trouble.busy:
            raise StoreUnavailable("Busy.", code="store_busy")
        if trouble.late:
            await self._delay()
        at = self._disk.now_ms() if self._disk.shared else at
        outcomes = self.engine.apply(units, at=at)
        if trouble.late:
            await self._delay()
        if chance.random() < trouble.answer_lost:
            self._disk.lost_answers += 1
            raise StoreUnavailable("The answer is lost.", code="writer_lost")
        return outcomes

    async def _delay(self) -> None:
        trouble, chance = self._disk.trouble, self._disk.chance
        if chance.random() < trouble.late:
            await self._ports.clock.sleep(chance.random() * trouble.longest_seconds)

    async def close(self) -> None:
        """Let go of the file."""
        self.engine.close()


class SimulatedStore(SqliteStore):
    """The SQLite store on the loop alone; `shared` where two processes use one file."""

    def __init__(self, disk: Disk, ports: Ports, name: str) -> None:
        self._disk = disk
        self._ports = ports
        self._own = _Writer(disk, ports, name)
        descriptor = os.open(os.devnull, os.O_RDONLY)
        settings = StoreSettings(path=disk.path, reader_threads=1, writer_name=name)
        super().__init__(settings, KEYS, LoopCommit(self._own, ports), StoreLock(descriptor))
        self._readers.close()
        self._readers = _Readers(self._own.engine.connection)

    @property
    def shared(self) -> bool:
        """Whether other processes may use the same file at the same time."""
        return self._disk.shared

    async def fetch(self, query: str, **params: Any) -> list[Row]:
        """Run a named read query; on a shared store, it takes time and may fail."""
        trouble, chance = self._disk.trouble, self._disk.chance
        if self._disk.shared and trouble.read_busy and chance.random() < trouble.read_busy:
            await self._ports.clock.sleep(chance.random() * 0.2)
            if chance.random() < 0.5:
                raise StoreUnavailable("Busy.", code="store_busy")
        self._must_be_open()
        block = read_block(query)
        for name in block.optional:
            params.setdefault(name, None)
        return self._readers.read(block, params)  # on the loop's thread, whatever it is

    def dropped_with(self, process: Process) -> None:
        """Let go of what a process that has crashed had open, as the system does."""
        assert not process.alive  # noqa: S101 - only then
        self._own.engine.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None
