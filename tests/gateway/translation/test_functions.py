"""Every function of the table, by example; and that the table has one for each."""

import re
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest

from gateway.translation import Untranslatable, compile_expression
from gateway.translation.docs import function_rows

CASES: list[tuple[str, Any]] = [
    ('upper("aß")', "ASS"),
    ('lower("AB")', "ab"),
    ('trim("  a \t  b ")', "a b"),
    ('digits("a1-2٣")', "12"),
    ('left("abc", 2)', "ab"),
    ('left("abc", -2)', ""),
    ('right("abc", 2)', "bc"),
    ('right("abc", 0)', ""),
    ('substring("abcdef", 2, 3)', "bcd"),
    ('substring("abc", 0, 1)', None),
    ('pad_left("7", 3, "0")', "007"),
    ('pad_left("7", 1001, "0")', None),
    ('pad_right("7", 3, "-")', "7--"),
    ('pad_right("7", 3, "")', None),
    ('length("abc")', 3),
    ('starts_with("abc", "ab")', True),
    ('ends_with("abc", "ab")', False),
    ('contains("abc", "b")', True),
    ('money("12.5")', Decimal("12.5")),
    ('money("-12")', Decimal("-12")),
    ('money("1.234")', None),
    ('money("1e3")', None),
    ('money("")', None),
    ('decimal("1.234567891")', None),
    ('decimal("1.2345")', Decimal("1.2345")),
    ('integer("-12")', -12),
    ('integer("1.0")', None),
    ("text(1.5)", "1.50"),
    ("text(1.2345)", "1.2345"),
    ("text(7)", "7"),
    ("abs(-1.50)", Decimal("1.50")),
    ("negate(1.50)", Decimal("-1.50")),
    ("min(2, 1.5)", Decimal("1.5")),
    ("max(2, 1)", 2),
    ("min(x.a for x in list_of)", Decimal("1.00")),
    ("max(x.a for x in list_of)", Decimal("2.00")),
    ("sum(x.a for x in list_of)", Decimal("3.00")),
    ("count(list_of)", 2),
    ("list(x.a for x in list_of)", ["1.00", "2.00"]),
    ("first(x.a for x in list_of)", Decimal("1.00")),
    ("last(x.a for x in list_of)", Decimal("2.00")),
    ("any(x.a > 1.00 for x in list_of)", True),
    ("all(x.a > 1.00 for x in list_of)", False),
    ("round_half_up(0.125, 2)", Decimal("0.13")),
    ("round_half_even(0.125, 2)", Decimal("0.12")),
    ('year_month("2026-05-17")', "2026-05"),
    ('year_month("2026-02-30")', None),
    ('date_of("2026-05-17T08:30:00.000Z")', "2026-05-17"),
    ('date_of("2026-05-17 08:30")', None),
    ('add_days("2028-02-28", 1)', "2028-02-29"),
    ('add_days("9999-12-31", 1)', None),
    ('days_between("2026-01-01", "2026-03-01")', 59),
    ('compact_date("2026-05-17")', "20260517"),
    ('from_compact_date("20260517")', "2026-05-17"),
    ('from_compact_date("20261317")', None),
    ('concat("a", 1)', "a1"),
    ('coalesce(none, other, "z")', "z"),
    ('default(none, "z")', "z"),
    ("exists(none)", False),
    (
        'hash_id("k", "ab", "c")',
        "k_" + sha256(b"2:ab1:c").hexdigest()[:32],
    ),
]

SCHEMA = {
    "type": "object",
    "properties": {
        "none": {"type": "string"},
        "other": {"type": "string"},
        "list_of": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"a": {"type": "string", "x-money": {"scale": 2}}},
            },
        },
    },
}

ELSEWHERE = {"lookup", "seq", "index"}
"""Shown by the tests of lookups and rows."""


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_a_function_gives_its_value_or_refuses(text: str, expected: object) -> None:
    expression = compile_expression(text, SCHEMA)
    document = {"list_of": [{"a": "1.00"}, {"a": "2.00"}]}
    if expected is None:
        with pytest.raises(Untranslatable) as caught:
            expression.evaluate(document, {})
        assert caught.value.code == "VALUE_REFUSED"
        return
    found = expression.evaluate(document, {})
    assert found == expected
    assert type(found) is type(expected)


def test_every_function_of_the_table_is_shown_here_and_explained() -> None:
    shown = {match for text, _ in CASES for match in re.findall(r"([a-z_]+)\(", text)}
    rows = function_rows()
    names = [signature.partition("(")[0] for signature, _ in rows]
    assert set(names) == shown | ELSEWHERE
    assert names == sorted(names)
    assert all(len(text) > 10 for _, text in rows)
