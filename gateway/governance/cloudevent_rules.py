"""What the attributes of a CloudEvent may be: the core ones and the extensions we know (pure).

CloudEvents 1.0.2 section 3 and its extensions (data classification, correlation, deprecation,
distributed tracing, sequence, partitioning, dataref, recorded time). An extension nobody here
knows is kept where its name and its type are allowed.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from gateway.governance.formats import FORMATS
from gateway.governance.violation import Violation

__all__ = ["BOOLEANS", "DATA_MEMBERS", "Attribute", "attribute_violations"]

Attribute = str | bool | int
"""The types of JSON that an attribute may have (CloudEvents JSON format, 2.2)."""

DATA_MEMBERS = ("data", "data_base64")
BOOLEANS = frozenset({"deprecated"})
"""Attributes that are no texts; every other one we know is."""

_REQUIRED = ("specversion", "id", "source", "type")
_INT32 = range(-(2**31), 2**31)
_NAME = re.compile(r"[a-z0-9]{1,20}")
_BAD_TEXT = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
_URI_CHARACTERS = r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})"
_REFERENCE = re.compile(f"{_URI_CHARACTERS}+")
_URI = re.compile(f"[A-Za-z][A-Za-z0-9+.-]*:{_URI_CHARACTERS}+")
_TOKEN = r"[A-Za-z0-9!#$&^_.+-]{1,127}"  # noqa: S105 - a word of RFC 6838, no credential
_MEDIA_TYPE = re.compile(
    rf'{_TOKEN}/{_TOKEN}(?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}|"[^"\\\x00-\x1f]*"))*'
)
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?P<rest>-.*)?"
)
_NEEDS = (
    ("dataregulation", "dataclassification"),
    ("datacategory", "dataclassification"),
    ("tracestate", "traceparent"),
    ("deprecationfrom", "deprecated"),
    ("deprecationsunset", "deprecated"),
    ("deprecationmigration", "deprecated"),
    ("sequencetype", "sequence"),
)
"""An attribute of an extension, and the one that the extension makes REQUIRED beside it."""


def attribute_violations(attributes: Mapping[str, Any]) -> list[Violation]:
    """Return what is wrong with an event's attributes, by place and code; empty: nothing.

    A pointer names an attribute only where it is one we know.
    """
    found = [
        _violation(name, "required", "property_missing", name)
        for name in _REQUIRED
        if name not in attributes
    ]
    for name, value in attributes.items():
        found += _judged(name, value)
    found += [
        _violation("", "required", "property_missing", needed)
        for name, needed in _NEEDS
        if name in attributes and needed not in attributes
    ]
    return sorted(found)


def _judged(name: str, value: Any) -> list[Violation]:
    if not _NAME.fullmatch(name) or name in DATA_MEMBERS:
        return [_violation("", "propertyNames", "attribute_name_wrong", "[a-z0-9]{1,20}")]
    rule = _RULES.get(name)
    place = name if rule or name in BOOLEANS else ""
    wanted = "boolean" if name in BOOLEANS else "string" if rule else "string, boolean or integer"
    if not _of_type(name, value, known=rule is not None):
        return [_violation(place, "type", "type_wrong", wanted)]
    if not isinstance(value, str):
        return []
    if _BAD_TEXT.search(value):
        return [_violation(place, "pattern", "pattern_not_met", "no control characters")]
    if rule is None:
        return []
    if not value:
        return [_violation(place, "minLength", "text_too_short", "1")]
    wrong = rule(value)
    return [_violation(place, "format", "format_wrong", wrong)] if wrong else []


def _of_type(name: str, value: Any, *, known: bool) -> bool:
    if name in BOOLEANS:
        return isinstance(value, bool)
    if known or isinstance(value, (str, bool)):
        return isinstance(value, str) or not known
    return isinstance(value, int) and value in _INT32


def _violation(name: str, keyword: str, code: str, expected: str) -> Violation:
    known = bool(name) and name.isalnum()
    missing = keyword == "required"
    return Violation(
        pointer=f"/{name}" if known and not missing else "",
        keyword=keyword,
        schema_pointer=f"/properties/{name}" if known and not missing else f"/{keyword}",
        code=code,
        expected=expected,
    )


def _any_text(_value: str) -> str:
    return ""


def _version(value: str) -> str:
    return "" if value == "1.0" else "1.0"


def _date_time(value: str) -> str:
    return "" if FORMATS["date-time"](value) else "date-time"


def _uri(value: str) -> str:
    return "" if _URI.fullmatch(value) else "uri"


def _reference(value: str) -> str:
    return "" if _REFERENCE.fullmatch(value) else "uri-reference"


def _media_type(value: str) -> str:
    return "" if _MEDIA_TYPE.fullmatch(value) else "media-type"


def _traceparent(value: str) -> str:
    """W3C trace context: only a version to come may have more behind the flags."""
    found = _TRACEPARENT.fullmatch(value)
    longer = found is not None and found["rest"] is not None
    return "traceparent" if found is None or (longer and value.startswith("00")) else ""


def _sequence_type(value: str) -> str:
    return "" if value == "Integer" else "Integer"


_RULES: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(
        (
            *("id", "type", "subject", "correlationid", "causationid", "sequence"),
            *("partitionkey", "dataclassification", "dataregulation", "datacategory"),
            "tracestate",
        ),
        _any_text,
    ),
    **dict.fromkeys(
        ("time", "recordedtime", "expirytime", "deprecationfrom", "deprecationsunset"), _date_time
    ),
    **dict.fromkeys(("dataschema", "deprecationmigration"), _uri),
    **dict.fromkeys(("source", "dataref"), _reference),
    "specversion": _version,
    "datacontenttype": _media_type,
    "traceparent": _traceparent,
    "sequencetype": _sequence_type,
}
"""What an attribute we know must look like: a function that returns what was expected, or ""."""
