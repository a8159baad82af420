"""A CloudEvent that comes in, opened: its document, its identity, the version that it names."""

import re
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import UNSET

from gateway.api.conversion import EXACT
from gateway.api.files import Given
from gateway.api.idempotency import Same
from gateway.api.problems import Unsupported
from gateway.api.services import HubRequest
from gateway.api.wire import JSON, Malformed, parse_media_type
from gateway.errors import Reject
from gateway.governance.cloudevents import Event, Mode, decode, mode_of

__all__ = ["Opened", "enclosed", "opened", "pairs_of"]

_SCHEMA = re.compile(r"(?:.*/)?([a-z][a-z0-9-]*)/(\d+\.\d+\.\d+)(?:/schema\.json)?")
_TYPE = re.compile(r"com\.remithub\..+\.v(\d+)")
_KEPT = ("id", "source", "type", "subject", "time")


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What an event carries. `key` is its identity, source and id; `version` what it says of its
    document's version, "1" or "1.4.0", empty where it says nothing; `meta` is kept beside it."""

    document: bytes
    key: str
    version: str
    meta: dict[str, str]

    def given(self, same: Same, more: Mapping[str, str]) -> Given:
        """Return what is known of the document beside its bytes."""
        return Given(same=same, meta={**self.meta, **more}, known_as=self.key, media_type=JSON)


def pairs_of(request: HubRequest) -> list[tuple[str, str]]:
    """Return a request's headers as they came, one that came twice twice."""
    return [(n.decode("latin-1"), v.decode("latin-1")) for n, v in request.scope["headers"]]


async def enclosed(request: HubRequest, contract: str) -> Opened | None:
    """Open the event in a request's body, see `opened`; nothing is read where there is none."""
    if not _may_be_event(request.scope["headers"]):
        return None
    pairs = pairs_of(request)
    raw = b"" if mode_of(pairs) in (Mode.NONE, Mode.BATCHED) else await request.body()
    return opened(pairs, raw, contract)


def _may_be_event(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell quickly what is none for sure."""
    return any(
        name[:3] == b"ce-" or (name == b"content-type" and b"cloudevents" in value.lower())
        for name, value in headers
    )


def opened(pairs: list[tuple[str, str]], raw: bytes, contract: str) -> Opened | None:
    """Open an event that carries a document of that contract; None where the body is no CloudEvent
    and no `ce-` headers make one of it.

    Raises EventInvalid with every place that is wrong; Reject (`event_without_data`, and what
    `parse_document` raises); Unsupported for an event of another form or contract.
    """
    mode = mode_of(pairs)
    if mode is Mode.NONE:
        return None
    if mode is Mode.BATCHED:
        raise Unsupported("Events are taken one at a time.", code="event_batch")
    try:
        event = decode(pairs, raw)
    except Reject as fault:
        if fault.code == "event_format":
            raise Unsupported("Events are taken in JSON only.", code=fault.code) from None
        raise
    if event.data is UNSET or isinstance(event.data, bytes):
        raise Reject(
            "The event carries no JSON document.",
            code="event_without_data",
            next_step="send the document itself in `data`: the hub fetches nothing.",
        )
    if not isinstance(event.data, dict):
        raise Reject("The event's data is no JSON object.", code="document_not_an_object")
    return Opened(
        document=raw if mode is Mode.BINARY else EXACT.encode(event.data),
        key=f"{event.text('source')} {event.text('id')}",
        version=_version(event, contract),
        meta={f"event_{name}": event.text(name) for name in _KEPT if event.text(name)}
        | ({"traceparent": event.text("traceparent")} if event.text("traceparent") else {}),
    )


def _version(event: Event, contract: str) -> str:
    """Return the version that an event names: as its data's media type, as its data's schema, or
    by the major in its type."""
    for name, version in (*_by_media_type(event), *_by_schema(event)):
        if name and name != contract:
            raise Unsupported("The event names another contract than the address does.")
        if version:
            return version
    found = _TYPE.fullmatch(event.text("type"))
    return found[1] if found else ""


def _by_media_type(event: Event) -> list[tuple[str, str]]:
    try:
        given = parse_media_type(event.text("datacontenttype") or JSON)
        found = [(given.contract, given.version)]
    except Malformed:
        found = []
    return found


def _by_schema(event: Event) -> list[tuple[str, str]]:
    found = _SCHEMA.fullmatch(event.text("dataschema"))
    return [(found[1], found[2])] if found else []
