"""What every engine of the store must do; an engine joins in conftest's `open_engine`."""

import asyncio
import random
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from gateway.errors import StorageFault, UsageFault
from gateway.store import AuditEntry, Body, Statement, Unit, UnitConflict, verify_chain

_AT = 1_700_000_000_000


def _retry_key(lane: int, seq: int, **more: Any) -> dict[str, Any]:
    return {"lane_id": lane, "seq": seq, "part_offset": -1, **more}


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
        units += [
            Unit(statements=(rows.attempt(lane, 1),)),
            Unit(statements=(rows.artifact("art_1"), rows.retry(lane, 2))),
        ]
        for _ in range(3):
            await asyncio.gather(*(store.commit(unit) for unit in units))
        window = await store.fetch("owed_window", lane_id=lane, after_seq=0, limit=10)
        assert [(row["seq"], row["item_id"]) for row in window] == [(1, "msg_1"), (2, "msg_2")]
        assert (await store.fetch("lanes"))[0]["head"] == 2
        assert len(await store.fetch("attempts_of", lane_id=lane, seq=1)) == 1
        counters = await store.fetch("counters")
        assert counters == [{"interface": "feed", "name": "messages", "value": 2}]

    async def test_a_failing_unit_fails_alone(self, store, rows):
        lane = await rows.make_lane(store)
        wrong = Unit(
            statements=(rows.owe(lane, "lost"), Statement("retry_delete", _retry_key(9, 9), 1)),
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
        assert await store.fetch("audit_rows", writer="hub", after_seq=0, limit=9) == []
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


class TestLanes:
    """Sequences, ownership, cursors."""

    async def test_sequences_have_no_gap_under_concurrent_commits(self, store, rows):
        lanes = [await rows.make_lane(store, f"lane_{number}") for number in range(4)]
        order = random.Random(5)
        units = []
        for number in range(300):
            some = order.sample(lanes, order.randint(1, 4))
            owes = tuple(rows.owe(lane, f"msg_{number % 200}") for lane in some)
            broken = (Statement("retry_delete", _retry_key(9, 9), 1),) * (number % 11 == 0)
            units.append(Unit(statements=owes + broken))
        outcomes = await asyncio.gather(
            *(store.commit(unit) for unit in units), return_exceptions=True
        )
        assert sum(isinstance(one, UnitConflict) for one in outcomes) == 28
        for lane in await store.fetch("lanes"):
            owed = await store.fetch(
                "owed_window", lane_id=lane["lane_id"], after_seq=0, limit=999
            )
            assert [row["seq"] for row in owed] == list(range(1, lane["head"] + 1))
            assert len({row["item_id"] for row in owed}) == len(owed) > 100

    async def test_taking_a_lane_raises_its_epoch_and_waits_for_the_lease(self, store, rows):
        lane = await rows.make_lane(store)

        async def take(owner: str, now: int) -> list[dict[str, Any]]:
            params = {"lane_id": lane, "owner": owner, "lease_until": now + 100, "now": now}
            done = await store.commit(Unit(statements=(Statement("lane_take", params),)))
            return list(done.rows[0])

        assert await take("one", 1000) == [{"lane_id": lane, "epoch": 1, "head": 0, "cursor": 0}]
        assert await take("two", 1050) == []
        assert (await take("two", 1100))[0]["epoch"] == 2
        assert (await take("two", 1101))[0]["epoch"] == 3

    async def test_only_the_present_owner_settles(self, store, rows):
        lane = await rows.make_lane(store)
        take = {"lane_id": lane, "owner": "one", "lease_until": 0, "now": 0}
        await store.commit(rows.delivery(lane, "msg_1"))
        await store.commit(Unit(statements=(Statement("lane_take", take),)))
        for stale in (
            rows.attempt(lane, 1, epoch=0),
            Statement("lane_cursor", {"lane_id": lane, "epoch": 0, "cursor": 1}, expect=1),
            Statement(
                "started_insert",
                {"lane_id": lane, "seq": 1, "generation": 0, "number": 1, "at": 1, "epoch": 0},
                expect=1,
            ),
        ):
            with pytest.raises(UnitConflict):
                await store.commit(Unit(statements=(stale,)))
        await store.commit(Unit(statements=(rows.attempt(lane, 1, epoch=1),)))
        with pytest.raises(UnitConflict):
            await store.commit(
                Unit(statements=(rows.attempt(lane, 1, epoch=1, outcome="failed"),))
            )

    async def test_the_backlog_is_told_without_counting(self, store, rows):
        lane = await rows.make_lane(store)
        for number in range(5):
            owe = rows.owe(lane, f"msg_{number}", at=_AT + number)
            await store.commit(Unit(statements=(owe,)))
        cursor = {"lane_id": lane, "epoch": 0, "cursor": 2}
        await store.commit(Unit(statements=(Statement("lane_cursor", cursor, 1),)))
        backlog = (await store.fetch("lane_backlog"))[0]
        assert (backlog["backlog"], backlog["oldest_at"]) == (3, _AT + 2)

    async def test_the_done_set_above_the_cursor_is_what_was_settled(self, store, rows):
        lane = await rows.make_lane(store)
        for seq, outcome in enumerate(("done", "failed", "discarded", "unknown", "done"), 1):
            await store.commit(Unit(statements=(rows.attempt(lane, seq, outcome=outcome),)))
        part = rows.attempt(lane, 6, part_offset=106)
        await store.commit(Unit(statements=(part,)))
        settled = await store.fetch("settled_above", lane_id=lane, after_seq=1)
        assert [row["seq"] for row in settled] == [3, 5]

    async def test_what_was_started_and_never_settled_is_found(self, store, rows):
        lane = await rows.make_lane(store)
        for seq in (1, 2):
            started = {"lane_id": lane, "seq": seq, "generation": 0, "number": 1, "at": 5}
            unit = Unit(statements=(Statement("started_insert", {**started, "epoch": 0}, 1),))
            await store.commit(unit)
            await store.commit(unit)
        await store.commit(Unit(statements=(rows.attempt(lane, 1),)))
        left = await store.fetch("started_unsettled", lane_id=lane, after_seq=0)
        assert [row["seq"] for row in left] == [2]


class TestRetries:
    """The one table of what did not succeed."""

    async def test_only_what_waits_and_is_due_comes_up(self, store, rows):
        lane = await rows.make_lane(store)
        states = ("waiting", "confirming", "parked", "held", "dead", "waiting")
        due = (30, 20, 10, 10, 10, 40)
        for seq, (state, at) in enumerate(zip(states, due, strict=True), 1):
            put = rows.retry(lane, seq, state=state, due_at=at)
            await store.commit(Unit(statements=(put,)))
        found = await store.fetch("retry_due", lane_id=lane, now=30, limit=10)
        assert [row["seq"] for row in found] == [2, 1]

    async def test_a_row_is_put_again_and_removed_only_in_the_state_one_saw(self, store, rows):
        lane = await rows.make_lane(store)
        for attempts in (1, 2):
            put = rows.retry(lane, 1, attempts=attempts, state="dead")
            await store.commit(Unit(statements=(put,)))
        assert (await store.fetch("retry_one", **_retry_key(lane, 1)))[0]["attempts"] == 2
        wrong = Statement("retry_delete_if", _retry_key(lane, 1, state="held"), 1)
        with pytest.raises(UnitConflict):
            await store.commit(Unit(statements=(wrong,)))
        right = Statement("retry_delete_if", _retry_key(lane, 1, state="dead"), 1)
        await store.commit(Unit(statements=(right,)))
        assert await store.fetch("retries_of_lane", lane_id=lane) == []

    async def test_groups_add_up_the_money_per_fault_state_and_lane(self, store, rows):
        lane = await rows.make_lane(store)
        other = await rows.make_lane(store, "deliver:billing")
        await store.commit(
            Unit(
                statements=(
                    rows.retry(lane, 1, state="dead", amount_cents=10_050, since=_AT + 5),
                    rows.retry(lane, 2, state="dead", amount_cents=None, since=_AT + 1),
                    rows.retry(lane, 3, state="held", amount_cents=7),
                    rows.retry(other, 1, state="dead", fingerprint="fp2"),
                )
            )
        )
        groups = await store.fetch("retry_groups", state="dead")
        assert [(g["fingerprint"], g["lane"], g["count"], g["amount_cents"]) for g in groups] == [
            ("fp1", "deliver:erp", 2, 10_050),
            ("fp2", "deliver:billing", 1, 100),
        ]
        assert groups[0]["oldest_since"] == _AT + 1

    async def test_a_list_is_filtered_and_paged(self, store, rows):
        lane = await rows.make_lane(store)
        for seq in range(1, 6):
            await store.commit(rows.delivery(lane, f"msg_{seq}"))
            state = "dead" if seq != 3 else "held"
            await store.commit(Unit(statements=(rows.retry(lane, seq, state=state),)))
        first = await store.fetch("retries", state="dead", lane="deliver:erp", limit=3)
        assert [(row["seq"], row["item_id"]) for row in first] == [
            (1, "msg_1"),
            (2, "msg_2"),
            (4, "msg_4"),
        ]
        rest = await store.fetch(
            "retries",
            state="dead",
            limit=3,
            after_lane_id=lane,
            after_seq=4,
            after_part_offset=-1,
        )
        assert [row["seq"] for row in rest] == [5]
        assert await store.fetch("retries", fingerprint="other", limit=3) == []
        assert len(await store.fetch("retries", interface="erp", limit=9)) == 5


class TestSeenBefore:
    """Keys that may be claimed once."""

    async def test_a_payment_key_belongs_to_the_place_that_came_first(self, store):
        def seen(artifact: str, offset: int) -> Unit:
            row = {"payment_key": "p", "artifact_id": artifact, "part_offset": offset}
            row |= {"message_id": "m", "at": 1}
            return Unit(statements=(Statement("payment_seen_insert", row),))

        affected = [
            (await store.commit(seen(artifact, offset))).affected[0]
            for artifact, offset in (("a", 1), ("a", 1), ("a", 2), ("b", 1))
        ]
        assert affected == [1, 1, 0, 0]
        assert (await store.fetch("payment_seen", payment_key="p"))[0]["artifact_id"] == "a"

    async def test_an_idempotency_key_is_held_until_it_expires(self, store):
        def insert(fingerprint: str, at: int) -> Unit:
            row = {"scope": "s", "idem_key": "k", "fingerprint": fingerprint, "reference": None}
            row |= {"status": None, "at": at, "expires_at": at + 100}
            return Unit(statements=(Statement("idempotency_insert", row),))

        affected = [
            (await store.commit(insert(fingerprint, at))).affected[0]
            for fingerprint, at in (("one", 0), ("two", 99), ("three", 100))
        ]
        assert affected == [1, 0, 1]
        done = {"scope": "s", "idem_key": "k", "reference": "art_1", "status": 202}
        await store.commit(Unit(statements=(Statement("idempotency_set", done, 1),)))
        row = (await store.fetch("idempotency_get", scope="s", idem_key="k"))[0]
        assert (row["fingerprint"], row["reference"], row["status"]) == ("three", "art_1", 202)

    async def test_identical_bytes_are_one_artifact_until_a_person_says_again(self, store, rows):
        one = rows.artifact("art_1", sha256="x")
        same = rows.artifact("art_1b", sha256="x")
        again = rows.artifact("art_2", sha256="x", occurrence=1)
        affected = [
            (await store.commit(Unit(statements=(statement,)))).affected[0]
            for statement in (one, same, again)
        ]
        assert affected == [1, 0, 1]
        found = await store.fetch("artifact_by_hash", interface="feed", sha256="x")
        assert [row["artifact_id"] for row in found] == ["art_2", "art_1"]


class TestBodies:
    """Written once, chunk by chunk, whole or in blocks."""

    async def test_a_body_in_chunks_comes_back_whole_and_in_blocks(self, open_engine):
        store = await open_engine()
        chunks = [b"first " * 1000, b"", b"\x00\xff" * 5000]
        for index, data in enumerate(chunks):
            body = Body("b", data, index, last=index == 2)
            await store.commit(Unit(bodies=(body,)))
        assert await store.body("b") == b"".join(chunks)
        one, two = store.body_blocks("b"), store.body_blocks("b")
        assert next(one) == next(two) == chunks[0]
        assert [*one] == [*two] == chunks[1:]

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
            list(store.body_blocks("half"))

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
                Statement("schedule_fire_insert", {"schedule": "s", "fire_time": 5}),
            )
        )
        assert (await store.commit(unit)).affected == (1, 1, 1, 1)
        assert (await store.commit(unit)).affected == (0, 1, 1, 0)
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
        chain = await store.fetch("audit_rows", writer="hub", after_seq=0, limit=100)
        assert len(chain) == 18
        assert verify_chain(chain) is None
        assert "lie" not in {row["action"] for row in chain}
        tail = await store.fetch("audit_tail", limit=1)
        assert tail[0]["seq"] == 18
        page = await store.fetch("audit_rows", writer="hub", after_seq=10, limit=100)
        assert verify_chain(page, seq=10, last_hash=chain[9]["hash"]) is None
