"""A subscriber on loopback: verifies with a package nobody here wrote, and misbehaves at will."""

import asyncio
import contextlib
from collections import deque
from contextlib import asynccontextmanager

import msgspec
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from connectors.base import Document
from connectors.conformance import Fault, SinkPartner, Wrong
from connectors.webhook import secret_text
from connectors.webhook.event import webhook_id_of
from gateway.simulators.tcp_proxy import Fault as TcpFault
from gateway.simulators.tcp_proxy import TcpProxy
from tests.connectors.till import PAGE, answer, tell

SECRET = secret_text(b"a key of the subscriber's, Q7 ok")
ENDS = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
FAULTS = frozenset(
    {
        Fault.NOT_REACHED,
        Fault.REPLY_LOST,
        Fault.REPLY_TRUNCATED,
        Fault.REPLY_HTML,
        Fault.REPLY_WRONG_TYPE,
        Fault.REPLY_DRIPS,
        Fault.THROTTLED,
        Fault.THROTTLED_SILENT,
        Fault.CREDENTIAL_WRONG,
        Fault.UNFORESEEN,
    }
)


class Subscriber:
    """The program: keeps each event once by its `webhook-id`, as Standard Webhooks asks."""

    def __init__(self, secret: str = SECRET) -> None:
        self.events: dict[str, bytes] = {}
        self.requests: list[dict[str, str]] = []
        self.faults: deque[Fault] = deque()
        self.next: deque[bytes] = deque()
        self.standing: Fault | None = None
        self.connections = 0
        self.port = 0
        self.webhook = Webhook(secret)
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def open(self, **options):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, **options)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            await server.wait_closed()

    async def _serve(self, reader, writer) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            with contextlib.suppress(*ENDS):
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                    first, *lines = head.rstrip("\r\n").split("\r\n")
                    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
                    body = await reader.readexactly(int(headers.get("content-length", "0")))
                    await self._reply(writer, first.split(" ")[0], headers, body)
                    await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _reply(self, writer, method, headers, body) -> None:
        if method != "POST":
            writer.write(answer(405))
            return
        self.requests.append(headers)
        if self.next:
            writer.write(self.next.popleft())
            return
        try:
            self.webhook.verify(body, headers)
        except WebhookVerificationError:
            writer.write(answer(401))
            return
        fault = self.faults.popleft() if self.faults else self.standing
        refusal = BEFORE.get(fault) or self._taken(headers["webhook-id"], body)
        if refusal:
            writer.write(refusal)
        else:
            await tell(fault, writer, answer(200, b'{"taken":true}'))

    def _taken(self, webhook_id: str, body: bytes) -> bytes:
        """Keep the event; return the refusal of one that is not taken."""
        data = msgspec.json.decode(body).get("data", {})
        unbalanced = data.get("balanced") is False
        if unbalanced or self.events.setdefault(webhook_id, body) != body:
            return answer(422)
        return b""


BEFORE = {
    Fault.THROTTLED: answer(429, b"", "text/plain", "Retry-After: 7"),
    Fault.THROTTLED_SILENT: answer(429),
    Fault.CREDENTIAL_WRONG: answer(401),
    Fault.UNFORESEEN: answer(418, PAGE, "text/html"),
}


class SubscriberPartner(SinkPartner):
    """The subscriber, as the kit sees it."""

    proxy_fault = TcpFault
    faults = FAULTS

    def __init__(self, subscriber: Subscriber, proxy: TcpProxy, untrusted: int) -> None:
        self.proxy = proxy
        self.settings = {
            "url": f"http://127.0.0.1:{proxy.port}/events",
            "network": "internal",
            "secrets": ["${secret:KEY}"],
        }
        self.secrets = {"KEY": SECRET}
        closed = {"url": "http://127.0.0.1:9/events"}
        self.wrong = (
            Wrong(probe="dns", settings={"url": "https://no-such-host.invalid/events"}),
            Wrong(probe="tcp", settings=closed),
            Wrong(probe="tls", settings={"url": f"https://127.0.0.1:{untrusted}/"}),
            Wrong(
                probe="network",
                settings={"url": f"https://127.0.0.1:{untrusted}/", "network": "public"},
            ),
        )
        self._subscriber = subscriber

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

    async def effects(self, key, document):
        return [one for one in self._subscriber.events if one == webhook_id_of(key)]

    async def booked(self, key, document):
        return self._data(key)["amounts"]

    async def words(self, key, document):
        return self._data(key)["memo"]

    async def state(self):
        return len(self._subscriber.events)

    def _data(self, key):
        return msgspec.json.decode(self._subscriber.events[webhook_id_of(key)])["data"]

    @asynccontextmanager
    async def fault(self, fault):
        if fault is Fault.NOT_REACHED:
            async with super().fault(fault):
                yield
            return
        self._subscriber.standing = fault if fault is Fault.CREDENTIAL_WRONG else None
        if fault is not Fault.CREDENTIAL_WRONG:
            self._subscriber.faults.append(fault)
        try:
            yield
        finally:
            self._subscriber.standing = None
            self._subscriber.faults.clear()
