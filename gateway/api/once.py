"""Idempotency-Key on orders: what is made once is answered again from what was kept of the answer.

The key is claimed before the order begins and settled with its answer before that answer leaves;
an order that made nothing leaves its key free. What is handed over has a way of its own, in
`idempotency`: there the key is recorded in the transaction that takes custody.
"""

import base64
import contextlib
import hashlib
import logging
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.types import Message, Send

from gateway.api.conditional import must_be_tags
from gateway.api.guard import actor_of
from gateway.api.idempotency import LIFE_MS, KeyUse, in_flight, payload_differs, read_key
from gateway.api.services import services
from gateway.api.use import use_of
from gateway.errors import HubError
from gateway.model.ids import text_id
from gateway.pipeline import milliseconds
from gateway.store import Body, Row, Statement, Store, Unit, UnitConflict

__all__ = ["MAKERS", "once"]

log = logging.getLogger("remithub.api")

MAKERS = frozenset(
    {
        "/v1/set-aside/replay",
        "/v1/set-aside/park",
        "/v1/set-aside/release",
        "/v1/set-aside/confirm",
        "/v1/set-aside/discard",
    }
)
"""POST there makes something, and understands an Idempotency-Key. Paths as the router has them.
Not the making of API keys: the answer holds a secret, which is kept nowhere; two live keys are the
bound there."""

ABANDONED_MS = 10 * 60 * 1000
"""An order that has not ended after so long never will: its process is gone."""

_KEPT = frozenset({b"content-type", b"location", b"etag", b"cache-control", b"hub-contract"})
_GOOD = range(200, 300)


class _Answer(msgspec.Struct, frozen=True):
    """What is kept of an answer; `body` is base64."""

    status: int
    headers: list[tuple[str, str]]
    body: str


class _Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A key that this request holds, since `at`."""

    store: Store
    row: dict[str, str]
    at: int

    async def settle(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Keep the answer, or let the key go where nothing was made."""
        held: dict[str, Any] = {**self.row, "at": self.at}
        if status not in _GOOD:
            await self.store.commit(Unit(statements=(Statement("idempotency_release", held),)))
            return
        kept = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in headers if n in _KEPT]
        answer = _Answer(status, kept, base64.b64encode(body).decode("ascii"))
        name = text_id("ans", self.row["scope"], self.row["idem_key"], str(self.at))
        settled = {**held, "reference": name, "status": status}
        await self.store.commit(
            Unit(
                statements=(Statement("idempotency_settle", settled, expect=1),),
                bodies=(Body(name, msgspec.json.encode(answer)),),
            )
        )


class _Holding:
    """Holds an answer back until it is kept."""

    def __init__(self, claim: _Claim) -> None:
        self._claim = claim
        self._start: Any = None
        self._body = bytearray()

    async def __call__(self, send: Send, message: Message) -> None:
        """Take one message of the answer; send all once the last one is here."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        part: Any = message
        self._body += part.get("body", b"")
        if part.get("more_body", False):
            return
        headers = [(name.lower(), value) for name, value in self._start["headers"]]
        try:
            await self._claim.settle(self._start["status"], headers, bytes(self._body))
        except HubError as fault:
            # It is done: whoever asked hears that, and a second request meets a claim that ends.
            log.warning("The answer of an order could not be kept: %s", fault.code)
        await send(self._start)
        last = {"type": "http.response.body", "body": bytes(self._body), "more_body": False}
        await send(last)  # type: ignore[arg-type]  # what ASGI calls this message


async def once(request: Request[Any, Any, Any]) -> Response[bytes] | None:
    """Litestar's `before_request`: claim the key of an order, or give its answer again.

    Raises UsageFault (400), Conflict `idempotency_in_flight` (409), Reject
    `idempotency_payload_differs` (422).
    """
    if request.method != "POST" or _template(request) not in MAKERS:
        return None
    must_be_tags(request)  # also where the answer is one that was kept
    header = request.headers.get("idempotency-key")
    if header is None:
        return None
    key = read_key(header)
    hub = services(request)
    use = KeyUse.of(f"{actor_of(request)} POST {request.url.path}", key)
    fingerprint = _fingerprint(await request.body())
    now = milliseconds(hub.ports.clock.now())
    for _ in range(2):
        if await _claimed(hub.store, use, fingerprint, now):
            claim = _Claim(store=hub.store, row=use.row, at=now)
            use_of(request).held = _Holding(claim)
            return None
        rows = await hub.store.fetch("idempotency_get", **use.row)
        if rows:  # else it was let go in between
            return await _again(hub.store, use, rows[0], fingerprint, now)
    raise in_flight()


def _template(request: Request[Any, Any, Any]) -> str:
    found: str = request.scope["path_template"]
    return found


def _fingerprint(body: bytes) -> str:
    """Return the hash of the canonical body: what means the same is the same."""
    unreadable = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
    with contextlib.suppress(*unreadable):  # then the order itself will be refused
        body = msgspec.json.Encoder(order="sorted").encode(msgspec.json.decode(body or b"{}"))
    return hashlib.sha256(body).hexdigest()


async def _claimed(store: Store, use: KeyUse, fingerprint: str, now: int) -> bool:
    row = {
        **use.row,
        "fingerprint": fingerprint,
        "reference": "",
        "status": 0,
        "at": now,
        "expires_at": now + LIFE_MS,
    }
    try:
        await store.commit(Unit(statements=(Statement("idempotency_insert", row, expect=1),)))
    except UnitConflict:
        return False
    return True


async def _again(
    store: Store, use: KeyUse, row: Row, fingerprint: str, now: int
) -> Response[bytes] | None:
    if row["fingerprint"] != fingerprint:
        raise payload_differs()
    if row["status"] == 0:
        if now - row["at"] > ABANDONED_MS:
            gone = Statement("idempotency_release", {**use.row, "at": row["at"]})
            await store.commit(Unit(statements=(gone,)))
        raise in_flight()
    answer = msgspec.json.decode(await store.body(row["reference"]), type=_Answer)
    headers = {name: value for name, value in answer.headers if name != "content-type"}
    kind = dict(answer.headers).get("content-type", "application/json")
    return Response(
        base64.b64decode(answer.body),
        status_code=answer.status,
        headers={**headers, "Idempotency-Replayed": "true"},
        media_type=kind,
    )
