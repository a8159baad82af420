"""The door in front of the routes: asks for the token, names the request, bounds its body's time."""

import hmac
from itertools import count
from typing import Any

import msgspec
from litestar.status_codes import HTTP_400_BAD_REQUEST
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.patience import Outlet, patient
from gateway.api.problems import MEDIA_TYPE, problem_of
from gateway.api.trace import KEY, TraceFacts, read_trace
from gateway.errors import HubError
from gateway.ports import Clock, Ids

__all__ = ["OPEN_PATHS", "Door"]

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""What answers without a token; it says nothing but yes or no."""

_LAST = ((b"connection", b"close"),)


class Door:
    """An ASGI application around another. Until access control exists there is one token."""

    def __init__(self, inside: ASGIApp, *, token: str, ids: Ids, clock: Clock) -> None:
        self._inside = inside
        self._clock = clock
        self._expected = b"Bearer " + token.encode()
        # One random name per process and a number: a random one per request costs 20 us.
        self._name = ids.new("req")[:20]
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer 401. Compares in constant time."""
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

        outlet = Outlet(send)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                last = _LAST if _may_be_unread(scope, message["status"]) else ()
                message["headers"] = [*message["headers"], *echo, *last]
            await outlet.send(message)

        if scope["path"] in OPEN_PATHS or self._knows(headers):
            try:
                await self._inside(scope, patient(receive, self._clock), marked)
            except Exception:
                if not outlet.given_up:  # else there is nobody left to tell
                    raise
        else:
            await _refuse(marked, facts)

    def _knows(self, headers: Any) -> bool:
        given = next((value for name, value in headers if name == b"authorization"), b"")
        return hmac.compare_digest(given, self._expected)


def _may_be_unread(scope: Scope, status: int) -> bool:
    """A refusal may leave part of the body on the wire; then the connection ends, and a client
    that is told so opens another one instead of running into the end of this one."""
    refused = status >= HTTP_400_BAD_REQUEST and scope.get("method") == "POST"
    return refused and scope["http_version"].startswith("1")


async def _refuse(send: Send, facts: TraceFacts) -> None:
    fault = HubError(
        "This needs the hub's token.",
        code="unauthorized",
        next_step="send `Authorization: Bearer ...` with what stands in the hub's token file.",
    )
    body = msgspec.json.encode(problem_of(fault, facts))
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"www-authenticate", b"Bearer"),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
