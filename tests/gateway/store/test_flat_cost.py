"""Hot statements cost the same at a backlog of 1,000 and of 200,000, in steps of SQLite's machine."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from gateway.store.schema import metadata
from gateway.store.sqlite.connection import connect_writer
from gateway.store.statements import Pace, all_blocks

_FILL = """
INSERT INTO owed (lane_id, seq, item_id, delivery_id, at)
WITH RECURSIVE n (i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)
SELECT 1, i, 'msg_' || i, 'dlv_' || i, i FROM n
"""
_ATTEMPTS = """
INSERT INTO attempt (lane_id, seq, part_offset, number, generation, at, took_ms, outcome, epoch)
SELECT 1, seq, -1, 1, 0, 1, 1, 'done', 0 FROM owed WHERE seq BETWEEN :first AND :last
"""
_RETRIES = """
INSERT INTO retry (lane_id, seq, part_offset, state, due_at, attempts, generation, since)
SELECT 1, seq, -1, 'waiting', 1000 + seq, 1, 0, 1 FROM owed WHERE seq BETWEEN :first AND :last
"""
_VALUES: dict[str, Any] = {
    "lane_id": 1,
    "after_seq": 500,
    "seq": 500,
    "part_offset": -1,
    "number": 1,
    "generation": 0,
    "delivery_id": "dlv_500",
    "item_id": "msg_500",
    "limit": 256,
    "now": 1100,
}
_HOT_READS = (
    "owed_window",
    "owed_one",
    "owed_by_delivery_id",
    "owed_of_item",
    "attempts_of",
    "attempt_one",
    "started_one",
    "retry_due",
    "retry_told",
    "retry_one",
)


@pytest.fixture
def connection(folder) -> Iterator[sqlite3.Connection]:
    with closing(connect_writer(folder / "hub.db")) as opened:
        opened.execute("INSERT INTO lane (name, kind) VALUES ('l', 'deliver')")
        yield opened


def _fill(connection: sqlite3.Connection, first: int, last: int) -> None:
    connection.execute("BEGIN")
    for sql in (_FILL, _ATTEMPTS, _RETRIES):
        connection.execute(sql, {"first": first, "last": last})
    connection.execute("UPDATE lane SET head = ?", (last,))
    connection.execute("COMMIT")


def _steps(connection: sqlite3.Connection, name: str, params: dict[str, Any]) -> int:
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(step, 1)
    try:
        for sql in all_blocks()[name].statements:
            connection.execute(sql, params).fetchall()
    finally:
        connection.set_progress_handler(None, 0)
    return steps


def _cost(connection: sqlite3.Connection, new: str) -> dict[str, int]:
    cost = {name: _steps(connection, name, _VALUES) for name in _HOT_READS}
    head = connection.execute("SELECT head FROM lane").fetchone()[0]
    owe = {"lane_id": 1, "item_id": new, "delivery_id": new, "order_key": None, "at": 1}
    cost["owe"] = _steps(connection, "owe", owe)
    cost["owe again"] = _steps(connection, "owe", owe)
    cursor = {"lane_id": 1, "epoch": 0, "cursor": head - 300}
    cost["lane_cursor"] = _steps(connection, "lane_cursor", cursor)
    settled = {"lane_id": 1, "after_seq": head - 300}
    cost["settled_above"] = _steps(connection, "settled_above", settled)
    return cost


def test_hot_statements_cost_the_same_at_1_000_and_at_200_000(connection):
    _fill(connection, 1, 1_000)
    small = _cost(connection, "new_1")
    _fill(connection, 1_002, 200_000)
    large = _cost(connection, "new_2")
    assert small["owed_window"] > 256
    assert large == small


def test_every_point_read_seeks_and_never_scans(connection):
    _fill(connection, 1, 1_000)
    points = [block for block in all_blocks().values() if block.pace is Pace.POINT]
    assert len(points) > 15
    for block in points:
        sql = block.statements[0]
        names = {word.strip("(),;").removeprefix(":") for word in sql.split() if word[0] == ":"}
        plan = connection.execute("EXPLAIN QUERY PLAN " + sql, dict.fromkeys(names, 1)).fetchall()
        scans = [row[3] for row in plan if row[3].startswith("SCAN")]
        scans = [scan for scan in scans if scan.split()[1] in metadata.tables]
        assert scans == [], block.name


def test_every_statement_is_known_to_the_schema(connection):
    for block in all_blocks().values():
        for sql in block.statements:
            names = re.findall(r"(?<![:\w]):([a-z]\w*)", sql)
            connection.execute("EXPLAIN " + sql, dict.fromkeys(names, 1))
