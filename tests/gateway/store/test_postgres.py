"""What only the shared engine must do: commits whose reply is lost, slots, sharing, refusals."""

import asyncio
import sys

import asyncpg
import pytest

from gateway.errors import StorageFault
from gateway.ports import Ports
from gateway.store import (
    AuditEntry,
    Body,
    KeyRing,
    PostgresSettings,
    Statement,
    StoreUnavailable,
    Unit,
    UnitConflict,
    open_store,
    verify_chain,
)
from gateway.store.migrations import HEAD_REVISION
from gateway.store.postgres.compiling import compiled, compiled_read
from gateway.store.postgres.session import LOCK_CLASS
from gateway.store.statements import Pace, all_blocks
from tests.gateway.store.commit_proxy import CommitProxy, Loss
from tests.postgres import Postgres

_OWE = """
import asyncio, sys
from pathlib import Path
from gateway.errors import HubError
from gateway.ports import Ports
from gateway.store import *

async def main(url, key, name):
    store = await open_store(PostgresSettings(url=url), KeyRing.open(Path(key)), Ports())
    def owe(lane, n):
        row = {"lane_id": lane, "item_id": f"{name}-{n}", "delivery_id": f"d-{lane}-{name}-{n}"}
        return Statement("owe", {**row, "order_key": None, "at": 1})
    def unit(n):
        lanes = (1, 2) if n % 2 else (2, 1)
        wrong = (Statement("retry_delete", {"lane_id": 1, "seq": 9, "part_offset": 9}, 1),)
        return Unit(
            statements=tuple(owe(lane, n) for lane in lanes) + wrong * (n % 50 == 7),
            audit=(AuditEntry(name, "owe", str(n)),), counts=(("feed", "owed", 1),),
        )
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    for start in range(0, 400, 40):
        done = await asyncio.gather(
            *(store.commit(unit(n)) for n in range(start, start + 40)), return_exceptions=True
        )
        assert sum(isinstance(one, Exception) for one in done) <= 1, done
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def keys(tmp_path):
    return KeyRing.open(tmp_path / "hub.key")


@pytest.fixture
async def proxy(postgres: Postgres):
    async with CommitProxy(postgres.port) as there:
        yield there


def through(proxy: CommitProxy, url: str, postgres: Postgres) -> str:
    return postgres.dsn(url.rpartition("/")[2], port=proxy.port)


class TestLostCommits:
    """The answer is never guessed: the group's mark tells."""

    @pytest.mark.parametrize("loss", list(Loss))
    async def test_a_lost_commit_is_there_exactly_once(
        self, postgres, proxy, keys, rows, loss, monkeypatch
    ):
        url = postgres.migrated()
        settings = PostgresSettings(url=through(proxy, url, postgres), statement_seconds=0.5)
        monkeypatch.setattr("gateway.store.postgres.session._MARGIN_SECONDS", 0.5)
        store = await open_store(settings, keys, Ports())
        lane = await rows.make_lane(store)
        for turn in range(5):
            proxy.losses.append(loss)
            units = [
                Unit(
                    statements=(rows.owe(lane, f"{turn}-{k}"),),
                    counts=(("feed", "owed", 1),),
                    audit=(AuditEntry("kim", "owe", f"{turn}-{k}"),),
                )
                for k in range(4)
            ]
            units.append(Unit(statements=(rows.owe(99, "nowhere"),)))
            done = await asyncio.gather(
                *(store.commit(unit) for unit in units), return_exceptions=True
            )
            assert [type(one).__name__ for one in done] == ["Committed"] * 4 + ["UnitConflict"]
            assert {one.affected for one in done[:4]} == {(1,)}
        assert proxy.lost == [loss] * 5
        owed = await store.fetch("owed_window", lane_id=lane, after_seq=0, limit=99)
        assert [row["seq"] for row in owed] == list(range(1, 21))
        assert (await store.fetch("counters"))[0]["value"] == 20
        chain = await store.fetch("audit_rows", writer="hub-1", after_seq=0, limit=99)
        assert len(chain) == 20
        assert verify_chain(chain) is None
        await store.close()

    async def test_where_nobody_can_tell_it_says_so_and_goes_on(
        self, postgres, proxy, keys, rows, monkeypatch
    ):
        monkeypatch.setattr("gateway.store.postgres.writer._RESOLVE_SECONDS", 1.0)
        url = postgres.migrated()
        settings = PostgresSettings(url=through(proxy, url, postgres))
        store = await open_store(settings, keys, Ports())
        lane = await rows.make_lane(store)
        unit = Unit(statements=(rows.owe(lane, "x"),))
        proxy.losses.append(Loss.REPLY)
        proxy.open.clear()
        waiting = asyncio.create_task(store.commit(unit))
        await asyncio.sleep(0.3)
        with pytest.raises(StoreUnavailable) as caught:
            await store.commit(unit)
        assert caught.value.code == "store_unreachable"
        assert not waiting.done(), "nobody waits behind the one that is found out about"
        with pytest.raises(StoreUnavailable) as caught:
            await waiting
        assert caught.value.code == "writer_lost"
        proxy.open.set()
        await asyncio.sleep(0.3)
        assert (await store.commit(unit)).affected == (0,), "it was there: a unit may run twice"
        await store.close()

    async def test_a_slot_that_somebody_else_took_tells_nothing(
        self, postgres, proxy, keys, rows, monkeypatch
    ):
        url = postgres.migrated()
        store = await open_store(
            PostgresSettings(url=through(proxy, url, postgres)), keys, Ports()
        )
        lane = await rows.make_lane(store)
        proxy.losses.append(Loss.REQUEST)
        proxy.open.clear()
        waiting = asyncio.create_task(store.commit(Unit(statements=(rows.owe(lane, "x"),))))
        other = await self._takes_the_slot(url)
        proxy.open.set()
        with pytest.raises(StoreUnavailable) as caught:
            await waiting
        assert caught.value.code == "writer_lost"
        await store.commit(Unit(audit=(AuditEntry("kim", "look", "y"),)))
        assert await store.fetch("audit_writers") == [{"writer": "hub-2"}]
        await other.close()
        await store.close()

    @staticmethod
    async def _takes_the_slot(url: str):
        other = await asyncpg.connect(url)
        async with asyncio.timeout(30):
            while not await other.fetchval("SELECT pg_try_advisory_lock($1, 1)", LOCK_CLASS):
                await asyncio.sleep(0.005)
        return other


class TestSharing:
    """Several processes, one database."""

    async def test_what_is_owed_has_no_gap_whoever_owes(
        self, postgres, tmp_path, keys, rows, root
    ):
        url = postgres.migrated()
        store = await open_store(PostgresSettings(url=url), keys, Ports())
        lanes = [await rows.make_lane(store, f"lane-{n}") for n in range(2)]
        assert lanes == [1, 2]
        command = (sys.executable, "-c", _OWE, url, str(tmp_path / "hub.key"))
        pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
        processes = [
            await asyncio.create_subprocess_exec(*command, name, cwd=root, **pipes)
            for name in ("a", "b")
        ]
        for one in processes:
            assert await one.stdout.readline() == b"ready\n"
        for one in processes:
            one.stdin.write(b"go\n")
        assert [await one.wait() for one in processes] == [0, 0]
        for lane in await store.fetch("lanes"):
            window = await store.fetch(
                "owed_window", lane_id=lane["lane_id"], after_seq=0, limit=9999
            )
            assert [row["seq"] for row in window] == list(range(1, lane["head"] + 1))
            assert len(window) == 2 * (400 - 8)
        assert await store.fetch("counters") == [
            {"interface": "feed", "name": "owed", "value": 2 * (400 - 8)}
        ]
        writers = [row["writer"] for row in await store.fetch("audit_writers")]
        assert writers == ["hub-2", "hub-3"]
        for writer in writers:
            chain = await store.fetch("audit_rows", writer=writer, after_seq=0, limit=9999)
            assert len(chain) == 392
            assert verify_chain(chain) is None
        await store.close()

    async def test_a_stale_owner_never_settles_whatever_the_hurry(self, postgres, keys, rows):
        url = postgres.migrated()
        store = await open_store(PostgresSettings(url=url), keys, Ports())
        lane = await rows.make_lane(store)
        other = await asyncpg.connect(url)
        for epoch in range(5):
            settle = Unit(statements=(rows.attempt(lane, epoch + 1, epoch=epoch),))
            async with other.transaction():
                await other.execute("UPDATE lane SET epoch = epoch + 1 WHERE lane_id = $1", lane)
                settling = asyncio.create_task(store.commit(settle))
                await asyncio.sleep(0.2)
                assert not settling.done(), "it waits for who takes the lane"
            with pytest.raises(UnitConflict):
                await settling
            assert await store.fetch("attempts_of", lane_id=lane, seq=epoch + 1) == []
        await other.close()
        await store.close()

    async def test_two_groups_in_each_other_s_way_both_go_through(self, open_postgres):
        one, two = await open_postgres(), await open_postgres()

        def put(*names: str) -> Unit:
            return Unit(
                statements=tuple(
                    Statement("hub_put", {"key": name, "value": "1"}) for name in names
                )
            )

        for turn in range(3):
            keys = [f"{turn}-{n}" for n in range(200)]
            done = await asyncio.gather(
                *(one.commit(put(name)) for name in keys),
                *(two.commit(put(name)) for name in reversed(keys)),
            )
            assert {outcome.affected for outcome in done} == {(1,)}

    async def test_nodes_that_start_at_once_migrate_once(self, postgres, keys):
        url = postgres.fresh()
        stores = await asyncio.gather(
            *(open_store(PostgresSettings(url=url), keys, Ports()) for _ in range(3))
        )
        assert {(await store.stats()).schema_version for store in stores} == {HEAD_REVISION}
        for store in stores:
            await store.close()
        assert postgres.execute("SELECT count(*) FROM alembic_version", dsn=url) == [(1,)]


class TestAway:
    """The database goes and comes back."""

    async def test_connections_that_are_cut_are_made_again(self, postgres, open_postgres, rows):
        store = await open_postgres()
        lane = await rows.make_lane(store)
        name = postgres.execute(
            "SELECT datname FROM pg_stat_activity WHERE application_name LIKE 'remithub%'"
            " ORDER BY backend_start DESC LIMIT 1"
        )[0][0]
        for turn in range(5):
            assert postgres.cut(name) >= 1
            done = await store.commit(Unit(statements=(rows.owe(lane, f"m{turn}"),)))
            assert done.affected == (1,)
            assert len(await store.fetch("owed_window", lane_id=lane, after_seq=0, limit=9)) == (
                turn + 1
            )
        await store.close()

    async def test_while_it_is_away_everything_says_so_at_once(self, postgres_own, keys, rows):
        store = await open_store(PostgresSettings(url=postgres_own.fresh()), keys, Ports())
        lane = await rows.make_lane(store)
        postgres_own.stop()
        for _ in range(3):
            with pytest.raises(StoreUnavailable) as caught:
                await store.commit(rows.delivery(lane, "m"))
            assert caught.value.code == "store_unreachable"
            with pytest.raises(StoreUnavailable) as caught:
                await store.fetch("lanes")
            assert caught.value.code == "store_unreachable"
        postgres_own.start()
        await asyncio.sleep(0.3)
        assert (await store.commit(rows.delivery(lane, "m"))).affected == (1, 1)
        assert len(await store.fetch("lanes")) == 1
        await store.close()

    async def test_what_waits_is_bounded(self, open_postgres, rows):
        store = await open_postgres(waiting_units=10, waiting_bytes=1 << 20)
        big = [Unit(bodies=(Body(f"b{n}", bytes(300_000)),)) for n in range(10)]
        done = await asyncio.gather(*(store.commit(unit) for unit in big), return_exceptions=True)
        refused = [one for one in done if isinstance(one, Exception)]
        assert len(refused) == 6
        assert {one.code for one in refused} == {"store_crowded"}
        await store.commit(big[9])


class TestRefusals:
    """What it does not open."""

    @pytest.mark.parametrize(
        ("setting", "value"), [("synchronous_commit", "off"), ("wrong_key", "")]
    )
    async def test_a_database_that_may_forget_or_is_sealed_by_another_key(
        self, postgres, tmp_path, keys, setting, value
    ):
        url = postgres.migrated()
        code = "store_unsafe"
        if setting == "wrong_key":
            await (await open_store(PostgresSettings(url=url), keys, Ports())).close()
            keys, code = KeyRing.open(tmp_path / "other.key"), "wrong_key"
        else:
            name = url.rpartition("/")[2]
            postgres.execute(f'ALTER DATABASE "{name}" SET {setting} = {value}')
        with pytest.raises(StorageFault) as caught:
            await open_store(PostgresSettings(url=url), keys, Ports())
        assert caught.value.code == code

    async def test_a_newer_schema_and_an_absent_one(self, postgres, keys):
        url = postgres.fresh()
        with pytest.raises(Exception, match="not at this hub's schema"):
            await open_store(PostgresSettings(url=url, create=False), keys, Ports())
        url = postgres.migrated()
        postgres.execute("UPDATE alembic_version SET version_num = '9999'", dsn=url)
        with pytest.raises(StorageFault, match="9999") as caught:
            await open_store(PostgresSettings(url=url), keys, Ports())
        assert caught.value.code == "schema_too_new"

    async def test_a_server_that_is_not_there(self, keys):
        url = "postgresql://nobody@127.0.0.1:1/none"
        with pytest.raises(StoreUnavailable) as caught:
            await open_store(PostgresSettings(url=url), keys, Ports())
        assert caught.value.code == "store_unreachable"


async def test_every_statement_says_its_parameters_types_by_itself(postgres):
    connection = await asyncpg.connect(postgres.migrated())
    wrong = {}
    for name, block in all_blocks().items():
        if block.pace is Pace.WRITE:
            prepared = compiled(name)
            pieces = [*prepared.pieces, *([prepared.together] if prepared.together else [])]
        else:
            pieces = [compiled_read(name)[1]]
        for piece in pieces:
            try:
                await connection.prepare(piece.sql)
            except asyncpg.PostgresError as error:
                wrong[name] = str(error)
    await connection.close()
    assert wrong == {}
