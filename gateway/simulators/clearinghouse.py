"""The simulated clearinghouse: a real SSH server whose `outbound/` the hub polls over SFTP."""

import contextlib
import socket
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from gateway.ports import Clock, SystemClock, SystemIds
from gateway.simulators.access import SftpAccess
from gateway.simulators.faults import Fault, FaultBoard, FaultKind

if TYPE_CHECKING:
    import paramiko

    from gateway.simulators.sftp_server import Connection, Doorman

__all__ = ["Clearinghouse"]

_HOST = "127.0.0.1"
_CLOSE_SECONDS = 5.0
_KINDS = frozenset(
    {FaultKind.DOWN, FaultKind.SLOW, FaultKind.BAD_CREDENTIALS, FaultKind.DROP_MID_FILE}
)


class Clearinghouse:
    """A clearinghouse on loopback: `with Clearinghouse(root) as house: house.put(name, data)`.

    It serves the tree `root` with `outbound/` (what the hub takes), `outbound/done/` (where the
    hub moves what it has accepted) and `inbound/`. Stopped it refuses connections; started again
    it has the port, the host key and the files it had. The fault `down` resets each connection
    before the banner, `slow` waits before each operation, `bad_credentials` refuses each login,
    `drop_mid_file` resets the connection once a read passes `after_bytes`.
    """

    def __init__(
        self,
        root: Path,
        port: int = 0,
        *,
        access: SftpAccess | None = None,
        faults: tuple[Fault, ...] = (),
        clock: Clock | None = None,
    ) -> None:
        self.root = root
        access = access or SftpAccess()
        if not access.password and not access.authorized_key:
            access = msgspec.structs.replace(access, password=SystemIds().new("pw"))
        self.access = access
        """The login in force; its password was made here where none was given."""
        self.faults = FaultBoard(clock or SystemClock(), _KINDS, faults)
        self._port = port
        self._host_key: paramiko.PKey | None = None
        self._doorman: Doorman | None = None
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._connections: list[Connection] = []
        self._stopping = threading.Event()

    @property
    def outbound(self) -> Path:
        """The folder the hub polls."""
        return self.root / "outbound"

    @property
    def port(self) -> int:
        """TCP port on loopback; 0 before the first start where none was asked for."""
        return self._port

    @property
    def host_key_line(self) -> str:
        """The host key as a config file pins it: `ssh-ed25519 AAAA...`."""
        key = self._key()
        return f"{key.get_name()} {key.get_base64()}"

    @property
    def logins_refused(self) -> int:
        """How many logins were refused."""
        return self._doorman.refused if self._doorman else 0

    def start(self) -> Self:
        """Listen. Raises OSError where the port is taken."""
        from gateway.simulators.sftp_server import Doorman

        for folder in (self.outbound / "done", self.root / "inbound"):
            folder.mkdir(parents=True, exist_ok=True)
        self._key()
        self._doorman = self._doorman or Doorman(self.access, self.faults)
        self._stopping = threading.Event()
        self._listener = socket.create_server((_HOST, self._port), backlog=128)
        self._port = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(
            target=self._accept,
            args=(self._listener, self._doorman),
            name="clearinghouse",
            daemon=True,
        )
        self._acceptor.start()
        return self

    def stop(self) -> None:
        """Refuse connections and drop those there are; may be called twice."""
        self._stopping.set()
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        if self._acceptor is not None:
            self._acceptor.join()
            self._acceptor = None
        for connection in self._connections:
            connection.close()
        for connection in self._connections:
            connection.wait_closed(_CLOSE_SECONDS)
        self._connections = []

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    def change_host_key(self) -> None:
        """Show another host key to every connection from now on."""
        self._host_key = None

    def put(self, name: str, data: bytes | Iterable[bytes]) -> Path:
        """Offer a file, whole at once: written as `name.part`, then renamed."""
        part = self.outbound / f"{name}.part"
        with part.open("wb") as file:
            for block in [data] if isinstance(data, bytes) else data:
                file.write(block)
        return part.rename(self.outbound / name)

    def grow(self, name: str, data: bytes) -> Path:
        """Append to a file under its final name, as a careless sender does; makes it at first."""
        path = self.outbound / name
        with path.open("ab") as file:
            file.write(data)
        return path

    def waiting(self) -> list[str]:
        """Return the names that were not moved away yet, sorted."""
        return sorted(path.name for path in self.outbound.iterdir() if path.is_file())

    def archived(self) -> list[str]:
        """Return the names below `outbound/done/`, sorted."""
        return sorted(path.name for path in (self.outbound / "done").rglob("*") if path.is_file())

    def _key(self) -> "paramiko.PKey":
        if self._host_key is None:
            from gateway.simulators.sftp_server import new_host_key

            self._host_key = new_host_key()
        return self._host_key

    def _accept(self, listener: socket.socket, doorman: "Doorman") -> None:
        while not self._stopping.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._connections = [c for c in self._connections if c.alive]
            with contextlib.suppress(OSError):  # the client is gone already
                self._serve(client, doorman)

    def _serve(self, client: socket.socket, doorman: "Doorman") -> None:
        from gateway.simulators.sftp_server import Connection, reset_on_close

        if self.faults.take(FaultKind.DOWN):
            reset_on_close(client)
            client.close()
            return
        connection = Connection(
            client,
            host_key=self._key(),
            doorman=doorman,
            faults=self.faults,
            root=self.root,
            wait=self._stopping.wait,
        )
        self._connections.append(connection)
        connection.start()
