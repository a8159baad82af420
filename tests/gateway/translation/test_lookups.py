"""Lookup tables: inline, CSV, YAML, several keys, effective dates, the default row."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.translation import Mapping, MappingError, Untranslatable

Compile = Callable[..., Mapping]
Document = dict[str, Any]

CSV = "\ufeffmethod , account\nACH,1\n00123,2\nNO, 3\n\n*,9\n"
YAML = "- {method: ACH, account: 1}\n- {method: 00123, account: 2}\n- {method: NO, account: 3}\n"
DATED = """code,account,from,to
A,old,,2026-03-31
A,new,2026-04-01,
*,any,2026-01-01,2026-12-31
"""


def look_up(
    compile_text: Compile, table: str, call: str, files: dict[str, str]
) -> Callable[[str, str], str]:
    mapping = compile_text(
        f"lookups:\n  t: {table}\nfields:\n  id: {call}\n",
        source={"type": "object", "properties": {key: {"type": "string"} for key in "kd"}},
        tables=files,
    )
    return lambda key, day="": str(mapping.run({"k": key, "d": day}, {})["id"])


@pytest.mark.parametrize(
    ("table", "files"),
    [
        ('{ACH: "1", 00123: "2", NO: 3, "*": 9}', {}),
        ("{table: t.csv, key: method, value: account}", {"t.csv": CSV}),
        (
            "{table: t.yaml, key: method, value: account}",
            {"t.yaml": YAML + "- {method: '*', account: 9}\n"},
        ),
    ],
)
def test_keys_stay_texts_and_the_star_row_is_the_default(
    table: str, files: dict[str, str], compile_text: Compile
) -> None:
    find = look_up(compile_text, table, "lookup(t, k)", files)
    assert [find(key, "") for key in ("ACH", "00123", "NO", "other", "83", "False")] == [
        "1", "2", "3", "9", "9", "9",
    ]  # fmt: skip


def test_without_a_default_an_unknown_key_is_refused(compile_text: Compile) -> None:
    find = look_up(compile_text, '{ACH: "1"}', "lookup(t, k)", {})
    with pytest.raises(Untranslatable) as caught:
        find("secret", "")
    assert caught.value.code == "LOOKUP_MISS"
    assert caught.value.source_pointer == "/k"


@pytest.mark.parametrize(
    ("key", "day", "expected"),
    [
        ("A", "2026-03-31", "old"),
        ("A", "2026-04-01", "new"),
        ("A", "1999-01-01", "old"),
        ("A", "2026-04-01T08:00:00Z", "new"),
        ("B", "2026-06-01", "any"),
        ("B", "2027-06-01", None),
    ],
)
def test_effective_dates_choose_the_row(
    key: str, day: str, expected: str | None, compile_text: Compile
) -> None:
    find = look_up(
        compile_text,
        "{table: t.csv, key: code, value: account, effective: {from: from, to: to}}",
        "lookup(t, k, d)",
        {"t.csv": DATED},
    )
    if expected is None:
        with pytest.raises(Untranslatable, match="LOOKUP_MISS"):
            find(key, day)
    else:
        assert find(key, day) == expected


def test_a_table_may_have_two_keys(compile_text: Compile) -> None:
    find = look_up(
        compile_text,
        "{table: t.csv, key: [payer, code], value: account}",
        "lookup(t, k, d)",
        {"t.csv": "payer,code,account\nP,1,a\nP,2,b\n*,*,c\n"},
    )
    assert [find("P", "1"), find("P", "2"), find("Q", "1")] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("table", "files", "reason", "place"),
    [
        ("{table: t.csv, key: k, value: v}", {"t.csv": "k,w\na,b\n"}, "no column 'v'", "t.csv:2"),
        ("{table: t.csv, key: k, value: v}", {"t.csv": "k,v\na,b\na,c\n"}, "same key", "t.csv:3"),
        ("{table: t.yaml, key: k, value: v}", {"t.yaml": "k: v\n"}, "list of rows", "t.yaml:1"),
        ("{table: t.yaml, key: k, value: v}", {"t.yaml": "- {k: [a]}\n"}, "be a text", "t.yaml:1"),
        ("{table: t.yaml, key: k, value: v}", {"t.yaml": "- {k: a, k: b}\n"}, "twice", "t.yaml:1"),
        (
            "{table: t.csv, key: k, value: v, effective: {from: f, to: t}}",
            {"t.csv": "k,v,f,t\na,b,,2026-01-31\na,c,2026-01-31,\n"},
            "same day",
            "t.csv:3",
        ),
        ("{table: t.csv, key: k}", {"t.csv": "k\n"}, "'value' must", "mapping.yaml:6"),
        ("{table: t.csv, kee: k, value: v}", {"t.csv": "k\n"}, "unknown key", "mapping.yaml:6"),
        ("{table: no.csv, key: k, value: v}", {}, "cannot be read", "mapping.yaml:6"),
        ("{a: [b]}", {}, "must be a text", "mapping.yaml:6"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(
    table: str, files: dict[str, str], reason: str, place: str, compile_text: Compile
) -> None:
    with pytest.raises(MappingError) as caught:
        look_up(compile_text, table, "lookup(t, k)", files)
    assert reason in str(caught.value)
    assert str(caught.value).startswith(place)


def test_the_number_of_keys_is_checked(compile_text: Compile) -> None:
    with pytest.raises(MappingError, match="3 arguments"):
        look_up(compile_text, "{a: b}", "lookup(t, k, d)", {})
    with pytest.raises(MappingError, match="2 arguments"):
        look_up(
            compile_text,
            "{table: t.csv, key: code, value: account, effective: {from: from, to: to}}",
            "lookup(t, k)",
            {"t.csv": DATED},
        )
