"""An SFTP server that fails on demand, a proxy that cuts, and connectors that talk to them."""

import asyncio
import contextlib
import os
from pathlib import Path

import asyncssh
import msgspec
import pytest

from connectors.base import (
    Call,
)
from connectors.sftp import CONNECTOR, Settings


class Proxy:
    """A byte-level TCP proxy that can cut, stall or swallow."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.port = 0
        self.cut_after_down: int | None = None
        self.stall_down = False
        self.down = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(
                self._pump(reader, far_writer, down=False),
                self._pump(far_reader, writer, down=True),
            )
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            far_writer.close()
            self._tasks.discard(task)

    async def _pump(self, reader, writer, *, down):
        while data := await reader.read(65536):
            if down:
                self.down += len(data)
                if self.cut_after_down is not None and self.down > self.cut_after_down:
                    self.cut()
                    return
                while self.stall_down:
                    await asyncio.sleep(0.02)
            writer.write(data)
            await writer.drain()
        writer.close()

    def cut(self):
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def stop(self):
        self.cut()
        for task in list(self._tasks):
            task.cancel()


@pytest.fixture
async def proxy(sshd):
    made = Proxy(sshd.port)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    made.stop()
    await server.wait_closed()


@pytest.fixture
def remote(tmp_path):
    folder = tmp_path / "remote"
    folder.mkdir()
    return folder


@pytest.fixture
async def opened(sshd, make_context, remote):
    """`opened(source|sink, **settings)`; everything is closed at the end."""
    made = []
    context = make_context(KEY=sshd.user_key.private, OTHER="no key at all", PASS="wrong")

    def open_part(kind, **more):
        settings = sshd.settings(remote, **{"settle_seconds": 0, "io_seconds": 2, **more})
        part = getattr(CONNECTOR, kind)(msgspec.convert(settings, Settings), context)
        made.append(part)
        return part

    open_part.call = lambda seconds=10.0: Call(
        key="k", attempt=1, deadline=context.clock.monotonic() + seconds
    )
    yield open_part
    for part in made:
        await part.close()


class Faults:
    """What goes wrong next; the two hooks are awaited around every rename."""

    def __init__(self):
        self.before_rename = self.after_rename = self.nothing
        self.write_limit: int | None = None
        self.grow_on_read = False
        self.deny_reading = False

    async def nothing(self):
        """Let the rename be."""


def _server_class(faults, root):
    class Server(asyncssh.SFTPServer):
        def __init__(self, chan):
            super().__init__(chan, chroot=os.fsencode(root))

        async def rename(self, oldpath, newpath):
            await faults.before_rename()
            super().rename(oldpath, newpath)
            await faults.after_rename()

        def write(self, file_obj, offset, data):
            if faults.write_limit is not None and offset >= faults.write_limit:
                raise asyncssh.SFTPFailure("disk full")
            return super().write(file_obj, offset, data)

        def read(self, file_obj, offset, size):
            if faults.deny_reading:
                raise asyncssh.SFTPPermissionDenied("no")
            if faults.grow_on_read:
                with Path(os.fsdecode(file_obj.name)).open("ab") as more:
                    more.write(b"more")
            return super().read(file_obj, offset, size)

    return Server


class _Accept(asyncssh.SSHServer):
    def __init__(self, connections):
        self._connections = connections

    def connection_made(self, conn):
        self._connections.append(conn)

    def begin_auth(self, username):
        return True

    def password_auth_supported(self):
        return True

    async def validate_password(self, username, password):
        if password == "slow":
            await asyncio.sleep(1.5)
        return password == "right"


@pytest.fixture
def accept():
    """`accept(connections)` -> an SSH server that lets the password "right" in."""
    return _Accept


@pytest.fixture
async def faulty(tmp_path, make_context):
    """A server with faults, and `open(kind)` for connectors that talk to it."""
    root = tmp_path / "root"
    (root / "out").mkdir(parents=True)
    faults = Faults()
    connections = []
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(
        lambda: _Accept(connections),
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        sftp_factory=_server_class(faults, root),
    )
    context = make_context(GOOD="right", BAD="wrong", SLOW="slow")
    made = []

    def open_part(kind, **more):
        settings = {
            "host": "127.0.0.1",
            "port": server.get_port(),
            "user": "u",
            "password": "${secret:GOOD}",
            "host_keys": [host_key.export_public_key().decode().strip()],
            "path": "/out",
            "settle_seconds": 0,
            "io_seconds": 2,
            **more,
        }
        part = getattr(CONNECTOR, kind)(msgspec.convert(settings, Settings), context)
        made.append(part)
        return part

    faults.open = open_part
    faults.folder = root / "out"

    async def cut():
        for conn in connections:
            conn.abort()

    faults.cut = cut
    faults.call = lambda seconds=10.0: Call(
        key="k", attempt=1, deadline=context.clock.monotonic() + seconds
    )
    yield faults
    for part in made:
        await part.close()
    server.close()
    await server.wait_closed()
    for conn in connections:
        with contextlib.suppress(OSError, asyncssh.Error):
            await conn.wait_closed()
