"""The writing session: a connection that holds a writer slot, and the slot's audit chain.

A slot is a session-level advisory lock: the smallest number nobody holds. It names the writer
(`hub-1`), whose counters, audit chain and mark nobody else touches meanwhile. A pooler that
shares sessions between clients (transaction pooling) breaks it: connect to the server itself.
"""

from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from gateway.errors import StorageFault
from gateway.store.audit import AuditChain
from gateway.store.interface import PostgresSettings
from gateway.store.postgres.compiling import compiled_read

__all__ = ["LOCK_CLASS", "Session", "SlotTaken", "connect", "group_mark", "options"]

LOCK_CLASS = 1_380_467_249
"""The class of our advisory locks, "RHUB" read as a number; 0 in it is the migration's lock."""

_MOST_SLOTS = 256
_CONNECT_SECONDS = 3.0
_LOCK_SECONDS = 10
_IDLE_SECONDS = 30
_MARGIN_SECONDS = 5.0
_TAKE = "SELECT pg_try_advisory_lock($1, $2)"
_HOLDER = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = CAST($1 AS OID)"
    " AND objid = CAST($2 AS OID) AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_WHO = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
_END = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2"
)


class SlotTaken(Exception):
    """Somebody else holds the slot, or, while `passing`, our own old session still does."""

    def __init__(self, *, passing: bool) -> None:
        super().__init__()
        self.passing = passing


class _PlainConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection that is not reset when it goes back to its pool: nothing of ours sets anything."""

    __slots__ = ()

    def get_reset_query(self) -> str:
        """Return nothing to run, which saves a round trip per read."""
        return ""


async def connect(settings: PostgresSettings, *, reading: bool = False) -> Any:
    """Return a connection with our time limits; raises what asyncpg raises."""
    return await asyncpg.connect(settings.url, **options(settings, reading=reading))


def options(settings: PostgresSettings, *, reading: bool = False) -> dict[str, Any]:
    """Return asyncpg's arguments, for a connection or a pool."""
    seconds = settings.statement_seconds
    limits = {
        "application_name": f"remithub {'reader' if reading else 'writer'}",
        "statement_timeout": f"{seconds * 1000:.0f}",
        "lock_timeout": f"{_LOCK_SECONDS * 1000}",
        "idle_in_transaction_session_timeout": f"{_IDLE_SECONDS * 1000}",
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
    }
    return {
        "password": settings.password,
        "timeout": _CONNECT_SECONDS,
        # A little later than the server's own limit: its answer says more than silence.
        "command_timeout": seconds + _MARGIN_SECONDS,
        "statement_cache_size": 512,
        "max_cached_statement_lifetime": 0,
        "connection_class": _PlainConnection,
        "server_settings": limits | ({"default_transaction_read_only": "on"} if reading else {}),
    }


class Session(msgspec.Struct, kw_only=True):
    """One writing connection and what is known while it lasts."""

    connection: Any
    slot: int
    name: str
    pid: int
    began: datetime
    chain: AuditChain

    @classmethod
    async def open(
        cls, settings: PostgresSettings, *, after: "Session | None" = None
    ) -> "Session":
        """Connect and claim a slot: the smallest that is free, or the one held before.

        Raises SlotTaken where the slot of `after` cannot be had, and what asyncpg raises.
        """
        connection = await connect(settings)
        try:
            if after is None:
                slot = await _claim(connection)
            else:
                slot = after.slot
                await _reclaim(connection, after)
            name = f"{settings.writer_name}-{slot}"
            who = await connection.fetchrow(_WHO)
            return cls(
                connection=connection,
                slot=slot,
                name=name,
                pid=who["pid"],
                began=who["backend_start"],
                chain=await _chain(connection, name),
            )
        except BaseException:
            connection.terminate()
            raise

    @property
    def alive(self) -> bool:
        """Whether the connection may still be used."""
        return not self.connection.is_closed()

    def drop(self) -> None:
        """Let go at once; the server ends the session, and with it its locks, by itself."""
        self.connection.terminate()


async def _claim(connection: Any) -> int:
    for slot in range(1, _MOST_SLOTS + 1):
        if await connection.fetchval(_TAKE, LOCK_CLASS, slot):
            return slot
    raise StorageFault(f"All {_MOST_SLOTS} writer slots are taken.", code="store_crowded")


async def _reclaim(connection: Any, after: Session) -> None:
    if await connection.fetchval(_TAKE, LOCK_CLASS, after.slot):
        return
    # What our lost session is at is finished or undone before its locks go.
    await connection.fetch(_END, after.pid, after.began)
    if await connection.fetchval(_TAKE, LOCK_CLASS, after.slot):
        return
    holder = await connection.fetchval(_HOLDER, LOCK_CLASS, after.slot)
    raise SlotTaken(passing=holder is None or holder == after.pid)


async def _chain(connection: Any, name: str) -> AuditChain:
    _, piece = compiled_read("audit_last")
    last = await connection.fetchrow(piece.sql, name)
    if last is None:
        return AuditChain(name)
    return AuditChain(name, seq=last["seq"], last_hash=last["hash"])


async def group_mark(connection: Any, name: str) -> str:
    """Return the id of the last group that this writer committed, "" before the first."""
    _, piece = compiled_read("writer_group")
    mark = await connection.fetchval(piece.sql, name)
    return str(mark or "")
