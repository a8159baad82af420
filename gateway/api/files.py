"""`POST /v1/interfaces/{name}/files`: hand over a file. The hot route: nothing is buffered whole."""

import re
from collections.abc import AsyncIterator, Mapping

import msgspec
from litestar import Response, post
from litestar.params import FromPath, FromQuery
from litestar.status_codes import HTTP_202_ACCEPTED

from gateway.access import LOCAL_NAME
from gateway.api.conditional import creates_only
from gateway.api.governed import key_required
from gateway.api.guard import actor_of
from gateway.api.idempotency import KeyUse, Same, keys_of, read_key
from gateway.api.problems import NotReady, PreconditionFailed, Unsupported
from gateway.api.services import HubRequest, Services, services
from gateway.api.trace import trace_of
from gateway.errors import NotFound, Reject, UsageFault
from gateway.pipeline import Accepted, Arrival
from gateway.store import UnitConflict

__all__ = [
    "ROUTES",
    "Given",
    "accepted",
    "bounded",
    "hand_over",
    "must_be_raw",
    "must_fit",
    "one_block",
    "take",
]

_MEDIA_TYPE = re.compile(r"(application|text)/[a-z0-9][a-z0-9.+-]{0,60}")


@post(
    "/v1/interfaces/{name:str}/files",
    status_code=HTTP_202_ACCEPTED,
    request_max_body_size=None,
    summary="Hand over a file",
    tags=["intake"],
)
async def hand_over(
    request: HubRequest,
    name: FromPath[str],
    again: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter
) -> Response[Accepted]:
    """Take custody of the body, whatever its bytes are. 202 means durable: the sender may forget it.

    Identical bytes are taken once per interface (`duplicate`), unless `again=true`. With an
    `Idempotency-Key` the first answer is given again, with `Idempotency-Replayed: true`.
    """
    hub = services(request)
    if name not in hub.bundle.sources:
        known = ", ".join(sorted(hub.bundle.sources))
        raise NotFound(f"There is no such incoming interface (there are: {known}).")
    must_be_raw(request)
    limit = min(hub.bundle.sources[name].settings.max_bytes, _api_limit(hub))
    must_fit(request, limit)
    return await take(request, name, bounded(request.stream(), limit), Given(again=again))


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of what is handed over, beside its bytes.

    `same` tells whether other bytes under a key mean the same; `meta` is kept with the artifact.
    """

    again: bool = False
    same: Same | None = None
    meta: Mapping[str, str] = {}
    known_as: str = ""
    """The sender's own name for it, which counts like an Idempotency-Key: the same name is the
    same thing, and another name another thing, whatever their bytes."""
    by_name_only: bool = False
    """No header counts beside that name: nobody has signed it."""
    media_type: str = ""
    """Of the bytes, where they are not the body as it came."""


_PLAIN = Given()


async def take(
    request: HubRequest, name: str, blocks: AsyncIterator[bytes], given: Given = _PLAIN
) -> Response[Accepted]:
    """Accept a stream at an interface, once per Idempotency-Key, and answer 202.

    Raises UsageFault (a key or If-None-Match is wrong, a key is missing), PreconditionFailed (it was there already).
    """
    hub = services(request)
    if not hub.ready:
        raise NotReady("The hub is starting or stopping.", next_step="send it again.")
    use, only_new = _key(request, given), creates_only(request)
    trace = trace_of(request.scope).traceparent
    arrival = Arrival(
        interface=name,
        media_type=given.media_type or _media_type(request),
        meta={**given.meta, **({"traceparent": trace} if trace else {})},
        again=given.again or bool(given.known_as),
    )
    if use is None:
        return _made(await hub.flow.accept(arrival, blocks), only_new=only_new)
    keys = keys_of(request)
    with keys.under_way(use):
        known = await keys.known(use)
        if known is not None:
            first = await keys.replayed(known, blocks, given.same)
            return accepted(first, replayed=True)
        try:
            keyed = msgspec.structs.replace(arrival, also=use.record)
            taken = await hub.flow.accept(keyed, blocks)
        except UnitConflict:
            # Another request was first with this key, or with another one and the same bytes just
            # now; the body is read already.
            raise NotReady(
                "The first request with this key has just ended.", next_step="send it again."
            ) from None
    return _made(taken, only_new=only_new)


def _key(request: HubRequest, given: Given) -> KeyUse | None:
    """Return what makes it once: the header's key, else the sender's name for it."""
    key = "" if given.by_name_only else read_key(request.headers.get("idempotency-key"))
    scope = f"{_whose(request)}{request.method} {request.scope['path']}"
    if not key and given.known_as:
        return KeyUse.of(f"{scope} event", given.known_as)
    if not key and key_required(request):
        raise UsageFault(
            "This product asks for an Idempotency-Key.",
            code="idempotency_key_missing",
            next_step="send one, say a UUID, and the same one with each retry.",
        )
    return KeyUse.of(scope, key) if key else None


def _made(taken: Accepted, *, only_new: bool) -> Response[Accepted]:
    """Answer 202; with `If-None-Match: *` only where it is new. Raises PreconditionFailed."""
    if taken.duplicate and only_new:
        raise PreconditionFailed(
            "The same bytes are there already.", next_step="leave out If-None-Match to see them."
        )
    return accepted(taken)


def _whose(request: HubRequest) -> str:
    """Two callers may use the same key for different things (draft-07, 5)."""
    who = actor_of(request)
    return "" if who == LOCAL_NAME else f"{who} "


def accepted(taken: Accepted, *, replayed: bool = False) -> Response[Accepted]:
    """Return 202 with the artifact's address."""
    headers = {"Location": f"/v1/artifacts/{taken.artifact_id}"}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return Response(taken, status_code=HTTP_202_ACCEPTED, headers=headers)


def must_be_raw(request: HubRequest) -> None:
    """Refuse a body that is not the file itself. Raises Unsupported."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith("multipart/"):
        raise Unsupported(
            "A form is not taken: the body is the file itself.",
            next_step="send the bytes, say with `curl --data-binary @FILE`.",
        )
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Unsupported("A compressed body is not taken.", next_step="send the plain bytes.")


def _media_type(request: HubRequest) -> str:
    """Return type and subtype; parameters are left out, one of them may be a file's name."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind if _MEDIA_TYPE.fullmatch(kind) else ""


def must_fit(request: HubRequest, limit: int) -> None:
    """Refuse a body that announces more than `limit` bytes before any is read. Raises Reject."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)


async def one_block(raw: bytes) -> AsyncIterator[bytes]:
    """Give bytes as a stream."""
    yield raw


async def bounded(blocks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    """Pass a stream on up to `limit` bytes. Raises Reject."""
    size = 0
    async for block in blocks:
        size += len(block)
        if size > limit:
            raise _too_large(limit)
        yield block


def _too_large(limit: int) -> Reject:
    return Reject(f"The file is larger than {limit} bytes.", code="artifact_too_large")


def _api_limit(hub: Services) -> int:
    return hub.bundle.config.hub.api.max_body_bytes


ROUTES = (hand_over,)
