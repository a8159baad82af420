"""The one outbound HTTP module: httpx's interface over aiohttp, with an exact error map.

Every call ends in one of three ways: `NotSent` (no byte of the request left), `OutcomeUnknown`
(a byte may have left and no whole, readable answer came) or an answer. Whether a byte may have
left is observed at the moment of sending, never guessed from the kind of exception
(guides: "Network faults, measured classification").
"""

import asyncio
import io
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict
from yarl import URL

from connectors.content_coding import decoder_of
from connectors.http_ends import (
    Answer,
    ConnectTimedOut,
    NotSent,
    OutcomeUnknown,
    PoolTimedOut,
    ReadTimedOut,
    translated,
)
from connectors.ssrf import ADDRESS_REFUSED, Refusal

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
]

Request = httpx.Request
Transport = httpx.AsyncBaseTransport
Url = httpx.URL

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
KEEPALIVE_SECONDS = 15.0
RESOLVER_THREADS = 2
_SENT = "remithub_sent"
_STREAMED_BYTES = 512 * 1024
"""A larger body is written in pieces, so that one write does not hold up the event loop."""
_NO_AUTO_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
_RECODED = (b"content-encoding", b"content-length", b"transfer-encoding")


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


class _Resolver(AbstractResolver):
    """Looks names up in threads of its own, made when first needed: aiohttp uses the loop's, and
    there one name server that does not answer would hold up every other connector."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, "remithub-names")
        self.refusal: Refusal | None = None

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses. Raises socket.gaierror; NotSent where one of them is refused:
        a name that stands for a public address and for one of ours is up to something."""
        look_up = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        for *_, address in found:
            _judge(self.refusal, str(address[0]))
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)


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
            raise translated(fault, sent=_left(request)) from None
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
        self._resolver = _Resolver()
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

    def restrict(self, refusal: Refusal) -> None:
        """Connect only to addresses that `refusal` has nothing against; any other request is
        NotSent, code `address_refused`. Raises RuntimeError once a request was sent."""
        if self._session is not None:
            raise RuntimeError("a transport is restricted before its first request")
        self._resolver.refusal = refusal

    async def aclose(self) -> None:
        """Close every connection. May be called twice; later requests are NotSent."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        await self._resolver.close()

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
            raise translated(fault, sent=attempt.may_have_left) from None
        headers = [pair for pair in response.raw_headers if pair[0].lower() not in _RECODED]
        return httpx.Response(response.status, headers=headers, content=content, request=request)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise NotSent("transport_closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections,
                    ssl=self._verify,
                    keepalive_timeout=KEEPALIVE_SECONDS,
                    resolver=self._resolver,
                    socket_factory=self._judged_socket if self._resolver.refusal else None,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                request_class=_TrackedRequest,
                skip_auto_headers=_NO_AUTO_HEADERS,
                auto_decompress=False,
                trust_env=False,
                requote_redirect_url=False,
            )
        return self._session

    def _judged_socket(self, found: aiohttp.AddrInfoType) -> socket.socket:
        """Make the socket for one address: the last look at where the connection goes. An
        address that stands in the URL as it is comes here without having been looked up."""
        family, kind, protocol, _, address = found
        _judge(self._resolver.refusal, str(address[0]))
        return socket.socket(family, kind, protocol)

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
    return Answer(status=response.status_code, headers=_joined(response.headers.raw), body=body)


def _joined(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by lower-case name; one that is repeated is joined (RFC 9110, 5.3)."""
    headers: dict[str, str] = {}
    for raw_name, raw in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def may_have_left(request: httpx.Request) -> bool:
    """Say, after a deadline or a cancellation, whether a byte of `request` may have left.

    True where the transport does not say.
    """
    return bool(request.extensions.get(_SENT, True))


def _judge(refusal: Refusal | None, address: str) -> None:
    if refusal is not None and refusal(address):
        raise NotSent(ADDRESS_REFUSED)


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
