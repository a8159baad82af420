"""A body in whatever blocks it comes: kept chunk by chunk, byte for byte."""

import hashlib
import random

import pytest

from gateway.errors import Reject
from gateway.pipeline.receive import receive
from gateway.ports import Ports
from gateway.simulation.store import Disk, SimulatedStore
from gateway.store import CHUNK_BYTES, Unit

BODY = random.Random(7).randbytes(3 * CHUNK_BYTES + 12_345)


@pytest.fixture
async def store():
    disk = Disk(shared=False, chance=random.Random(1), now_ms=lambda: 0)
    store = SimulatedStore(disk, Ports(), "node")
    yield store
    await store.close()
    disk.remove()


async def taken(store, size: int, block: int, *, max_bytes: int = len(BODY)):
    async def blocks():
        for begin in range(0, size, block):
            yield BODY[begin : min(begin + block, size)]

    return await receive(
        blocks(),
        ids=Ports().ids,
        max_bytes=max_bytes,
        store=store,
        fail_point=lambda _: None,
    )


@pytest.mark.parametrize("block", [65_536, 417_792, CHUNK_BYTES, CHUNK_BYTES + 1, len(BODY)])
@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, len(BODY)])
async def test_a_body_comes_back_as_it_came_whatever_its_blocks(store, size, block):
    received = await taken(store, size, block)
    await store.commit(Unit(bodies=received.bodies))
    assert (received.size, received.sha256) == (size, hashlib.sha256(BODY[:size]).hexdigest())
    assert received.spilled == (size > CHUNK_BYTES)
    chunks = [len(chunk) for chunk in store.body_blocks(received.body_id)]
    assert chunks[:-1] == [CHUNK_BYTES] * (len(chunks) - 1)
    assert 0 <= chunks[-1] <= CHUNK_BYTES
    assert await store.body(received.body_id) == BODY[:size]


async def test_of_a_body_that_turns_out_too_large_nothing_is_left(store):
    with pytest.raises(Reject, match="larger than"):
        await taken(store, len(BODY), 417_792, max_bytes=len(BODY) - 1)
    assert await store.fetch("uploads", limit=10) == []
