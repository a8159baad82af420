"""The guard: odd bytes are refused by a stable code before any contract is asked."""

import json
from decimal import Decimal

import pytest

from gateway.errors import Reject
from gateway.governance import parse_document

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
