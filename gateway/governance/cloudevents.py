"""Reads and writes CloudEvents 1.0 over HTTP, structured and binary (pure).

HTTP binding 1.0.2, JSON format 1.0.2. Numbers in data are exact: Decimal, never float.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import UNSET, UnsetType

from gateway.errors import Reject
from gateway.governance.cloudevent_rules import (
    BOOLEANS,
    DATA_MEMBERS,
    Attribute,
    attribute_violations,
)
from gateway.governance.envelope import MEDIA_TYPE
from gateway.governance.guard import MAX_DOCUMENT_BYTES, parse_document
from gateway.governance.violation import Violation

__all__ = [
    "Event",
    "EventInvalid",
    "Mode",
    "decode",
    "encode_binary",
    "encode_structured",
    "mode_of",
]

Headers = Iterable[tuple[str, str]]
"""Pairs of name and value, any case; a name that comes twice is seen twice."""

_PREFIX = "ce-"
_FORMATS = "application/cloudevents"
_BATCH = "application/cloudevents-batch"
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_VISIBLE = re.compile(r"[\x20-\x7e\t]*")
_UNSAFE = re.compile(r"[^\x21\x23\x24\x26-\x7e]")


class Mode(StrEnum):
    """How an event lies in an HTTP message."""

    STRUCTURED = "structured"
    BATCHED = "batched"
    BINARY = "binary"
    NONE = "none"
    """It is no event."""


class EventInvalid(Reject):
    """An event that breaks CloudEvents or one of the extensions. Code `event_invalid`."""

    code = "event_invalid"

    def __init__(self, violations: list[Violation]) -> None:
        places = ", ".join(sorted({one.pointer or "/" for one in violations}))
        super().__init__(
            f"The event breaks CloudEvents 1.0 at {places}.",
            next_step="correct the event's attributes and send it again.",
        )
        self.violations = violations


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event. `data` is JSON-shaped, or bytes where it is no JSON; UNSET: there is none."""

    attributes: dict[str, Attribute]
    data: Any | UnsetType = UNSET

    def text(self, name: str) -> str:
        """Return an attribute's text; empty where it is not there."""
        value = self.attributes.get(name, "")
        return value if isinstance(value, str) else _canonical(value)


def mode_of(headers: Headers) -> Mode:
    """Say how an event lies in a message with these headers (HTTP binding, 3)."""
    names = {name.lower(): value for name, value in headers}
    media_type = _bare(names.get("content-type", ""))
    if media_type.startswith(_BATCH):
        return Mode.BATCHED
    if media_type.startswith(_FORMATS):
        return Mode.STRUCTURED
    marks = {f"{_PREFIX}{name}" for name in ("specversion", "id", "source", "type")}
    return Mode.BINARY if marks & names.keys() else Mode.NONE


def decode(headers: Headers, body: bytes, max_bytes: int = MAX_DOCUMENT_BYTES) -> Event:
    """Read one event from an HTTP message.

    Raises EventInvalid with every violation; Reject with a code of `parse_document`, or with
    `event_missing` (it is none), `event_batch` (one at a time) or `event_format` (an event format
    other than JSON). Never names a value.
    """
    pairs = list(headers)
    match mode_of(pairs):
        case Mode.STRUCTURED:
            types = [value for name, value in pairs if name.lower() == "content-type"]
            if [_bare(one) for one in types] != [MEDIA_TYPE]:
                raise Reject("Events are taken in the JSON format only.", code="event_format")
            return _structured(parse_document(body, max_bytes))
        case Mode.BINARY:
            return _binary(pairs, body, max_bytes)
        case Mode.BATCHED:
            raise Reject("Events are taken one at a time.", code="event_batch")
        case Mode.NONE:
            raise Reject("The message holds no CloudEvent.", code="event_missing")


def encode_structured(event: Event) -> bytes:
    """Write an event as one JSON object (media type `MEDIA_TYPE`). Raises EventInvalid."""
    _check(event.attributes)
    members: dict[str, Any] = dict(event.attributes)
    if isinstance(event.data, bytes):
        members["data_base64"] = base64.b64encode(event.data).decode("ascii")
    elif event.data is not UNSET:
        members["data"] = event.data
    return _ENCODER.encode(members)


def encode_binary(event: Event) -> tuple[dict[str, str], bytes]:
    """Write an event as headers and body. Raises EventInvalid."""
    _check(event.attributes)
    headers = {
        f"{_PREFIX}{name}": _percent_encoded(_canonical(value))
        for name, value in event.attributes.items()
        if name != "datacontenttype"
    }
    if event.data is UNSET:
        return headers, b""
    is_raw = isinstance(event.data, bytes)
    default = "application/octet-stream" if is_raw else "application/json"
    headers["content-type"] = event.text("datacontenttype") or default
    return headers, event.data if isinstance(event.data, bytes) else _ENCODER.encode(event.data)


def _structured(members: Mapping[str, Any]) -> Event:
    """A member that is null counts as absent (JSON format, 2.2), but for `data`."""
    attributes = {
        name: value
        for name, value in members.items()
        if name not in DATA_MEMBERS and value is not None
    }
    found = attribute_violations(attributes)
    data: Any = members.get("data", UNSET)
    encoded = members.get("data_base64")
    if encoded is not None:
        decoded = _decoded(encoded)
        if decoded is None:
            found.append(_at("/data_base64", "contentEncoding", "format_wrong", "base64"))
        if data is not UNSET:
            found.append(_at("/data_base64", "not", "value_not_allowed", "data or data_base64"))
        data = decoded
    if found:
        raise EventInvalid(found)
    return Event(attributes=attributes, data=data)


def _binary(pairs: list[tuple[str, str]], body: bytes, max_bytes: int) -> Event:
    attributes: dict[str, Attribute] = {}
    found: list[Violation] = []
    for raw_name, raw in pairs:
        name = raw_name.lower()
        if name != "content-type" and not name.startswith(_PREFIX):
            continue
        attribute = "datacontenttype" if name == "content-type" else name.removeprefix(_PREFIX)
        text = raw.strip() if name == "content-type" else _unquoted(raw)
        if text is None:
            found.append(_at("", "contentEncoding", "format_wrong", "percent-encoded UTF-8"))
        elif attribute in attributes or name == f"{_PREFIX}datacontenttype":
            found.append(_at("", "maxItems", "property_repeated", "once"))
        else:
            attributes[attribute] = _typed(attribute, text)
    found += attribute_violations(attributes)
    if found:
        raise EventInvalid(found)
    return Event(attributes=attributes, data=_payload(attributes, body, max_bytes))


def _payload(attributes: Mapping[str, Attribute], body: bytes, max_bytes: int) -> Any:
    media_type = _bare(str(attributes.get("datacontenttype", "")))
    if not body:
        return UNSET
    if media_type.endswith(("/json", "+json")):
        return parse_document(body, max_bytes)
    if len(body) > max_bytes:
        raise Reject(f"The document is larger than {max_bytes} bytes.", code="document_too_large")
    return body


def _check(attributes: Mapping[str, Any]) -> None:
    found = attribute_violations(attributes)
    if found:
        raise EventInvalid(found)


def _bare(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


def _decoded(text: Any) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        return None


def _unquoted(raw: str) -> str | None:
    """Read a header's value: quoted string first, then one round of percent-decoding (3.1.3.2).

    None for what is no percent-encoding or no UTF-8 behind it, overlong forms too.
    """
    text = raw.strip()
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        text = _ESCAPED.sub(r"\1", quoted[1])
    if not _VISIBLE.fullmatch(text) or _PERCENT.search(text):
        return None
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        return None


def _percent_encoded(text: str) -> str:
    return _UNSAFE.sub(lambda m: "".join(f"%{byte:02X}" for byte in m[0].encode("utf-8")), text)


def _typed(name: str, text: str) -> Attribute:
    return text == "true" if name in BOOLEANS and text in ("true", "false") else text


def _canonical(value: Attribute) -> str:
    """Return an attribute's text (CloudEvents, "Type System")."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _at(pointer: str, keyword: str, code: str, expected: str) -> Violation:
    return Violation(
        pointer=pointer,
        keyword=keyword,
        schema_pointer=f"/{keyword}",
        code=code,
        expected=expected,
    )
