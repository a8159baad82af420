"""A body of any size passes in bounded memory."""

import subprocess
import sys

import pytest

from gateway.store import WriterShape

_SCRIPT = """
import asyncio, os, sys
from pathlib import Path
from gateway.ports import Ports
from gateway.store import *

def peak(process="self"):
    # Not ru_maxrss: that starts at the size of whoever started us.
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024

def children():
    tasks = Path("/proc/self/task").iterdir()
    return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]

async def main():
    folder = Path(sys.argv[1])
    settings = StoreSettings(path=folder / "hub.db", writer=WriterShape(sys.argv[2]))
    store = await open_store(settings, KeyRing.open(folder / "hub.key"), Ports())
    noise = os.urandom(CHUNK_BYTES // 4)
    first = peak()
    for chunk in range(64):
        data = bytes([chunk]) + noise + bytes(CHUNK_BYTES - 1 - len(noise))
        await store.commit(Unit(bodies=(Body("big", data, chunk, last=chunk == 63),)))
    blocks = seen = 0
    for block in store.body_blocks("big"):
        assert block[0] == blocks and len(block) == CHUNK_BYTES
        blocks += 1
        seen += len(block)
    print(blocks, seen, peak() - first, sum(peak(child) for child in children()))
    await store.close()

asyncio.run(main())
"""


@pytest.mark.parametrize("shape", list(WriterShape))
def test_64_mb_go_in_and_come_out_in_blocks_in_bounded_memory(folder, root, shape):
    output = subprocess.run(
        [sys.executable, "-c", _SCRIPT, folder, shape],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    blocks, size, grown_mb, writer_mb = map(int, output)
    assert (blocks, size) == (64, 64 << 20)
    assert grown_mb < 24
    assert (writer_mb > 0) is (shape is WriterShape.PROCESS)
    assert writer_mb < 90
