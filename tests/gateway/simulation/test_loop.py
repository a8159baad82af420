"""Virtual time passes at once; a crashed process runs nothing more, one that stands runs it later."""

import asyncio
import contextlib
import gc

import pytest

from gateway.simulation.loop import Crashed, Deadlock, Process, VirtualLoop


@pytest.fixture
def loop():
    loop = VirtualLoop()
    yield loop
    loop.dispose()
    gc.collect()


def test_an_hour_passes_at_once(loop):
    loop.run_until_complete(asyncio.sleep(3600))
    assert loop.time() == pytest.approx(3600)


def test_waiting_for_nobody_is_an_error(loop):
    with pytest.raises(Deadlock):
        loop.run_until_complete(asyncio.Event().wait())
    # What waits there is disposed of with the loop.


def test_what_an_executor_is_given_runs_at_once(loop):
    async def ask() -> int:
        return await asyncio.get_running_loop().run_in_executor(None, lambda: 7)

    assert loop.run_until_complete(ask()) == 7
    assert loop.time() == 0


def test_a_crashed_process_runs_nothing_more_not_even_a_finally(loop):
    steps: list[str] = []

    async def work() -> None:
        try:
            steps.append("began")
            await asyncio.sleep(5)
            steps.append("went on")
        finally:
            steps.append("tidied up")

    async def story() -> None:
        process = Process("one", loop)
        call = loop.create_task(process.call(work()))
        await asyncio.sleep(1)
        process.crash()
        with pytest.raises(Crashed):
            await call
        await asyncio.sleep(60)
        assert steps == ["began"]
        with pytest.raises(Crashed):
            await process.call(work())

    loop.run_until_complete(story())
    assert steps == ["began"]


def test_what_a_process_started_dies_with_it(loop):
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            ticks.append(loop.time())
            await asyncio.sleep(1)

    async def start() -> None:
        ticking.append(asyncio.create_task(tick()))

    ticking: list[asyncio.Task[None]] = []

    async def story() -> None:
        process = Process("one", loop)
        await process.call(start())
        await asyncio.sleep(2.5)
        process.crash()
        await asyncio.sleep(10)

    loop.run_until_complete(story())
    assert ticks == pytest.approx([0, 1, 2])


def test_a_process_that_stands_does_later_what_it_was_to_do(loop):
    steps: list[float] = []

    async def work() -> None:
        for _ in range(3):
            await asyncio.sleep(1)
            steps.append(loop.time())

    async def story() -> None:
        process = Process("one", loop)
        call = loop.create_task(process.call(work()))
        await asyncio.sleep(1.5)
        process.stand()
        await asyncio.sleep(10)
        assert steps == pytest.approx([1])
        process.go_on()
        await call

    loop.run_until_complete(story())
    assert steps == pytest.approx([1, 11.5, 12.5])


def test_an_error_comes_back_to_the_caller(loop):
    async def fail() -> None:
        raise LookupError("nothing there")

    async def story() -> None:
        with pytest.raises(LookupError):
            await Process("one", loop).call(fail())

    loop.run_until_complete(story())


def test_who_gives_up_waiting_cancels_the_call(loop):
    ended: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            ended.append(True)

    async def story() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await Process("one", loop).call(work())
        await asyncio.sleep(0)
        assert ended == [True]

    loop.run_until_complete(story())
