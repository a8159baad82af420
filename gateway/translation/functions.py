"""The plain functions of the language: closed, small, each one documented by its docstring."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

import msgspec

from gateway.translation.errors import RunCode
from gateway.translation.kinds import Kind
from gateway.translation.numbers import Refused

__all__ = ["FUNCTIONS", "Function", "hash_id"]

_MONEY: Final = re.compile(r"-?[0-9]{1,13}(?:\.[0-9]{1,2})?")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,8})?")
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_COMPACT: Final = re.compile(r"[0-9]{8}")
_MAX_PAD: Final = 1_000


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """One function: the kinds it takes, what it gives, how it shows in the table."""

    name: str
    signature: str
    takes: tuple[Kind, ...]
    gives: Kind
    scale: int | None
    run: Callable[..., Any]
    text: str


FUNCTIONS: dict[str, Function] = {}


def _function(
    signature: str, *takes: Kind, gives: Kind, scale: int | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(run: Callable[..., Any]) -> Callable[..., Any]:
        name = signature.partition("(")[0]
        FUNCTIONS[name] = Function(
            name=name,
            signature=signature,
            takes=takes,
            gives=gives,
            scale=scale,
            run=run,
            text=" ".join((run.__doc__ or "").split()),
        )
        return run

    return register


@_function("upper(text)", Kind.TEXT, gives=Kind.TEXT)
def _upper(text: str) -> str:
    """Capital letters."""
    return text.upper()


@_function("lower(text)", Kind.TEXT, gives=Kind.TEXT)
def _lower(text: str) -> str:
    """Small letters."""
    return text.lower()


@_function("trim(text)", Kind.TEXT, gives=Kind.TEXT)
def _trim(text: str) -> str:
    """Without blanks at both ends; runs of blanks inside become one."""
    return " ".join(text.split())


@_function("digits(text)", Kind.TEXT, gives=Kind.TEXT)
def _digits(text: str) -> str:
    """Only the digits 0 to 9."""
    return "".join(c for c in text if "0" <= c <= "9")


@_function("left(text, count)", Kind.TEXT, Kind.INTEGER, gives=Kind.TEXT)
def _left(text: str, count: int) -> str:
    """The first `count` characters."""
    return text[: max(count, 0)]


@_function("right(text, count)", Kind.TEXT, Kind.INTEGER, gives=Kind.TEXT)
def _right(text: str, count: int) -> str:
    """The last `count` characters."""
    return text[-count:] if count > 0 else ""


@_function("substring(text, start, count)", Kind.TEXT, Kind.INTEGER, Kind.INTEGER, gives=Kind.TEXT)
def _substring(text: str, start: int, count: int) -> str:
    """`count` characters from position `start`; the first is 1."""
    if start < 1 or count < 0:
        raise Refused(RunCode.VALUE_REFUSED)
    return text[start - 1 : start - 1 + count]


def _width(width: int, fill: str) -> None:
    if not 0 <= width <= _MAX_PAD or len(fill) != 1:
        raise Refused(RunCode.VALUE_REFUSED)


@_function("pad_left(text, width, fill)", Kind.TEXT, Kind.INTEGER, Kind.TEXT, gives=Kind.TEXT)
def _pad_left(text: str, width: int, fill: str) -> str:
    """Filled with one character on the left up to `width` (at most 1000)."""
    _width(width, fill)
    return text.rjust(width, fill)


@_function("pad_right(text, width, fill)", Kind.TEXT, Kind.INTEGER, Kind.TEXT, gives=Kind.TEXT)
def _pad_right(text: str, width: int, fill: str) -> str:
    """Filled with one character on the right up to `width` (at most 1000)."""
    _width(width, fill)
    return text.ljust(width, fill)


@_function("length(text)", Kind.TEXT, gives=Kind.INTEGER)
def _length(text: str) -> int:
    """How many characters."""
    return len(text)


@_function("starts_with(text, part)", Kind.TEXT, Kind.TEXT, gives=Kind.BOOLEAN)
def _starts_with(text: str, part: str) -> bool:
    """Whether it begins so."""
    return text.startswith(part)


@_function("ends_with(text, part)", Kind.TEXT, Kind.TEXT, gives=Kind.BOOLEAN)
def _ends_with(text: str, part: str) -> bool:
    """Whether it ends so."""
    return text.endswith(part)


@_function("contains(text, part)", Kind.TEXT, Kind.TEXT, gives=Kind.BOOLEAN)
def _contains(text: str, part: str) -> bool:
    """Whether the part occurs in it."""
    return part in text


def _parsed(text: str, form: re.Pattern[str]) -> str:
    if not form.fullmatch(text):
        raise Refused(RunCode.VALUE_REFUSED)
    return text


@_function("money(text)", Kind.TEXT, gives=Kind.DECIMAL, scale=2)
def _money(text: str) -> Decimal:
    """Reads a text as money: at most 13 digits before the point and 2 after it."""
    return Decimal(_parsed(text, _MONEY))


@_function("decimal(text)", Kind.TEXT, gives=Kind.DECIMAL, scale=8)
def _decimal(text: str) -> Decimal:
    """Reads a text as a decimal: at most 18 digits before the point and 8 after it."""
    return Decimal(_parsed(text, _DECIMAL))


@_function("integer(text)", Kind.TEXT, gives=Kind.INTEGER)
def _integer(text: str) -> int:
    """Reads a text of at most 18 digits as an integer."""
    return int(_parsed(text, _INTEGER))


def _date(text: str) -> date:
    try:
        return date.fromisoformat(_parsed(text, _DATE))
    except ValueError:
        raise Refused(RunCode.VALUE_REFUSED) from None


@_function("year_month(date)", Kind.TEXT, gives=Kind.TEXT)
def _year_month(text: str) -> str:
    """`2026-05` of `2026-05-17`."""
    _date(text)
    return text[:7]


@_function("date_of(instant)", Kind.TEXT, gives=Kind.TEXT)
def _date_of(text: str) -> str:
    """The date (UTC) of an RFC 3339 instant such as `2026-05-17T08:30:00Z`."""
    if text[10:11] not in {"T", "t", ""}:
        raise Refused(RunCode.VALUE_REFUSED)
    return _date(text[:10]).isoformat()


@_function("add_days(date, count)", Kind.TEXT, Kind.INTEGER, gives=Kind.TEXT)
def _add_days(text: str, count: int) -> str:
    """The date so many days later; negative: earlier."""
    try:
        return (_date(text) + timedelta(days=count)).isoformat()
    except OverflowError:
        raise Refused(RunCode.VALUE_REFUSED) from None


@_function("days_between(from, to)", Kind.TEXT, Kind.TEXT, gives=Kind.INTEGER)
def _days_between(start: str, end: str) -> int:
    """Days from the first date to the second."""
    return (_date(end) - _date(start)).days


@_function("compact_date(date)", Kind.TEXT, gives=Kind.TEXT)
def _compact_date(text: str) -> str:
    """`20260517` of `2026-05-17`."""
    return _date(text).isoformat().replace("-", "")


@_function("from_compact_date(text)", Kind.TEXT, gives=Kind.TEXT)
def _from_compact_date(text: str) -> str:
    """`2026-05-17` of `20260517`."""
    digits = _parsed(text, _COMPACT)
    return _date(f"{digits[:4]}-{digits[4:6]}-{digits[6:]}").isoformat()


def hash_id(prefix: str, *parts: str | int | Decimal | None) -> str:
    """Return `prefix` + "_" + 32 hexadecimal digits of SHA-256 over the parts.

    Lengths are hashed too, so that ("ab", "c") and ("a", "bc") differ; an absent part differs
    from an empty one.
    """
    digest = sha256()
    for part in parts:
        raw = b"" if part is None else str(part).encode("utf-8", "surrogatepass")
        digest.update(b"-" if part is None else b"%d:" % len(raw))
        digest.update(raw)
    return f"{prefix}_{digest.hexdigest()[:32]}"
