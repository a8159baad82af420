"""Ends TLS where clients show certificates: granian, behind it, would not tell which was shown.

Each connection is carried, byte for byte, to one of its own at the server behind, which listens
on loopback. Who it is stands in `peers` under this one's local address from before a byte is sent
until after the end; the address is bound for longer, so nobody else can have it in that time.
"""

import asyncio
import logging
import socket
import ssl

from gateway.access import Peer, thumbprint
from gateway.app.ends import PlainEnd, TlsEnd
from gateway.app.tls import Contexts
from gateway.ports import Clock

__all__ = ["LOOPBACK", "Front"]

log = logging.getLogger("remithub")

LOOPBACK = "127.0.0.1"

MAX_CONNECTIONS = 1024
"""At a time, handshakes among them; more wait to be accepted, as they do at granian."""

HANDSHAKE_SECONDS = 15.0
"""How long a client may take to shake hands."""

LAST_SECONDS = 1.0
"""How long clients have at the end to take what was answered."""

_BACKLOG = 1024
_UNDER_WAY_SECONDS = 0.5
"""How long a request of whoever has left may take from the server behind to the door."""
_NO_DESCRIPTOR_SECONDS = 0.2


class Front:
    """Accepts, shakes hands, carries. To be opened once and closed."""

    def __init__(self, contexts: Contexts, clock: Clock) -> None:
        self.peers: dict[tuple[str, int], Peer] = {}
        self._contexts = contexts
        self._clock = clock
        self._carried: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(MAX_CONNECTIONS)

    def open(self, host: str, port: int, behind: int) -> None:
        """Listen there, for the server behind that loopback port. Raises OSError."""
        self._listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.settimeout(0)
            self._listener.bind((host, port))
            self._listener.listen(_BACKLOG)
        except OSError:
            self._listener.close()
            raise
        self._accepting = asyncio.create_task(self._accept(behind), name="front")

    async def shut(self) -> None:
        """Accept nobody more."""
        self._accepting.cancel()
        await asyncio.wait([self._accepting])
        self._listener.close()

    async def close(self) -> None:
        """After `shut`: let the last answers out, then let go of every connection."""
        if self._carried:
            await asyncio.wait(self._carried, timeout=LAST_SECONDS)
        for task in self._carried:
            task.cancel()
        await asyncio.gather(*self._carried, return_exceptions=True)

    async def _accept(self, behind: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._places.acquire()
            try:
                near, address = await loop.sock_accept(self._listener)
            except OSError:  # no descriptor is free, or the client has gone
                self._places.release()
                await self._clock.sleep(_NO_DESCRIPTOR_SECONDS)
                continue
            task = asyncio.create_task(self._carry(near, address[0], behind))
            self._carried.add(task)
            task.add_done_callback(self._gone)

    def _gone(self, task: asyncio.Task[None]) -> None:
        self._carried.discard(task)
        self._places.release()

    async def _carry(self, near: socket.socket, address: str, behind: int) -> None:
        """Shake hands, then carry until both ends are closed."""
        client = TlsEnd(self._contexts.current())
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: client, near)
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await client.shaken
            await self._carry_on(client, Peer(address, _shown(client)), behind)
        except ssl.SSLCertVerificationError as fault:
            log.info("The certificate of %s does not count: %s.", address, fault.verify_message)
        except OSError:  # no handshake, or nobody is behind any more
            pass
        finally:
            await client.end()

    async def _carry_on(self, client: TlsEnd, peer: Peer, behind: int) -> None:
        """Connect to the server behind, and wait for the ends. Raises OSError."""
        loop = asyncio.get_running_loop()
        with socket.socket() as own:
            own.settimeout(0)
            own.bind((LOOPBACK, 0))
            name, server = own.getsockname(), PlainEnd(client, own)
            self.peers[name] = peer
            try:
                await loop.sock_connect(own, (LOOPBACK, behind))
                await loop.create_connection(lambda: server, sock=own.dup())
                client.join(server)
                await server.lost.wait()
                await client.lost.wait()
                await self._clock.sleep(_UNDER_WAY_SECONDS)
            finally:
                await server.end()
                del self.peers[name]


def _shown(client: TlsEnd) -> str:
    """Return the thumbprint of the certificate that was shown and verified, "" of none."""
    der = client.tls.getpeercert(binary_form=True)
    return thumbprint(der) if der else ""
