"""A way to PostgreSQL that loses a COMMIT, or only the reply to it: the client sees the same."""

import asyncio
from collections import deque
from enum import StrEnum

COMMIT = b"COMMIT\0"


class Loss(StrEnum):
    REQUEST = "request"
    """The COMMIT never arrives."""
    REPLY = "reply"
    """It arrives and is done; the connection ends before the reply comes."""
    SILENCE = "silence"
    """It arrives and is done; nothing comes back, and nothing ends."""


class CommitProxy:
    """Forwards to a port; `losses` are what befalls the next commits, None lets one pass."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.losses: deque[Loss | None] = deque()
        self.lost: list[Loss] = []
        self.open = asyncio.Event()
        """While it is not set, nobody gets a connection."""
        self.open.set()

    async def __aenter__(self) -> "CommitProxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if not self.open.is_set():
                return
            there = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                await self._relay(reader, writer, *there)
            finally:
                there[1].transport.abort()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        to: asyncio.StreamWriter,
    ) -> None:
        down = asyncio.create_task(self._copy(there, writer))
        try:
            while data := await reader.read(1 << 16):
                loss = self.losses.popleft() if COMMIT in data and self.losses else None
                if loss is not None:
                    self.lost.append(loss)
                    down.cancel()
                    if loss is not Loss.REQUEST:
                        to.write(data)
                        await to.drain()
                        await there.read(1 << 16)  # the reply: it has been done
                    if loss is Loss.SILENCE:
                        await asyncio.sleep(3600)
                    return
                to.write(data)
                await to.drain()
        finally:
            down.cancel()

    @staticmethod
    async def _copy(there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await there.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.transport.abort()
