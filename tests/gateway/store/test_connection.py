"""Connections are opened the safe way, and what SQLite refuses is said in our words."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from gateway.errors import StorageFault, TryAgain, UsageFault
from gateway.store import UnitConflict
from gateway.store.sqlite.connection import (
    batch_fault,
    connect_reader,
    connect_writer,
    read_fault,
    unit_fault,
)

_HUB = "INSERT INTO hub (key, value) VALUES ('k', 'v')"


@pytest.fixture
def writer(folder) -> Iterator[sqlite3.Connection]:
    with closing(connect_writer(folder / "hub.db")) as connection:
        yield connection


@pytest.fixture
def reader(folder, writer) -> Iterator[sqlite3.Connection]:
    with closing(connect_reader(folder / "hub.db")) as connection:
        yield connection


def _pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_the_writer_is_durable_against_power_loss_and_checks_what_it_reads(writer):
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "busy_timeout": 5000,
    }
    assert {name: _pragma(writer, name) for name in wanted} == wanted


def test_a_reader_can_neither_write_nor_checkpoint(reader):
    assert _pragma(reader, "wal_autocheckpoint") == 0
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute(_HUB)


def test_a_busy_database_may_be_tried_again(folder, writer):
    writer.execute("BEGIN IMMEDIATE")
    with closing(connect_writer(folder / "hub.db")) as other:
        other.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(sqlite3.OperationalError) as caught:
            other.execute("BEGIN IMMEDIATE")
    fault = batch_fault(caught.value)
    assert isinstance(fault, TryAgain)
    assert fault.code == "store_busy"


def test_a_fault_of_the_whole_database_is_not_blamed_on_a_unit(writer):
    with pytest.raises(sqlite3.Error) as caught:
        writer.execute("SELECT * FROM nowhere")
    assert unit_fault(caught.value, "owe") is None
    fault = read_fault(caught.value, "owed_window")
    assert type(fault) is StorageFault
    assert "SQLITE_ERROR" in str(fault)


def test_a_refused_row_is_named_by_statement_and_column_never_by_value(writer):
    writer.execute(_HUB.replace("'v'", "'secret'"))
    with pytest.raises(sqlite3.IntegrityError) as caught:
        writer.execute(_HUB.replace("'v'", "'secret'"))
    fault = unit_fault(caught.value, "hub_put")
    assert isinstance(fault, UnitConflict)
    assert str(fault) == "The store refused hub_put: UNIQUE constraint failed: hub.key."


def test_a_missing_parameter_is_the_callers_fault(writer):
    with pytest.raises(sqlite3.ProgrammingError) as caught:
        writer.execute("SELECT :a", {})
    assert isinstance(unit_fault(caught.value, "owe"), UsageFault)
    assert isinstance(read_fault(caught.value, "owe"), UsageFault)
