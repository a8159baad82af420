"""Numbers are exact: no step and no bound is a float."""

from fractions import Fraction
from typing import Any

import pytest

from gateway.governance.compat import covers


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ({"multipleOf": 0.01}, {"multipleOf": 0.001}, "compatible"),
        ({"multipleOf": 0.3}, {"multipleOf": 0.1}, "compatible"),
        ({"multipleOf": 0.1}, {"multipleOf": 0.3}, "incompatible"),
        ({"multipleOf": 6, "minimum": 1, "maximum": 11}, {"const": 6}, "compatible"),
        ({"multipleOf": 4}, {"not": {"multipleOf": 8}}, "incompatible"),
        ({"type": "integer"}, {"not": {"multipleOf": 0.5}}, "incompatible"),
        ({"type": "integer", "minimum": 1, "maximum": 3}, {"enum": [1, 2, 3]}, "compatible"),
        ({"type": "number", "minimum": 1, "maximum": 3}, {"enum": [1, 2, 3]}, "incompatible"),
        ({"exclusiveMinimum": 0, "exclusiveMaximum": 1, "type": "integer"}, False, "compatible"),
        ({"minimum": 1e30}, {"minimum": 1e29}, "compatible"),
        ({"minimum": 2, "maximum": 2}, {"const": 2.0}, "compatible"),
    ],
)
def test_numbers_are_compared_exactly(old: Any, new: Any, verdict: str) -> None:
    assert covers(new, {"type": "number"} | old).verdict == verdict


def test_a_fraction_stays_one() -> None:
    from gateway.governance.compat.values import exact, plain_number

    assert exact(0.1) == Fraction(1, 10)
    assert plain_number(Fraction(1, 10)) == 0.1
    assert plain_number(Fraction(4, 2)) == 2
