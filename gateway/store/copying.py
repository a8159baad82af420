"""Copies a whole store from one engine to the other, and proves that nothing was lost on the way.

Everything is one transaction in PostgreSQL, a new file in SQLite: a copy that is cut off, or that
does not verify, leaves nothing behind. Both sides must be at rest. What belongs to running
processes (nodes, marks of writers) is not copied.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa

from gateway.errors import Conflict, StorageFault
from gateway.store.audit import verify_chain
from gateway.store.keys import KeyRing
from gateway.store.reading import KEY_CHECK, must_be_the_key
from gateway.store.schema import metadata
from gateway.store.sealing import chunk_place

__all__ = ["Copied", "Side", "copied_tables", "copy_store"]

Records = list[tuple[Any, ...]]

_OF_PROCESSES = frozenset({"node", "writer"})
_MOST_ROWS = 2000
_SAMPLE = 50


class Side(Protocol):
    """One engine at rest, read in order or written from empty."""

    def rows(self, sql: str, *values: Any) -> AsyncIterator[tuple[Any, ...]]:
        """Stream the rows of a query whose parameters are `?`, in bounded memory."""
        ...

    async def write(self, table: str, columns: tuple[str, ...], records: Records) -> None:
        """Append rows to a table."""
        ...

    async def finish(self) -> None:
        """Make what was written durable."""
        ...


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """What was copied and proved: rows by table, audit rows chained, bodies opened."""

    tables: dict[str, int]
    audit_rows: int
    bodies_opened: int


Told = Callable[[str, int, int], None]
"""Called with (table, rows so far, rows in all)."""


def copied_tables() -> list[sa.Table]:
    """Return the tables that are copied, those first that others refer to."""
    return [table for table in metadata.sorted_tables if table.name not in _OF_PROCESSES]


async def copy_store(source: Side, target: Side, keys: KeyRing, told: Told) -> Copied:
    """Copy every row and verify the copy before it is made durable.

    Raises Conflict (`target_not_empty`), StorageFault (`wrong_key`, `copy_differs`).
    """
    for table in metadata.sorted_tables:
        if await _value(target, f"SELECT COUNT(*) FROM {table.name}"):  # noqa: S608  our own name
            raise Conflict(
                f"The target has rows in {table.name} already.",
                code="target_not_empty",
                next_step="give an empty database; a copy never adds to another.",
            )
    check = await _value(source, f"SELECT MAX(value) FROM hub WHERE key = '{KEY_CHECK}'")  # noqa: S608  a constant
    must_be_the_key(keys, check or "")
    counts = {table.name: await _copy(table, source, target, told) for table in copied_tables()}
    await _compare(source, target, counts)
    audit_rows = await _chains(target)
    opened = await _bodies(target, keys)
    await target.finish()
    return Copied(tables=counts, audit_rows=audit_rows, bodies_opened=opened)


async def _copy(table: sa.Table, source: Side, target: Side, told: Told) -> int:
    names = tuple(column.name for column in table.columns)
    keys = ", ".join(column.name for column in table.primary_key.columns)
    most = _MOST_ROWS if table.name != "body" else 8  # rows of up to 1 MiB
    total = await _value(source, f"SELECT COUNT(*) FROM {table.name}")  # noqa: S608  our own name
    records: Records = []
    done = 0
    sql = f"SELECT {', '.join(names)} FROM {table.name} ORDER BY {keys}"  # noqa: S608  our own names
    async for row in source.rows(sql):
        records.append(row)
        if len(records) == most:
            await target.write(table.name, names, records)
            done, records = done + len(records), []
            told(table.name, done, total)
    if records:
        await target.write(table.name, names, records)
    done += len(records)
    told(table.name, done, total)
    return done


_SUMS = {
    "heads": "SELECT CAST(COALESCE(SUM(head), 0) AS BIGINT) FROM lane",
    "cursors": "SELECT CAST(COALESCE(SUM(cursor), 0) AS BIGINT) FROM lane",
    "epochs": "SELECT CAST(COALESCE(SUM(epoch), 0) AS BIGINT) FROM lane",
    "money set aside": "SELECT CAST(COALESCE(SUM(amount_cents), 0) AS BIGINT) FROM retry",
    "money of messages": "SELECT CAST(COALESCE(SUM(amount_cents), 0) AS BIGINT) FROM message",
    "counters": "SELECT CAST(COALESCE(SUM(value), 0) AS BIGINT) FROM counter",
    "bytes of bodies": "SELECT CAST(COALESCE(SUM(LENGTH(sealed)), 0) AS BIGINT) FROM body",
    "gaps": "SELECT COUNT(*) FROM lane WHERE head <>"
    " (SELECT COUNT(*) FROM owed WHERE owed.lane_id = lane.lane_id)",
}


async def _compare(source: Side, target: Side, counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        if await _value(target, f"SELECT COUNT(*) FROM {name}") != count:  # noqa: S608  our own name
            raise _differs(f"rows of {name}")
    for about, sql in _SUMS.items():
        if await _value(source, sql) != await _value(target, sql):
            raise _differs(about)


async def _chains(target: Side) -> int:
    """Verify every audit chain where it lies now; return how many rows there are."""
    table = metadata.tables["audit"]
    names = [column.name for column in table.columns]
    sql = f"SELECT {', '.join(names)} FROM audit WHERE writer = ? ORDER BY seq"  # noqa: S608  our own names
    count = 0
    writers = [row[0] async for row in target.rows("SELECT DISTINCT writer FROM audit")]
    for writer in writers:
        seq, last_hash = 0, ""
        async for record in target.rows(sql, writer):
            row = dict(zip(names, record, strict=True))
            begun = {"last_hash": last_hash} if seq else {}
            if verify_chain([row], seq=seq, **begun) is not None:
                raise _differs(f"the audit chain of {writer} at {seq + 1}")
            seq, last_hash = row["seq"], row["hash"]
            count += 1
    return count


async def _bodies(target: Side, keys: KeyRing) -> int:
    """Open some chunks, evenly spread; a wrong key or a cut value is found at once."""
    total = await _value(target, "SELECT COUNT(*) FROM body")
    step = max(1, total // _SAMPLE)
    place = 0
    names: list[tuple[Any, ...]] = []
    async for row in target.rows("SELECT body_id, chunk FROM body ORDER BY body_id, chunk"):
        if place % step == 0:
            names.append(row)
        place += 1
    sql = "SELECT last, sealed FROM body WHERE body_id = ? AND chunk = ?"
    for body_id, chunk in names:
        async for last, sealed in target.rows(sql, body_id, chunk):
            keys.open_sealed(sealed, chunk_place(body_id, chunk, bool(last)))
    return len(names)


async def _value(side: Side, sql: str) -> Any:
    rows = [row async for row in side.rows(sql)]
    return rows[0][0] if rows else None


def _differs(about: str) -> StorageFault:
    return StorageFault(
        f"The copy differs from its source: {about}. Nothing was kept.",
        code="copy_differs",
        next_step="run it again; if it repeats, check the source with `remithub doctor`.",
    )
