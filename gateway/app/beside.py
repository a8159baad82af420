"""Looks at a hub's store from beside it, whether a hub runs or not; nothing is locked or changed."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.app.stores import store_settings
from gateway.app.subscriptions import texts_without_keys
from gateway.errors import NotFound, StorageFault
from gateway.settings import HubSettings
from gateway.store import PostgresSettings, Row
from gateway.store.migrations import HEAD_REVISION
from gateway.store.sqlite.connection import read_fault
from gateway.store.sqlite.migrate import schema_version
from gateway.store.statements import read_block

__all__ = ["Beside", "subscriptions_beside"]


class Beside:
    """Named read queries of the store that a configuration names, each on a connection of its own."""

    def __init__(self, root: Path, hub: HubSettings, environment: Mapping[str, str]) -> None:
        self._settings = store_settings(root, hub, environment)

    async def fetch(self, query: str, **params: Any) -> list[Row]:
        """Run a named read query.

        Raises NotFound (`database_missing`) where no hub has run yet; StoreUnavailable; StorageFault
        (`schema_other`) for a database of another version of the program.
        """
        if isinstance(self._settings, PostgresSettings):
            return await _in_postgres(self._settings, query, params)
        return _in_sqlite(self._settings.path, query, params)


def subscriptions_beside(
    root: Path, hub: HubSettings, environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the text of each subscription that clients have made, by name; none where no hub has run
    yet. Raises what `Beside` raises."""
    try:
        return texts_without_keys(
            asyncio.run(Beside(root, hub, environment).fetch("subscriptions"))
        )
    except NotFound:
        return {}


def _in_sqlite(path: Path, query: str, params: dict[str, Any]) -> list[Row]:
    if not path.exists():
        raise _missing()
    try:
        address = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            _must_be_ours(schema_version(connection))
            connection.row_factory = sqlite3.Row
            found = connection.execute(read_block(query).statements[0], params)
            return [dict(row) for row in found]
    except sqlite3.Error as error:
        raise read_fault(error, query) from error


async def _in_postgres(
    settings: PostgresSettings, query: str, params: dict[str, Any]
) -> list[Row]:
    # The driver is loaded where it is used.
    from gateway.store.postgres.compiling import compiled_read
    from gateway.store.postgres.looking import reading
    from gateway.store.postgres.migrate import schema_version

    _, piece = compiled_read(query)
    async with reading(settings) as connection:
        _must_be_ours(await schema_version(connection))
        found = await connection.fetch(piece.sql, *piece.values(params, query))
        return [dict(row) for row in found]


def _must_be_ours(schema: str) -> None:
    if not schema:
        raise _missing()
    if schema != HEAD_REVISION:
        raise StorageFault(
            f"The database is at schema {schema}, this program reads {HEAD_REVISION}.",
            code="schema_other",
            next_step="an older one is brought up to date by `remithub run`; for a newer one"
            " install the newer program.",
        )


def _missing() -> NotFound:
    return NotFound("No hub has run on this folder yet.", code="database_missing")
