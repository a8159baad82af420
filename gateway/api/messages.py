"""`/v1/messages`: hand over a contract message, list them, show one with its deliveries."""

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.status_codes import HTTP_202_ACCEPTED

from gateway.api.conversion import EXACT, canonical_hash, converted, not_convertible
from gateway.api.deliveries import deliveries_of
from gateway.api.documents import DeliveryView, MessageRow, message_row
from gateway.api.files import must_be_raw, must_fit, take
from gateway.api.governed import must_cover
from gateway.api.guard import sees, sees_all
from gateway.api.negotiation import Meant, content_type, taken_version, used
from gateway.api.problems import MAX_ERRORS, Invalid, Unsupported
from gateway.api.services import ContractView, HubRequest, Services, services
from gateway.api.wire import JSON
from gateway.errors import NotFound, UsageFault
from gateway.governance import EventFacts, parse_document, wrap
from gateway.governance.guard import MAX_DOCUMENT_BYTES
from gateway.pipeline import Accepted, Source
from gateway.store import Row

__all__ = ["ROUTES"]

Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="Messages of one answer.")]


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
    contract is refused at once (422) with pointers and rules, never with values.
    """
    hub = services(request)
    name, source = _intake(hub, contract, interface)
    _must_be_json(request)
    must_fit(request, min(MAX_DOCUMENT_BYTES, source.settings.max_bytes))
    meant = await taken_version(request, contract, source.contract.version)
    await must_cover(request, contract, meant.version.version)
    raw = await request.body()
    document = parse_document(raw)
    keyed = "idempotency-key" in request.headers
    fingerprint = canonical_hash(document) if keyed else ""
    raw, more = _as_configured(hub, meant, source, raw, document)
    await used(request, meant)
    return await take(request, name, _one(raw), fingerprint=fingerprint, more=more)


def _intake(hub: Services, contract: str, interface: str) -> tuple[str, Source]:
    """Choose the interface: the one that is named, or the only one that takes this contract."""
    able = {
        name: source
        for name, source in hub.bundle.sources.items()
        if source.settings.format == "json"
        and source.mapping is None
        and source.contract.name == contract
    }
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


def _must_be_json(request: HubRequest) -> None:
    must_be_raw(request)
    given = content_type(request)
    if given.name != JSON and not given.contract:
        raise Unsupported(
            "A message is taken as JSON, without an envelope.",
            next_step="send it as application/json, or as application/vnd.remithub.NAME+json.",
        )


def _as_configured(
    hub: Services, meant: Meant, source: Source, raw: bytes, document: dict[str, Any]
) -> tuple[bytes, dict[str, str]]:
    """Judge a document by the version it is sent in, and return it as the interface has it, with
    what is kept of where it came from. Raises Invalid, Reject (`contract_not_convertible`)."""
    sent, wanted = meant.version, source.contract
    same = sent.version == wanted.version
    judge = wanted.validator if same else hub.catalogue.validator(sent.name, sent.version)
    found = judge.errors(document, MAX_ERRORS + 1)
    if found:
        raise Invalid(
            f"The document breaks {sent.identity} in {min(len(found), MAX_ERRORS)} places.",
            contract=sent.identity,
            errors=[msgspec.to_builtins(violation) for violation in found],
        )
    if sent.major == int(wanted.version.partition(".")[0]):
        return raw, {}
    moved = converted(hub.catalogue, document, sent, wanted.version)
    if not wanted.validator.valid(moved):
        raise not_convertible(sent, wanted.version)
    origin = {"sent_as": sent.identity, "sent_sha256": hashlib.sha256(raw).hexdigest()}
    return EXACT.encode(moved), origin


async def _one(raw: bytes) -> AsyncIterator[bytes]:
    yield raw


@get("/v1/messages", summary="Messages, the newest first", tags=["messages"])
async def list_messages(
    request: HubRequest,
    correlation: FromQuery[str] = "",
    artifact: FromQuery[str] = "",
    contract: FromQuery[str] = "",
    before: FromQuery[str] = "",
    limit: Limit = 100,
) -> MessagePage:
    """List by one of correlation, artifact or contract; without one, over all contracts."""
    store = services(request).store
    if correlation or artifact:
        query = "messages_by_correlation" if correlation else "messages_of_artifact"
        asked = {"correlation": correlation} if correlation else {"artifact_id": artifact}
        rows = await store.fetch(query, **asked)
        shown = await _own(request, rows)
        return MessagePage(messages=[message_row(row) for row in shown[:limit]], next="")
    place = _place(before)
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
    """Leave out what a limited actor may not see: a page may be short, or empty with a `next`."""
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
    if not at.isdecimal():
        raise UsageFault("`before` is what `next` of the page before said.")
    return {"before_at": int(at), "before_id": name}


@get("/v1/messages/{message_id:str}", summary="One message", tags=["messages"])
async def show_message(
    request: HubRequest,
    message_id: FromPath[str],
    show: Annotated[
        str,
        QueryParameter(name="data", pattern="^(masked|full)$", description="`full` shows PHI."),
    ] = "masked",
) -> MessageView:
    """Return its CloudEvents envelope and its deliveries with attempts.

    Data is masked by the contract's annotations; `data=full` shows it and goes on the audit record
    first, with the `Hub-Reason` that most roles must give.
    """
    hub = services(request)
    rows = await hub.store.fetch("message_by_id", message_id=message_id)
    if not rows:
        raise NotFound("There is no such message.")
    row = rows[0]
    full = show == "full"
    contract = hub.contract(row["contract"], row["version"])
    document = msgspec.json.decode(await hub.store.body(message_id))
    shown = document if full else contract.mask.mask(document)
    return MessageView(
        message=message_row(row),
        masked=not full,
        event=wrap(_facts(hub, row, contract), shown),
        deliveries=await deliveries_of(message_id, hub.store),
    )


def _facts(hub: Services, row: Row, contract: ContractView) -> EventFacts:
    moment = datetime.fromtimestamp(row["created_at"] / 1000, UTC)
    time = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    major = row["version"].partition(".")[0]
    stored = f"com.remithub.{row['contract']}.stored.v{major}"
    return EventFacts(
        id=row["message_id"],
        type=contract.events[0] if contract.events else stored,
        source=f"//hub/{hub.bundle.tenant}/{row['interface']}",
        subject=row["message_id"],
        dataschema=contract.schema_id or f"{row['contract']}/{row['version']}",
        time=time,
        recordedtime=time,
        payment_key=row["correlation"] or "",
        causationid=row["cause_id"] or "",
        traceparent=f"00-{row['trace']}-{row['message_id'][4:20]}-01" if row["trace"] else "",
        classification=contract.classification,
        regulation=contract.regulation,
        phi=contract.phi,
    )


ROUTES = (hand_over_message, list_messages, show_message)
