"""A backlog of any size, quickly: the rows that the hub made of one document, made again for others.

The template is a document that went through the real hub. Its rows are copied, column by column,
under other ids, bodies sealed anew; only then does a hub open the database again. A test compares
what was copied with what the hub makes.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.model.ids import delivery_id, process_id, text_id
from gateway.store import KeyRing
from gateway.store.sealing import chunk_place
from tests.proofs.traffic import name_of

STEP = 20_000

TABLES = (
    *("artifact", "body", "part", "payment_seen", "message", "owed", "attempt", "retry"),
    *("counter", "lane"),
)

Row = dict[str, Any]


@dataclass(frozen=True)
class Template:
    """The rows of one document: `number` names it, `branch` is where it is owed."""

    number: int
    artifact: Row
    bodies: tuple[tuple[Row, bytes], ...]
    meta: bytes
    part: Row
    seen: Row
    message: Row
    owed: tuple[Row, ...]
    attempts: tuple[Row, ...]
    retries: tuple[Row, ...]
    lanes: dict[int, str]


@contextlib.contextmanager
def opened(root: Path) -> Iterator[sqlite3.Connection]:
    """Open the database of a hub that does not run, for writing in bulk; fold its log on leaving."""
    connection = sqlite3.connect(root / "var/hub.db", isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -1000000")
        yield connection
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def template(connection: sqlite3.Connection, keys: KeyRing, number: int) -> Template:
    """Read the rows that the hub made of that document."""

    def rows(sql: str, *params: Any) -> list[Row]:
        return [dict(row) for row in connection.execute(sql, params)]

    (seen,) = rows("SELECT * FROM payment_seen WHERE payment_key = ?", f"{number:064x}")
    art = seen["artifact_id"]
    (artifact,) = rows("SELECT * FROM artifact WHERE artifact_id = ?", art)
    (part,) = rows("SELECT * FROM part WHERE artifact_id = ?", art)
    (message,) = rows("SELECT * FROM message WHERE artifact_id = ?", art)
    owed = rows("SELECT * FROM owed WHERE item_id IN (?, ?)", art, message["message_id"])
    bodies = rows(
        "SELECT * FROM body WHERE body_id IN (?, ?)", artifact["body_id"], message["message_id"]
    )
    assert (len(owed), len(bodies)) == (2, 2)
    place = "SELECT * FROM %s WHERE lane_id = ? AND seq = ?"
    return Template(
        number=number,
        artifact=artifact,
        bodies=tuple((row, keys.open_sealed(row["sealed"], _place(row))) for row in bodies),
        meta=keys.open_small(f"artifact.meta.{art}", artifact["meta"]),
        part=part,
        seen=seen,
        message=message,
        owed=tuple(owed),
        attempts=tuple(a for o in owed for a in rows(place % "attempt", o["lane_id"], o["seq"])),
        retries=tuple(r for o in owed for r in rows(place % "retry", o["lane_id"], o["seq"])),
        lanes={row["lane_id"]: row["name"] for row in rows("SELECT * FROM lane")},
    )


def _place(row: Row) -> bytes:
    return chunk_place(row["body_id"], row["chunk"], bool(row["last"]))


def fill(
    connection: sqlite3.Connection, keys: KeyRing, made: Template, count: int, *, tried: bool
) -> None:
    """Add `count` documents like that one, numbered behind it: as processed, and owed to its
    branch; `tried` says that they were tried and are set aside as the template is."""
    heads = {o["lane_id"]: _head(connection, o["lane_id"]) for o in made.owed}
    with _indexes_made_last(connection):
        _insert(connection, keys, made, heads, count=count, tried=tried)
    for owed in made.owed:
        lane = owed["lane_id"]
        to = heads[lane] + count
        done = to if made.lanes[lane].startswith("process:") or tried else heads[lane]
        connection.execute(
            "UPDATE lane SET head = ?, cursor = ? WHERE lane_id = ?", (to, done, lane)
        )
    counted = {"artifacts": count, "bytes": count * made.artifact["size"], "parts_accepted": count}
    for name, value in counted.items():
        connection.execute(
            "UPDATE counter SET value = value + ? WHERE interface = ? AND name = ?",
            (value, made.artifact["interface"], name),
        )


@contextlib.contextmanager
def _indexes_made_last(connection: sqlite3.Connection) -> Iterator[None]:
    """Leave out the indexes that can be left out, and make them at the end: a third of the time."""
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for index in found:
        connection.execute(f"DROP INDEX {index['name']}")
    yield
    for index in found:
        connection.execute(index["sql"])


def _insert(
    connection: sqlite3.Connection,
    keys: KeyRing,
    made: Template,
    heads: dict[int, int],
    *,
    count: int,
    tried: bool,
) -> None:
    for start in range(0, count, STEP):
        batch: dict[str, list[Row]] = {}
        for offset in range(start, min(start + STEP, count)):
            for table, row in _copies(made, keys, 1 + offset, heads, tried=tried):
                batch.setdefault(table, []).append(row)
        connection.execute("BEGIN")
        for table, rows in batch.items():
            columns = ", ".join(rows[0])
            marks = ", ".join(f":{name}" for name in rows[0])
            connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608 - our own tables
        connection.execute("COMMIT")


def _head(connection: sqlite3.Connection, lane: int) -> int:
    (head,) = connection.execute("SELECT head FROM lane WHERE lane_id = ?", (lane,)).fetchone()
    assert isinstance(head, int)
    return head


def _copies(
    made: Template, keys: KeyRing, step: int, heads: dict[int, int], *, tried: bool
) -> Iterator[tuple[str, Row]]:
    number = made.number + step
    payment_key = f"{number:064x}"
    art, msg, body = (text_id(prefix, number) for prefix in ("art", "msg", "bod"))
    names = {
        made.artifact["artifact_id"]: art,
        made.message["message_id"]: msg,
        made.artifact["body_id"]: body,
    }
    meta = keys.seal_small(f"artifact.meta.{art}", made.meta)
    own = {"artifact_id": art, "body_id": body, "sha256": payment_key, "meta": meta}
    yield "artifact", {**made.artifact, **own}
    for row, plain in made.bodies:
        text = plain.replace(f"{made.number:064x}".encode(), payment_key.encode())
        text = text.replace(name_of(made.number).encode(), name_of(number).encode())
        copy = {**row, "body_id": names[row["body_id"]]}
        yield "body", {**copy, "sealed": keys.seal(text, _place(copy))}
    mine = {"artifact_id": art, "message_id": msg, "payment_key": payment_key}
    yield "part", {**made.part, **mine}
    yield "payment_seen", {**made.seen, **mine}
    cause = names.get(made.message["cause_id"], made.message["cause_id"])
    known = {k: payment_key for k, v in made.message.items() if v == made.seen["payment_key"]}
    told = {"artifact_id": art, "message_id": msg, "cause_id": cause, "trace": art[4:]}
    yield "message", {**made.message, **known, **told}
    order_key = keys.blind_index("order_key", payment_key)
    for row in made.owed:
        lane = made.lanes[row["lane_id"]]
        process = lane.startswith("process:")
        item, name = (art, process_id) if process else (msg, delivery_id)
        fresh = {"seq": heads[row["lane_id"]] + step, "item_id": item}
        ordered = {"order_key": order_key} if row["order_key"] else {}
        yield "owed", {**row, **fresh, **ordered, "delivery_id": name(lane, item)}
    for row in made.attempts:
        if tried or made.lanes[row["lane_id"]].startswith("process:"):
            yield "attempt", {**row, "seq": heads[row["lane_id"]] + step}
    for row in made.retries if tried else ():
        ordered = {"order_key": order_key} if row["order_key"] else {}
        known = {k: payment_key for k, v in row.items() if v == made.seen["payment_key"]}
        yield "retry", {**row, **known, **ordered, "seq": heads[row["lane_id"]] + step}
