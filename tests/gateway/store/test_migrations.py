"""From an empty file to the newest schema, and nothing to do the second time."""

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from gateway.errors import NotFound, StorageFault
from gateway.ports import Ports
from gateway.store import KeyRing, StoreSettings, WriterShape, open_store
from gateway.store import migrations as migrations_package
from gateway.store.migrations import HEAD_REVISION
from gateway.store.schema import metadata
from gateway.store.sqlite.connection import connect_writer
from gateway.store.sqlite.migrate import migrate, schema_version

_OPEN_TWICE = """
import asyncio, sys
from pathlib import Path
from gateway.ports import Ports
from gateway.store import KeyRing, StoreSettings, WriterShape, open_store

async def main():
    keys = KeyRing.open(Path(sys.argv[1]) / "hub.key")
    path = Path(sys.argv[1]) / "hub.db"
    await (await open_store(StoreSettings(path=path), keys, Ports())).close()
    print(*sorted({"alembic", "sqlalchemy"} & set(sys.modules)))

asyncio.run(main())
"""


async def test_an_empty_folder_becomes_a_store_that_only_its_owner_reads(tmp_path):
    path = tmp_path / "data" / "hub.db"
    keys = KeyRing.open(tmp_path / "hub.key")
    settings = StoreSettings(path=path, writer=WriterShape.THREAD)
    store = await open_store(settings, keys, Ports())
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert set(modes) == {"hub.db", "hub.db-wal", "hub.db-shm", "hub.db.lock"}
    assert set(modes.values()) == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert (await store.stats()).schema_version == HEAD_REVISION
    await store.close()


def test_a_current_database_opens_without_loading_alembic(folder, root):
    output = [
        subprocess.run(
            [sys.executable, "-c", _OPEN_TWICE, place],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for place in (folder / "empty", folder)
    ]
    assert output == [["alembic", "sqlalchemy"], []]


def test_a_second_migration_does_nothing(tmp_path):
    path = tmp_path / "hub.db"
    connection = connect_writer(path)
    try:
        assert schema_version(connection) == ""
        assert migrate(path, connection) is True
        schema = connection.execute("SELECT * FROM sqlite_master").fetchall()
        assert migrate(path, connection) is False
        assert connection.execute("SELECT * FROM sqlite_master").fetchall() == schema
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(StorageFault, match="9999") as caught:
            migrate(path, connection)
        assert caught.value.code == "schema_too_new"
    finally:
        connection.close()


def test_a_migration_that_is_cut_off_leaves_nothing_and_can_begin_again(tmp_path):
    path = tmp_path / "hub.db"
    connection = connect_writer(path)
    try:
        connection.execute("CREATE TABLE hub (in_the_way)")
        with pytest.raises(sqlalchemy.exc.OperationalError):
            migrate(path, connection)
        tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
        assert connection.execute(tables).fetchall() == [("hub",)]
        connection.execute("DROP TABLE hub")
        assert migrate(path, connection) is True
        assert schema_version(connection) == HEAD_REVISION
    finally:
        connection.close()


def test_the_migrations_lead_to_the_schema_as_written(folder):
    engine = sqlalchemy.create_engine(
        f"sqlite:///{folder / 'hub.db'}", poolclass=sqlalchemy.NullPool
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
        tables = connection.exec_driver_sql(
            "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
            " AND name NOT LIKE 'sqlite_%' AND name <> 'alembic_version'"
        ).fetchall()
    assert {name for name, _ in tables} == set(metadata.tables)
    assert {strict for _, strict in tables} == {1}


def test_the_head_constant_is_the_newest_migration():
    folder = Path(migrations_package.__file__).parent
    assert ScriptDirectory(folder).get_heads() == [HEAD_REVISION]


async def test_an_absent_database_is_not_made_when_that_is_not_wanted(tmp_path):
    settings = StoreSettings(path=tmp_path / "none.db", create=False)
    with pytest.raises(NotFound):
        await open_store(settings, KeyRing.open(tmp_path / "hub.key"), Ports())
    assert not (tmp_path / "none.db").exists()
