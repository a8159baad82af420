"""Group commit: a thread takes everything that is queued and has it written in one transaction.

There is no linger timer: a group is what arrived during the commit before it.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.errors import StorageFault
from gateway.ports import Ports
from gateway.store.engine import Outcome
from gateway.store.units import Committed, Unit

__all__ = ["GroupCommit", "Writer"]

_MAX_UNITS = 512
_MAX_BYTES = 16 << 20

_Waiting = tuple[Unit, "asyncio.Future[Committed]"]


class Writer(Protocol):
    """What writes a group: `engine.Engine` here, or one in another process."""

    def apply(self, units: Sequence[Unit], *, at: int) -> list[Outcome]:
        """Write the group durably; see `Engine.apply`."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


class GroupCommit:
    """Queues units of an event loop for a writer and resolves their futures, in order."""

    def __init__(self, open_writer: Callable[[], Writer], ports: Ports) -> None:
        self._open_writer = open_writer
        self._ports = ports
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._closed = False
        self.batches = 0
        self.units = 0
        self.failed_units = 0

    async def start(self) -> None:
        """Start the thread; return (or raise) when the writer is open."""
        self._thread.start()
        await self._ready

    def submit(self, unit: Unit) -> "asyncio.Future[Committed]":
        """Queue a unit; the future is done when its group is durable or the unit failed."""
        if self._closed:
            raise StorageFault("The store is closed.", code="store_closed")
        future: asyncio.Future[Committed] = self._loop.create_future()
        self._queue.put((unit, future))
        return future

    @property
    def waiting(self) -> int:
        """Return how many units are queued."""
        return self._queue.qsize()

    async def close(self) -> None:
        """Write what is queued, then stop the thread and close the writer."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await self._loop.run_in_executor(None, self._thread.join)

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
            size += sum(len(body.data) for body in item[0].bodies)
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
        at = int(self._ports.clock.now().timestamp() * 1000)
        outcomes: Sequence[Committed | BaseException]
        try:
            self._ports.fail_point("store.before_commit")
            outcomes = writer.apply([unit for unit, _ in batch], at=at)
            self._ports.fail_point("store.after_commit")
        except BaseException as error:
            outcomes = [error] * len(batch)
        self.batches += 1
        self.units += len(batch)
        self.failed_units += sum(not isinstance(outcome, Committed) for outcome in outcomes)
        futures = [future for _, future in batch]
        try:
            self._loop.call_soon_threadsafe(_resolve, futures, outcomes)
        except RuntimeError:
            return  # the loop is gone and with it everyone who waited


def _resolve(
    futures: "list[asyncio.Future[Committed]]", outcomes: Sequence[Committed | BaseException]
) -> None:
    for future, outcome in zip(futures, outcomes, strict=True):
        if future.done():
            continue  # whoever waited was cancelled; the unit is durable all the same
        if isinstance(outcome, Committed):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
