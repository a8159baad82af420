"""A front with an authority that it believes, before a server of a few lines."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.app.front import LOOPBACK, Front
from gateway.app.tls import Contexts, tls_files
from gateway.ports import SystemClock
from gateway.settings import TlsSettings
from tests.gateway.app.authority import Authority, Issued, client_context

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Behind = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Place:
    """An authority, and a front that believes it."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.hub = self.authority.issue("hub", use=ExtendedKeyUsageOID.SERVER_AUTH)
        self.client = self.authority.issue("client")
        self.revoked = folder / "crl.pem"
        self.front: Front
        self.port = 0

    def contexts(self, *, revocations: bool = False) -> Contexts:
        files = tls_files(
            self.authority.folder,
            TlsSettings(
                certificate="hub.pem",
                key="hub.key",
                client_authorities="ca.pem",
                client_revocations="crl.pem" if revocations else "",
            ),
        )
        assert files is not None
        return Contexts(files)

    @contextlib.asynccontextmanager
    async def open(self, behind: Behind, *, revocations: bool = False) -> AsyncIterator["Place"]:
        """Open it, and at the end see that nothing of it is left."""
        server = await asyncio.start_server(behind, LOOPBACK, 0)
        with contextlib.closing(server):
            inner = server.sockets[0].getsockname()[1]
            before = asyncio.all_tasks()
            self.front = Front(self.contexts(revocations=revocations), SystemClock())
            self.front.open(LOOPBACK, 0, inner)
            self.port = self.front._listener.getsockname()[1]
            try:
                yield self
            finally:
                await self.front.shut()
                await self.front.close()
            assert self.front.peers == {}
            left = {task for task in asyncio.all_tasks() - before if "_carry" in repr(task)}
            assert not left

    async def connect(self, shown: Issued | None = None) -> Streams:
        context = client_context(self.authority.file, shown)
        return await asyncio.open_connection(LOOPBACK, self.port, ssl=context)

    async def ask(self, word: bytes, *, after_seconds: float = 0) -> int:
        """Send a word, wait, and count what comes until the end. In a thread: a stream of uvloop
        that waits while the connection is closed loses what it has not read."""

        def asked() -> int:
            context = client_context(self.authority.file)
            with (
                socket.create_connection((LOOPBACK, self.port), timeout=30) as raw,
                context.wrap_socket(raw) as wrapped,
            ):
                wrapped.sendall(word)
                time.sleep(after_seconds)
                return sum(map(len, iter(lambda: wrapped.recv(65536), b"")))

        return await asyncio.to_thread(asked)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while block := await reader.read(65536):
            writer.write(block)
            await writer.drain()
    writer.close()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
