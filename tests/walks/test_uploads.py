"""A file of any size is taken in bounded memory, once, and leaves nothing behind when it breaks."""

import asyncio
import os

import pytest

from gateway.errors import Reject
from gateway.pipeline import Arrival
from tests.walks.world import FEED, World

MEBIBYTE = 1 << 20
FROM_FEED = Arrival(interface="feed")


async def chunks(world: World) -> int:
    rows = await world.hub.store.fetch("uploads", limit=10)
    return len(rows)


async def stream(count: int, *, broken: bool = False):
    block = os.urandom(MEBIBYTE)
    for _ in range(count):
        yield block
    if broken:
        raise ConnectionError("the sender went away")


async def test_a_large_file_is_taken_once_and_its_twin_leaves_no_chunks(world):
    await world.start()
    accept = world.hub.flow.accept
    block = os.urandom(MEBIBYTE)

    async def twin():
        for _ in range(5):
            yield block

    first = await accept(FROM_FEED, twin())
    second = await accept(FROM_FEED, twin())
    assert (first.size, second.duplicate) == (5 * MEBIBYTE, True)
    stats = await world.hub.store.stats()
    assert await chunks(world) == 0
    artifact = await world.hub.flow.reading.artifact(first.artifact_id)
    blocks = world.hub.store.body_blocks(artifact.body_id)
    assert await asyncio.to_thread(b"".join, blocks) == block * 5
    assert stats.failed_units == 0


async def test_a_broken_upload_leaves_nothing(world):
    await world.start()
    with pytest.raises(ConnectionError):
        await world.hub.flow.accept(FROM_FEED, stream(3, broken=True))
    assert await chunks(world) == 0
    assert await world.counter("feed", "artifacts") == 0


async def test_what_a_crash_left_of_an_upload_is_removed_at_the_next_start(world):
    if world.engine:
        pytest.skip("on a shared store an upload is left alone while a node may still be at it")
    await world.start()

    async def dies():
        async for block in stream(3):
            yield block
        assert await chunks(world) == 1
        await world.hub.store.close()
        yield b"never stored" * MEBIBYTE

    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever a closed store says
        await world.hub.flow.accept(FROM_FEED, dies())
    for runner in world.hub.workers.runners.values():
        runner.stop()
    world.hub = None
    await world.start()
    assert await chunks(world) == 0


async def test_a_file_above_the_interface_s_limit_is_refused_and_forgotten(world):
    world.write("config/interfaces/feed.yaml", FEED + f"max_bytes: {2 * MEBIBYTE}\n")
    await world.start()
    with pytest.raises(Reject, match="larger"):
        await world.hub.flow.accept(FROM_FEED, stream(4))
    assert await chunks(world) == 0
