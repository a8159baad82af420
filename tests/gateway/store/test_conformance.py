"""What every engine of the store must do: units, bodies, reading, audit.

An engine joins in conftest's `open_engine`; `test_conformance_lanes` is the other half.
"""

import asyncio
from decimal import Decimal
from itertools import pairwise

import pytest

from gateway.errors import StorageFault, UsageFault
from gateway.store import AuditEntry, Body, Statement, Unit, UnitConflict, verify_chain

_NOWHERE = {"lane_id": 9, "seq": 9, "part_offset": -1}


class TestUnits:
    """All or nothing, each by itself, as often as one likes."""

    async def test_a_unit_is_there_as_a_whole_once_it_is_committed(self, store, rows):
        lane = await rows.make_lane(store)
        done = await store.commit(rows.delivery(lane, "msg_1", b"hello"))
        assert done.affected == (1, 1)
        message = (await store.fetch("message_by_id", message_id="msg_1"))[0]
        assert (message["contract"], message["amount_cents"]) == ("journal-entry", 1250)
        owed = await store.fetch("owed_by_delivery_id", delivery_id=f"dlv_{lane}_msg_1")
        assert (owed[0]["seq"], owed[0]["lane"]) == (1, "deliver:erp")
        assert await store.body("msg_1") == b"hello"

    async def test_every_unit_may_run_twice(self, store, rows):
        lane = await rows.make_lane(store)
        assert await rows.make_lane(store) == lane
        units = [rows.delivery(lane, "msg_1"), rows.delivery(lane, "msg_2")]
        units.append(Unit(statements=(rows.artifact("art_1"), rows.retry(lane, 2))))
        settled = Unit(statements=(rows.attempt(lane, 1), rows.retry(lane, 1)))
        await store.commit(settled)
        await store.commit(Unit(statements=(rows.retry(lane, 1, state="parked"),)))
        for _ in range(3):
            await asyncio.gather(*(store.commit(unit) for unit in units))
            with pytest.raises(UnitConflict):  # it must not undo what came after it
                await store.commit(settled)
        (aside,) = await store.fetch("retry_one", lane_id=lane, seq=1, part_offset=-1)
        assert aside["state"] == "parked"
        window = await store.fetch("owed_window", lane_id=lane, after_seq=0, limit=10)
        assert [(row["seq"], row["item_id"]) for row in window] == [(1, "msg_1"), (2, "msg_2")]
        assert (await store.fetch("lanes"))[0]["head"] == 2
        assert len(await store.fetch("attempts_of", lane_id=lane, seq=1)) == 1
        counters = await store.fetch("counters")
        assert counters == [{"interface": "feed", "name": "messages", "value": 2}]

    async def test_a_failing_unit_fails_alone(self, store, rows):
        lane = await rows.make_lane(store)
        wrong = Unit(
            statements=(rows.owe(lane, "lost"), Statement("retry_delete", _NOWHERE, 1)),
            bodies=(Body("lost", b"x"),),
            counts=(("feed", "messages", 1000),),
            audit=(AuditEntry("a", "lose", "lost"),),
        )
        units = [rows.delivery(lane, f"msg_{number}") for number in range(20)]
        units.insert(7, wrong)
        units.insert(13, wrong)
        outcomes = await asyncio.gather(
            *(store.commit(unit) for unit in units), return_exceptions=True
        )
        failed = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert [outcomes[7], outcomes[13]] == failed
        conflict = outcomes[7]
        assert isinstance(conflict, UnitConflict)
        assert (conflict.statement, conflict.expected, conflict.got) == ("retry_delete", 1, 0)
        window = await store.fetch("owed_window", lane_id=lane, after_seq=0, limit=100)
        assert [row["seq"] for row in window] == list(range(1, 21))
        assert "lost" not in {row["item_id"] for row in window}
        assert (await store.fetch("counters"))[0]["value"] == 20
        assert await store.fetch("audit_writers") == []
        with pytest.raises(StorageFault, match="no body"):
            await store.body("lost")

    async def test_what_is_owed_to_an_unknown_lane_is_refused_not_lost(self, store, rows):
        with pytest.raises(UnitConflict) as caught:
            await store.commit(Unit(statements=(rows.owe(99, "msg_1"),)))
        assert caught.value.statement == "owe"

    async def test_foreign_parameters_fail_their_unit_and_no_other(self, store, rows):
        lane = await rows.make_lane(store)
        wrong: list[Statement] = [
            rows.owe(lane, "x", at=object()),
            rows.owe(lane, "x", at=2**70),
            rows.owe(lane, "x", item_id="\ud800"),
            rows.owe(lane, "x", item_id="nul\0"),
            Statement("owe", {"lane_id": lane}),
            Statement("no_such", {}),
            Statement("owed_window", {}),
        ]
        units = [Unit(statements=(statement,)) for statement in wrong]
        units.insert(3, rows.delivery(lane, "msg_1"))
        outcomes = await asyncio.gather(
            *(store.commit(unit) for unit in units), return_exceptions=True
        )
        good = outcomes.pop(3)
        assert good.affected == (1, 1)
        assert {type(outcome) for outcome in outcomes} == {UsageFault}
        assert "d800" not in "".join(map(str, outcomes))
        with pytest.raises(UsageFault):
            await store.fetch("owed_window", lane_id=lane)
        with pytest.raises(UsageFault):
            await store.fetch("owe", lane_id=lane)

    @pytest.mark.parametrize("amount", [12.5, Decimal("12.50"), "a lot"])
    async def test_money_that_is_not_whole_cents_is_refused(self, store, rows, amount):
        with pytest.raises((UnitConflict, UsageFault)):
            await store.commit(Unit(statements=(rows.message("m", amount_cents=amount),)))
        assert await store.fetch("message_by_id", message_id="m") == []

    async def test_closing_writes_what_is_queued(self, open_engine, rows):
        store = await open_engine()
        lane = await rows.make_lane(store)
        waiting = [
            asyncio.create_task(store.commit(rows.delivery(lane, f"msg_{number}")))
            for number in range(50)
        ]
        await asyncio.sleep(0)
        await store.close()
        assert len(await asyncio.gather(*waiting)) == 50
        with pytest.raises(StorageFault, match="closed"):
            await store.commit(rows.delivery(lane, "late"))
        with pytest.raises(StorageFault, match="closed"):
            await store.fetch("lanes")
        again = await open_engine()
        assert (await again.fetch("lane_by_name", name="deliver:erp"))[0]["head"] == 50

    async def test_a_cancelled_caller_does_not_disturb_the_group(self, store, rows):
        lane = await rows.make_lane(store)
        tasks = [
            asyncio.create_task(store.commit(rows.delivery(lane, f"msg_{number}")))
            for number in range(10)
        ]
        await asyncio.sleep(0)
        tasks[3].cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(isinstance(one, asyncio.CancelledError) for one in outcomes) == 1
        assert (await store.fetch("lanes"))[0]["head"] == 10

    async def test_statistics_say_what_went_through(self, store, rows):
        await rows.make_lane(store)
        with pytest.raises(UnitConflict):
            await store.commit(Unit(statements=(rows.owe(99, "x"),)))
        stats = await store.stats()
        assert (stats.units, stats.failed_units, stats.queue_length) == (2, 1, 0)
        assert stats.database_bytes > 0


class TestBodies:
    """Written once, chunk by chunk, whole or in blocks."""

    async def test_a_body_in_chunks_comes_back_whole_and_in_blocks(self, open_engine):
        store = await open_engine()
        chunks = [b"first " * 1000, b"", b"\x00\xff" * 5000]
        for index, data in enumerate(chunks):
            body = Body("b", data, index, last=index == 2)
            await store.commit(Unit(bodies=(body,)))
        assert await store.body("b") == b"".join(chunks)

        def both() -> list[tuple[bytes, bytes]]:
            return [*zip(store.body_blocks("b"), store.body_blocks("b"), strict=True)]

        assert await asyncio.to_thread(both) == [(chunk, chunk) for chunk in chunks]

    async def test_a_body_is_written_once_and_never_changed(self, open_engine):
        store = await open_engine()
        await store.commit(Unit(bodies=(Body("b", b"first"),)))
        await store.commit(Unit(bodies=(Body("b", b"second"),)))
        await store.close()
        again = await open_engine()
        assert await again.body("b") == b"first"

    async def test_missing_incomplete_and_deleted_bodies_are_told_apart(self, store):
        await store.commit(Unit(bodies=(Body("half", b"x", 0, last=False), Body("gone", b"y"))))
        await store.commit(Unit(statements=(Statement("body_delete", {"body_id": "gone"}, 1),)))
        codes = {}
        for name in ("never", "half", "gone"):
            with pytest.raises(StorageFault) as caught:
                await store.body(name)
            codes[name] = caught.value.code
        assert codes == {"never": "body_missing", "half": "body_damaged", "gone": "body_missing"}
        with pytest.raises(StorageFault, match="before its last chunk"):
            await asyncio.to_thread(list, store.body_blocks("half"))

    async def test_the_cache_of_bodies_is_bounded(self, open_engine):
        store = await open_engine(cache_bytes=10_000)
        for number in range(50):
            await store.commit(Unit(bodies=(Body(f"b{number}", bytes(1000)),)))
        stats = await store.stats()
        assert 0 < stats.cache_bytes <= 10_000
        assert await store.body("b0") == await store.body("b49") == bytes(1000)
        stats = await store.stats()
        assert (stats.cache_misses, stats.cache_hits) == (1, 1)


class TestReading:
    """Readers neither wait for the writer nor see half of a unit."""

    async def test_readers_see_whole_units_while_the_writer_works(self, store, rows):
        lane = await rows.make_lane(store)
        writing = asyncio.create_task(self._write(store, lane, rows))
        heads = []
        while not writing.done():
            head = (await store.fetch("lane_by_id", lane_id=lane))[0]["head"]
            window = await store.fetch("owed_window", lane_id=lane, after_seq=0, limit=1000)
            parts = await store.fetch("messages_of_contract", contract="journal-entry", limit=999)
            assert head <= len(window) <= len(parts)
            heads.append(head)
            await asyncio.sleep(0)
        await writing
        assert all(one <= two for one, two in pairwise(heads))
        assert len(set(heads)) > 5

    @staticmethod
    async def _write(store, lane: int, rows) -> None:
        for number in range(40):
            await asyncio.gather(
                *(store.commit(rows.delivery(lane, f"msg_{number}_{k}")) for k in range(5))
            )

    async def test_a_hub_value_and_a_bundle_come_back_as_written(self, store):
        bundle = {"hash": "h", "at": 1, "body": b"\x00yaml"}
        unit = Unit(
            statements=(
                Statement("bundle_insert", bundle),
                Statement("hub_put", {"key": "k", "value": "1"}),
                Statement("hub_put", {"key": "k", "value": "2"}),
            )
        )
        assert (await store.commit(unit)).affected == (1, 1, 1)
        assert (await store.commit(unit)).affected == (0, 1, 1)
        assert await store.fetch("bundle_get", hash="h") == [bundle]
        assert await store.fetch("hub_get", key="k") == [{"value": "2"}]


class TestAudit:
    """One chain per writer, in the transaction of the change."""

    async def test_the_chain_holds_across_failures_and_restarts(self, open_engine, rows):
        for turn in range(2):
            store = await open_engine()
            good = [Unit(audit=(AuditEntry("kim", "release", f"{turn}-{k}"),)) for k in range(9)]
            bad = Unit(statements=(rows.owe(99, "x"),), audit=(AuditEntry("kim", "lie", "x"),))
            await asyncio.gather(
                *(store.commit(unit) for unit in (*good[:4], bad, *good[4:])),
                return_exceptions=True,
            )
            await store.close()
        store = await open_engine()
        ((writer,),) = [row.values() for row in await store.fetch("audit_writers")]
        chain = await store.fetch("audit_rows", writer=writer, after_seq=0, limit=100)
        assert len(chain) == 18
        assert verify_chain(chain) is None
        assert "lie" not in {row["action"] for row in chain}
        tail = await store.fetch("audit_tail", limit=1)
        assert tail[0]["seq"] == 18
        page = await store.fetch("audit_rows", writer=writer, after_seq=10, limit=100)
        assert verify_chain(page, seq=10, last_hash=chain[9]["hash"]) is None
