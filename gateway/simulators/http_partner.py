"""An HTTP partner on loopback: credentials, faults and effect counters around a partner's desk."""

import asyncio
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec
from aiohttp import web

from gateway.errors import UsageFault
from gateway.ports import Clock, SystemClock
from gateway.simulators.access import Access, Doorkeeper
from gateway.simulators.books import Journal
from gateway.simulators.faults import Fault, FaultBoard, FaultKind, Scope

__all__ = ["Answer", "Desk", "Effects", "HttpPartner", "Order"]

_HOST = "127.0.0.1"
_KINDS = frozenset(FaultKind) - {FaultKind.DROP_MID_FILE}
_MAX_BODY_BYTES = 256 * 1024 * 1024
_TOKEN_PATH = "/oauth/token"  # noqa: S105 -- a path, not a secret
_HTML = b"<html><head><title>500</title></head><body><h1>Internal Server Error</h1></body></html>"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A write as it came in. `refuse` asks the desk for a business refusal."""

    key: str
    body: bytes
    refuse: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a desk answers. `record` is what its journal must hold before the answer leaves; the
    fields `key` and `effects` (a number) are always in it."""

    status: int = 200
    body: bytes = b""
    record: dict[str, Any] | None = None


class Effects(msgspec.Struct, kw_only=True):
    """What `GET /_effects` shows: effects per key, counters, totals in cents."""

    effects: dict[str, int] = msgspec.field(default_factory=dict)
    requests: int = 0
    """Requests of the partner's own API, refused and broken ones too; token requests not."""
    duplicates: int = 0
    """Writes that asked again for an effect that was there."""
    refusals: int = 0
    """Writes refused in the partner's own words."""
    totals: dict[str, int] = msgspec.field(default_factory=dict)


class Desk(Protocol):
    """The business of one partner: plain functions over its own books, no I/O."""

    name: str
    write_path: str
    effects: Effects

    def restore(self, record: dict[str, Any]) -> None:
        """Take back one record of the journal, at start."""
        ...

    def write(self, order: Order) -> Answer:
        """Decide about a write and make its effect."""
        ...

    def lookup(self, tail: str, query: Mapping[str, str]) -> Answer:
        """Answer a question: `tail` is the path after `write_path`, without its slash."""
        ...


class HttpPartner:
    """One desk behind an HTTP server: `async with HttpPartner(desk) as partner: partner.url`.

    Stopped and started again it keeps its port and its books.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        access: Access | None = None,
        faults: tuple[Fault, ...] = (),
        journal: Path | None = None,
        port: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._desk = desk
        self._doorkeeper = Doorkeeper(access or Access(), self._clock)
        self._journal = Journal(journal)
        self._restored = False
        self._port = port
        self._runner: web.ServerRunner | None = None
        self.faults = FaultBoard(self._clock, _KINDS, faults)

    @property
    def name(self) -> str:
        """Name of the partner."""
        return self._desk.name

    @property
    def port(self) -> int:
        """TCP port on loopback; 0 before the first start where none was asked for."""
        return self._port

    @property
    def url(self) -> str:
        """Address to put before a path, without a slash at its end."""
        return f"http://{_HOST}:{self._port}"

    def effects(self) -> Effects:
        """Return what happened so far: the partner's own live counters."""
        return self._desk.effects

    def revoke_tokens(self) -> None:
        """End every access token the partner has issued: the next request with one gets a 401."""
        self._doorkeeper.revoke()

    async def start(self) -> None:
        """Listen. Raises OSError where the port is taken."""
        records = self._journal.open()
        if not self._restored:
            for record in records:
                self._desk.restore(record)
            self._restored = True
        server = web.Server(self._handle, request_factory=_request, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, self._port, backlog=1024).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and drop every connection; may be called twice."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._journal.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path.startswith("/_"):
            return await self._control(request)
        scope = _scope(request.method, path, self._desk.write_path)
        if scope is None:
            return _json(404, {"code": "not_found"})
        if scope != Scope.TOKEN:
            self._desk.effects.requests += 1
        body = await request.read()
        early = await self._fault_before(request, scope)
        if early is not None:
            return early
        if scope == Scope.TOKEN:
            return _json(*self._doorkeeper.issue(request.headers, body))
        if not self._doorkeeper.admits(request.headers):
            return _unauthorized()
        if scope == Scope.LOOKUP:
            tail = path[len(self._desk.write_path) :].lstrip("/")
            return _plain(self._desk.lookup(tail, request.query))
        return await self._write(request, body)

    async def _write(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        refuse = self.faults.take(FaultKind.BUSINESS_REFUSAL, Scope.WRITE) is not None
        key = request.headers.get("Idempotency-Key", "").strip('"')
        answer = self._desk.write(Order(key=key, body=body, refuse=refuse))
        if answer.record is not None:
            self._journal.append(answer.record)
        await self._journal.sync()
        return await self._fault_after(request, answer)

    async def _fault_before(
        self, request: web.BaseRequest, scope: Scope
    ) -> web.StreamResponse | None:
        take = self.faults.take
        if slow := take(FaultKind.SLOW, scope):
            await self._clock.sleep(slow.delay_seconds)
        if down := take(FaultKind.DOWN, scope):
            return _json(503, {"code": "unavailable"}, down.retry_after_seconds)
        if throttled := take(FaultKind.THROTTLED, scope):
            return _json(429, {"code": "too_many_requests"}, throttled.retry_after_seconds)
        if take(FaultKind.BAD_CREDENTIALS, scope):
            return _unauthorized()
        if take(FaultKind.RESET, scope):
            return _reset(request)
        if take(FaultKind.HTML_500, scope):
            return web.Response(status=500, body=_HTML, content_type="text/html")
        return None

    async def _fault_after(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        take = self.faults.take
        if take(FaultKind.REPLY_LOST_AFTER_COMMIT, Scope.WRITE):
            return _reset(request)
        half = answer.body[: len(answer.body) // 2]
        if take(FaultKind.TRUNCATED_JSON, Scope.WRITE):
            return _plain(msgspec.structs.replace(answer, body=half))
        if take(FaultKind.TRUNCATED_BODY, Scope.WRITE):
            response = web.StreamResponse(headers={"Content-Length": str(len(answer.body))})
            response.content_type = "application/json"
            await response.prepare(request)
            await response.write(half)
            if request.transport is not None:
                request.transport.close()
            return response
        return _plain(answer)

    async def _control(self, request: web.BaseRequest) -> web.Response:
        match request.method, request.path:
            case "GET", "/_effects":
                return _json(200, self._desk.effects)
            case "POST", "/_faults":
                try:
                    self.faults.set(msgspec.json.decode(await request.read(), type=Fault))
                except (msgspec.DecodeError, UsageFault) as error:
                    return _json(400, {"code": "fault_invalid", "detail": str(error)})
            case "DELETE", "/_faults":
                self.faults.clear()
            case "GET", "/_faults":
                pass
            case _:
                return _json(404, {"code": "not_found"})
        return _json(200, {"faults": self.faults.active()})


def _request(*given: Any) -> web.BaseRequest:
    message, payload, protocol, writer, task = given
    loop = asyncio.get_running_loop()
    return web.BaseRequest(
        message, payload, protocol, writer, task, loop, client_max_size=_MAX_BODY_BYTES
    )


def _scope(method: str, path: str, write_path: str) -> Scope | None:
    if path == write_path:
        return {"POST": Scope.WRITE, "GET": Scope.LOOKUP}.get(method)
    if method == "GET" and path.startswith(write_path + "/"):
        return Scope.LOOKUP
    if (method, path) == ("POST", _TOKEN_PATH):
        return Scope.TOKEN
    return None


def _plain(answer: Answer) -> web.Response:
    return web.Response(
        status=answer.status, body=answer.body, headers={"Content-Type": "application/json"}
    )


def _json(status: int, document: Any, retry_after_seconds: int | None = None) -> web.Response:
    headers = {"Content-Type": "application/json"}
    if retry_after_seconds is not None:
        headers["Retry-After"] = str(retry_after_seconds)
    return web.Response(status=status, body=msgspec.json.encode(document), headers=headers)


def _unauthorized() -> web.Response:
    response = _json(401, {"error": "invalid_client", "code": "unauthorized"})
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _reset(request: web.BaseRequest) -> web.Response:
    """Close with a TCP reset; the response returned never leaves."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()
