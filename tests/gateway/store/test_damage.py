"""Bodies that were changed, moved or cut inside the database file."""

import sqlite3
from contextlib import closing

import pytest

from gateway.errors import StorageFault
from gateway.store import Body, Unit


@pytest.fixture
async def damaged(folder, open_sqlite):
    """Write bodies, let a function damage the database, open it again."""

    async def damage(sql: str, *params: object):
        store = await open_sqlite()
        for name in ("one", "two", "sound"):
            for chunk in (0, 1):
                data = f"{name} {chunk} ".encode() * 50
                await store.commit(Unit(bodies=(Body(name, data, chunk, last=chunk == 1),)))
        await store.close()
        with closing(sqlite3.connect(folder / "hub.db")) as connection, connection:
            assert connection.execute(sql, params).rowcount > 0
        return await open_sqlite()

    return damage


@pytest.mark.parametrize(
    "sql",
    [
        (
            "UPDATE body SET body_id = CASE body_id WHEN 'one' THEN 'x' ELSE 'one' END"
            " WHERE body_id IN ('one', 'two')"
        ),
        "UPDATE body SET chunk = CASE chunk WHEN 1 THEN 0 ELSE 3 END WHERE body_id = 'one'",
        (
            "UPDATE body SET sealed = (SELECT sealed FROM body AS b WHERE b.body_id = 'one'"
            " AND b.chunk = 1) WHERE body_id = 'one' AND chunk = 0"
        ),
        "UPDATE body SET sealed = substr(sealed, 1, length(sealed) - 1) WHERE body_id = 'one'",
        "UPDATE body SET sealed = CAST('' AS BLOB) WHERE body_id = 'one' AND chunk = 0",
        "UPDATE body SET last = 1 WHERE body_id = 'one' AND chunk = 0",
        "UPDATE body SET last = 0 WHERE body_id = 'one' AND chunk = 1",
        "DELETE FROM body WHERE body_id = 'one' AND chunk = 1",
        "DELETE FROM body WHERE body_id = 'one' AND chunk = 0",
    ],
)
async def test_a_body_changed_moved_or_cut_is_named_and_the_others_go_on(damaged, sql):
    store = await damaged(sql)
    with pytest.raises(StorageFault, match="one") as caught:
        await store.body("one")
    assert caught.value.code in {"body_damaged", "body_missing"}
    with pytest.raises(StorageFault):
        list(store.body_blocks("one"))
    assert (await store.body("sound")).startswith(b"sound 0 sound 0")


async def test_a_file_that_is_no_database_is_refused(folder, open_sqlite):
    (folder / "hub.db").write_bytes(b"not a database, " * 300)
    with pytest.raises(StorageFault) as caught:
        await open_sqlite()
    assert caught.value.code == "store_damaged"
