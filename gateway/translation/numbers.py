"""Exact decimals: reading, rounding, dividing and writing them; no float, no silent loss."""

from decimal import (
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
)
from typing import Any, Final

from gateway.translation.errors import RunCode

__all__ = [
    "EXACT",
    "HALF_EVEN",
    "HALF_UP",
    "Refused",
    "decimal_number",
    "decimal_text",
    "money_text",
    "round_places",
    "round_quotient",
    "to_decimal",
]

HALF_UP: Final = ROUND_HALF_UP
HALF_EVEN: Final = ROUND_HALF_EVEN
_PRECISION: Final = 60
_MAX_ADJUSTED: Final = 30
"""Decimals of 10**30 and more are refused: no amount of money is that large."""

EXACT: Final = Context(
    prec=_PRECISION,
    traps=[InvalidOperation, DivisionByZero, Overflow, Inexact, FloatOperation],
)
"""Context of every run: what cannot be held exactly raises, a float raises."""

_ROUNDING: Final = Context(
    prec=_PRECISION, traps=[InvalidOperation, DivisionByZero, Overflow, FloatOperation]
)


_EXPONENTS: Final = tuple(Decimal(1).scaleb(-places) for places in range(9))


class Refused(Exception):
    """A function cannot take this value; `code` says why. Never holds the value."""

    def __init__(self, code: RunCode | str) -> None:
        super().__init__(str(code))
        self.code = code


def _sized(value: Decimal) -> Decimal:
    if not value.is_finite() or (value and abs(value.adjusted()) > _MAX_ADJUSTED):
        raise Refused(RunCode.DECIMAL_SIZE)
    return value


def to_decimal(value: Any) -> Decimal:
    """Read a value no schema describes: a decimal string, an integer or a decimal."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Refused(RunCode.VALUE_TYPE)
    if isinstance(value, str) and not (value.isascii() and value.strip("-.0123456789") == ""):
        raise Refused(RunCode.VALUE_TYPE)
    try:
        return _sized(Decimal(value))
    except InvalidOperation:
        raise Refused(RunCode.VALUE_TYPE) from None


def decimal_text(value: Decimal | int, fewest: int, most: int | None) -> str:
    """Write with at least `fewest` and at most `most` digits after the point.

    Zeros beyond `most` are cut, other digits are refused (MONEY_SCALE); never "-0".
    """
    value = _sized(Decimal(value))
    places = max(-int(value.as_tuple().exponent), 0)
    if most is not None and places > most:
        shorter = value.quantize(Decimal(1).scaleb(-most), context=_ROUNDING)
        if shorter != value:
            raise Refused(RunCode.MONEY_SCALE)
        value, places = shorter, most
    if not value:
        value = abs(value)
    return f"{value:.{max(places, fewest)}f}"


def money_text(value: Decimal) -> str:
    """Write money with exactly two digits after the point."""
    return decimal_text(value, 2, 2)


def decimal_number(value: Decimal | int) -> Decimal:
    """Keep a decimal for a target that wants a JSON number; never negative zero."""
    value = _sized(Decimal(value))
    return value if value else abs(value)


def round_places(value: Decimal | int, places: int, mode: str) -> Decimal:
    """Round to `places` digits after the point."""
    decimal = value if value.__class__ is Decimal else Decimal(value)
    return decimal.quantize(_EXPONENTS[places], mode, _ROUNDING)


def round_quotient(left: Decimal | int, right: Decimal | int, places: int, mode: str) -> Decimal:
    """Divide and round once, exactly (no rounding in between)."""
    over, under = _sized(Decimal(left)), _sized(Decimal(right))
    if not under:
        raise Refused(RunCode.DIVISION_BY_ZERO)
    a, b = over.as_integer_ratio()
    c, d = under.as_integer_ratio()
    top, bottom = a * d * 10**places, b * c
    negative = (top < 0) != (bottom < 0)
    whole, rest = divmod(abs(top), abs(bottom))
    twice = 2 * rest
    if twice > abs(bottom) or (twice == abs(bottom) and (mode == HALF_UP or whole % 2 == 1)):
        whole += 1
    return Decimal(-whole if negative else whole).scaleb(-places, context=_ROUNDING)
