"""A TCP proxy on loopback that fails as networks and dying servers do, one fault at a time.

`async with TcpProxy(host, port) as proxy:` then `proxy.fault = Fault.RST_BEFORE_REPLY`, or
`proxy.chances = {Fault.BLACK_HOLE: 0.1}`, or `proxy.script.append(Fault.SLOW_DRIP)` for the next
exchange only. An exchange is what goes up after something came down: one request of HTTP. The
faults are those of the guide (reliability, A6), which measured what a client makes of each.
"""

import asyncio
import socket
from collections.abc import Sequence

from gateway.ports import Clock, Randomness
from gateway.simulators.tcp_faults import EFFECT_POSSIBLE, Conditions, Fault
from gateway.simulators.tcp_wire import Wire

__all__ = ["EFFECT_POSSIBLE", "Fault", "TcpProxy", "swizzle"]

_BACKLOG = 1024


class TcpProxy(Conditions):
    """Forwards connections to `host` and `port`, and fails as its conditions say. `port` is
    where it listens, from `start` on."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        randomness: Randomness | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(randomness=randomness, clock=clock)
        self.port = 0
        self.accepted = 0
        """Connections accepted so far."""
        self._target = (host, port)
        self._keeper: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._wires: dict[asyncio.Task[None], Wire] = {}

    async def __aenter__(self) -> "TcpProxy":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        # Bound and never listening: holds the port while nobody listens.
        self._keeper = _bound(0)
        self.port = self._keeper.getsockname()[1]
        self._listen()

    async def close(self) -> None:
        """Stop listening and hang up on everybody. May be called twice."""
        self._hush()
        if self._keeper is not None:
            self._keeper.close()
        tasks = list(self._wires)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return len(self._wires)

    def cut(self) -> None:
        """Reset every connection that is open now."""
        for wire in self._wires.values():
            wire.reset()

    def _changed(self, before: Fault | None, after: Fault | None) -> None:
        if after is Fault.REFUSE:
            self._hush()
            for wire in self._wires.values():
                wire.close_if_idle()
        elif before is Fault.REFUSE:
            self._listen()

    def _listen(self) -> None:
        self._listener = _bound(self.port)
        self._listener.listen(_BACKLOG)
        self._accepting = asyncio.create_task(self._accept(self._listener))

    def _hush(self) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
        self._accepting = self._listener = None

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(listener)
            self.accepted += 1
            wire = Wire(self, client, self._target)
            task = asyncio.create_task(wire.serve())
            self._wires[task] = wire
            task.add_done_callback(self._wires.pop)


async def swizzle(
    proxies: Sequence[TcpProxy], randomness: Randomness, *, pause_seconds: float
) -> None:
    """Clog the proxies one by one, then unclog them in another random order (FoundationDB)."""
    for step in (TcpProxy.clog, TcpProxy.unclog):
        for proxy in randomness.sample(list(proxies), len(proxies)):
            step(proxy)
            await proxy.clock.sleep(pause_seconds * randomness.random())


def _bound(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    made.settimeout(0)
    return made
