"""The two ends of a connection whose TLS ends here, and which goes on in plain text."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import cast

from gateway.api.patience import READING_SECONDS

__all__ = ["PlainEnd", "TlsEnd"]

LINGER_SECONDS = 2.0
"""How long what a client still sends is thrown away once all was said: a socket that is closed with
bytes unread resets the connection, and the answer may be lost with it."""

_RECORD_BYTES = 16_384


class _End(asyncio.Protocol):
    """What comes in here goes out at the other end.

    Where one is slow the other waits; where one has ended the other says so, and ends when its far
    side does. TLS knows no half-closed connection, so whoever has ended is not answered any more.
    """

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.other: _End = self
        self.made = False
        self.lost = asyncio.Event()
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def closed(self) -> bool:
        """Whether nothing more is sent here."""
        return bool(self._timers) or self.transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send, unless it is closed."""
        if not self.closed:
            self.transport.write(data)

    def close(self) -> None:
        """Send what is held and say that nothing more comes; end when the far side does, or late."""
        if not self.closed:
            self._later(READING_SECONDS, self.transport.abort)
            self.transport.write_eof()
            self.transport.resume_reading()

    def _later(self, seconds: float, end: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, end))

    async def end(self) -> None:
        """Close at once, if it is not."""
        if self.made and not self.lost.is_set():
            self.transport.abort()
            await self.lost.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport, self.made = cast(asyncio.Transport, transport), True

    def pause_writing(self) -> None:
        """Have the other one wait."""
        self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Have the other one go on."""
        self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Have the other one close."""
        for timer in self._timers:
            timer.cancel()
        self.lost.set()
        self.other.close()


class TlsEnd(_End):
    """The client's. asyncio's own TLS would end a handshake that fails without a word why."""

    def __init__(self, context: ssl.SSLContext) -> None:
        """`shaken` is done with the handshake. Raises OSError."""
        super().__init__()
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_side=True)
        self.shaken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._fault: OSError = ConnectionResetError()

    def join(self, other: "PlainEnd") -> None:
        """Go on at that end, which is made; not while it is being made: uvloop would lose its hold
        of a socket that is closed then."""
        self.other = other
        if self.closed:
            other.close()
        else:
            self.transport.resume_reading()
            self._read()

    def write(self, data: bytes) -> None:
        """Send, sealed, unless it is closed."""
        if self.closed:
            return
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self.tls.write(rest) :]
        except ssl.SSLError:  # it broke the protocol before
            self.transport.abort()
        else:
            self._send()

    def close(self) -> None:
        """As above, but not so late."""
        if self.closed:
            return
        with contextlib.suppress(ssl.SSLError):  # the client's word is not waited for
            self.tls.unwrap()
        self._send()
        super().close()
        self._later(LINGER_SECONDS, self.transport.close)

    def data_received(self, data: bytes) -> None:
        """Open it and hand it on."""
        if self.closed:
            return
        self._in.write(data)
        if self.shaken.done():
            self._read()
        else:
            self._shake()

    def _shake(self) -> None:
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as fault:
            self._fault = fault
            self._send()  # the alert
            self.transport.close()
        else:
            self.transport.pause_reading()  # until there is another end
            self.shaken.set_result(None)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Have the other one close."""
        super().connection_lost(exc)
        if not self.shaken.done():
            self.shaken.set_exception(self._fault)

    def _read(self) -> None:
        opened, ended = [], False
        try:
            while block := self.tls.read(_RECORD_BYTES):
                opened.append(block)
            ended = True  # it says that nothing more comes
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            ended = True
        self._send()
        if opened:
            self.other.write(b"".join(opened))
        if ended:
            self.other.close()

    def _send(self) -> None:
        if self._out.pending:
            self.transport.write(self._out.read())


class PlainEnd(_End):
    """The server's. `own` is its socket, which stays open until after the end."""

    def __init__(self, client: TlsEnd, own: socket.socket) -> None:
        super().__init__()
        self.other: TlsEnd = client
        self._own = own

    def data_received(self, data: bytes) -> None:
        """Hand it on."""
        self.other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Have the client's close. A server that refuses a body may reset the connection while that
        is sent; what it answered before is there to be read."""
        if exc is not None:
            with contextlib.suppress(OSError):
                while answer := self._own.recv(_RECORD_BYTES):
                    self.other.write(answer)
        super().connection_lost(exc)
