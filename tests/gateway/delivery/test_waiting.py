"""A lane waits for its bell, and no longer than it said."""

import asyncio

from gateway.delivery.waiting import rung_within


async def test_who_is_rung_in_time_knows_it():
    bell = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, bell.set)
    assert await rung_within(bell, 60)


async def test_who_is_not_rung_goes_on_after_its_time():
    assert not await rung_within(asyncio.Event(), 0.01)


async def test_a_bell_that_is_set_already_is_not_waited_for():
    bell = asyncio.Event()
    bell.set()
    assert await rung_within(bell, 60)
