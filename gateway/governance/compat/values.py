"""Compares JSON values as JSON Schema does: 1 is 1.0, true is not 1, objects have no order."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from gateway.governance.compat.kinds import Kind

__all__ = ["canonical", "exact", "kind_of", "plain_number", "restored"]


def exact(number: Any) -> Fraction:
    """Return an int, float or Decimal as it is written in decimals: 0.1 is 1/10."""
    if isinstance(number, float):
        return Fraction(repr(number))
    return Fraction(number)


def kind_of(value: Any) -> Kind:
    """Return the JSON type of a value; integers are numbers."""
    match value:
        case None:
            return Kind.NULL
        case bool():
            return Kind.BOOLEAN
        case str():
            return Kind.STRING
        case list():
            return Kind.ARRAY
        case dict():
            return Kind.OBJECT
        case _:
            return Kind.NUMBER


def canonical(value: Any) -> Any:
    """Return a hashable key: equal keys, equal values."""
    match value:
        case None | bool():
            return ("literal", value)
        case str():
            return value
        case list():
            return ("array", *(canonical(item) for item in value))
        case dict():
            return ("object", *((name, canonical(value[name])) for name in sorted(value)))
        case _:
            return exact(value)


def restored(key: Any) -> Any:
    """Return the value that a canonical key stands for."""
    if isinstance(key, str):
        return key
    if isinstance(key, Fraction):
        return plain_number(key)
    head, *rest = key
    match head:
        case "literal":
            return rest[0]
        case "array":
            return [restored(item) for item in rest]
        case _:
            return {name: restored(item) for name, item in rest}


def plain_number(number: Fraction) -> int | float | Decimal:
    """Return a number as JSON would hold it: an integer, else a float where that is exact."""
    if number.denominator == 1:
        return int(number)
    near = float(number)
    if exact(near) == number:
        return near
    return Decimal(number.numerator) / Decimal(number.denominator)
