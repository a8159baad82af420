"""The SSH side of the simulated clearinghouse; needs paramiko: import it only when needed."""

import hmac
import io
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED
from paramiko.common import OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED as REFUSED

from gateway.simulators.access import SftpAccess
from gateway.simulators.faults import FaultBoard, FaultKind
from gateway.simulators.sftp_tree import Premises, Tree

__all__ = ["Connection", "Doorman", "new_host_key", "reset_on_close"]

_LOG_CHANNEL = "remithub.simulators.clearinghouse"


def new_host_key() -> paramiko.PKey:
    """Make an Ed25519 host key."""
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    return paramiko.Ed25519Key(file_obj=io.StringIO(pem.decode()))


def reset_on_close(client: socket.socket) -> None:
    """Make the next close of that socket a TCP reset."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Doorman:
    """Decides about logins, and counts those refused."""

    def __init__(self, access: SftpAccess, faults: FaultBoard) -> None:
        self._access = access
        self._key = access.authorized_key.split()[:2]
        self._faults = faults
        self.refused = 0

    def methods(self) -> str:
        """Return the login methods on offer, as SSH names them."""
        ways = (("password", self._access.password), ("publickey", self._key))
        return ",".join(name for name, given in ways if given)

    def by_password(self, user: str, password: str) -> int:
        """Return paramiko's verdict on a password."""
        wanted = self._access.password
        good = bool(wanted) and hmac.compare_digest(password.encode(), wanted.encode())
        return self._verdict(user, good=good)

    def by_key(self, user: str, key: paramiko.PKey) -> int:
        """Return paramiko's verdict on a key, which the client has proven or will have to."""
        return self._verdict(user, good=[key.get_name(), key.get_base64()] == self._key)

    def _verdict(self, user: str, *, good: bool) -> int:
        if good and user == self._access.user and not self._faults.take(FaultKind.BAD_CREDENTIALS):
            return AUTH_SUCCESSFUL
        self.refused += 1
        return AUTH_FAILED


class Connection:
    """One client's connection: negotiates, logs in, serves any number of SFTP channels."""

    def __init__(
        self,
        client: socket.socket,
        *,
        host_key: paramiko.PKey,
        doorman: Doorman,
        faults: FaultBoard,
        root: Path,
        wait: Callable[[float], object],
    ) -> None:
        self._client = client
        # paramiko never does; without it every small answer waits for the client's next ACK.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = paramiko.Transport(client)
        self._transport.set_log_channel(_LOG_CHANNEL)
        # Broken connections are what this server is for: they are no news.
        paramiko.util.get_logger(_LOG_CHANNEL).setLevel(100)
        self._transport.add_server_key(host_key)
        premises = Premises(root=root, faults=faults, wait=wait, reset=self.reset)
        self._transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Tree, premises)
        self._gate = _Gate(self._transport, doorman)

    def start(self) -> None:
        """Negotiate in the connection's own thread; returns at once."""
        self._transport.start_server(event=threading.Event(), server=self._gate)

    @property
    def alive(self) -> bool:
        """Whether the connection is there."""
        return self._transport.is_active()

    def close(self) -> None:
        """Hang up; may be called twice."""
        self._transport.close()
        self._client.close()

    def wait_closed(self, seconds: float) -> None:
        """Wait until the connection's thread has ended, at most that long."""
        self._transport.join(seconds)

    def reset(self) -> None:
        """Hang up with a TCP reset; what was not sent yet is lost."""
        reset_on_close(self._client)
        self.close()


class _Gate(paramiko.ServerInterface):
    def __init__(self, transport: paramiko.Transport, doorman: Doorman) -> None:
        self._transport = transport
        self._doorman = doorman

    def get_allowed_auths(self, username: str) -> str:
        del username
        return self._doorman.methods()

    def check_auth_password(self, username: str, password: str) -> int:
        return self._doorman.by_password(username, password)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return self._doorman.by_key(username, key)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        del chanid
        return OPEN_SUCCEEDED if kind == "session" else REFUSED

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        started = super().check_channel_subsystem_request(channel, name)
        # Nobody waits for channels here: take it off the queue, or it is kept for good.
        self._transport.accept(timeout=0)
        return started
