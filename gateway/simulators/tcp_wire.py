"""One connection through the TCP proxy: forwards both ways until its fault strikes."""

import asyncio
import contextlib
import socket
import struct

from gateway.simulators.tcp_faults import Conditions, Fault

__all__ = ["Wire"]

DRIP_BYTES = 10
DRIP_SECONDS = 0.2
_BLOCK_BYTES = 64 * 1024
_PLAIN_ANSWER = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_RESET = struct.pack("ii", 1, 0)


class Wire:
    """One client's connection and its counterpart to the server behind."""

    def __init__(
        self, conditions: Conditions, client: socket.socket, target: tuple[str, int]
    ) -> None:
        self._conditions = conditions
        self._target = target
        self._client = client
        self._near: asyncio.StreamWriter | None = None
        self._far: asyncio.StreamWriter | None = None
        self._fault = conditions.draw()
        self._began = conditions.clock.monotonic()
        self._struck = False
        self._fresh = True
        self._answered = False
        self._came_down = 0
        self._deaf = False
        """The client has been told that it is over; what it still sends is dropped."""

    async def serve(self) -> None:
        """Forward until one side ends."""
        try:
            if self._fault is Fault.RST_ON_ACCEPT:
                self._strike()
                self._reset_socket()
                self._client.close()
                return
            reader, self._near = await asyncio.open_connection(sock=self._client)
            if self._deaf:  # hung up while it was being connected: asyncio had the socket
                self._reset_socket()
                return
            with contextlib.suppress(OSError):
                await self._serve(reader)
        finally:
            self._end()

    def close_if_idle(self) -> None:
        """Close a connection on which nothing is under way."""
        if (self._fresh or self._answered) and self._near is not None:
            self._near.close()

    def reset(self) -> None:
        """Hang up on both sides, on the client's with a reset."""
        if self._far is not None:
            self._far.transport.abort()
        self._reset_socket()

    async def _serve(self, reader: asyncio.StreamReader) -> None:
        if self._fault is Fault.FIN_ON_ACCEPT:
            self._strike()
            self._fin()
            await self._up(reader)
            return
        try:
            far, self._far = await asyncio.open_connection(*self._target)
        except OSError:
            self._reset_socket()  # as near as one gets to nobody listening
        else:
            await self._forward(reader, far, self._far)

    async def _forward(
        self, reader: asyncio.StreamReader, far: asyncio.StreamReader, up: asyncio.StreamWriter
    ) -> None:
        down = asyncio.create_task(self._down(far))
        try:
            await self._up(reader)
            if self._deaf or self._struck:  # nobody waits for the rest
                return
            up.write_eof()
            await down
        finally:
            down.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await down

    # -- client to server ----------------------------------------------------------------------

    async def _up(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(_BLOCK_BYTES):
            await self._conditions.passing.wait()
            if not self._deaf:
                await self._pass_up(data)

    async def _pass_up(self, data: bytes) -> None:
        self._begin_exchange()
        match self._fault:
            case Fault.RST_ON_ACCEPT:
                self._strike()
                self.reset()
            case Fault.FIN_ON_ACCEPT:
                self._strike()
                self._fin()
            case Fault.RST_MID_REQUEST:
                self._strike()
                await self._send_up(data[: len(data) // 2])
                self.reset()
            case Fault.BLACK_HOLE:
                self._strike()
            case Fault.TLS_TO_PLAIN:
                self._strike()
                self._say(_PLAIN_ANSWER)
                self._fin()
            case _:
                await self._send_up(data)

    def _begin_exchange(self) -> None:
        if self._answered:
            self._fault = self._conditions.draw()
            self._struck = self._answered = False
        elif not self._fresh:
            return
        self._fresh = False
        self._began = self._conditions.clock.monotonic()

    async def _send_up(self, data: bytes) -> None:
        if self._far is not None:
            self._far.write(data)
            await self._far.drain()

    # -- server to client ----------------------------------------------------------------------

    async def _down(self, far: asyncio.StreamReader) -> None:
        try:
            while data := await far.read(_BLOCK_BYTES):
                await self._conditions.passing.wait()
                self._answered = True
                if not self._deaf:
                    await self._pass_down(data, far)
                self._came_down += len(data)
        except ConnectionError:
            self._reset_socket()
            return
        if self._fault not in (Fault.HANG_BEFORE_REPLY, Fault.BLACK_HOLE):
            self._fin()

    async def _pass_down(self, data: bytes, far: asyncio.StreamReader) -> None:
        match self._fault:
            case Fault.RST_BEFORE_REPLY:
                self._strike()
                self.reset()
            case Fault.FIN_BEFORE_REPLY:
                self._strike()
                self._fin()
            case Fault.HANG_BEFORE_REPLY | Fault.BLACK_HOLE:
                self._strike()
            case Fault.SLOW_DRIP:
                self._strike()
                await self._drip(data)
            case Fault.RST_MID_STREAM:
                await self._cut_stream(data)
            case Fault.TRUNCATED_HEADERS | Fault.TRUNCATED_BODY | Fault.CORRUPT_BYTE:
                if not self._struck:
                    head, body = await _whole_head(data, far)
                    data = self._damaged(head, body)
                await self._send_down(data)
            case _:
                await self._send_down(data)

    def _damaged(self, head: bytes, body: bytes) -> bytes:
        self._strike()
        if self._fault is Fault.CORRUPT_BYTE:
            return head + bytes([body[0] ^ 0x15]) + body[1:] if body else head
        left = head[: len(head) // 2]
        if self._fault is Fault.TRUNCATED_BODY:
            left = head + body[: len(body) // 2]
        self._say(left)
        self._fin()
        return b""

    async def _cut_stream(self, data: bytes) -> None:
        left = self._conditions.stream_bytes - self._came_down
        if len(data) < left:
            await self._send_down(data)
            return
        self._strike()
        await self._send_down(data[: max(left, 0)])
        self.reset()

    async def _drip(self, data: bytes) -> None:
        for start in range(0, len(data), DRIP_BYTES):
            await self._send_down(data[start : start + DRIP_BYTES])
            await self._conditions.clock.sleep(DRIP_SECONDS)

    async def _send_down(self, data: bytes) -> None:
        self._say(data)
        if self._near is not None:
            await self._near.drain()

    # -- ends ----------------------------------------------------------------------------------

    def _strike(self) -> None:
        if not self._struck and self._fault is not None:
            self._conditions.struck[self._fault] += 1
        self._struck = True

    def _say(self, data: bytes) -> None:
        if self._near is not None and data and not self._deaf:
            self._near.write(data)

    def _fin(self) -> None:
        """Tell the client that nothing more comes, and listen on until it hangs up too."""
        if self._near is not None and not self._deaf and not self._near.is_closing():
            self._near.write_eof()
        self._deaf = True

    def _reset_socket(self) -> None:
        self._deaf = True
        with contextlib.suppress(OSError):
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if self._near is not None:
            self._near.transport.abort()

    def _end(self) -> None:
        if self._struck:
            self._conditions.held(self._began)
        for writer in (self._near, self._far):
            if writer is not None:
                writer.close()


async def _whole_head(data: bytes, far: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read on until a reply's headers and something of its body are there, or it ends."""
    while not data.partition(b"\r\n\r\n")[2]:
        more = await far.read(_BLOCK_BYTES)
        if not more:
            break
        data += more
    head, end, body = data.partition(b"\r\n\r\n")
    return head + end, body
