"""A store moves to the other engine and back: every row, every chain, every body."""

import asyncio
import sqlite3
import sys

import pytest

from gateway.errors import Conflict, StorageFault
from gateway.ports import Ports, SystemClock
from gateway.store import (
    AuditEntry,
    Body,
    KeyRing,
    PostgresSettings,
    Statement,
    StoreSettings,
    Unit,
    WriterShape,
    open_store,
    verify_chain,
)
from gateway.store.copying import copied_tables, copy_store
from gateway.store.sides import reading, writing


@pytest.fixture
def keys(folder):
    return KeyRing.open(folder / "hub.key")


@pytest.fixture
async def filled(folder, open_sqlite, rows):
    """The settings of a store with something in it."""
    store = await open_sqlite()
    lane = await rows.make_lane(store)
    for number in range(30):
        await store.commit(rows.delivery(lane, f"msg_{number}", b"body %d" % number * 50))
    await store.commit(
        Unit(
            statements=(rows.artifact("art_1", meta=b"\x00sealed"), rows.retry(lane, 7)),
            bodies=(Body("art_1", b"whole", 0, last=False), Body("art_1", b" body", 1)),
            audit=tuple(
                AuditEntry("kim", "release", f"a{k}", reason="asked for") for k in range(9)
            ),
        )
    )
    await store.commit(Unit(statements=(rows.attempt(lane, 1),)))
    await store.close()
    return StoreSettings(path=folder / "hub.db", writer=WriterShape.THREAD)


async def copied(source, target, keys):
    async with reading(source, SystemClock()) as old, writing(target, SystemClock()) as new:
        return await copy_store(old, new, keys, lambda *_: None)


async def test_a_store_goes_to_postgresql_and_back_and_works_on(
    filled, folder, keys, postgres, rows
):
    shared = PostgresSettings(url=postgres.fresh())
    there = await copied(filled, shared, keys)
    assert there.tables["owed"] == 30
    assert there.tables["message"] == 30
    assert (there.audit_rows, there.bodies_opened) == (9, 32)
    store = await open_store(shared, keys, Ports())
    assert await store.body("art_1") == b"whole body"
    lane = (await store.fetch("lanes"))[0]
    await store.commit(rows.delivery(lane["lane_id"], "msg_new"))
    assert (await store.fetch("lanes"))[0]["head"] == 31
    assert await rows.make_lane(store, "another") > lane["lane_id"]
    tail = await store.fetch("audit_tail", limit=1)
    assert tail[0]["reason"] == "asked for"
    await store.close()

    back = StoreSettings(path=folder / "back.db", writer=WriterShape.THREAD)
    again = await copied(shared, back, keys)
    assert again.tables == there.tables | {
        **{name: 31 for name in ("owed", "message", "part") if there.tables[name]},
        "body": there.tables["body"] + 1,
        "lane": 2,
        "counter": 2,
    }
    store = await open_store(back, keys, Ports())
    await store.commit(Unit(audit=(AuditEntry("kim", "look", "x"),)))
    chain = await store.fetch("audit_rows", writer="hub", after_seq=0, limit=99)
    assert len(chain) == 10
    assert verify_chain(chain) is None
    await store.close()


async def test_only_an_empty_target_is_taken_and_only_a_store_at_rest(
    filled, folder, keys, postgres, open_sqlite
):
    shared = PostgresSettings(url=postgres.migrated())
    store = await open_store(shared, keys, Ports())
    with pytest.raises(StorageFault) as caught:
        await copied(filled, shared, keys)
    assert caught.value.code == "store_locked"
    await store.commit(Unit(statements=(Statement("hub_put", {"key": "k", "value": "v"}),)))
    await store.close()
    with pytest.raises(Conflict) as refused:
        await copied(filled, shared, keys)
    assert refused.value.code == "target_not_empty"
    with pytest.raises(Conflict):
        await copied(shared, filled, keys)
    running = await open_sqlite()
    with pytest.raises(StorageFault) as caught:
        await copied(filled, PostgresSettings(url=postgres.fresh()), keys)
    assert caught.value.code == "store_locked"
    await running.close()


@pytest.mark.parametrize("kind", ["audit", "body", "key"])
async def test_what_does_not_verify_leaves_nothing(filled, folder, keys, postgres, kind):
    match kind:
        case "audit":
            change = "UPDATE audit SET actor = 'mallory' WHERE seq = 4"
        case "body":
            change = "UPDATE body SET sealed = substr(sealed, 1, 80) WHERE body_id = 'msg_3'"
        case _:
            change = "SELECT 1"
            keys = KeyRing.open(folder / "other.key")
    with sqlite3.connect(filled.path) as connection:
        connection.execute(change)
    connection.close()
    shared = PostgresSettings(url=postgres.fresh())
    with pytest.raises(StorageFault):
        await copied(filled, shared, keys)
    for table in copied_tables():
        count = f"SELECT count(*) FROM {table.name}"  # noqa: S608  our own name
        assert postgres.execute(count, dsn=shared.url) == [(0,)]
    with pytest.raises(StorageFault):
        await copied(
            filled, StoreSettings(path=folder / "new.db", writer=WriterShape.THREAD), keys
        )
    assert not list(folder.glob("new.db*[!k]"))


async def test_the_command_line_copies_and_says_what_to_do_next(
    filled, folder, keys, postgres, root
):
    (folder / "config").mkdir()
    (folder / "config/hub.yaml").write_text("store: {path: hub.db, key_file: hub.key}\n")
    main = "import sys; from gateway.cli import main; sys.exit(main())"
    url = postgres.fresh()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", main, "store", "copy", "--to", url, "--root", str(folder)),
        cwd=root,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err
    assert b"owed" in out
    assert b"store.postgres" in err
    assert postgres.execute("SELECT count(*) FROM owed", dsn=url) == [(30,)]
