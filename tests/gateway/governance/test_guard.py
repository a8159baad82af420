"""The guard: odd bytes are refused by a stable code before any contract is asked."""

import json
import random
from decimal import Decimal

import pytest

from gateway.errors import Reject
from gateway.governance import guard, parse_document

CANARY = "OAKHEART"


def refusal(raw: bytes, **limits: int) -> str:
    with pytest.raises(Reject) as caught:
        parse_document(raw, **limits)
    assert CANARY not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"a": "OAKHEART"', "document_not_json"),
        (b"", "document_not_json"),
        (b'{"OAKHEART": 1}x', "document_not_json"),
        (b'["OAKHEART"]', "document_not_an_object"),
        (b'"OAKHEART"', "document_not_an_object"),
        (b"\xef\xbb\xbf{}", "document_not_json"),
        (b'{"a": "\xff OAKHEART"}', "document_not_utf8"),
        (b'{"OAKHEART": 1, "OAKHEART": 2}', "property_repeated"),
        (b'{"x": [{"a": 1, "\\u0061": 2}]}', "property_repeated"),
        (b'{"a": NaN}', "number_not_finite"),
        (b'{"a": -Infinity}', "number_not_finite"),
        (b'{"a": 1e999999999}', "number_out_of_range"),
        (b'{"a": 1e-999999999}', "number_out_of_range"),
        (b'{"a": 1e9999999999999999999}', "number_out_of_range"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "number_out_of_range"),
        (b'{"a": 0.' + b"9" * 10_000 + b"}", "number_out_of_range"),
        (b'{"a": "\\ud800 OAKHEART"}', "text_not_unicode"),
        (b'{"\\udc00": 1}', "text_not_unicode"),
    ],
)
def test_odd_bytes_are_refused_with_their_code(raw: bytes, code: str) -> None:
    assert refusal(raw) == code


def test_a_document_above_the_size_limit_is_not_parsed() -> None:
    raw = json.dumps({"a": "x" * 100}).encode()
    assert parse_document(raw, max_bytes=len(raw))
    assert refusal(raw, max_bytes=len(raw) - 1) == "document_too_large"


@pytest.mark.parametrize(("start", "end"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_depth_is_counted_before_parsing(start: bytes, end: bytes) -> None:
    raw = b'{"a":' + start * 9 + b"1" + end * 9 + b"}"
    assert parse_document(raw, max_depth=10)
    assert refusal(raw, max_depth=9) == "document_too_deep"
    assert refusal(b'{"a":' + start * 200_000) == "document_too_deep"


def test_brackets_inside_texts_and_beside_each_other_are_no_depth() -> None:
    document = {"a": "[" * 500, "b": '\\"[{' * 200, "c": [[1]] * 500}
    assert parse_document(json.dumps(document).encode(), max_depth=3) == document


def test_numbers_with_a_point_are_exact() -> None:
    assert parse_document(b'{"a": 0.1, "b": 7}') == {"a": Decimal("0.1"), "b": 7}


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse_document(b'{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


SEEDS = (
    b'{"a": [1, -0, 2.50, 1e5], "b": {"c": "x\\\\\\"y", "\\u0064": null}, "e": [{}, [], true]}',
    b'{"claims":[{"id":"1","paid":"10.00"},{"id":"2","paid":"20.00"}],"note":"[{\\u00e9}]\\\\"}',
    b'{ "a" : "\\ud83d\\ude00" , "b":[[["\xc3\xa9"]]], "\\\\":1, "\\"":2, "n":18446744073709551616 }',
)
PIECES = (
    *(bytes([one]) for one in b'"\\{}[]:,019-.eEaud \n\x00\x7f\xff'),
    b'"a":1,',
    b'"a"',
    b'"\\u0061":1,',
    b'\\"',
    b"\\\\",
    b"\\ud800",
    b"1" * 41,
    b"1" * 40,
    b"1e999",
    b"NaN",
    b"{}",
    b"[[",
)


def mutated(chance: random.Random) -> bytes:
    raw = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(raw))
        until = at + chance.choice((0, 0, 1, 1, chance.randint(1, 20)))
        inserted = chance.choice((*PIECES, bytes(raw[chance.randrange(len(raw)) :][:12])))
        raw[at:until] = inserted
    return bytes(raw)


def outcome(raw: bytes) -> str:
    try:
        return repr(parse_document(raw, max_depth=4))
    except Reject as refused:
        return refused.code


def test_the_quick_parser_says_what_the_slow_one_says(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(20)
    cases = [*SEEDS, *(mutated(chance) for _ in range(20_000))]
    quick = [outcome(raw) for raw in cases]
    monkeypatch.setattr(guard, "_quickly", lambda _raw, _quotes: None)
    slow = [outcome(raw) for raw in cases]
    assert [c for c, one, other in zip(cases, quick, slow, strict=True) if one != other] == []
    codes = set(slow)
    assert {"property_repeated", "number_out_of_range", "text_not_unicode"} < codes
    assert {"document_too_deep", "document_not_utf8", "document_not_json"} < codes
    assert sum(one.startswith("{") for one in quick) > len(cases) / 20


def test_a_good_document_never_meets_the_slow_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_parse", lambda _raw: pytest.fail("the slow parser was asked"))
    for raw in SEEDS:
        assert parse_document(raw)
        plain = json.loads(raw, parse_float=str)
        assert parse_document(json.dumps(plain, indent=1, ensure_ascii=False).encode()) == plain
