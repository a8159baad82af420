"""Reads incoming JSON bytes safely: size, depth, equal keys and odd numbers, before any check.

Two parsers: a quick one that says little, and Python's own, which says what is wrong and where.
"""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import msgspec

from gateway.errors import Reject

__all__ = ["MAX_DEPTH", "MAX_DOCUMENT_BYTES", "MAX_NUMBER_CHARACTERS", "parse_document"]

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 64
MAX_NUMBER_CHARACTERS = 40
"""Longer numbers are refused: an exponent or ten thousand digits can cost minutes later."""

_MAX_EXPONENT = 100
_NO_MARKS = bytes(set(range(256)) - set(b'[]{}"'))
_SQUARE = bytes.maketrans(b"{}", b"[]")
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_LONG = b"0" * MAX_NUMBER_CHARACTERS
"""So many digits, perhaps with a sign, are looked at closely."""
_SURROGATE = re.compile(rb"\\u[dD][89abAB]|\\u[dD][c-fC-F]")
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
    marks = _marks(raw)
    if _depth(marks, max_depth) > max_depth:
        raise Reject(f"The document nests deeper than {max_depth}.", code="document_too_deep")
    document = _quickly(raw, marks.count(b'"'))
    quick = document is not None
    if not quick:
        document = _parse(raw)
    if not isinstance(document, dict):
        raise Reject("The document is no JSON object.", code="document_not_an_object")
    if not quick and _SURROGATE.search(raw):
        _refuse_surrogates(document)
    return document


def _marks(raw: bytes) -> bytes:
    """Return what stands around and in texts: their quotes, and every bracket as a square one."""
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    return raw.translate(_SQUARE, _NO_MARKS)


def _depth(marks: bytes, enough: int) -> int:
    """Return how deep arrays and objects nest; an upper bound where that is small already."""
    openings = marks.count(b"[")
    if openings <= enough:
        return openings
    # Every other piece between quotes is a text; most are empty by now.
    brackets = b"".join(marks.replace(b'""', b"").split(b'"')[::2])
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


def _quickly(raw: bytes, quotes: int) -> Any:
    """Return what `_parse` would, or None where that has to say what is wrong, if anything is.

    The parser keeps the last of two properties with one name: then the name's quotes are missing
    in what is written of the document again, and nothing could make up for them.
    """
    if _LONG in raw.translate(_ZEROS):
        return None
    try:
        document = _QUICK.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, Reject):
        return None
    again = _AGAIN.encode(document)
    same = again == raw or _marks(again).count(b'"') == quotes
    return document if same else None


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
    try:
        if len(text) <= MAX_NUMBER_CHARACTERS:
            number = Decimal(text)
            if not number or abs(number.adjusted()) <= _MAX_EXPONENT:
                return number
    except InvalidOperation:
        pass  # an exponent of more than 18 digits
    raise Reject("A number is out of range.", code="number_out_of_range")


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise Reject("A number is out of range.", code="number_out_of_range")
    return int(text)


_QUICK = msgspec.json.Decoder(float_hook=_decimal)
_AGAIN = msgspec.json.Encoder(decimal_format="number")


def _refuse_surrogates(document: dict[str, Any]) -> None:
    try:
        json.dumps(document, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeEncodeError:
        raise Reject("A text is no Unicode.", code="text_not_unicode") from None
