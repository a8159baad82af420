"""Opens one SSH connection: pinned host key first, then the credential, with time-outs."""

import base64
import binascii
import contextlib
import hashlib
import io
import logging
import socket
from collections.abc import Callable, Sequence

import msgspec
import paramiko

from connectors.base import Failure
from connectors.secret_text import with_secrets
from connectors.sftp.faults import SftpFault
from connectors.sftp.settings import Settings

__all__ = ["Credential", "HostKey", "connect", "credential_of", "host_keys_of"]

_WEAK = ("cbc", "3des", "md5", "sha1")
_SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
"""An RSA key is pinned as ssh-rsa and proven by SHA-2 signatures (RFC 8332)."""
_LOG = logging.getLogger("remithub.sftp.wire")
"""paramiko writes names of files and the server's own words: nothing of it may reach a log. Every
fault is told by its code instead."""
_LOG.setLevel(logging.CRITICAL + 1)
_AUTH_TIMEOUT = "Authentication timeout."
_KEY_CLASSES = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


class HostKey(msgspec.Struct, frozen=True):
    """A pinned public key."""

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """The SHA-256 fingerprint as OpenSSH writes it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode()
        return "SHA256:" + digest.rstrip("=")


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What the user proves itself with; empty where there is none of the kind."""

    password: str
    private_key: str
    passphrase: str

    def __repr__(self) -> str:
        return "Credential(...)"


def host_keys_of(settings: Settings) -> tuple[HostKey, ...]:
    """Read the pinned keys. Raises ValueError, naming the place, for one that is none."""
    keys = []
    for index, text in enumerate(settings.host_keys):
        kind, encoded = text.split()[:2]
        try:
            blob = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise ValueError(f"host_keys[{index}] is not base64") from None
        if blob[4 : 4 + len(kind)] != kind.encode():
            raise ValueError(f"host_keys[{index}] is not a {kind} key")
        keys.append(HostKey(kind, blob))
    return tuple(keys)


def credential_of(settings: Settings, secret: Callable[[str], str]) -> Credential:
    """Resolve the secrets. Raises KeyError for a missing one, ValueError where there is none."""
    if not settings.password and not settings.private_key:
        raise ValueError("neither password nor private_key is given")
    return Credential(
        password=with_secrets(settings.password, secret),
        private_key=with_secrets(settings.private_key, secret),
        passphrase=with_secrets(settings.passphrase, secret),
    )


def connect(
    settings: Settings, host_keys: tuple[HostKey, ...], credential: Credential
) -> paramiko.Transport:
    """Connect and log in. Raises SftpFault; the credential is not sent to an unknown key."""
    transport = _transport(settings)
    try:
        _restrict(transport, settings, host_keys)
        _negotiate(transport, settings.connect_seconds)
        _verify(transport, host_keys)
        _log_in(transport, settings.user, credential)
    except BaseException:
        transport.close()
        raise
    if settings.keepalive_seconds:
        transport.set_keepalive(settings.keepalive_seconds)
    return transport


def _transport(settings: Settings) -> paramiko.Transport:
    address = (settings.host, settings.port)
    try:
        connection = socket.create_connection(address, timeout=settings.connect_seconds)
    except socket.gaierror:
        raise SftpFault(Failure.DESTINATION, "dns") from None
    except TimeoutError:
        raise SftpFault(Failure.DESTINATION, "connect_timeout") from None
    except ConnectionRefusedError:
        raise SftpFault(Failure.DESTINATION, "refused") from None
    except OSError:
        raise SftpFault(Failure.DESTINATION, "unreachable") from None
    try:
        # paramiko never does: with it, small files go five times faster (guides: SFTP).
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(connection)
    except (OSError, paramiko.SSHException):
        connection.close()
        raise SftpFault(Failure.DESTINATION, "connection_lost") from None
    transport.set_log_channel(_LOG.name)
    transport.daemon = True
    transport.banner_timeout = settings.connect_seconds
    transport.handshake_timeout = settings.connect_seconds
    transport.auth_timeout = settings.connect_seconds
    transport.channel_timeout = settings.connect_seconds
    return transport


def _restrict(
    transport: paramiko.Transport, settings: Settings, host_keys: tuple[HostKey, ...]
) -> None:
    """Offer only the pinned kinds of host key and, unless told otherwise, no weak algorithm."""
    options = transport.get_security_options()
    wanted = [name for key in host_keys for name in _SIGNATURES.get(key.kind, (key.kind,))]
    possible = [name for name in dict.fromkeys(wanted) if name in options.key_types]
    if not possible:
        raise SftpFault(Failure.CREDENTIAL, "host_key_kind_unsupported")
    options.key_types = possible
    # AES-GCM first: it needs no separate message authentication.
    options.ciphers = sorted(options.ciphers, key=lambda name: "gcm" not in name)
    if settings.algorithms == "modern":
        options.ciphers = _strong(options.ciphers)
        options.digests = _strong(options.digests)
        options.kex = _strong(options.kex)


def _strong(names: Sequence[str]) -> list[str]:
    return [name for name in names if not any(weak in name for weak in _WEAK)]


def _negotiate(transport: paramiko.Transport, seconds: float) -> None:
    try:
        transport.start_client(timeout=seconds)
    except paramiko.ssh_exception.IncompatiblePeer:
        raise SftpFault(Failure.CREDENTIAL, "no_common_algorithm") from None
    except (paramiko.SSHException, EOFError, OSError):
        raise SftpFault(Failure.DESTINATION, "ssh_negotiation") from None
    if not transport.initial_kex_done:
        raise SftpFault(Failure.DESTINATION, "connect_timeout")


def _verify(transport: paramiko.Transport, host_keys: tuple[HostKey, ...]) -> None:
    shown = transport.get_remote_server_key()
    offered = HostKey(shown.get_name(), shown.asbytes())
    if offered not in host_keys:
        pinned = ", ".join(key.fingerprint for key in host_keys)
        detail = f"the server shows {offered.fingerprint}, pinned is {pinned}"
        raise SftpFault(Failure.CREDENTIAL, "host_key_changed", detail)


def _log_in(transport: paramiko.Transport, user: str, credential: Credential) -> None:
    missing: list[str] = []
    try:
        if credential.private_key:
            missing = transport.auth_publickey(user, _key(credential))
        if credential.password and (missing or not credential.private_key):
            missing = transport.auth_password(user, credential.password)
    except paramiko.BadAuthenticationType:
        raise SftpFault(Failure.CREDENTIAL, "auth_kind_refused") from None
    except paramiko.AuthenticationException as fault:
        # paramiko says so too where the server fell silent or went away: that is no refusal.
        if transport.is_active() and str(fault) != _AUTH_TIMEOUT:
            raise SftpFault(Failure.CREDENTIAL, "auth_refused") from None
        raise SftpFault(Failure.DESTINATION, "auth_interrupted") from None
    except (paramiko.SSHException, EOFError, OSError):
        raise SftpFault(Failure.DESTINATION, "auth_interrupted") from None
    if missing:
        raise SftpFault(Failure.CREDENTIAL, "auth_incomplete")


def _key(credential: Credential) -> paramiko.PKey:
    for kind in _KEY_CLASSES:
        with contextlib.suppress(paramiko.SSHException, ValueError, TypeError):
            return kind.from_private_key(
                io.StringIO(credential.private_key), password=credential.passphrase or None
            )
    raise SftpFault(Failure.CREDENTIAL, "private_key_unreadable")
