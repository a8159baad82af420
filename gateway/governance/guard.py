"""Reads incoming JSON bytes safely: size, depth, equal keys and odd numbers, before any check."""

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

from gateway.errors import Reject

__all__ = ["MAX_DEPTH", "MAX_DOCUMENT_BYTES", "MAX_NUMBER_CHARACTERS", "parse_document"]

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 64
MAX_NUMBER_CHARACTERS = 40
"""Longer numbers are refused: an exponent or ten thousand digits can cost minutes later."""

_MAX_EXPONENT = 100
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_SURROGATE = re.compile(rb"\\u[dD][89abAB]|\\u[dD][c-fC-F]")
_SQUARE = bytes.maketrans(b"{}", b"[]")
_OPEN = ord("[")


def parse_document(
    raw: bytes, max_bytes: int = MAX_DOCUMENT_BYTES, max_depth: int = MAX_DEPTH
) -> dict[str, Any]:
    """Return the JSON object in `raw`; numbers with a point become Decimal, never float.

    Raises Reject with code `document_too_large`, `document_too_deep`, `document_not_utf8`,
    `document_not_json`, `document_not_an_object`, `property_repeated`, `number_not_finite`,
    `number_out_of_range` or `text_not_unicode` (a lone surrogate). Never names a value.
    """
    if len(raw) > max_bytes:
        raise Reject(f"The document is larger than {max_bytes} bytes.", code="document_too_large")
    if _depth(raw, max_depth) > max_depth:
        raise Reject(f"The document nests deeper than {max_depth}.", code="document_too_deep")
    document = _parse(raw)
    if not isinstance(document, dict):
        raise Reject("The document is no JSON object.", code="document_not_an_object")
    if _SURROGATE.search(raw):
        _refuse_surrogates(document)
    return document


def _depth(raw: bytes, enough: int) -> int:
    """Return how deep arrays and objects nest; an upper bound where that is small already."""
    openings = raw.count(b"[") + raw.count(b"{")
    if openings <= enough:
        return openings
    # Without a backslash every other piece between quotes is a text, which is quicker to tell.
    plain = b"".join(raw.split(b'"')[::2]) if b"\\" not in raw else _STRING.sub(b"", raw)
    brackets = plain.translate(_SQUARE, _NO_BRACKETS)
    level, left = 0, brackets
    while left and level <= enough:
        # From inside out: each turn takes away what has nothing inside any more.
        fewer = left.replace(b"[]", b"")
        if len(fewer) == len(left):
            return _deepest(brackets)  # it is not even balanced
        level, left = level + 1, fewer
    return level


def _deepest(brackets: bytes) -> int:
    depth = deepest = 0
    for bracket in brackets:
        depth += 1 if bracket == _OPEN else -1
        deepest = max(deepest, depth)
    return deepest


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_not_finite,
            parse_float=_decimal,
            parse_int=_integer,
        )
    except UnicodeDecodeError as fault:
        place = f"byte {fault.start}"
        raise Reject(f"No UTF-8 at {place}.", code="document_not_utf8") from None
    except json.JSONDecodeError as fault:
        place = f"line {fault.lineno}, column {fault.colno}"
        raise Reject(f"No JSON at {place}.", code="document_not_json") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Reject("An object has a property twice.", code="property_repeated")
    return found


def _not_finite(_text: str) -> NoReturn:
    raise Reject("NaN and Infinity are no JSON numbers.", code="number_not_finite")


def _decimal(text: str) -> Decimal:
    number = Decimal(text) if len(text) <= MAX_NUMBER_CHARACTERS else Decimal("1E999")
    if number and abs(number.adjusted()) > _MAX_EXPONENT:
        raise Reject("A number is out of range.", code="number_out_of_range")
    return number


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise Reject("A number is out of range.", code="number_out_of_range")
    return int(text)


def _refuse_surrogates(document: dict[str, Any]) -> None:
    try:
        json.dumps(document, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeEncodeError:
        raise Reject("A text is no Unicode.", code="text_not_unicode") from None
