"""Brings a database to the newest schema: alembic writes the script, the driver runs it.

One advisory lock, so that of several nodes that start at once one migrates. The script is one
transaction: whatever happens, the schema is the old one or the new one. Migrations must not read
rows: alembic runs offline, and a change of data is SQL in the script.
"""

import io
from pathlib import Path
from typing import Any

import asyncpg

from gateway.errors import StorageFault
from gateway.store import migrations
from gateway.store.interface import PostgresSettings
from gateway.store.migrations import HEAD_REVISION
from gateway.store.postgres.session import LOCK_CLASS, connect

__all__ = ["migrate", "schema_version", "script"]

_SCRIPTS = Path(migrations.__file__).parent
_TAKE = "SELECT pg_advisory_lock($1, 0)"
_LEAVE = "SELECT pg_advisory_unlock($1, 0)"


async def schema_version(connection: Any) -> str:
    """Return the revision the database is at, "" for an empty one."""
    try:
        version = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return ""
    return str(version or "")


async def migrate(url: str, *, password: str | None = None) -> bool:
    """Run what is missing; return whether anything was.

    Raises StorageFault (`schema_too_new`) when the database was made by a newer hub, and what
    asyncpg raises.
    """
    connection = await connect(
        PostgresSettings(url=url, password=password, statement_seconds=3600)
    )
    try:
        if await _version(connection) == HEAD_REVISION:
            return False
        # Whoever comes second waits for the first, and then has nothing to do.
        await connection.execute("SET lock_timeout = 0")
        await connection.execute(_TAKE, LOCK_CLASS)
        version = await _version(connection)
        if version != HEAD_REVISION:
            await connection.execute(script(version))
        await connection.execute(_LEAVE, LOCK_CLASS)
        return version != HEAD_REVISION
    finally:
        await connection.close()


async def _version(connection: Any) -> str:
    version = await schema_version(connection)
    if version > HEAD_REVISION:
        raise StorageFault(
            f"The database is at schema {version}, this hub knows up to {HEAD_REVISION}.",
            code="schema_too_new",
            next_step="start the newer hub, or restore the backup made before the upgrade.",
        )
    return version


def script(version: str) -> str:
    """Return the SQL, one transaction, that leads from that revision to the newest."""
    from alembic import command
    from alembic.config import Config

    written = io.StringIO()
    config = Config(output_buffer=written)
    config.set_main_option("script_location", _SCRIPTS.as_posix().replace("%", "%%"))
    command.upgrade(config, f"{version or 'base'}:head", sql=True)
    return written.getvalue()
