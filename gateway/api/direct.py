"""The hot route without the framework's layers: the same guard, function and answers.

Routing, a copy of the handler for its guard, arguments by their types and an answer made of an
answer cost a sixth of what the hub does for a message. A request that has more to it than path and
body goes through the framework, which has this route too and describes it.
"""

import re
from functools import cached_property
from typing import Any

import msgspec
from litestar import Litestar, Request, Response
from litestar.datastructures import Headers, State
from litestar.exceptions import InternalServerException
from litestar.types import Empty, Receive, Scope, Send

from gateway.api.governed import Guarding
from gateway.api.messages import hand_over_message
from gateway.pipeline import Accepted

__all__ = ["Direct"]

_PATH = re.compile(r"/v1/messages/([a-z][a-z0-9-]*)")
_TEMPLATE = "/v1/messages/{contract}"
_HOST = re.compile(rb"[0-9A-Za-z.:-]+")


class _Request(Request[Any, Any, State]):
    @cached_property
    def headers(self) -> Headers:  # asked a dozen times, read once
        return Headers.from_scope(self.scope)

    async def body(self) -> bytes:
        """Read no further than what is announced: the word that this was all comes later."""
        announced = self.headers.get("content-length", "")
        if self._body is Empty and announced.isdecimal():
            left, pieces = int(announced), []
            while left > 0:
                event = await self.receive()
                if event["type"] != "http.request":
                    raise InternalServerException("client disconnected prematurely")
                pieces.append(event["body"])
                left = left - len(event["body"]) if event["more_body"] else 0
            self._body = b"".join(pieces)
        return await super().body()


class Direct:
    """An ASGI application around the routes."""

    def __init__(self, routes: Litestar) -> None:
        self._routes = routes
        self._guarding = Guarding()
        self._handler = next(
            handler
            for route in routes.routes
            for handler in getattr(route, "route_handlers", ())
            if handler.fn is hand_over_message.fn
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        contract = _contract(scope)
        if not contract:
            await self._routes(scope, receive, send)
            return
        request = self._request(scope, receive, send, contract)
        answer: Response[Any]
        try:
            await self._guarding.guarded(request, self._handler)
            answer = await self._handler.fn(request, contract)
        except Exception as fault:
            answer = self._told(request, fault)
        if isinstance(answer.content, Accepted):
            await _accepted(answer, send)
        else:
            await answer.to_asgi_response(app=None, request=request)(scope, receive, send)

    def _request(self, scope: Any, receive: Receive, send: Send, contract: str) -> _Request:
        """Return the request as the framework would have it found."""
        scope["app"] = scope["litestar_app"] = self._routes
        scope["route_handler"] = self._handler
        scope["path_template"] = _TEMPLATE
        scope["path_params"] = {"contract": contract}
        return _Request(scope, receive, send)

    def _told(self, request: _Request, fault: Exception) -> Response[Any]:
        handlers = self._routes.exception_handlers
        answer = next(handlers[kind] for kind in type(fault).__mro__ if kind in handlers)
        return answer(request, fault)


def _contract(scope: Any) -> str:
    """Return the contract of a message that is handed over without more; "" for all else."""
    if scope["type"] != "http" or scope["method"] != "POST" or scope["query_string"]:
        return ""
    found = _PATH.fullmatch(scope["path"])
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    plain = len(hosts) == 1 and _HOST.fullmatch(hosts[0]) and not scope.get("root_path")
    return found[1] if found and plain else ""


async def _accepted(answer: Response[Accepted], send: Send) -> None:
    body = msgspec.json.encode(answer.content)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        *((name.lower().encode(), value.encode()) for name, value in answer.headers.items()),
    ]
    await send(
        {"type": "http.response.start", "status": answer.status_code or 202, "headers": headers}
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
