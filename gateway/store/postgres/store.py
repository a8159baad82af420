"""The shared store: PostgreSQL with one writing session per process and a pool that reads."""

from collections.abc import Iterator
from typing import Any

from gateway.errors import NotFound, StorageFault
from gateway.ports import Ports
from gateway.store.cache import BodyCache
from gateway.store.group import LoopCommit
from gateway.store.interface import PostgresSettings, Store, StoreStats
from gateway.store.keys import KeyRing
from gateway.store.migrations import HEAD_REVISION
from gateway.store.postgres.faults import store_fault, unreachable
from gateway.store.postgres.looking import must_be_durable
from gateway.store.postgres.migrate import migrate, schema_version
from gateway.store.postgres.readers import Readers
from gateway.store.postgres.session import connect
from gateway.store.postgres.writer import PostgresWriter
from gateway.store.reading import KEY_CHECK, key_check, must_be_the_key
from gateway.store.units import Committed, Row, StoreUnavailable, Unit

__all__ = ["PostgresStore", "open_postgres"]

_LEARN = "INSERT INTO hub (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING"
_KNOWN = "SELECT value FROM hub WHERE key = $1"
_BODIES = "SELECT EXISTS (SELECT 1 FROM body)"
_SIZE = "SELECT pg_database_size(current_database())"


async def open_postgres(settings: PostgresSettings, keys: KeyRing, ports: Ports) -> Store:
    """Connect, make or migrate the tables, and claim a writer slot.

    Raises StoreUnavailable (`store_unreachable`), StorageFault (`store_unsafe`, `wrong_key`,
    `schema_too_new`), NotFound where the tables are absent and may not be made.
    """
    try:
        version = await _prepare(settings, keys)
    except Exception as error:
        raise store_fault(error) if not isinstance(error, NotFound) else error from error
    writer = PostgresWriter(settings, keys, ports)
    await writer.open()
    readers = Readers(settings, keys)
    await readers.open()
    return PostgresStore(settings, writer, readers, ports, version)


async def _prepare(settings: PostgresSettings, keys: KeyRing) -> str:
    connection = await connect(settings)
    try:
        await must_be_durable(connection, settings)
        if await schema_version(connection) != HEAD_REVISION:
            if not settings.create:
                raise NotFound(
                    "The database is not at this hub's schema.", code="database_missing"
                )
            await migrate(settings.url, password=settings.password)
        await _check_key(connection, keys)
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


async def _check_key(connection: Any, keys: KeyRing) -> None:
    """Refuse a key that did not seal this database; a database without bodies learns its key."""
    value = await connection.fetchval(_KNOWN, KEY_CHECK)
    if value is None and not await connection.fetchval(_BODIES):
        await connection.execute(_LEARN, KEY_CHECK, key_check(keys))
        value = await connection.fetchval(_KNOWN, KEY_CHECK)
    must_be_the_key(keys, value or "")


class PostgresStore:
    """The `Store` over PostgreSQL; made by `open_postgres`, used from the loop that opened it."""

    def __init__(
        self,
        settings: PostgresSettings,
        writer: PostgresWriter,
        readers: Readers,
        ports: Ports,
        version: str,
    ) -> None:
        self._settings = settings
        self._engine = writer
        self._writer = LoopCommit(writer, ports)
        self._readers = readers
        self._cache = BodyCache(settings.cache_bytes)
        self._version = version
        self._waiting_bytes = 0
        self._open = True

    @property
    def shared(self) -> bool:
        """Yes: any number of processes."""
        return True

    async def commit(self, unit: Unit) -> Committed:
        """Write the unit; return only after the group commit it belongs to is durable.

        Raises StoreUnavailable: `store_crowded` while too much waits to be written, and at once
        while the writer finds out what became of a commit.
        """
        if self._engine.resolving:
            raise unreachable()
        size = sum(len(body.data) for body in unit.bodies)
        if (
            self._writer.waiting >= self._settings.waiting_units
            or self._waiting_bytes > self._settings.waiting_bytes
        ):
            raise StoreUnavailable(
                "Too much waits to be written; nothing of this was.",
                code="store_crowded",
                next_step="look at the database server: it is slow or away.",
            )
        self._waiting_bytes += size
        written = self._writer.submit(unit)
        written.add_done_callback(lambda _: self._free(size))
        committed = await written
        self._cache.follow(unit)
        return committed

    async def fetch(self, query: str, **params: Any) -> list[Row]:
        """Run a named read query; see `sql/*.sql` for names, parameters and columns."""
        self._must_be_open()
        return await self._readers.read(query, params)

    async def body(self, body_id: str) -> bytes:
        """Return a whole body; StorageFault (`body_missing`, `body_damaged`)."""
        self._must_be_open()
        data = self._cache.get(body_id)
        if data is None:
            data = await self._readers.body(body_id)
            self._cache.put(body_id, data)
        return data

    def body_blocks(self, body_id: str) -> Iterator[bytes]:
        """Iterate over a body's chunks; blocking, for a thread that is not the loop's."""
        return self._readers.body_blocks(body_id)

    async def stats(self) -> StoreStats:
        """Return sizes in bytes and counts since start-up; the log is the server's own affair."""
        return StoreStats(
            engine="postgresql",
            engine_version=self._version,
            schema_version=HEAD_REVISION,
            database_bytes=await self._readers.value(_SIZE),
            wal_bytes=0,
            queue_length=self._writer.waiting,
            batches=self._writer.batches,
            units=self._writer.units,
            failed_units=self._writer.failed_units,
            cache_bytes=self._cache.bytes,
            cache_hits=self._cache.hits,
            cache_misses=self._cache.misses,
        )

    async def close(self) -> None:
        """Write what is queued, then let go of the database; a second call does nothing."""
        if not self._open:
            return
        self._open = False
        await self._writer.close()
        await self._readers.close()

    def _free(self, size: int) -> None:
        self._waiting_bytes -= size

    def _must_be_open(self) -> None:
        if not self._open:
            raise StorageFault("The store is closed.", code="store_closed")
