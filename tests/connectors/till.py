"""A till on loopback that takes payments by key and misbehaves in every way the kit knows."""

import asyncio
import base64
import contextlib
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import msgspec

from connectors.base import Document
from connectors.conformance import Fault, SinkPartner, Wrong
from gateway.simulators.tcp_proxy import Fault as TcpFault
from gateway.simulators.tcp_proxy import TcpProxy

CLIENT_SECRET = "a-secret-of-the-till-Q7"
CREDENTIALS = (Fault.CREDENTIAL_OLD, Fault.CREDENTIAL_WRONG)
PAGE = b"<html><body><h1>It works, or does not</h1></body></html>"


class Payment(msgspec.Struct):
    number: str
    key: str
    body: dict
    state: str = "done"


def answer(status: int, body: bytes = b"", kind: str = "application/json", *more: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", f"Content-Type: {kind}"]
    return ("\r\n".join([*lines, *more]) + "\r\n\r\n").encode() + body


def told(status: int, document: object, *more: str) -> bytes:
    return answer(status, msgspec.json.encode(document), "application/json", *more)


class Till:
    """The program: one POST makes a payment, its key makes a second POST the first one."""

    def __init__(self, *, honours_keys: bool) -> None:
        self.payments: list[Payment] = []
        self.faults: deque[Fault] = deque()
        self.standing: Fault | None = None
        self.port = 0
        self._honours_keys = honours_keys
        self._tokens = 0
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Till"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            await server.wait_closed()

    async def _serve(self, reader, writer) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                    first, *lines = head.rstrip("\r\n").split("\r\n")
                    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
                    body = await reader.readexactly(int(headers.get("content-length", "0")))
                    method, target, _ = first.split(" ")
                    await self._reply(writer, method, target, headers, body)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _reply(self, writer, method, target, headers, body) -> None:
        path = urlsplit(target).path
        if path == "/token":
            writer.write(self._token(headers))
        elif headers.get("authorization") != f"Bearer token-{self._tokens}":
            writer.write(told(401, {"error": "token"}))
        elif path != "/payments":
            writer.write(told(404, {"error": "path"}))
        elif self.standing is Fault.CREDENTIAL_WRONG:
            writer.write(told(401, {"error": "token"}))
        elif method == "GET":
            writer.write(self._asked(target))
        else:
            await self._take(writer, headers.get("idempotency-key", ""), msgspec.json.decode(body))
        await writer.drain()

    def _token(self, headers) -> bytes:

        basic = base64.b64encode(f"hub:{CLIENT_SECRET}".encode()).decode()
        if headers.get("authorization") != f"Basic {basic}":
            return told(401, {"error": "invalid_client"})
        self._tokens += 1
        return told(200, {"access_token": f"token-{self._tokens}", "expires_in": 300})

    def _asked(self, target) -> bytes:
        [key] = parse_qs(urlsplit(target).query).get("key", [""])
        found = [{"id": p.number, "state": p.state} for p in self.payments if p.key == key]
        return told(200, {"found": found})

    async def _take(self, writer, key, body) -> None:
        fault = self.faults.popleft() if self.faults else None
        before = self._before(fault)
        if before:
            writer.write(before)
            return
        same = [p for p in self.payments if self._honours_keys and p.key == key]
        if same and same[0].body != body:
            writer.write(told(422, {"error": "another payment has this key"}))
            return
        if body.get("balanced") is False:
            writer.write(told(422, {"error": "not balanced"}))
            return
        if not same:
            same = [Payment(number=f"P{len(self.payments) + 1}", key=key, body=body)]
            self.payments += same
        if fault in (Fault.PENDING_THEN_DONE, Fault.PENDING_THEN_REFUSED):
            same[0].state = "pending"
        reply = told(200, {"id": same[0].number, "state": same[0].state})
        await tell(fault, writer, reply)

    def _before(self, fault: Fault | None) -> bytes | None:
        match fault:
            case Fault.THROTTLED:
                return told(429, {}, "Retry-After: 7")
            case Fault.THROTTLED_SILENT:
                return told(429, {})
            case Fault.CREDENTIAL_OLD:
                self._tokens += 1
                return told(401, {"error": "token"})
            case Fault.UNFORESEEN:
                return answer(418, PAGE, "text/html")
            case Fault.REFUSED_IN_SUCCESS:
                return told(200, {"state": "refused", "reason": {"code": "closed"}})
            case _:
                return None


async def tell(fault: Fault | None, writer, reply: bytes) -> None:
    """Answer, or spoil the answer as the fault says."""
    match fault:
        case Fault.REPLY_LOST:
            reset(writer)
        case Fault.REPLY_TRUNCATED:
            writer.write(reply[:-7])
            await writer.drain()
            writer.close()
        case Fault.REPLY_HTML:
            writer.write(answer(500, PAGE, "text/html"))
        case Fault.REPLY_WRONG_TYPE:
            writer.write(answer(200, PAGE, "text/html"))
        case Fault.REPLY_DRIPS:
            for byte in reply:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.2)
        case _:
            writer.write(reply)


def reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class TillPartner(SinkPartner):
    """The till, as the kit sees it."""

    proxy_fault = TcpFault
    faults = frozenset(Fault) - {Fault.STOPPED_HALFWAY}

    def __init__(self, till: Till, proxy: TcpProxy, settings: dict, untrusted: int) -> None:
        self.proxy = proxy
        base = f"http://127.0.0.1:{proxy.port}"
        auth = {"type": "oauth2_client_credentials", "token_url": f"{base}/token"}
        auth |= {"client_id": "hub", "client_secret": "${secret:TILL}"}
        self.settings = {"base_url": base, "auth": auth, "check": {"path": "payments"}, **settings}
        self.secrets = {"TILL": CLIENT_SECRET}
        self.wrong = (
            Wrong(probe="dns", settings={"base_url": "http://no-such-host.invalid"}),
            Wrong(probe="tcp", settings={"base_url": "http://127.0.0.1:9"}),
            Wrong(probe="tls", settings={"base_url": f"https://127.0.0.1:{untrusted}"}),
            Wrong(probe="auth", secrets={"TILL": "another-secret-Q7"}),
        )
        self._till = till

    def document(self, mark):
        return Document(contract="c", data={"memo": mark, "amounts": ["1.00"]})

    def different(self, document):
        return Document(contract="c", data={"memo": "another", "amounts": ["2.00"]})

    def refused(self, mark):
        return Document(contract="c", data={"memo": mark, "balanced": False})

    def priced(self, mark, amounts):
        return Document(contract="c", data={"memo": mark, "amounts": list(amounts)})

    def worded(self, mark, text):
        return Document(contract="c", data={"memo": text}), text

    async def booked(self, key, document):
        return self._of(key, document)[0].body["amounts"]

    async def words(self, key, document):
        return self._of(key, document)[0].body["memo"]

    async def effects(self, key, document):
        return [p.number for p in self._of(key, document) if p.state != "refused"]

    async def state(self):
        return len(self._till.payments)

    def _of(self, key, document):
        """Return the payments of a key; a till that was told no key knows the document only."""
        wanted = document.data
        return [p for p in self._till.payments if key == p.key or (not p.key and p.body == wanted)]

    @asynccontextmanager
    async def fault(self, fault):
        if fault is Fault.NOT_REACHED:
            async with super().fault(fault):
                yield
            return
        self._till.standing = fault if fault is Fault.CREDENTIAL_WRONG else None
        if fault is not Fault.CREDENTIAL_WRONG:
            self._till.faults.append(fault)
        try:
            yield
        finally:
            self._till.standing = None
            self._till.faults.clear()
            ends = {Fault.PENDING_THEN_DONE: "done", Fault.PENDING_THEN_REFUSED: "refused"}
            for payment in self._till.payments:
                payment.state = ends.get(fault, payment.state)
