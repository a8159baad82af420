"""Serves a hub over HTTP in the hub's own event loop, and ends both in order."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import msgspec
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.server.embed import Server as Granian

from gateway.api import application, open_token
from gateway.api.door import Door
from gateway.app.front import LOOPBACK, Front
from gateway.app.hub import Hub
from gateway.app.services import HubServices
from gateway.app.tls import Contexts, TlsFiles, tls_files
from gateway.errors import TryAgain
from gateway.model.roles import Role
from gateway.ports import Clock, Ports

__all__ = ["ADDRESS_FILE", "Address", "Listening", "serve", "serving"]

log = logging.getLogger("remithub")

ADDRESS_FILE = "var/hub.address"
"""Below the root folder: where the running hub listens, for the command line."""

STOP_SECONDS = 25.0
"""How long what is under way may take once the hub is told to stop."""

ANSWER_SECONDS = 5.0
"""How much of that requests have; the rest is for deliveries."""

HEADER_SECONDS = 15.0
"""How long a client may take for a request's headers, and be silent between two requests."""

_START_SECONDS = 10.0
_BACKLOG = 1024


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a hub listens and which process it is; the content of the address file.
    `token_file` is relative to the root folder."""

    url: str
    pid: int
    token_file: str
    certificate: str = ""
    """Its own certificate's file where it serves HTTPS: the command line trusts that one."""


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """A hub that listens."""

    hub: Hub
    address: Address
    token: str


class _Server(msgspec.Struct, frozen=True):
    """What serves, and the front before it where there is one."""

    granian: Granian
    task: asyncio.Task[None]
    front: Front | None = None


@contextlib.asynccontextmanager
async def serving(
    root: Path,
    *,
    environment: Mapping[str, str] | None = None,
    ports: Ports | None = None,
    role: Role = Role.ALL,
    port: int | None = None,
) -> AsyncIterator[Listening]:
    """Open and start a hub, then listen; on leaving, stop both in order. `port` goes before the
    configuration's.

    Listening does not begin before the lanes are taken. Raises ConfigError, StorageFault.
    """
    hub = await Hub.open(root, environment, ports, role=role)
    try:
        settings = hub.bundles.current.config.hub.api
        token = open_token(root / settings.token_file, hub.ports.ids)
        services = HubServices(hub)
        services.begin()
        await hub.start()
        tls = tls_files(root, hub.bundles.current.config.hub.access.tls)
        front = Front(Contexts(tls), hub.ports.clock) if tls and tls.authorities else None
        app = application(services, token, root=root, peers=front.peers if front else None)
        port = _free_port(settings.host, settings.port if port is None else port)
        server = await _open(app, settings.host, port, hub.ports.clock, tls, front)
    except BaseException:
        await hub.close()
        raise
    address = Address(
        url=f"{'https' if tls else 'http'}://{_host(settings.host)}:{port}",
        pid=os.getpid(),
        token_file=settings.token_file,
        certificate=str(tls.certificate) if tls else "",
    )
    file = root / ADDRESS_FILE
    announced = role in (Role.API, Role.ALL)  # what the command line asks
    try:
        if announced:
            _write(file, address)
        yield Listening(hub=hub, address=address, token=token)
    finally:
        if announced and file.exists() and file.read_bytes() == _text(address):
            file.unlink(missing_ok=True)
        await _stop(hub, app, server)


async def serve(
    root: Path,
    announce: Callable[[Listening], None],
    *,
    until: asyncio.Event | None = None,
    role: Role = Role.ALL,
    port: int | None = None,
) -> None:
    """Run a hub with its API until SIGTERM or SIGINT (or `until` is set), then stop it in order."""
    stop = until or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with serving(root, role=role, port=port) as listening:
            announce(listening)
            await stop.wait()
            log.info("Stopping: what is under way may take %d s.", STOP_SECONDS)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _open(
    app: object, host: str, port: int, clock: Clock, tls: TlsFiles | None, front: Front | None
) -> _Server:
    """Start the server there; or, where there is a front, that one, and the server on loopback,
    where it answers nobody else."""
    if front is None:
        return await _start(app, host, port, clock, tls)
    behind = _free_port(LOOPBACK, 0)
    server = await _start(app, LOOPBACK, behind, clock)
    try:
        front.open(host, port, behind)
    except OSError:
        server.task.cancel()
        raise _unavailable(host, port) from None
    return _Server(server.granian, server.task, front)


async def _start(
    app: object, host: str, port: int, clock: Clock, tls: TlsFiles | None = None
) -> _Server:
    server = Granian(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        # With HTTP/2 on offer, a client that says nothing at all is waited for without end.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=int(HEADER_SECONDS * 1000)),
        backlog=_BACKLOG,
        log_enabled=False,
        log_access=False,
        websockets=False,
        ssl_protocol_min=SSLProtocols.tls12,
        ssl_cert=tls.certificate if tls else None,
        ssl_key=tls.key if tls else None,
    )
    task = asyncio.create_task(server.serve(), name="api")
    deadline = clock.monotonic() + _START_SECONDS
    while not await _answers(host, port) or task.done():  # done: it is another that answers
        if task.done() or clock.monotonic() > deadline:
            task.cancel()
            raise _unavailable(host, port)
        await clock.sleep(0.02)
    return _Server(server, task)


async def _answers(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


async def _stop(hub: Hub, app: Door, server: _Server) -> None:
    """Take nothing more, let what is under way end, close; give up waiting after a while."""
    hub.ready = False
    if server.front:
        await server.front.shut()
    server.granian.stop()  # type: ignore[no-untyped-call]  # granian has no types there
    _, late = await asyncio.wait([server.task], timeout=ANSWER_SECONDS)
    for request in late:
        request.cancel()
    if server.front:
        await server.front.close()
    try:
        async with asyncio.timeout(STOP_SECONDS - ANSWER_SECONDS):
            await app.close()  # what it has to write, before the store closes
            await hub.close()
    except TimeoutError:
        log.warning("What was still under way is left; it is tried again at the next start.")
        await hub.store.close()


def _free_port(host: str, wanted: int) -> int:
    """Return that port, or any free one for 0; granian itself would panic on a taken one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
        except OSError:
            raise _unavailable(host, wanted) from None
        port: int = probe.getsockname()[1]
        return port


def _unavailable(host: str, port: int) -> TryAgain:
    return TryAgain(
        f"The API cannot listen on {host} port {port}.",
        code="port_unavailable",
        next_step="set another `api.port` in hub.yaml (0 takes any free one).",
    )


def _host(host: str) -> str:
    """Return how this machine reaches it: an address that means every address is here, too."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  what it is called here
    return f"[{shown}]" if ":" in shown else shown


def _write(file: Path, address: Address) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_bytes(_text(address))
    part.replace(file)


def _text(address: Address) -> bytes:
    return msgspec.json.encode(address) + b"\n"
