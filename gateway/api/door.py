"""The door in front of the routes: asks who it is, names the request, bounds its body's time."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from itertools import count

import msgspec
from litestar.status_codes import HTTP_400_BAD_REQUEST, HTTP_503_SERVICE_UNAVAILABLE
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from gateway.access import (
    DENIED,
    PEER,
    Authenticator,
    Denials,
    Peer,
    Presented,
    Unauthenticated,
    read_presented,
)
from gateway.api.guard import KEY as CALLER
from gateway.api.guard import Caller, challenge, note_denial
from gateway.api.headers import with_security
from gateway.api.patience import Outlet, patient
from gateway.api.problems import MEDIA_TYPE, RETRY_AFTER_SECONDS, problem_of
from gateway.api.trace import KEY, TraceFacts, read_trace
from gateway.errors import HubError
from gateway.ports import Clock, Ids
from gateway.settings import AccessSettings
from gateway.store import AuditEntry, Store, Unit

__all__ = ["NOBODY", "OPEN_PATHS", "Door"]

OPEN_PATHS = frozenset(
    {"/healthz", "/readyz", "/auth/login", "/auth/callback", "/auth/logout", "/auth/break-glass"}
)
"""What answers without a credential: health, which says nothing but yes or no, and the ways in."""

SIGNED_PREFIX = "/v1/webhooks/"
"""What is posted below it is proved by its signature, see `gateway.api.webhooks`."""

NOBODY = "nobody"
"""How the audit names whoever could not say who they are."""

_LAST = ((b"connection", b"close"),)


class Door:
    """An ASGI application around another: nothing passes that has not said who it is.

    `peers` says who is at the other end of a connection, by the address that the server sees; what
    is not in it came past it and is refused. None: the server sees clients themselves.
    """

    def __init__(
        self,
        inside: ASGIApp,
        *,
        authenticator: Authenticator,
        settings: Callable[[], AccessSettings],
        store: Store,
        denials: Denials,
        ids: Ids,
        clock: Clock,
        closing: Callable[[], Awaitable[None]],
        peers: Mapping[tuple[str, int], Peer] | None = None,
    ) -> None:
        self._peers = peers
        self._closing = closing
        self._inside = inside
        self._clock = clock
        self._authenticator = authenticator
        self._settings = settings
        self._store = store
        self._denials = denials
        # One random name per process and a number: a random one per request costs 20 us.
        self._name = ids.new("req")[:20]
        self._numbers = count(1)

    async def close(self) -> None:
        """Put on record how many denials were not written yet; let go of what was opened."""
        rest = self._denials.rest()
        if rest:
            with suppress(HubError):
                await self._store.commit(Unit(audit=rest))
        await self._closing()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer 401."""
        kind: str = scope["type"]
        if kind != "http":
            await self._inside(scope, receive, send)
            return
        headers = scope["headers"]
        facts = read_trace(headers, f"{self._name}-{next(self._numbers)}")
        scope[KEY] = facts  # type: ignore[literal-required]  # a key of ours
        echo = [(b"x-request-id", facts.request_id.encode())]
        if facts.traceparent:
            echo.append((b"traceparent", facts.traceparent.encode()))

        await self._pass(scope, patient(receive, self._clock), Outlet(send), facts, echo)

    async def _pass(
        self,
        scope: Scope,
        receive: Receive,
        outlet: Outlet,
        facts: TraceFacts,
        echo: list[tuple[bytes, bytes]],
    ) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                last = _LAST if _may_be_unread(scope, message["status"]) else ()
                said = with_security(message["headers"], self._settings())
                message["headers"] = [*said, *echo, *last]
            await outlet.send(message)

        try:
            if self._is_around(scope) or not _is_open(scope):
                scope[CALLER] = await self._caller(scope)  # type: ignore[literal-required]  # a key of ours
        except HubError as refused:
            await _refuse(marked, facts, refused)
            return
        try:
            await self._inside(scope, receive, marked)
        except Exception:
            if not outlet.given_up:  # else there is nobody left to tell
                raise

    def _is_around(self, scope: Scope) -> bool:
        """Note in the scope who is at its other end; say whether that is nobody we know."""
        if self._peers is None:
            return False
        address, port = scope["client"] or ("", 0)
        found = self._peers.get((address, int(port)))  # granian's ports are text
        peer = found or Peer(address, around=True)
        scope[PEER] = peer  # type: ignore[literal-required]  # a key of ours
        return peer.around

    async def _caller(self, scope: Scope) -> Caller:
        """Return who sent it. Raises Unauthenticated; TryAgain where the store cannot tell."""
        presented = read_presented(scope, self._settings())
        try:
            return Caller(
                actor=await self._authenticator.actor(presented), source=presented.source
            )
        except Unauthenticated as refused:
            await self._note(presented, refused)
            raise

    async def _note(self, presented: Presented, refused: Unauthenticated) -> None:
        detail = {"source": presented.source, "credential": refused.credential}
        entry = AuditEntry(NOBODY, DENIED, "", outcome="denied", detail=detail)
        await note_denial(self._store, self._denials, entry, presented.source)


def _is_open(scope: Scope) -> bool:
    path: str = scope["path"]
    rest = path.removeprefix(SIGNED_PREFIX)
    signed = scope.get("method") == "POST" and rest != path and rest and "/" not in rest
    return path in OPEN_PATHS or bool(signed)


def _may_be_unread(scope: Scope, status: int) -> bool:
    """A refusal may leave part of the body on the wire; then the connection ends, and a client
    that is told so opens another one instead of running into the end of this one."""
    refused = status >= HTTP_400_BAD_REQUEST and scope.get("method") == "POST"
    return refused and scope["http_version"].startswith("1")


async def _refuse(send: Send, facts: TraceFacts, fault: HubError) -> None:
    problem = problem_of(fault, facts)
    body = msgspec.json.encode(problem)
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    if isinstance(fault, Unauthenticated):
        headers.append((b"www-authenticate", challenge(fault.error).encode()))
    elif problem.status == HTTP_503_SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", str(RETRY_AFTER_SECONDS).encode()))
    start = {"type": "http.response.start", "status": problem.status, "headers": headers}
    await send(start)  # type: ignore[arg-type]  # what ASGI calls this message
    await send({"type": "http.response.body", "body": body, "more_body": False})
