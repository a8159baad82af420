"""`remithub store`: move the database of a stopped hub to another engine."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.cli.output import Output
    from gateway.store import KeyRing, PostgresSettings, StoreSettings

__all__ = ["copy"]

_PATIENCE_SECONDS = 24 * 3600.0


def copy(*, to: str, password_secret: str = "", root: Path = Path(), json: bool = False) -> int:
    """Copy a stopped hub's database to another, row by row, and verify the copy before it counts.

    Parameters
    ----------
    to
        An empty PostgreSQL database (postgresql://user@host:5432/database), or the name of an
        SQLite file that is not there yet.
    password_secret
        The secret that is the target's password.
    root
        The hub's folder.
    json
        Print JSON.
    """
    import asyncio
    import os

    from gateway.app.stores import password_of, store_settings
    from gateway.cli.exits import Exit
    from gateway.cli.output import Output
    from gateway.settings import read_config
    from gateway.store import KeyRing, PostgresSettings, StoreSettings

    output = Output(json=json)
    hub = read_config(root / "config", os.environ).hub
    source = store_settings(root, hub, os.environ)
    target: PostgresSettings | StoreSettings
    if to.startswith(("postgresql://", "postgres://")):
        target = PostgresSettings(
            url=to,
            password=password_of(password_secret, root, hub, os.environ),
            statement_seconds=_PATIENCE_SECONDS,
        )
    else:
        target = StoreSettings(path=root / to)
    keys = KeyRing.open(root / hub.store.key_file)
    asyncio.run(_copy(source, target, keys, output))
    place = "store.postgres" if isinstance(target, PostgresSettings) else "store.path"
    output.say(f"The copy is verified. Next: set `{place}` in config/hub.yaml and start the hub.")
    return Exit.OK


async def _copy(
    source: "PostgresSettings | StoreSettings",
    target: "PostgresSettings | StoreSettings",
    keys: "KeyRing",
    output: "Output",
) -> None:
    from gateway.ports import SystemClock
    from gateway.store.copying import copy_store
    from gateway.store.sides import reading, writing

    clock = SystemClock()
    done: dict[str, int] = {}
    async with reading(source, clock) as old, writing(target, clock) as new:
        with output.progress("rows copied") as bar:

            def told(table: str, rows: int, _total: int) -> None:
                bar.advance(rows - done.get(table, 0))
                done[table] = rows

            copied = await copy_store(old, new, keys, told)
    if output.json:
        output.data(copied)
        return
    facts = {name: rows for name, rows in copied.tables.items() if rows}
    output.record(
        {
            **facts,
            "audit rows verified": copied.audit_rows,
            "bodies opened": copied.bodies_opened,
        },
        title="Rows by table",
    )
