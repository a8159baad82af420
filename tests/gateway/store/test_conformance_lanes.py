"""What every engine of the store must do: lanes, retries, keys that may be claimed once.

An engine joins in conftest's `open_engine`; `test_conformance` is the other half.
"""

import asyncio
import random
from typing import Any

import pytest

from gateway.store import Statement, Unit, UnitConflict

_AT = 1_700_000_000_000


def _retry_key(lane: int, seq: int, **more: Any) -> dict[str, Any]:
    return {"lane_id": lane, "seq": seq, "part_offset": -1, **more}


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

    async def test_a_lane_is_taken_from_a_dead_node_only_and_its_epoch_rises(self, store, rows):
        lane = await rows.make_lane(store)

        async def take(owner: str) -> list[dict[str, Any]]:
            params = {"lane_id": lane, "owner": owner}
            done = await store.commit(Unit(statements=(Statement("lane_take", params),)))
            return list(done.rows[0])

        async def renew(name: str, lease_ms: int) -> tuple[int, list[str]]:
            row = {"name": name, "role": "all", "started_at": 1, "bundle": "b"}
            unit = Unit(statements=(Statement("node_renew", {**row, "lease_ms": lease_ms}),))
            done = await store.commit(unit)
            return done.affected[0], [node["name"] for node in done.rows[0]]

        assert await renew("one", 200) == (1, ["one"])
        assert await renew("two", 60_000) == (1, ["one", "two"])
        assert await take("one") == [{"lane_id": lane, "epoch": 1, "head": 0, "cursor": 0}]
        assert await take("two") == []
        await asyncio.sleep(0.25)
        assert await renew("one", 200) == (0, ["two"]), "a lease that has run out is over"
        forget = Statement("nodes_forget", {"kept_ms": 60_000})
        assert (await store.commit(Unit(statements=(forget,)))).affected == (0,)
        forget = Statement("nodes_forget", {"kept_ms": 0})
        assert (await store.commit(Unit(statements=(forget,)))).affected == (1,), "one is dead"
        assert (await take("two"))[0]["epoch"] == 2
        assert (await take("two"))[0]["epoch"] == 3
        leave = Unit(statements=(Statement("node_leave", {"name": "two"}),))
        await store.commit(leave)
        assert (await take("three"))[0]["epoch"] == 4
        assert [row["lane_id"] for row in await store.fetch("lane_news", owner="three")] == [lane]

    async def test_only_the_present_owner_settles(self, store, rows):
        lane = await rows.make_lane(store)
        take = {"lane_id": lane, "owner": "one"}
        await store.commit(rows.delivery(lane, "msg_1"))
        await store.commit(Unit(statements=(Statement("lane_take", take),)))
        for stale in (
            rows.attempt(lane, 1, epoch=0),
            Statement("lane_cursor", {"lane_id": lane, "epoch": 0, "cursor": 1}, expect=1),
            Statement(
                "started_insert",
                {**rows.started(lane, 1, at=1), "epoch": 0},
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

    async def test_the_done_set_above_the_cursor_is_what_was_settled(self, store, rows):
        lane = await rows.make_lane(store)
        for seq, outcome in enumerate(("done", "failed", "discarded", "unknown", "done"), 1):
            await store.commit(Unit(statements=(rows.attempt(lane, seq, outcome=outcome),)))
        part = rows.attempt(lane, 6, part_offset=106)
        await store.commit(Unit(statements=(part,)))
        settled = await store.fetch("settled_above", lane_id=lane, after_seq=1)
        assert [row["seq"] for row in settled] == [3, 5]

    async def test_one_attempt_is_found_however_many_there_are(self, store, rows):
        lane = await rows.make_lane(store)
        many = tuple(rows.attempt(lane, 1, number=n, at=_AT + n) for n in range(1, 1004))
        await store.commit(Unit(statements=many))
        place = {"lane_id": lane, "seq": 1, "part_offset": -1}
        (row,) = await store.fetch("attempt_one", **place, number=1003)
        assert row["at"] == _AT + 1003
        assert await store.fetch("attempt_one", **place, number=1004) == []

    async def test_a_try_that_was_started_before_is_told_by_no_row(self, store, rows):
        lane = await rows.make_lane(store)

        def started(at: int) -> Unit:
            row = rows.started(lane, 1, at=at)
            return Unit(statements=(Statement("started_insert", row),))

        done = [await store.commit(started(at)) for at in (5, 5, 6)]
        # At the same moment too: a process that was started again may begin at that very one.
        assert [one.affected for one in done] == [(1,), (0,), (0,)]

    async def test_a_try_does_not_start_once_a_person_has_changed_what_it_was_taken_for(
        self, store, rows
    ):
        lane = await rows.make_lane(store)

        async def start(seq: int, **changed: object) -> int:
            row = rows.started(lane, seq, state="waiting") | changed
            done = await store.commit(Unit(statements=(Statement("started_insert", row),)))
            return done.affected[0]

        for seq, state in ((2, "waiting"), (3, "parked"), (4, "waiting"), (5, "waiting")):
            put = rows.retry(lane, seq, state=state, due_at=1)
            await store.commit(Unit(statements=(put,)))
        part = rows.retry(lane, 6, part_offset=7, state="waiting", due_at=1)
        await store.commit(Unit(statements=(part,)))
        found = [await start(seq) for seq in (1, 2, 3, 6)]
        assert found == [0, 1, 0, 0], "discarded, as it was, parked, a part's"
        assert await start(4, generation=1) == 0, "replayed under another key"
        assert await start(5, state="") == 1, "taken from no retry row"


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
        assert await store.fetch("retries", limit=9) == []

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
            row = {"scope": "s", "idem_key": "k", "fingerprint": fingerprint, "reference": "r"}
            row |= {"status": 1, "at": at, "expires_at": at + 100}
            return Unit(statements=(Statement("idempotency_insert", row),))

        affected = [
            (await store.commit(insert(fingerprint, at))).affected[0]
            for fingerprint, at in (("one", 0), ("two", 99), ("three", 100))
        ]
        assert affected == [1, 0, 1]
        move = {"scope": "s", "idem_key": "k", "was": "r", "was_status": 1}
        move |= {"reference": "art_1", "status": 202}
        moved = [
            (await store.commit(Unit(statements=(Statement("idempotency_move", row),)))).affected[
                0
            ]
            for row in (move | {"was": "q"}, move | {"was_status": 2}, move, move)
        ]
        assert moved == [0, 0, 1, 0], "it moves on only from where one last saw it"
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
