"""A body of any size passes in bounded memory."""

import subprocess
import sys

import pytest

from gateway.store import WriterShape

_SCRIPT = """
import asyncio, os, resource, sys
from pathlib import Path
from gateway.ports import Ports
from gateway.store import *

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

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
    print(blocks, seen, peak() - first)
    await store.close()
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(children)

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
    assert writer_mb < 90
