"""`/v1/messages`: hand over a contract message, list them, show one with its deliveries."""

import hashlib
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, cast

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.status_codes import HTTP_202_ACCEPTED

from gateway.api.conditional import not_modified, tag_of, tagged
from gateway.api.conversion import EXACT, converted, same_document
from gateway.api.deliveries import deliveries_of
from gateway.api.documents import DeliveryView, MessageRow, message_row
from gateway.api.envelopes import Opened, enclosed
from gateway.api.events import Outgoing, outgoing, put_on_record
from gateway.api.files import Given, must_be_raw, must_fit, one_block, take
from gateway.api.governed import lists, must_cover, must_know, shows_full
from gateway.api.guard import sees, sees_all
from gateway.api.negotiation import (
    Meant,
    accepted_types,
    content_type,
    given_version,
    lasts,
    taken_version,
    used,
)
from gateway.api.problems import MAX_ERRORS, Invalid, NotAcceptable, Unsupported
from gateway.api.services import HubRequest, Services, services
from gateway.api.use import use_of
from gateway.api.wire import JSON, contract_media_type
from gateway.errors import NotFound, UsageFault
from gateway.governance import parse_document
from gateway.governance.envelope import MEDIA_TYPE as EVENT_TYPE
from gateway.governance.guard import MAX_DOCUMENT_BYTES
from gateway.governance.migrations import NotConvertible
from gateway.pipeline import Accepted, Bundle, Source
from gateway.settings import Unknown
from gateway.store import Row

__all__ = ["ROUTES", "takers"]

Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="Messages of one answer.")]
Before = Annotated[
    str,
    QueryParameter(
        pattern=r"^([0-9]{1,18}(\.[A-Za-z0-9_]*)?)?$",
        description="What `next` of the page before said.",
    ),
]


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """A message: its facts, its event (data masked unless asked for in full), its deliveries."""

    message: MessageRow
    masked: bool
    event: dict[str, Any]
    deliveries: list[DeliveryView]


class MessagePage(msgspec.Struct, frozen=True, kw_only=True):
    """Messages, the newest first; `next` goes into `before` for the page after, "" at the end."""

    messages: list[MessageRow]
    next: str


@post(
    "/v1/messages/{contract:str}",
    status_code=HTTP_202_ACCEPTED,
    request_max_body_size=MAX_DOCUMENT_BYTES,
    summary="Hand over a contract message",
    tags=["intake"],
)
async def hand_over_message(
    request: HubRequest,
    contract: FromPath[str],
    interface: FromQuery[str] = "",
) -> Response[Accepted]:
    """Take a document that satisfies a contract already, at an incoming interface of format json.

    Content-Type names the contract's version; without one a client's pin counts. What breaks the
    contract is refused at once (422) with pointers and rules, never with values. It may be the data
    of a CloudEvent, whose source and id then count as an Idempotency-Key does.
    """
    hub, way = services(request), use_of(request).way
    known: tuple[str, Source, Meant] | None = way.found if way else None
    name, source = known[:2] if known else _intake(hub, contract, interface)
    must_be_raw(request)
    must_fit(request, min(MAX_DOCUMENT_BYTES, source.settings.max_bytes))
    event = await enclosed(request, contract)
    if known and event is None:
        meant = known[2]
    else:
        meant = await _meant(request, contract, source, event)
        if way and event is None and lasts(meant.version):
            way.found = name, source, meant
    raw = event.document if event else await request.body()
    product = use_of(request).product
    strips = product is not None and product.unknown_fields is Unknown.STRIP
    raw, more = _as_configured(hub, meant, source, raw, strips=strips)
    await used(request, meant)
    same = partial(same_document, raw)
    given = event.given(same, more) if event else Given(same=same, meta=more)
    return await take(request, name, one_block(raw), given)


async def _meant(
    request: HubRequest, contract: str, source: Source, event: Opened | None
) -> Meant:
    """Return the version that is sent, which the product covers. Raises as those do."""
    if event is None:
        _must_be_json(request)
    enclosed_version = event.version if event else ""
    meant = await taken_version(request, contract, source.contract.version, enclosed_version)
    await must_cover(request, contract, meant.version.version)
    return meant


def _intake(hub: Services, contract: str, interface: str) -> tuple[str, Source]:
    """Choose the interface: the one that is named, or the only one that takes this contract."""
    able = takers(hub.bundle, contract)
    if interface and interface not in able:
        raise NotFound("That interface takes no messages of that contract as JSON.")
    if not able:
        raise NotFound(
            "No incoming interface takes messages of that contract.",
            next_step="add one with `format: json` and `contract:`, then reload.",
        )
    if not interface and len(able) > 1:
        raise UsageFault(
            f"More than one interface takes it: {', '.join(sorted(able))}.",
            next_step="say ?interface=NAME.",
        )
    name = interface or next(iter(able))
    return name, able[name]


def takers(bundle: Bundle, contract: str) -> dict[str, Source]:
    """Return the interfaces that take documents of a contract as they are, by name."""
    return {
        name: source
        for name, source in bundle.sources.items()
        if source.settings.format == "json"
        and source.mapping is None
        and source.contract.name == contract
    }


def _must_be_json(request: HubRequest) -> None:
    given = content_type(request)
    if given.name != JSON and not given.contract:
        raise Unsupported(
            "A message is taken as JSON, or as a CloudEvent.",
            next_step="send it as application/json, or as application/vnd.remithub.NAME+json.",
        )


def _as_configured(
    hub: Services, meant: Meant, source: Source, raw: bytes, *, strips: bool
) -> tuple[bytes, dict[str, str]]:
    """Judge a document by the version it is sent in, and return it as the interface has it, with
    what is kept of where it came from. The parsed document is many times as large as its bytes: it
    is gone before the commit is waited for. Raises Invalid, Reject (`contract_not_convertible`).
    """
    document = parse_document(raw)
    sent, wanted = meant.version, source.contract
    same = sent.version == wanted.version
    judge = wanted.validator if same else hub.catalogue.validator(sent.name, sent.version)
    fits, stripped = judge.valid(document), 0
    if not fits and strips:
        stripped = hub.catalogue.validator(sent.name, sent.version).strip(document)
        fits = bool(stripped) and judge.valid(document)
    if not fits:
        found = judge.errors(document, MAX_ERRORS + 1)
        raise Invalid(
            f"The document breaks {sent.identity} in {min(len(found), MAX_ERRORS)} places.",
            contract=sent.identity,
            errors=[msgspec.to_builtins(violation) for violation in found],
        )
    if sent.major != int(wanted.version.partition(".")[0]):
        document = converted(hub.catalogue, document, sent, wanted.version)
        if not wanted.validator.valid(document):
            raise NotConvertible(sent.identity, wanted.version)
    elif not stripped:
        return raw, {}
    origin = {"sent_as": sent.identity, "sent_sha256": hashlib.sha256(raw).hexdigest()}
    more = {"stripped": str(stripped)} if stripped else {}
    return EXACT.encode(document), origin | more


@get("/v1/messages", summary="Messages, the newest first", tags=["messages"])
async def list_messages(
    request: HubRequest,
    correlation: FromQuery[str] = "",
    artifact: FromQuery[str] = "",
    contract: FromQuery[str] = "",
    before: Before = "",
    limit: Limit = 100,
) -> MessagePage:
    """List by one of correlation, artifact or contract; without one, over all contracts."""
    store, place = services(request).store, _place(before)
    if correlation or artifact:
        query = "messages_by_correlation" if correlation else "messages_of_artifact"
        asked = {"correlation": correlation} if correlation else {"artifact_id": artifact}
        rows = await store.fetch(query, **asked)
        shown = await _own(request, rows)
        return MessagePage(messages=[message_row(row) for row in shown[:limit]], next="")
    names = [contract] if contract else [r["contract"] for r in await _contracts(request)]
    found: list[Row] = []
    for name in names:
        found += await store.fetch("message_page", contract=name, limit=limit + 1, **place)
    found.sort(key=lambda row: (row["created_at"], row["message_id"]), reverse=True)
    page = found[:limit]
    more = f"{page[-1]['created_at']}.{page[-1]['message_id']}" if len(found) > limit else ""
    shown = await _own(request, page)
    return MessagePage(messages=[message_row(row) for row in shown], next=more)


async def _own(request: HubRequest, rows: list[Row]) -> list[Row]:
    """Leave out what a limited actor may not see, or no product of it covers: a page may be short,
    or empty with a `next`."""
    rows = [row for row in rows if lists(request, row["contract"], row["version"])]
    if sees_all(request):
        return rows
    store = services(request).store
    shown: list[Row] = []
    for row in rows:
        owed = await store.fetch("owed_of_item", item_id=row["message_id"])
        if sees(request, {row["interface"], *(delivery["interface"] for delivery in owed)}):
            shown.append(row)
    return shown


async def _contracts(request: HubRequest) -> list[Row]:
    return await services(request).store.fetch("message_contracts")


def _place(before: str) -> dict[str, Any]:
    if not before:
        return {}
    at, _, name = before.partition(".")
    return {"before_at": int(at), "before_id": name}


@get("/v1/messages/{message_id:str}", summary="One message", tags=["messages"])
async def show_message(
    request: HubRequest,
    message_id: FromPath[str],
    show: Annotated[
        str,
        QueryParameter(name="data", pattern="^(masked|full)$", description="`full` shows PHI."),
    ] = "masked",
) -> Response[MessageView]:
    """Return its CloudEvents envelope and its deliveries with attempts.

    Accept chooses the form: JSON with all of that, `application/cloudevents+json`, or the bare
    document (`application/vnd.remithub.NAME+json; version=1`, its event in `ce-` headers). Data is
    masked by the contract's annotations; `data=full` shows it and goes on the audit record first,
    with the `Hub-Reason` that most roles must give.
    """
    hub = services(request)
    rows = await hub.store.fetch("message_by_id", message_id=message_id)
    if not rows:
        raise NotFound(_NO_MESSAGE)
    row = rows[0]
    form, version = _form(request, row["contract"])
    meant = await given_version(request, row["contract"], row["version"], version)
    must_know(request, row["contract"], meant.version.version, _NO_MESSAGE)
    by_product = shows_full(request)
    if by_product:
        await put_on_record(request, message_id, 1)
    full = by_product or show == "full"
    found = await outgoing(hub, row, meant, full=full)
    await used(request, meant)
    return await _answer(request, row, found, form=form, full=full)


_NO_MESSAGE = "There is no such message."


class _Form(StrEnum):
    """How a message is shown."""

    ALL = "all"
    EVENT = "event"
    DOCUMENT = "document"


def _form(request: HubRequest, contract: str) -> tuple[_Form, str]:
    """Return the form that is liked best, and the version that is asked for. Raises
    NotAcceptable."""
    for kind in accepted_types(request):
        if kind.contract == contract:
            return _Form.DOCUMENT, kind.version
        if kind.name == EVENT_TYPE:
            return _Form.EVENT, kind.version
        if kind.covers(JSON):
            return _Form.ALL, kind.version
    kinds = [JSON, EVENT_TYPE, contract_media_type(contract)]
    raise NotAcceptable("A message is not given in that form.", kinds)


async def _answer(
    request: HubRequest, row: Row, found: Outgoing, *, form: _Form, full: bool
) -> Response[MessageView]:
    headers: dict[str, str] = {"Vary": "Accept"}
    match form:
        case _Form.DOCUMENT:
            more, body = found.binary()
            headers |= more
            kind = contract_media_type(row["contract"])
        case _Form.EVENT:
            body, kind = found.structured(), EVENT_TYPE
        case _Form.ALL:
            view = MessageView(
                message=message_row(row),
                masked=not full,
                event=found.plain(),
                deliveries=await deliveries_of(row["message_id"], services(request).store),
            )
            body, kind = EXACT.encode(view), JSON
    tag = tag_of(body)
    tagged(request, tag)
    if not_modified(request, tag):
        return cast(Response[MessageView], Response(None, status_code=304, headers=headers))
    return cast(Response[MessageView], Response(body, headers=headers, media_type=kind))


ROUTES = (hand_over_message, list_messages, show_message)
