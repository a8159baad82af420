"""The two ends of a connection that is carried from one socket to another, byte for byte."""

import asyncio
from collections.abc import Callable
from typing import cast

__all__ = ["End"]


class End(asyncio.Protocol):
    """One end of a connection that is carried: what comes in here goes out at the other.

    The first is made without an other, and waits for it; the second is made with it. Where one is
    slow the other waits; where one closes, so does the other, once it has sent what it holds. TLS
    knows no half-closed connection, so there is none behind it either.
    """

    transport: asyncio.Transport

    def __init__(
        self, other: "End | None" = None, farewell: Callable[[], object] = lambda: None
    ) -> None:
        """`farewell` is called when the connection has ended, before its socket is closed."""
        self.other = other or self
        self.made = False
        self.lost = asyncio.Event()
        self._farewell = farewell

    async def end(self) -> None:
        """Close at once, if it is not."""
        if self.made and not self.lost.is_set():
            self.transport.abort()
            await self.lost.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the other end, or let bytes flow where it was there first."""
        self.transport, self.made = cast(asyncio.Transport, transport), True
        if self.other is self:
            self.transport.pause_reading()
        elif not self.other.lost.is_set():
            self.other.other = self
            self.other.transport.resume_reading()

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
        self._farewell()
        self.lost.set()
        self.other.transport.close()
