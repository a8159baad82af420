"""Three SFTP servers (paramiko, asyncssh, OpenSSH), each behind a proxy that counts and cuts."""

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from connectors.base import Clock, Context
from connectors.http import AiohttpTransport
from gateway.ports import SystemClock
from gateway.simulators.clearinghouse import Clearinghouse
from gateway.simulators.faults import Fault, FaultKind
from gateway.simulators.tcp_proxy import TcpProxy
from tests.connectors.conftest import Sshd

KINDS = ("paramiko", "asyncssh", "openssh")


@dataclass
class Served:
    """A server as its client sees it, and what it has seen of its client."""

    kind: str
    proxy: TcpProxy
    folder: Path
    """The folder behind `path`, as it lies on this machine."""
    settings: dict[str, Any]
    secrets: dict[str, str]
    logins: Callable[[], int]
    """How many credentials it was shown; at paramiko, how many it refused."""
    refuse_logins: Callable[[], None]
    """Let nobody in from now on (at OpenSSH: the one key is taken away)."""
    faults: "Faults | None" = None
    """Only asyncssh has them."""
    pid: int = 0

    def environment(self) -> dict[str, str]:
        """Return the secrets as the hub reads them."""
        return {f"REMITHUB_SECRET_{name}": text for name, text in self.secrets.items()}


@contextlib.asynccontextmanager
async def served(kind: str, tmp_path: Path, program: str = "") -> AsyncIterator[Served]:
    """Run one of the three; `program` is OpenSSH's."""
    root = tmp_path / f"{kind}-files"
    (root / "outbound/done").mkdir(parents=True)
    match kind:
        case "paramiko":
            running = _paramiko(root)
        case "asyncssh":
            running = _asyncssh(root)
        case _:
            running = _openssh(root, program)
    async with running as (port, make), TcpProxy("127.0.0.1", port) as proxy:
        there = make(proxy)
        there.settings |= {"host": "127.0.0.1", "port": proxy.port}
        there.settings |= {"settle_seconds": 0, "io_seconds": 10}
        yield there


Running = tuple[int, Callable[[TcpProxy], Served]]


@contextlib.asynccontextmanager
async def _paramiko(root: Path) -> AsyncIterator[Running]:
    house = Clearinghouse(root).start()

    def make(proxy: TcpProxy) -> Served:
        return Served(
            "paramiko",
            proxy,
            house.outbound,
            {
                "user": house.access.user,
                "password": "${secret:PASS}",
                "host_keys": [house.host_key_line],
                "path": "/outbound",
            },
            {"PASS": house.access.password},
            lambda: house.logins_refused,
            lambda: house.faults.set(Fault(kind=FaultKind.BAD_CREDENTIALS)),
        )

    try:
        yield house.port, make
    finally:
        await asyncio.to_thread(house.stop)


@contextlib.asynccontextmanager
async def _openssh(root: Path, program: str) -> AsyncIterator[Running]:
    keys = root.with_name("sshd")
    keys.mkdir()
    sshd = Sshd(keys, Path(program))

    def logins() -> int:
        log = (keys / "log").read_text()
        return log.count("Accepted ") + log.count("authenticating user")

    def make(proxy: TcpProxy) -> Served:
        settings = sshd.settings(root / "outbound")
        secrets = {"KEY": sshd.user_key.private}
        allowed = keys / "authorized_keys"
        return Served(
            "openssh",
            proxy,
            root / "outbound",
            dict(settings),
            secrets,
            logins,
            lambda: allowed.write_text("") and None,
            pid=sshd.process.pid,
        )

    try:
        yield sshd.port, make
    finally:
        sshd.stop()


async def _nothing() -> None:
    pass


@dataclass
class Faults:
    """What the asyncssh server does wrong, and what it saw."""

    before_rename: Callable[[bytes, bytes], Awaitable[None]] | None = None
    after_rename: Callable[[], Awaitable[None]] = _nothing
    write_limit: int | None = None
    on_read: Callable[[Path], None] | None = None
    listing: frozenset[bytes] = frozenset()
    """Names to show instead of what is there; every one of them is a file of `content`."""
    content: bytes = b"{}"
    asked: list[bytes] = field(default_factory=list)
    """Every path the client named."""
    opened: Counter[bytes] = field(default_factory=Counter)
    """Paths opened for reading."""
    let_in: bool = True
    logins: int = 0


@contextlib.asynccontextmanager
async def _asyncssh(root: Path) -> AsyncIterator[Running]:
    faults = Faults()
    connections: list[asyncssh.SSHServerConnection] = []
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(
        lambda: _Gate(faults, connections),
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        sftp_factory=lambda chan: _FaultyServer(chan, faults, root),
    )

    def shut() -> None:
        faults.let_in = False

    def make(proxy: TcpProxy) -> Served:
        return Served(
            "asyncssh",
            proxy,
            root / "outbound",
            {
                "user": "u",
                "password": "${secret:PASS}",
                "host_keys": [host_key.export_public_key().decode().strip()],
                "path": "/outbound",
            },
            {"PASS": "right"},
            lambda: faults.logins,
            shut,
            faults,
        )

    try:
        yield server.get_port(), make
    finally:
        server.close()
        for connection in connections:
            connection.abort()
        await server.wait_closed()
        for connection in connections:
            with contextlib.suppress(OSError, asyncssh.Error):
                await connection.wait_closed()


class _Gate(asyncssh.SSHServer):
    def __init__(self, faults: Faults, connections: list[Any]) -> None:
        self._faults = faults
        self._connections = connections

    def connection_made(self, conn: Any) -> None:
        self._connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self._faults.logins += 1
        return self._faults.let_in and password == "right"


class _FaultyServer(asyncssh.SFTPServer):
    def __init__(self, chan: Any, faults: Faults, root: Path) -> None:
        super().__init__(chan, chroot=os.fsencode(root))
        self._faults = faults
        self._made_up = root / "made-up"

    def map_path(self, path: bytes) -> bytes:
        self._faults.asked.append(path)
        folder, _, name = path.rpartition(b"/")
        if folder != b"/outbound" or name not in self._faults.listing:
            return super().map_path(path)
        if not self._made_up.exists():
            self._made_up.write_bytes(self._faults.content)
            os.utime(self._made_up, (1, 1))
        return os.fsencode(self._made_up)

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        if not self._faults.listing:
            async for name in super().scandir(path):
                yield name
        size = len(self._faults.content)
        attrs = asyncssh.SFTPAttrs(size=size, atime=1, mtime=1, permissions=0o100600)
        for shown in self._faults.listing:
            yield asyncssh.SFTPName(shown, attrs=attrs)

    def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
        if not pflags & asyncssh.FXF_WRITE:
            self._faults.opened[path] += 1
        return super().open(path, pflags, attrs)

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        if self._faults.before_rename is not None:
            await self._faults.before_rename(oldpath, newpath)
        super().rename(oldpath, newpath)
        await self._faults.after_rename()

    def write(self, file_obj: Any, offset: int, data: bytes) -> Any:
        if self._faults.write_limit is not None and offset >= self._faults.write_limit:
            raise asyncssh.SFTPFailure("disk full")
        return super().write(file_obj, offset, data)

    def read(self, file_obj: Any, offset: int, size: int) -> Any:
        if self._faults.on_read is not None:
            self._faults.on_read(Path(os.fsdecode(file_obj.name)))
        return super().read(file_obj, offset, size)


@contextlib.contextmanager
def context_of(there: Served, clock: Clock | None = None) -> Any:
    """Yield what a connector needs of a hub; its threads end with the block."""
    pools: list[ThreadPoolExecutor] = []

    def executor(size: int) -> Executor:
        pools.append(ThreadPoolExecutor(size))
        return pools[-1]

    yield Context(
        interface="under-proof",
        clock=clock or SystemClock(),
        secret=there.secrets.__getitem__,
        transport=AiohttpTransport,
        executor=executor,
        fail_point=lambda _name: None,
    )
    for pool in pools:
        pool.shutdown(wait=True, cancel_futures=True)
