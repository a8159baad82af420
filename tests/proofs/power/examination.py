"""Opens what a power loss left with our own store and says what is wrong with it, if anything."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.errors import HubError
from gateway.ports import Ports
from gateway.store import (
    KeyRing,
    Store,
    StoreSettings,
    Unit,
    WriterShape,
    open_store,
    verify_chain,
)
from gateway.store.sealing import chunk_place
from tests.proofs.power.workload import Step, content, ending, taken

__all__ = ["examine"]

Rows = dict[str, list[dict[str, Any]]]
_TABLES = ("artifact", "body", "message", "source_seen", "owed", "attempt", "retry", "lane")


async def examine(folder: Path, acknowledged: dict[str, int]) -> str:
    """Return "" where all is well, else one of `refused`, `corrupt`, `lost`, `torn` and a reason.

    Refused: the store does not open. Corrupt: SQLite, a seal or the audit chain does not verify.
    Lost: something acknowledged is not there. Torn: a unit is there in part.
    """
    settings = StoreSettings(
        path=folder / "hub.db", writer=WriterShape.THREAD, reader_threads=1, lock_wait_seconds=0
    )
    try:
        keys = KeyRing.open(folder / "hub.key")
        store = await open_store(settings, keys, Ports())
    except HubError as fault:
        return f"refused: {fault.code}"
    try:
        return await _wrong(store, keys, folder, acknowledged)
    except (HubError, sqlite3.DatabaseError) as fault:
        return f"corrupt: {type(fault).__name__}"
    finally:
        await store.close()


async def _wrong(store: Store, keys: KeyRing, folder: Path, acknowledged: dict[str, int]) -> str:
    with closing(sqlite3.connect(folder / "hub.db")) as connection:
        found = connection.execute("PRAGMA integrity_check").fetchall()
        if found != [("ok",)]:
            return "corrupt: integrity_check"
        connection.row_factory = sqlite3.Row
        rows: Rows = {
            table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608  our own names
            for table in _TABLES
        }
    chain = await store.fetch("audit_rows", writer="hub", after_seq=0, limit=10_000)
    if verify_chain(chain) is not None:
        return "corrupt: audit chain"
    there, torn = _steps(rows, keys)
    lost = [item for item, step in acknowledged.items() if there.get(item, 0) < step]
    if lost:
        return f"lost: {len(lost)} of {len(acknowledged)}"
    counted = {row["name"]: row["value"] for row in await store.fetch("counters")}
    return torn or _sums(rows, there, counted, len(chain)) or await _goes_on(store, rows)


def _steps(rows: Rows, keys: KeyRing) -> tuple[dict[str, Step], str]:
    """Return how far every item is, and which one is there in part only."""
    bodies: dict[str, set[int]] = {}
    for row in rows["body"]:
        name, chunk = row["body_id"], row["chunk"]
        plain = keys.open_sealed(row["sealed"], chunk_place(name, chunk, bool(row["last"])))
        if plain != content(name, chunk):
            return {}, "torn: a body holds other bytes"
        bodies.setdefault(name, set()).add(chunk)
    names = {table: {row["artifact_id"] for row in rows[table]} for table in ("artifact",)}
    seen = {row["fingerprint"] for row in rows["source_seen"]}
    messages = {row["artifact_id"] for row in rows["message"]}
    owed = {(row["lane_id"], row["item_id"]): row["seq"] for row in rows["owed"]}
    attempts = {(row["lane_id"], row["seq"], row["number"]) for row in rows["attempt"]}
    retries = {row["seq"]: row["state"] for row in rows["retry"]}
    there: dict[str, Step] = {}
    for item in names["artifact"] | seen | messages | {item for _, item in owed}:
        first, second = owed.get((1, item)), owed.get((2, item))
        whole = bodies.get(item, set())
        taken_marks = {item in names["artifact"], item in seen, first is not None}
        made = {item in messages, second is not None, f"msg_{item}" in bodies}
        made.add((1, first, 1) in attempts)
        tried = (2, second, 1) in attempts
        over = (2, second, 2) in attempts
        if taken_marks != {True} or len(made) != 1 or whole not in (set(), {0, 1}):
            return there, f"torn: {item}"
        step = Step(1 + (made == {True}) + tried + over + (over and not whole))
        state = retries.get(second) if second is not None else None
        late = "dead" if ending(item) == "dead" else None
        expected = {Step.FAILED_ONCE: "waiting", Step.ENDED: late, Step.PRUNED: late}.get(step)
        if state != expected or (step < Step.PRUNED and not whole):
            return there, f"torn: {item} at {step.name}"
        there[item] = step
    return there, ""


def _sums(rows: Rows, there: dict[str, Step], counted: dict[str, int], audited: int) -> str:
    """What is summed and numbered agrees with what is there."""
    over = [item for item, step in there.items() if step >= Step.ENDED]
    wanted = {
        "artifacts": len(there),
        "messages": sum(step >= Step.PROCESSED for step in there.values()),
        "deliveries_done": sum(ending(item) == "done" for item in over),
    }
    if counted != {name: count for name, count in wanted.items() if count}:
        return "torn: counters"
    if audited != len(there) + sum(ending(item) == "discarded" for item in over):
        return "torn: audit"
    for lane in rows["lane"]:
        numbers = sorted(row["seq"] for row in rows["owed"] if row["lane_id"] == lane["lane_id"])
        if numbers != list(range(1, lane["head"] + 1)):
            return "torn: a lane has a gap"
    return ""


async def _goes_on(store: Store, rows: Rows) -> str:
    """The store takes the next unit, without anybody's help."""
    if len(rows["lane"]) == 2:
        await store.commit(taken("item_99"))
    else:
        await store.commit(Unit(counts=(("feed", "artifacts", 1),)))
    return ""
