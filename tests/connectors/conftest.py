"""A misbehaving loopback server, a clock, and a context for connectors under test."""

import asyncio
import contextlib
import getpass
import ipaddress
import os
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from connectors.base import Context
from connectors.http import AiohttpTransport
from connectors.tls import tls_context
from gateway.ports import SystemClock

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Exchange:
    """One request as the partner read it."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body


class Partner:
    """A loopback HTTP server that answers, or misbehaves, as its script says."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.connections = 0
        self.requests: list[Exchange] = []
        self.port = 0
        self.tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.tasks.discard(task)
            writer.close()

    async def read_request(self, reader: asyncio.StreamReader) -> Exchange:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        exchange = Exchange(method, target, headers, body)
        self.requests.append(exchange)
        return exchange


def answer(
    status: int = 200,
    body: bytes = b"{}",
    content_type: str = "application/json",
    headers: dict[str, str] | None = None,
) -> bytes:
    """Return the bytes of an answer with a Content-Length."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"Content-Type: {content_type}"] if content_type else []
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.asynccontextmanager
async def _serving(partner: Partner, **options: Any) -> AsyncIterator[Partner]:
    server = await asyncio.start_server(partner.serve, "127.0.0.1", 0, **options)
    partner.port = server.sockets[0].getsockname()[1]
    try:
        yield partner
    finally:
        server.close()
        for task in list(partner.tasks):
            task.cancel()
        await asyncio.gather(*partner.tasks, return_exceptions=True)
        await server.wait_closed()


@pytest.fixture
def serving():
    """`async with serving(talk) as partner` where `talk(partner, reader, writer)`."""

    @contextlib.asynccontextmanager
    async def start(talk, **options):
        partner = Partner(lambda reader, writer: talk(partner, reader, writer))
        async with _serving(partner, **options):
            yield partner

    return start


@pytest.fixture
def scripted(serving):
    """`async with scripted(reply) as partner`: `reply(exchange) -> bytes`, connections kept."""

    def start(reply, **options):
        async def talk(partner, reader, writer):
            while True:
                exchange = await partner.read_request(reader)
                writer.write(reply(exchange))
                await writer.drain()

        return serving(talk, **options)

    return start


@pytest.fixture
def http_answer():
    return answer


@pytest.fixture
def send_rst():
    return reset


@pytest.fixture
def make_context():
    """`make_context(**secrets)` -> Context with real parts; executors are shut down at the end."""
    pools: list[ThreadPoolExecutor] = []

    def executor(size: int) -> Executor:
        pool = ThreadPoolExecutor(size)
        pools.append(pool)
        return pool

    def make(**secrets: str) -> Context:
        return Context(
            interface="under-test",
            clock=SystemClock(),
            secret=secrets.__getitem__,
            transport=AiohttpTransport,
            executor=executor,
            fail_point=lambda _name: None,
        )

    yield make
    for pool in pools:
        pool.shutdown(wait=True, cancel_futures=True)


class _Tls:
    """A throw-away authority, a server certificate for 127.0.0.1 and a client certificate."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        authority_key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
        self._authority = (name, authority_key)
        self._write(
            "ca", _certificate(name, authority_key, self._authority, ca=True), authority_key
        )
        for who in ("server", "client"):
            key = ec.generate_private_key(ec.SECP256R1())
            subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, who)])
            self._write(who, _certificate(subject, key, self._authority, ca=False), key)

    def file(self, name: str) -> str:
        return str(self._folder / name)

    def server(self, *, mutual: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file("server.pem"), self.file("server.key"))
        if mutual:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.file("ca.pem"))
        return context

    def client(self, *, certificate: bool) -> ssl.SSLContext:
        return tls_context(
            ca_file=self.file("ca.pem"),
            certificate_file=self.file("client.pem") if certificate else "",
            key_file=self.file("client.key") if certificate else "",
        )

    def _write(self, name: str, certificate: x509.Certificate, key) -> None:
        pem = serialization.Encoding.PEM
        (self._folder / f"{name}.pem").write_bytes(certificate.public_bytes(pem))
        (self._folder / f"{name}.key").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )


def _certificate(subject, key, authority, *, ca: bool) -> x509.Certificate:
    issuer, issuer_key = authority
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )


@pytest.fixture(scope="session")
def tls(tmp_path_factory) -> _Tls:
    return _Tls(tmp_path_factory.mktemp("tls"))


class Sshd:
    """A real OpenSSH server on loopback that serves SFTP to one key."""

    def __init__(self, folder: Path, program: Path) -> None:
        self.folder = folder
        self.user = getpass.getuser()
        self.host_key = _openssh_key(folder / "host_key")
        self.user_key = _openssh_key(folder / "user_key")
        (folder / "authorized_keys").write_text(self.user_key.public + "\n")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {folder / 'host_key'}",
            f"PidFile {folder / 'pid'}",
            f"AuthorizedKeysFile {folder / 'authorized_keys'}",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "PermitRootLogin prohibit-password",
            "AllowTcpForwarding no",
            "MaxSessions 20",
            "MaxStartups 50:30:100",
            "Subsystem sftp internal-sftp",
            "ForceCommand internal-sftp",
        ]
        (folder / "sshd_config").write_text("\n".join(lines) + "\n")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [program, "-D", "-e", "-f", folder / "sshd_config"], stderr=log
            )
        self._wait()

    def _wait(self) -> None:
        for _ in range(200):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.02)
        pytest.fail("sshd did not start")

    def settings(self, path: Path, **more: object) -> dict[str, object]:
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "user": self.user,
            "private_key": "${secret:KEY}",
            "host_keys": [self.host_key.public],
            "path": str(path),
            **more,
        }

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(5)


class _OpensshKey:
    def __init__(self, private: str, public: str) -> None:
        self.private = private
        self.public = public


def _openssh_key(path: Path) -> _OpensshKey:
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    path.write_bytes(private)
    path.chmod(0o600)
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return _OpensshKey(private.decode(), public.decode())


@pytest.fixture
def make_key(tmp_path):
    return lambda name: _openssh_key(tmp_path / name)


@pytest.fixture(scope="session")
def sshd(tmp_path_factory, require_program):
    server = Sshd(tmp_path_factory.mktemp("sshd"), Path(require_program("sshd")))
    yield server
    server.stop()
