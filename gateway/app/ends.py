"""The two ends of a connection that is carried from one socket to another, byte for byte."""

import asyncio
from collections.abc import Callable
from typing import cast

__all__ = ["End", "join"]


class End(asyncio.Protocol):
    """One end of a connection that is carried: what comes in here goes out at the other.

    Where one end is slow the other waits; where one closes, so does the other, once it has sent
    what it holds. TLS knows no half-closed connection, so there is none behind it either.
    """

    transport: asyncio.Transport
    other: "End"

    def __init__(self) -> None:
        self.made = False
        self.lost = asyncio.Event()
        self.farewell: Callable[[], object] = lambda: None
        """Called before the socket is closed."""

    async def end(self) -> None:
        """Close at once, if it is not."""
        if self.made and not self.lost.is_set():
            self.transport.abort()
            await self.lost.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait until there is an other end."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.pause_reading()
        self.made = True

    def data_received(self, data: bytes) -> None:
        """Hand it on."""
        self.other.transport.write(data)

    def pause_writing(self) -> None:
        """Have the other one wait."""
        self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Have the other one go on."""
        self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Have the other one close."""
        self.farewell()
        self.lost.set()
        if hasattr(self, "other"):
            self.other.transport.close()


def join(one: End, other: End) -> None:
    """Let bytes flow between them, both being made."""
    one.other, other.other = other, one
    for end in (one, other):
        if end.lost.is_set():
            end.other.transport.close()
        else:
            end.transport.resume_reading()
