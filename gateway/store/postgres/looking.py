"""Looks at a PostgreSQL database from beside its hubs: it only reads, and claims nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from gateway.errors import HubError, StorageFault
from gateway.store.interface import PostgresSettings, StoreSettings
from gateway.store.postgres.faults import store_fault
from gateway.store.postgres.migrate import schema_version
from gateway.store.postgres.session import LOCK_CLASS, connect

__all__ = ["Seen", "look", "must_be_durable", "reading"]

_SIZE = "SELECT pg_database_size(current_database())"
_WRITERS = (
    "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = CAST($1 AS OID)"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The server's version, the database's size, its schema, and how many hubs write to it."""

    version: str
    bytes: int
    schema: str
    writers: int


async def look(settings: PostgresSettings | StoreSettings) -> Seen:
    """Return what is seen. Raises StoreUnavailable, StorageFault (`store_unsafe`)."""
    if not isinstance(settings, PostgresSettings):
        raise StorageFault("The store is no PostgreSQL.")
    async with reading(settings) as connection:
        await must_be_durable(connection, settings)
        return Seen(
            version=await connection.fetchval("SHOW server_version"),
            bytes=await connection.fetchval(_SIZE),
            schema=await schema_version(connection),
            writers=await writers(connection),
        )


@asynccontextmanager
async def reading(settings: PostgresSettings) -> AsyncIterator[Any]:
    """Give a connection that only reads. What fails on it is raised as StoreUnavailable or
    StorageFault."""
    try:
        connection = await connect(settings, reading=True)
        try:
            yield connection
        finally:
            await connection.close()
    except HubError:
        raise
    except Exception as error:
        raise store_fault(error) from error


async def writers(connection: Any) -> int:
    """Return how many processes hold a writer slot or migrate."""
    count: int = await connection.fetchval(_WRITERS, LOCK_CLASS)
    return count


async def must_be_durable(connection: Any, settings: PostgresSettings) -> None:
    """Refuse a server that acknowledges what a power loss takes back (`store_unsafe`)."""
    if await connection.fetchval("SHOW server_encoding") != "UTF8":
        raise StorageFault("The database is not in UTF-8.", code="store_unsafe")
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        if await connection.fetchval(f"SHOW {name}") == "off" and not settings.unsafe:
            raise StorageFault(
                f"The database server runs with {name} = off: it may forget what it has committed.",
                code="store_unsafe",
                next_step=f"set {name} = on for this database's server.",
            )
