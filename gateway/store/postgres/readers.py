"""Named reads and bodies over a pool of reading connections."""

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg

from gateway.errors import HubError, StorageFault, UsageFault
from gateway.store.interface import PostgresSettings
from gateway.store.keys import KeyRing
from gateway.store.postgres.compiling import compiled_read
from gateway.store.postgres.faults import is_lost, store_fault, unit_fault, unreachable
from gateway.store.postgres.session import options
from gateway.store.reading import body_damaged, body_incomplete, body_missing, opened_reasons
from gateway.store.sealing import chunk_place
from gateway.store.units import Row

__all__ = ["Readers"]

_CHUNK = "SELECT last, sealed FROM body WHERE body_id = $1 AND chunk = $2"
_ACQUIRE_SECONDS = 10.0
_LARGE_BYTES = 64 << 10


class Readers:
    """Reads for the loop that made it; `body_blocks` for threads beside it."""

    def __init__(self, settings: PostgresSettings, keys: KeyRing) -> None:
        self._keys = keys
        self._loop = asyncio.get_running_loop()
        self._pool = asyncpg.create_pool(
            settings.url,
            min_size=0,
            max_size=settings.readers,
            **options(settings, reading=True),
        )

    async def open(self) -> None:
        """Make the pool; it connects when something is read."""
        await self._pool

    async def close(self) -> None:
        """Close every connection; one that hangs is cut."""
        try:
            async with asyncio.timeout(5):
                await self._pool.close()
        except Exception:
            self._pool.terminate()

    async def read(self, query: str, params: dict[str, Any]) -> list[Row]:
        """Run a named query. Raises UsageFault, StoreUnavailable, StorageFault."""
        block, piece = compiled_read(query)
        for name in block.optional:
            params.setdefault(name, None)
        values = piece.values(params, query)
        found = await self._fetch(piece.sql, values, query)
        return opened_reasons([dict(row) for row in found], query, self._keys)

    async def value(self, sql: str) -> Any:
        """Return the one value of a query of this package's own."""
        return (await self._fetch(sql, (), "statistics"))[0][0]

    async def body(self, body_id: str) -> bytes:
        """Return a whole body; StorageFault (`body_missing`, `body_damaged`)."""
        chunks: list[bytes] = []
        last = False
        while not last:
            last, sealed = await self._sealed(body_id, len(chunks))
            if len(sealed) < _LARGE_BYTES:
                chunks.append(self._open(body_id, len(chunks), last, sealed))
            else:
                plain = self._loop.run_in_executor(
                    None, self._open, body_id, len(chunks), last, sealed
                )
                chunks.append(await plain)
        return b"".join(chunks)

    def body_blocks(self, body_id: str) -> Iterator[bytes]:
        """Iterate over a body's chunks on another thread than the loop's, which does the reading."""
        last = False
        chunk = 0
        while not last:
            self._must_be_beside_the_loop()
            told = asyncio.run_coroutine_threadsafe(self._sealed(body_id, chunk), self._loop)
            last, sealed = told.result()
            yield self._open(body_id, chunk, last, sealed)
            chunk += 1

    def _must_be_beside_the_loop(self) -> None:
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            return
        if here is self._loop:
            raise UsageFault("Blocks of a body are for an executor's thread, not for the loop.")

    async def _sealed(self, body_id: str, chunk: int) -> tuple[bool, bytes]:
        rows = await self._fetch(_CHUNK, (body_id, chunk), "body")
        if not rows:
            raise body_missing(body_id) if chunk == 0 else body_incomplete(body_id, chunk)
        return bool(rows[0]["last"]), rows[0]["sealed"]

    def _open(self, body_id: str, chunk: int, last: bool, sealed: bytes) -> bytes:  # noqa: FBT001  a stored column
        try:
            return self._keys.open_sealed(sealed, chunk_place(body_id, chunk, last))
        except StorageFault as error:
            raise body_damaged(body_id, chunk) from error

    async def _fetch(self, sql: str, values: tuple[Any, ...], query: str) -> list[Any]:
        """Read; a connection that died since it was last used is replaced once."""
        try:
            return await self._try(sql, values)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if not is_lost(error):
                raise _read_fault(error, query) from error
        try:
            await self._pool.expire_connections()
            return await self._try(sql, values)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            raise _read_fault(error, query) from error

    async def _try(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        async with self._pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
            found: list[Any] = await connection.fetch(sql, *values)
            return found


def _read_fault(error: Exception, query: str) -> HubError:
    if is_lost(error):
        return unreachable(error)
    return unit_fault(error, query) or store_fault(error)
