"""The one interface of the store, whatever engine is behind it."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Protocol

import msgspec

from gateway.store.units import Committed, Row, Unit

__all__ = [
    "CHUNK_BYTES",
    "PostgresSettings",
    "Store",
    "StoreSettings",
    "StoreStats",
    "WriterShape",
]

CHUNK_BYTES = 1 << 20
"""The plain size at which a body is cut into chunks."""


class WriterShape(StrEnum):
    """Where the one writer lives."""

    PROCESS = "process"
    """A child process holds the writing connection, compresses and seals there."""

    THREAD = "thread"
    """A thread of this process does: no second interpreter, but it shares the GIL."""


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the embedded database lies and how much it may use."""

    path: Annotated[Path, msgspec.Meta(description="The database file.")]
    create: Annotated[bool, msgspec.Meta(description="Make the database when absent.")] = True
    reader_threads: Annotated[int, msgspec.Meta(ge=1, description="Threads for long reads.")] = 2
    cache_bytes: Annotated[
        int, msgspec.Meta(ge=0, description="Recent bodies kept in memory, in bytes.")
    ] = 32 << 20
    max_bytes: Annotated[
        int | None, msgspec.Meta(ge=1 << 20, description="Upper bound of the database file.")
    ] = None
    writer: WriterShape = WriterShape.PROCESS
    writer_name: Annotated[
        str, msgspec.Meta(description="Names this writer in counters and the audit chain.")
    ] = "hub"
    lock_wait_seconds: Annotated[
        float, msgspec.Meta(ge=0, description="Wait this long for another hub to let go.")
    ] = 5.0


class PostgresSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which PostgreSQL database several hubs share, and how this one behaves there."""

    url: Annotated[
        str, msgspec.Meta(description="postgresql://user@host:5432/database?sslmode=verify-full")
    ]
    password: Annotated[
        str | None, msgspec.Meta(description="Kept out of the address, which is shown.")
    ] = None
    create: Annotated[bool, msgspec.Meta(description="Make or migrate the tables.")] = True
    readers: Annotated[int, msgspec.Meta(ge=1, description="Reading connections at most.")] = 4
    cache_bytes: Annotated[
        int, msgspec.Meta(ge=0, description="Recent bodies kept in memory, in bytes.")
    ] = 32 << 20
    writer_name: Annotated[
        str, msgspec.Meta(description="Begins the writers' names: hub-1, hub-2, ...")
    ] = "hub"
    waiting_bytes: Annotated[
        int, msgspec.Meta(ge=1 << 20, description="Bodies waiting to be written, in bytes.")
    ] = 64 << 20
    waiting_units: Annotated[
        int, msgspec.Meta(ge=1, description="Units waiting to be written.")
    ] = 20_000
    statement_seconds: Annotated[
        float, msgspec.Meta(gt=0, description="The longest a statement may take.")
    ] = 30.0
    unsafe: Annotated[
        bool, msgspec.Meta(description="Tests only: open although commits are not durable.")
    ] = False


class StoreStats(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes and counts since start-up, for metrics and `doctor`."""

    engine: str
    engine_version: str
    schema_version: str
    database_bytes: int
    wal_bytes: int
    queue_length: int
    batches: int
    units: int
    failed_units: int
    cache_bytes: int
    cache_hits: int
    cache_misses: int


class Store(Protocol):
    """Durable state. Errors: `UnitConflict`, `StoreUnavailable`, `StorageFault`, `UsageFault`."""

    @property
    def shared(self) -> bool:
        """Whether other processes may use the same database at the same time."""
        ...

    async def commit(self, unit: Unit) -> Committed:
        """Write the unit; return only after the group commit it belongs to is durable.

        Whoever is cancelled while waiting must assume that the unit was written.
        """
        ...

    async def fetch(self, query: str, **params: Any) -> list[Row]:
        """Run a named read query of `gateway/store/sql` on a reading connection."""
        ...

    async def body(self, body_id: str) -> bytes:
        """Return a whole body in plain text.

        Raises StorageFault with code `body_missing` or `body_damaged`.
        """
        ...

    def body_blocks(self, body_id: str) -> Iterator[bytes]:
        """Iterate over a body's chunks, in bounded memory; blocking, for an executor.

        Each call opens its own connection, so one body may be read twice at the same time.
        """
        ...

    async def stats(self) -> StoreStats:
        """Return sizes and counts."""
        ...

    async def close(self) -> None:
        """Write what is queued, then let go of the database."""
        ...
