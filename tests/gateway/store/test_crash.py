"""Killed at random moments: whatever was acknowledged is there, and nothing is half there."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from gateway.ports import Ports
from gateway.store import StoreUnavailable, WriterShape, verify_chain

_HUB = """
import asyncio, os, sys
from pathlib import Path
from gateway.ports import Ports
from gateway.store import *

async def main():
    folder, turn = Path(sys.argv[1]), sys.argv[2]
    keys = KeyRing.open(folder / "hub.key")
    settings = StoreSettings(path=folder / "hub.db", writer=WriterShape(sys.argv[3]))
    store = await open_store(settings, keys, Ports())

    async def work(worker):
        number = 0
        while True:
            item = f"msg_{turn}_{worker}_{number}"
            message = dict(
                message_id=item, contract="c", version="1", revision=0, artifact_id=None,
                part_offset=None, cause_id=None, interface="feed", correlation=None,
                amount_cents=None, created_at=1, routed=1, bundle="b", trace=None)
            owe = dict(lane_id=1, item_id=item, delivery_id=item, order_key=None, at=1)
            await store.commit(Unit(
                statements=(Statement("message_insert", message), Statement("owe", owe, 1)),
                bodies=(Body(item, item.encode() * 200),),
                counts=(("feed", "messages", 1),),
                audit=(AuditEntry("hub", "make", item),)))
            os.write(1, item.encode() + b"\\n")
            number += 1

    await asyncio.gather(*(work(worker) for worker in range(16)))

asyncio.run(main())
"""


def _killed(folder, root, turn: int, shape: WriterShape, seconds: float) -> list[str]:
    """Run a hub, kill it a moment after its first acknowledgement, return what it acknowledged."""
    command = [sys.executable, "-c", _HUB, folder, str(turn), shape]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=root, start_new_session=True
    ) as hub:
        acknowledged = [hub.stdout.readline()]
        kill = os.killpg if turn % 2 else os.kill  # the writer process with it, or the hub alone
        timer = threading.Timer(seconds, kill, (hub.pid, signal.SIGKILL))
        timer.start()
        acknowledged += hub.stdout.readlines()
        timer.join()
    return [line.decode().strip() for line in acknowledged if line.endswith(b"\n")]


@pytest.mark.parametrize("shape", list(WriterShape))
async def test_what_was_acknowledged_survives_kill_9_at_random_moments(
    folder, root, open_sqlite, rows, shape
):
    store = await open_sqlite()
    assert await rows.make_lane(store) == 1
    await store.close()
    randomness = random.Random(os.getpid())
    acknowledged: set[str] = set()
    for turn in range(5):
        fresh = await asyncio.to_thread(
            _killed, folder, root, turn, shape, randomness.uniform(0.02, 0.3)
        )
        acknowledged |= set(fresh)
        store = await open_sqlite()
        owed = await store.fetch("owed_window", lane_id=1, after_seq=0, limit=100_000)
        items = [row["item_id"] for row in owed]
        assert acknowledged <= set(items)
        assert [row["seq"] for row in owed] == list(range(1, len(items) + 1))
        assert (await store.fetch("counters"))[0]["value"] == len(items)
        chain = await store.fetch("audit_rows", writer="hub", after_seq=0, limit=100_000)
        assert verify_chain(chain) is None
        assert [row["object_id"] for row in chain] == items
        for item in items[-40:]:
            assert await store.body(item) == item.encode() * 200
            assert await store.fetch("message_by_id", message_id=item)
        await store.close()
    assert len(acknowledged) > 100


class _Stop(Exception):
    pass


@pytest.mark.parametrize("shape", list(WriterShape))
@pytest.mark.parametrize(("point", "durable"), [("before", False), ("after", True)])
async def test_a_crash_around_the_commit_is_never_taken_for_an_acknowledgement(
    open_sqlite, rows, shape, point, durable
):
    armed: list[str] = []

    def fail_point(name: str) -> None:
        if name in armed:
            raise _Stop

    store = await open_sqlite(Ports(fail_point=fail_point), writer=shape)
    lane = await rows.make_lane(store)
    armed.append(f"store.{point}_commit")
    with pytest.raises(_Stop):
        await store.commit(rows.delivery(lane, "msg_1"))
    armed.clear()
    assert bool(await store.fetch("message_by_id", message_id="msg_1")) is durable
    await store.commit(rows.delivery(lane, "msg_1"))
    assert (await store.fetch("lane_by_id", lane_id=lane))[0]["head"] == 1


def _command_line(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


async def test_a_lost_writer_process_fails_its_group_and_is_started_again(open_sqlite, rows):
    store = await open_sqlite(writer=WriterShape.PROCESS)
    lane = await rows.make_lane(store)
    tasks = Path("/proc/self/task").iterdir()
    children = {int(pid) for task in tasks for pid in (task / "children").read_text().split()}
    (writer,) = (child for child in children if b"sqlite.process" in _command_line(child))
    os.kill(writer, signal.SIGKILL)
    with pytest.raises(Exception, match="writer process ended"):
        await store.commit(rows.delivery(lane, "msg_1"))
    await store.commit(rows.delivery(lane, "msg_1"))
    assert (await store.fetch("lane_by_id", lane_id=lane))[0]["head"] == 1


@pytest.mark.parametrize("where", ["before", "after"])
async def test_a_writer_lost_around_its_commit_leaves_no_doubt(
    open_sqlite, rows, monkeypatch, tmp_path, where
):
    command = "from tests.gateway.store.doomed_writer import serve; serve()"
    monkeypatch.setattr("gateway.store.sqlite.process._COMMAND", command)
    monkeypatch.setenv("REMITHUB_TEST_DIES", f"{where}:{tmp_path / 'died'}")
    store = await open_sqlite(writer=WriterShape.PROCESS)
    lane = await rows.make_lane(store)
    unit = rows.delivery(lane, "msg_1")
    unit = msgspec.structs.replace(unit, once=None)  # counts every time it is written
    if where == "before":
        with pytest.raises(StoreUnavailable, match="nothing"):
            await store.commit(unit)
        assert not await store.fetch("message_by_id", message_id="msg_1")
    done = await store.commit(unit)
    assert done.affected == (1, 1)
    assert (tmp_path / "died").exists()
    assert (await store.fetch("counters"))[0]["value"] == 1
