"""Brings a database to the newest schema; loads alembic only when there is something to do."""

import sqlite3
from pathlib import Path

from gateway.errors import StorageFault
from gateway.store import migrations
from gateway.store.migrations import HEAD_REVISION

__all__ = ["migrate", "schema_version"]

_SCRIPTS = Path(migrations.__file__).parent


def schema_version(connection: sqlite3.Connection) -> str:
    """Return the revision the database is at, "" for an empty one."""
    known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
    if connection.execute(known).fetchone() is None:
        return ""
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def migrate(path: Path, connection: sqlite3.Connection) -> bool:
    """Run what is missing; return whether anything was. `connection` only looks.

    Raises StorageFault (`schema_too_new`) when the database was made by a newer hub.
    """
    version = schema_version(connection)
    if version == HEAD_REVISION:
        return False
    if version > HEAD_REVISION:
        raise StorageFault(
            f"The database is at schema {version}, this hub knows up to {HEAD_REVISION}.",
            code="schema_too_new",
            next_step="start the newer hub, or restore the backup made before the upgrade.",
        )
    _upgrade(path)
    return True


def _upgrade(path: Path) -> None:
    import sqlalchemy
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _SCRIPTS.as_posix().replace("%", "%%"))
    engine = sqlalchemy.create_engine(
        sqlalchemy.URL.create("sqlite", database=str(path)), poolclass=sqlalchemy.NullPool
    )
    with engine.begin() as connection:
        # By itself sqlite3 commits before every CREATE: a migration that was cut off half-way
        # could then neither be finished nor begun again.
        connection.connection.driver_connection.isolation_level = None  # type: ignore[union-attr]  # it is connected
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
