"""A PostgreSQL database at rest, as one side of a copy: one transaction, COPY in, cursors out."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from gateway.errors import StorageFault
from gateway.store.copying import Records
from gateway.store.interface import PostgresSettings
from gateway.store.postgres.faults import store_fault
from gateway.store.postgres.looking import writers
from gateway.store.postgres.migrate import migrate
from gateway.store.postgres.session import connect

__all__ = ["postgres_side"]

_LANES = (
    "SELECT setval(pg_get_serial_sequence('lane', 'lane_id'),"
    " GREATEST(1, (SELECT MAX(lane_id) FROM lane)))"
)
_PREFETCH = 8


class _PostgresSide:
    def __init__(self, connection: Any, transaction: Any) -> None:
        self._connection = connection
        self._transaction = transaction

    async def rows(self, sql: str, *values: Any) -> AsyncIterator[tuple[Any, ...]]:
        numbers = iter(range(1, 100))
        sql = re.sub(r"\?", lambda _: f"${next(numbers)}", sql)
        async for row in self._connection.cursor(sql, *values, prefetch=_PREFETCH):
            yield tuple(row)

    async def write(self, table: str, columns: tuple[str, ...], records: Records) -> None:
        try:
            await self._connection.copy_records_to_table(table, columns=columns, records=records)
        except asyncpg.CharacterNotInRepertoireError:
            raise StorageFault(
                f"A row of {table} holds text with a NUL character, which PostgreSQL refuses.",
                code="text_with_nul",
                next_step="stay on SQLite, or ask for help: nothing was copied.",
            ) from None

    async def finish(self) -> None:
        await self._connection.fetchval(_LANES)
        await self._transaction.commit()


@asynccontextmanager
async def postgres_side(settings: PostgresSettings) -> AsyncIterator[_PostgresSide]:
    """Open a database that no hub uses; what is not finished is undone.

    Raises StorageFault (`store_locked`) where a hub uses it, StoreUnavailable.
    """
    try:
        if settings.create:
            await migrate(settings.url, password=settings.password)
        connection = await connect(settings)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise store_fault(error) from error
    try:
        if await writers(connection):
            raise StorageFault(
                "A hub uses the database.", code="store_locked", next_step="stop it first."
            )
        transaction = connection.transaction(isolation="repeatable_read")
        await transaction.start()
        yield _PostgresSide(connection, transaction)
    finally:
        connection.terminate()
