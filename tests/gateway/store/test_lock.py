"""Two hubs never write to one database."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.errors import StorageFault
from gateway.store import WriterShape

_HUB = """
import asyncio, sys
from pathlib import Path
from gateway.ports import Ports
from gateway.store import KeyRing, StoreSettings, WriterShape, open_store

async def main():
    folder = Path(sys.argv[1])
    keys = KeyRing.open(folder / "hub.key")
    settings = StoreSettings(path=folder / "hub.db", writer=WriterShape(sys.argv[2]))
    await open_store(settings, keys, Ports())
    print("open", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("shape", list(WriterShape))
async def test_a_second_hub_is_refused_and_told_who_holds_the_database(
    folder, root, open_sqlite, shape
):
    hub = subprocess.Popen(
        [sys.executable, "-c", _HUB, folder, shape], stdout=subprocess.PIPE, cwd=root
    )
    with hub:
        try:
            assert hub.stdout.readline() == b"open\n"
            with pytest.raises(StorageFault, match=f"process id {hub.pid}") as caught:
                await open_sqlite(lock_wait_seconds=0.1)
            assert caught.value.code == "store_locked"
        finally:
            os.kill(hub.pid, signal.SIGKILL)
    await open_sqlite(lock_wait_seconds=5)


async def test_the_writer_of_a_killed_hub_keeps_the_lock_until_it_has_finished(
    folder, root, open_sqlite
):
    command = [sys.executable, "-c", _HUB, folder, WriterShape.PROCESS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as hub:
        assert hub.stdout.readline() == b"open\n"
        tasks = Path(f"/proc/{hub.pid}/task").iterdir()
        (writer,) = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
        os.kill(writer, signal.SIGSTOP)
        os.kill(hub.pid, signal.SIGKILL)
    try:
        with pytest.raises(StorageFault, match="in use"):
            await open_sqlite(lock_wait_seconds=0.1)
    finally:
        os.kill(writer, signal.SIGCONT)
    await open_sqlite(lock_wait_seconds=5)


async def test_closing_frees_the_lock_at_once_and_may_be_said_twice(open_sqlite):
    for _ in range(2):
        store = await open_sqlite(lock_wait_seconds=0, writer=WriterShape.PROCESS)
        with pytest.raises(StorageFault, match="in use"):
            await open_sqlite(lock_wait_seconds=0)
        await store.close()
        await store.close()
