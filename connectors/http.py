"""The one outbound HTTP module: httpx's interface over aiohttp, with an exact error map.

Every call ends in one of three ways: `NotSent` (no byte of the request left), `OutcomeUnknown`
(a byte may have left and no whole, readable answer came) or an answer. Whether a byte may have
left is observed at the moment of sending, never guessed from the kind of exception
(guides: "Network faults, measured classification").
"""

import asyncio
import io
import ssl
from collections.abc import Awaitable, Callable, Mapping

import aiohttp
import httpx
import msgspec
from multidict import CIMultiDict
from yarl import URL

from connectors.content_coding import decoder_of

__all__ = [
    "AiohttpTransport",
    "Answer",
    "ConnectTimedOut",
    "NotSent",
    "OutcomeUnknown",
    "PoolTimedOut",
    "ReadTimedOut",
    "Request",
    "Transport",
    "Url",
    "exchange",
    "make_request",
    "make_url",
    "may_have_left",
    "tls_context",
]

Request = httpx.Request
Transport = httpx.AsyncBaseTransport
Url = httpx.URL

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
KEEPALIVE_SECONDS = 15.0
_SENT = "remithub_sent"
_STREAMED_BYTES = 512 * 1024
"""A larger body is written in pieces, so that one write does not hold up the event loop."""
_NO_AUTO_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
_RECODED = (b"content-encoding", b"content-length", b"transfer-encoding")
_HANDSHAKE_REFUSED = (
    "ALERT_CERTIFICATE_REQUIRED",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_UNKNOWN_CA",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_ACCESS_DENIED",
)
"""TLS 1.3 lets a client speak before the server has judged its certificate; these alerts
(RFC 8446, 6.2) end the handshake, so no application has seen the request."""


class NotSent(httpx.ConnectError):
    """No byte of the request left: a retry is always safe. `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ConnectTimedOut(NotSent, httpx.ConnectTimeout):
    """No connection within the connect timeout. Code `connect_timeout`."""


class PoolTimedOut(NotSent, httpx.PoolTimeout):
    """No free place in the pool within the pool timeout. Code `pool_timeout`."""


class OutcomeUnknown(httpx.ReadError):
    """A byte may have left and no whole answer came: the effect may be there."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ReadTimedOut(OutcomeUnknown, httpx.ReadTimeout):
    """The partner fell silent for the read timeout after the request. Code `read_timeout`."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer: status, headers by lower-case name, decoded body within the cap."""

    status: int
    headers: dict[str, str]
    body: bytes


class _TrackedRequest(aiohttp.ClientRequest):
    """A request that knows whether it began to leave."""

    may_have_left = False

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        """Send; refuse a connection that closed or spoke out of turn while it was idle."""
        protocol = conn.protocol
        if protocol is None or not protocol.is_connected() or protocol.should_close:
            raise NotSent("stale_connection")
        self.may_have_left = True
        return await super().send(conn)


class _Attempt:
    """Middleware of one request. aiohttp repeats PUT and DELETE by itself after a disconnect;
    an exception that is not its own ends the call instead, so nothing is ever sent twice."""

    __slots__ = ("may_have_left",)

    def __init__(self) -> None:
        self.may_have_left = False

    async def __call__(
        self,
        request: aiohttp.ClientRequest,
        handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
    ) -> aiohttp.ClientResponse:
        try:
            return await handler(request)
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise _translated(fault, sent=_left(request)) from None
        finally:
            self.may_have_left = _left(request)


class AiohttpTransport(httpx.AsyncBaseTransport):
    """One pool of connections to partners: no redirects, no cookies, no proxy from the
    environment, answers read whole up to `max_response_bytes` after decompression.

    The total deadline is the caller's (`asyncio.timeout`); after it, `may_have_left(request)`
    says whether the call is unknown. Timeouts come per request as httpx's `timeout` extension.
    """

    def __init__(
        self,
        *,
        connections: int = 8,
        verify: ssl.SSLContext | bool = True,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
    ) -> None:
        self._connections = connections
        self._verify = verify
        self._max_response_bytes = max_response_bytes
        self._places = asyncio.Semaphore(connections)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send once and return the whole answer. Raises NotSent or OutcomeUnknown."""
        request.extensions[_SENT] = False
        timeouts = request.extensions.get("timeout", {})
        body = await request.aread()
        await self._take_place(timeouts.get("pool"))
        attempt = _Attempt()
        try:
            return await self._send(request, body, attempt, _timeout(timeouts))
        finally:
            request.extensions[_SENT] = attempt.may_have_left
            self._places.release()

    async def aclose(self) -> None:
        """Close every connection. May be called twice; later requests are NotSent."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _take_place(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._places.acquire()
        except TimeoutError:
            raise PoolTimedOut("pool_timeout") from None

    async def _send(
        self,
        request: httpx.Request,
        body: bytes,
        attempt: _Attempt,
        timeout: aiohttp.ClientTimeout,
    ) -> httpx.Response:
        try:
            response = await self._open_session().request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=_request_headers(request),
                data=io.BytesIO(body) if len(body) > _STREAMED_BYTES else body or None,
                allow_redirects=False,
                timeout=timeout,
                middlewares=(attempt,),
            )
            async with response:
                content = await self._content(response)
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise _translated(fault, sent=attempt.may_have_left) from None
        headers = [pair for pair in response.raw_headers if pair[0].lower() not in _RECODED]
        return httpx.Response(response.status, headers=headers, content=content, request=request)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise NotSent("transport_closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections, ssl=self._verify, keepalive_timeout=KEEPALIVE_SECONDS
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                request_class=_TrackedRequest,
                skip_auto_headers=_NO_AUTO_HEADERS,
                auto_decompress=False,
                trust_env=False,
                requote_redirect_url=False,
            )
        return self._session

    async def _content(self, response: aiohttp.ClientResponse) -> bytes:
        cap = self._max_response_bytes
        decoder = decoder_of(response.headers.get("Content-Encoding", "identity"))
        if decoder is None:
            raise OutcomeUnknown("reply_encoding")
        content = bytearray()
        async for block in response.content.iter_any():
            for piece in decoder.feed(block, cap + 1):
                content += piece
                if len(content) > cap:
                    raise OutcomeUnknown("reply_too_large")
        if not decoder.whole:
            raise OutcomeUnknown("reply_truncated")
        return bytes(content)


def make_url(text: str) -> Url:
    """Parse an address. Raises ValueError for one that cannot be used; it shows nothing of it."""
    try:
        return httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError):
        raise ValueError("the address cannot be used") from None


def make_request(
    method: str,
    url: Url,
    *,
    headers: Mapping[str, str],
    timeouts: Mapping[str, float],
    content: bytes = b"",
) -> Request:
    """Return a request. `timeouts` in seconds: `connect`, `read`, `write`, `pool`.

    Raises UnicodeError for a header that is no ASCII.
    """
    extensions = {"timeout": dict(timeouts)}
    return httpx.Request(method, url, headers=headers, content=content, extensions=extensions)


async def exchange(transport: Transport, request: Request) -> Answer:
    """Send `request` over any transport and return the whole answer.

    Raises NotSent or OutcomeUnknown, also for a transport that is not ours (a test's, the
    simulated network): only httpx's ConnectError, ConnectTimeout, PoolTimeout and
    UnsupportedProtocol mean that nothing left.
    """
    try:
        response = await transport.handle_async_request(request)
        try:
            body = await response.aread()
        finally:
            await response.aclose()
    except (NotSent, OutcomeUnknown):
        raise
    except (
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.UnsupportedProtocol,
    ) as fault:
        raise NotSent(type(fault).__name__) from None
    except httpx.ReadTimeout:
        raise ReadTimedOut("read_timeout") from None
    except httpx.HTTPError as fault:
        raise OutcomeUnknown(type(fault).__name__) from None
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1")
        for name, value in response.headers.raw
    }
    return Answer(status=response.status_code, headers=headers, body=body)


def may_have_left(request: httpx.Request) -> bool:
    """Say, after a deadline or a cancellation, whether a byte of `request` may have left.

    True where the transport does not say.
    """
    return bool(request.extensions.get(_SENT, True))


def tls_context(
    *, ca_file: str = "", certificate_file: str = "", key_file: str = ""
) -> ssl.SSLContext:
    """Return a verifying client context (TLS 1.2 or newer).

    `ca_file` (PEM) replaces the machine's trust store; `certificate_file` and `key_file` are for
    mutual TLS. Raises OSError or ssl.SSLError where a file cannot be used.
    """
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate_file:
        context.load_cert_chain(certificate_file, key_file or None)
    return context


def _left(request: aiohttp.ClientRequest) -> bool:
    return not isinstance(request, _TrackedRequest) or request.may_have_left


def _timeout(timeouts: dict[str, float | None]) -> aiohttp.ClientTimeout:
    connect = timeouts.get("connect")
    return aiohttp.ClientTimeout(
        total=None, connect=connect, sock_connect=connect, sock_read=timeouts.get("read")
    )


def _request_headers(request: httpx.Request) -> CIMultiDict[str]:
    return CIMultiDict(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in request.headers.raw
        if name.lower() != b"transfer-encoding"
    )


def _translated(fault: Exception, *, sent: bool) -> NotSent | OutcomeUnknown:
    if isinstance(fault, (NotSent, OutcomeUnknown)):
        return fault
    if not sent:
        return _not_sent(fault)
    if any(alert in str(fault) for alert in _HANDSHAKE_REFUSED):
        return NotSent("tls_client_certificate")
    match fault:
        case TimeoutError():
            return ReadTimedOut("read_timeout")
        case aiohttp.ServerDisconnectedError():
            return OutcomeUnknown("disconnected")
        case aiohttp.ClientPayloadError():
            return OutcomeUnknown("reply_truncated")
        case aiohttp.ClientResponseError() | ValueError():
            return OutcomeUnknown("reply_unreadable")
        case _:
            return OutcomeUnknown("connection_lost")


def _not_sent(fault: Exception) -> NotSent:
    match fault:
        case TimeoutError():
            return ConnectTimedOut("connect_timeout")
        case aiohttp.ClientConnectorCertificateError():
            return NotSent("tls_certificate")
        case aiohttp.ClientSSLError():
            return NotSent("tls")
        case aiohttp.ClientConnectorDNSError():
            return NotSent("dns")
        case ValueError():
            return NotSent("request_unsendable")
        case _:
            return NotSent("refused")
