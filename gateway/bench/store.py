"""Measures the store: units per second of the typical mix, against plain `executemany`.

One file costs eight units and five bodies (2 to 25 KB): accepted, processed, two deliveries that
are answered, two answers processed, two deliveries that are not. The floor writes the very same
rows, sealed before, with one connection, `executemany` and one FULL commit per 64 units: it
seals nothing, waits for nobody, acknowledges nothing.

Figures: `units_per_s` and `files_per_s` (wall), `cpu_us_per_unit` (hub and writer together),
`loop_cpu_us_per_unit` (this process alone), `units_per_commit`, `point_read_us`, `database_mb`,
`floor_units_per_s`, `floor_cpu_us_per_unit`, and with --postgres the same of it, with
`postgres_server_cpu_us_per_unit` where the server is on this machine. Ratios, ours over the floor:
`vs_executemany` (units per second), `vs_executemany_cpu` (units per CPU second).
"""

import asyncio
import os
import platform
import random
import sqlite3
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.bench._clocks import Measured, cpu_seconds
from gateway.bench._servers import server_cpu_seconds
from gateway.ports import Ports
from gateway.store import (
    AuditEntry,
    Body,
    KeyRing,
    PostgresSettings,
    Statement,
    Store,
    StoreSettings,
    Unit,
    WriterShape,
    open_store,
)
from gateway.store.sealing import chunk_place
from gateway.store.sqlite.connection import connect_writer
from gateway.store.statements import write_block

__all__ = ["file_units", "run"]

_CONCURRENCY = 64
_LANES = ("process:feed", "deliver:billing", "process:billing", "deliver:erp")
_FLOOR_OWE = (
    "INSERT INTO owed (lane_id, seq, item_id, delivery_id, order_key, at)"
    " VALUES (:lane_id, :seq, :item_id, :delivery_id, :order_key, :at)"
)
_FLOOR_HEAD = "UPDATE lane SET head = :head WHERE lane_id = :lane_id"
_AT = 1_700_000_000_000


def run(
    *, files: int = 600, writer: str = "process", seed: int = 7, postgres: str = ""
) -> dict[str, Any]:
    """Return {"bench", "figures", "ratios", "machine"} for `files` files of eight units.

    `postgres` is the address of an empty database, to be measured in the same run.
    """
    randomness = random.Random(seed)  # noqa: S311  invented sizes, nothing secret
    work = [file_units(number, randomness) for number in range(files)]
    with tempfile.TemporaryDirectory(prefix="bench-store-") as name:
        folder = Path(name)
        keys = KeyRing.open(folder / "hub.key")
        ours = Measured()
        settings = StoreSettings(path=folder / "hub.db", writer=WriterShape(writer))
        figures = asyncio.run(_drive(settings, keys, work, ours))
        floor = Measured()
        units = [unit for file in work for unit in file]
        _floor(folder / "floor.db", settings.path, keys, units, floor)
        shared, beside = _shared(postgres, keys, work, ours) if postgres else ({}, {})
    count = len(units)
    return {
        "bench": "store",
        "figures": {
            "units_per_s": round(count / ours.wall),
            "files_per_s": round(files / ours.wall),
            "cpu_us_per_unit": round(ours.cpu / count * 1e6, 1),
            "loop_cpu_us_per_unit": round(ours.own_cpu / count * 1e6, 1),
            "floor_units_per_s": round(count / floor.wall),
            "floor_cpu_us_per_unit": round(floor.cpu / count * 1e6, 1),
            **figures,
            **shared,
        },
        "ratios": {
            "vs_executemany": round(floor.wall / ours.wall, 3),
            "vs_executemany_cpu": round(floor.cpu / ours.cpu, 3),
            **beside,
        },
        "machine": {
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "writer": writer,
        },
    }


def file_units(number: int, randomness: random.Random) -> list[Unit]:
    """Return the eight units of one invented file."""
    art, msg = f"art_{number:032x}", f"msg_{number:032x}"
    units = [
        Unit(
            statements=(_artifact(art, "feed"), _owe(1, art)),
            bodies=(_body(art, 4_000 + randomness.randrange(4_000), randomness),),
            counts=(("feed", "artifacts", 1), ("feed", "bytes", 6_000)),
            once=0,
        ),
        Unit(
            statements=(
                _part(art, msg),
                _seen(art, msg),
                _message(msg, art, "remittance-advice", routed=2),
                _owe(2, msg),
                _owe(4, msg),
                _attempt(1, number),
            ),
            bodies=(_body(msg, 15_000 + randomness.randrange(10_000), randomness),),
            counts=(("feed", "parts_accepted", 1), ("feed", "cents_accepted", 12_345)),
        ),
    ]
    for turn in range(2):
        units += _answered(number, turn, randomness)
    return units


def _answered(number: int, turn: int, randomness: random.Random) -> list[Unit]:
    """Return the units of one answered delivery, its answer, and one that is not answered."""
    reply, answer = f"art_a{turn}{number:030x}", f"msg_a{turn}{number:030x}"
    seq = number * 2 + turn
    return [
        Unit(
            statements=(_attempt(2, seq), _artifact(reply, "billing"), _owe(3, reply)),
            bodies=(_body(reply, 2_000, randomness),) if turn == 0 else (),
            counts=(("billing", "delivered", 1),),
        ),
        Unit(
            statements=(
                _message(answer, reply, "posting-confirmation", routed=1),
                _owe(4, answer),
                _attempt(3, seq),
            ),
            bodies=(_body(answer, 3_000, randomness),),
            counts=(("billing", "replies", 1),),
        ),
        Unit(
            statements=(_attempt(4, seq),),
            counts=(("erp", "delivered", 1),),
            audit=(AuditEntry("hub", "deliver", answer),) if turn else (),
        ),
    ]


def _shared(
    url: str, keys: KeyRing, work: list[list[Unit]], ours: Measured
) -> tuple[dict[str, float], dict[str, float]]:
    """Measure PostgreSQL with the same units; the CPU is this process's, without the server's."""
    there = Measured()
    figures = asyncio.run(_drive(PostgresSettings(url=url), keys, work, there))
    count = sum(len(file) for file in work)
    rates = {
        "postgres_units_per_s": round(count / there.wall),
        "postgres_cpu_us_per_unit": round(there.own_cpu / count * 1e6, 1),
    }
    rates |= {f"postgres_{name}": value for name, value in figures.items()}
    return rates, {"postgres_vs_sqlite": round(ours.wall / there.wall, 3)}


async def _drive(
    settings: StoreSettings | PostgresSettings,
    keys: KeyRing,
    work: list[list[Unit]],
    measured: Measured,
) -> dict[str, float]:
    store = await open_store(settings, keys, Ports())
    await _make_lanes(store)
    await store.close()
    before = cpu_seconds()
    await (await open_store(settings, keys, Ports())).close()
    idle = cpu_seconds() - before
    store = await open_store(settings, keys, Ports())
    waiting = iter(work)
    url = settings.url if isinstance(settings, PostgresSettings) else ""
    served = -await server_cpu_seconds(url)
    measured.start()
    await asyncio.gather(*(_worker(store, waiting) for _ in range(_CONCURRENCY)))
    measured.stop()
    served += await server_cpu_seconds(url)
    stats = await store.stats()
    point = await _point_read_us(store, len(work))
    await store.close()
    measured.stop_children(idle)
    size = stats.database_bytes
    if isinstance(settings, StoreSettings):  # without what was still in its log
        size = settings.path.stat().st_size
    count = sum(len(file) for file in work)
    server = {"server_cpu_us_per_unit": round(served / count * 1e6, 1)} if served > 0 else {}
    return server | {
        "units_per_commit": round(stats.units / stats.batches, 1),
        "point_read_us": point,
        "database_mb": round(size / 1e6, 1),
    }


async def _worker(store: Store, waiting: Iterator[list[Unit]]) -> None:
    for units in waiting:
        for unit in units:
            await store.commit(unit)


async def _make_lanes(store: Store) -> None:
    for name in _LANES:
        params = {
            "name": name,
            "kind": name.partition(":")[0],
            "interface": "feed",
            "destination": "",
            "route": "",
        }
        await store.commit(Unit(statements=(Statement("lane_ensure", params),)))


async def _point_read_us(store: Store, files: int) -> float:
    rounds = 500
    started = time.perf_counter()
    for number in range(rounds):
        await store.fetch("message_by_id", message_id=f"msg_{number % files:032x}")
    return round((time.perf_counter() - started) / rounds * 1e6, 1)


def _floor(path: Path, model: Path, keys: KeyRing, units: list[Unit], measured: Measured) -> None:
    with sqlite3.connect(model) as source:
        schema = [
            row[0] for row in source.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL")
        ]
    source.close()
    heads: Counter[int] = Counter()
    groups = [_rows_of(units[i : i + 64], keys, heads) for i in range(0, len(units), 64)]
    connection = connect_writer(path)
    for sql in schema:
        connection.execute(sql)
    lane = "INSERT INTO lane (name, kind) VALUES (?, '')"
    connection.executemany(lane, [(name,) for name in _LANES])
    measured.start()
    for group in groups:
        connection.execute("BEGIN IMMEDIATE")
        for sql, rows in group.items():
            connection.executemany(sql, rows)
        connection.execute("COMMIT")
    measured.stop()
    measured.stop_children()
    connection.close()


def _rows_of(
    units: list[Unit], keys: KeyRing, heads: Counter[int]
) -> dict[str, list[dict[str, Any]]]:
    """Return what one group writes, by SQL; sequences are given, not asked for."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for unit in units:
        for body in unit.bodies:
            place = chunk_place(body.body_id, body.chunk, body.last)
            sealed = keys.seal(body.data, place)
            key = {"body_id": body.body_id, "chunk": 0, "last": 1, "sealed": sealed}
            rows[write_block("body_insert").statements[0]].append(key)
        for statement in unit.statements:
            row = dict(statement.params)
            if statement.name == "owe":
                heads[row["lane_id"]] += 1
                row["seq"] = heads[row["lane_id"]]
                rows[_FLOOR_OWE].append(row)
            else:
                rows[write_block(statement.name).statements[0]].append(row)
    rows[_FLOOR_HEAD] = [{"lane_id": lane, "head": head} for lane, head in heads.items()]
    return rows


def _body(body_id: str, size: int, randomness: random.Random) -> Body:
    """Return invented claim-like text that compresses about as real remittances do (4 to 6)."""
    pieces: list[str] = []
    length = 0
    while length < size:
        piece = (
            f'{{"claim":"A{randomness.randrange(10**9)}","charge":"{randomness.randrange(10**5)}'
            f'.00","paid":"{randomness.randrange(10**4)}.50","adjustments":[{{"group":"CO",'
            f'"reason":"{randomness.randrange(200)}","amount":"{randomness.randrange(10**4)}'
            '.00"}]},'
        )
        pieces.append(piece)
        length += len(piece)
    return Body(body_id, "".join(pieces).encode()[:size])


def _artifact(artifact_id: str, interface: str) -> Statement:
    row = {
        "artifact_id": artifact_id,
        "interface": interface,
        "sha256": artifact_id * 2,
        "occurrence": 0,
        "size": 6_000,
        "received_at": _AT,
        "bundle": "b" * 64,
        "body_id": artifact_id,
        "media_type": "application/edi-x12",
        "meta": b"",
    }
    return Statement("artifact_insert", row)


def _owe(lane_id: int, item_id: str) -> Statement:
    row = {
        "lane_id": lane_id,
        "item_id": item_id,
        "delivery_id": f"dlv_{lane_id}{item_id[4:]}",
        "order_key": "",
        "at": _AT,
    }
    return Statement("owe", row)


def _message(message_id: str, artifact_id: str, contract: str, *, routed: int) -> Statement:
    row = {
        "message_id": message_id,
        "contract": contract,
        "version": "1.0.0",
        "revision": 0,
        "artifact_id": artifact_id,
        "part_offset": 106,
        "cause_id": None,
        "interface": "feed",
        "correlation": message_id[::-1],
        "amount_cents": 12_345,
        "created_at": _AT,
        "routed": routed,
        "bundle": "b" * 64,
        "trace": artifact_id[4:],
    }
    return Statement("message_insert", row)


def _part(artifact_id: str, message_id: str) -> Statement:
    row = {
        "artifact_id": artifact_id,
        "revision": 0,
        "part_offset": 106,
        "length": 5_500,
        "ordinal": 1,
        "state": "accepted",
        "contract": "remittance-advice",
        "message_id": message_id,
        "payment_key": artifact_id,
        "amount_cents": 12_345,
        "claims_paid_cents": 12_345,
        "adjustments_cents": 0,
        "code": "",
        "findings": "[]",
        "at": _AT,
    }
    return Statement("part_insert", row)


def _seen(artifact_id: str, message_id: str) -> Statement:
    row = {
        "payment_key": artifact_id,
        "artifact_id": artifact_id,
        "part_offset": 106,
        "message_id": message_id,
        "at": _AT,
    }
    return Statement("payment_seen_insert", row, expect=1)


def _attempt(lane_id: int, seq: int) -> Statement:
    row = {
        "lane_id": lane_id,
        "seq": seq,
        "part_offset": -1,
        "number": 1,
        "generation": 0,
        "at": _AT,
        "took_ms": 12,
        "outcome": "done",
        "failure": "",
        "code": "",
        "detail": "",
        "fingerprint": "",
        "external_id": "",
        "reply_id": "",
        "epoch": 0,
    }
    return Statement("attempt_insert", row, expect=1)
