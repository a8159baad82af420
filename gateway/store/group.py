"""Group commit: whatever is queued is written in one transaction.

There is no linger timer: a group is what arrived during the commit before it. A thread drives a
writer that blocks (SQLite), the event loop one that can be awaited (PostgreSQL, a simulation).
"""

import asyncio
import queue
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.errors import HubError, StorageFault
from gateway.ports import Ports
from gateway.store.units import Committed, Unit

__all__ = ["AsyncWriter", "Committer", "LoopCommit", "Outcome", "ThreadCommit", "Writer"]

_MAX_UNITS = 512
_MAX_BYTES = 16 << 20

Outcome = Committed | HubError
"""What became of one unit."""

_Waiting = tuple[Unit, "asyncio.Future[Committed]"]


class Writer(Protocol):
    """What writes a group and blocks meanwhile: an engine here, or one in another process."""

    def apply(self, units: Sequence[Unit], *, at: int) -> list[Outcome]:
        """Write the group durably, `at` in milliseconds since the epoch; one outcome per unit.

        Raises StorageFault when the group as a whole was not, or perhaps not, written."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


class AsyncWriter(Protocol):
    """The same, awaited on the event loop."""

    async def apply(self, units: Sequence[Unit], *, at: int) -> list[Outcome]:
        """Write the group durably; see `Writer.apply`."""
        ...

    async def close(self) -> None:
        """Let go of the database."""
        ...


class Committer(ABC):
    """Queues units of an event loop for a writer and resolves their futures, in order."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self.batches = 0
        self.units = 0
        self.failed_units = 0

    def submit(self, unit: Unit) -> "asyncio.Future[Committed]":
        """Queue a unit; the future is done when its group is durable or the unit failed."""
        if self._closed:
            raise StorageFault("The store is closed.", code="store_closed")
        future: asyncio.Future[Committed] = self._loop.create_future()
        self._enqueue((unit, future))
        return future

    @property
    @abstractmethod
    def waiting(self) -> int:
        """Return how many units are queued."""

    @abstractmethod
    async def close(self) -> None:
        """Write what is queued, then close the writer; a second call does nothing."""

    @abstractmethod
    def _enqueue(self, item: _Waiting) -> None: ...

    def _at(self) -> int:
        return int(self._ports.clock.now().timestamp() * 1000)

    def _count(self, outcomes: Sequence[Committed | BaseException]) -> None:
        self.batches += 1
        self.units += len(outcomes)
        self.failed_units += sum(not isinstance(outcome, Committed) for outcome in outcomes)


class ThreadCommit(Committer):
    """A thread takes everything that is queued and has a blocking writer write it."""

    def __init__(self, open_writer: Callable[[], Writer], ports: Ports) -> None:
        super().__init__(ports)
        self._open_writer = open_writer
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._gathered: list[_Waiting] = []
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)

    async def start(self) -> None:
        """Start the thread; return (or raise) when the writer is open."""
        self._thread.start()
        await self._ready

    @property
    def waiting(self) -> int:
        """Return how many units are queued."""
        return self._queue.qsize() + len(self._gathered)

    async def close(self) -> None:
        """Write what is queued, then stop the thread and close the writer."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._queue.put(None)
        await self._loop.run_in_executor(None, self._thread.join)

    def _enqueue(self, item: _Waiting) -> None:
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append(item)

    def _hand_over(self) -> None:
        """Give the thread all that one turn of the loop has made: of many small groups each would
        cost a sync, and the loop the interpreter lock."""
        gathered, self._gathered = self._gathered, []
        for item in gathered:
            self._queue.put(item)

    def _run(self) -> None:
        try:
            writer = self._open_writer()
        except BaseException as error:
            self._loop.call_soon_threadsafe(self._ready.set_exception, error)
            return
        self._loop.call_soon_threadsafe(self._ready.set_result, None)
        try:
            while batch := self._take():
                self._write(writer, batch)
        finally:
            writer.close()

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        item = self._queue.get()
        while item is not None:
            batch.append(item)
            size += _bytes(item)
            if len(batch) >= _MAX_UNITS or size >= _MAX_BYTES:
                return batch
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return batch
        if batch:
            self._queue.put(None)
        return batch

    def _write(self, writer: Writer, batch: list[_Waiting]) -> None:
        outcomes: Sequence[Committed | BaseException]
        try:
            self._ports.fail_point("store.before_commit")
            outcomes = writer.apply([unit for unit, _ in batch], at=self._at())
            self._ports.fail_point("store.after_commit")
        except BaseException as error:
            outcomes = [error] * len(batch)
        self._count(outcomes)
        try:
            self._loop.call_soon_threadsafe(_resolve, batch, outcomes)
        except RuntimeError:
            return  # the loop is gone and with it everyone who waited


class LoopCommit(Committer):
    """A task of the event loop takes everything that is queued and awaits the writer."""

    def __init__(self, writer: AsyncWriter, ports: Ports) -> None:
        super().__init__(ports)
        self._writer = writer
        self._queue: deque[_Waiting] = deque()
        self._bell = asyncio.Event()
        self._task = self._loop.create_task(self._run(), name="store-writer")

    @property
    def waiting(self) -> int:
        """Return how many units are queued."""
        return len(self._queue)

    async def close(self) -> None:
        """Write what is queued, then close the writer."""
        self._closed = True
        self._bell.set()
        await self._task

    def _enqueue(self, item: _Waiting) -> None:
        self._queue.append(item)
        self._bell.set()

    async def _run(self) -> None:
        try:
            while self._queue or not self._closed:
                if not self._queue:
                    self._bell.clear()
                    await self._bell.wait()
                    continue
                await self._write(self._take())
        finally:
            await self._writer.close()

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._queue and len(batch) < _MAX_UNITS and size < _MAX_BYTES:
            batch.append(self._queue.popleft())
            size += _bytes(batch[-1])
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        outcomes: Sequence[Committed | BaseException]
        try:
            self._ports.fail_point("store.before_commit")
            outcomes = await self._writer.apply([unit for unit, _ in batch], at=self._at())
            self._ports.fail_point("store.after_commit")
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            outcomes = [error] * len(batch)
        self._count(outcomes)
        _resolve(batch, outcomes)


def _bytes(item: _Waiting) -> int:
    return sum(len(body.data) for body in item[0].bodies)


def _resolve(batch: list[_Waiting], outcomes: Sequence[Committed | BaseException]) -> None:
    for (_, future), outcome in zip(batch, outcomes, strict=True):
        if future.done():
            continue  # whoever waited was cancelled; the unit is durable all the same
        if isinstance(outcome, Committed):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
