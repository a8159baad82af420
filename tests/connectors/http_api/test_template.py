"""Templates of requests."""

import base64
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.http_api.template import (
    MISSING,
    TemplateFault,
    compile_template,
    find,
    number_of,
    text_of,
)

SCOPE = {
    "in": {
        "lines": [{"account": "1000", "debit": "150.00"}, {"account": "4000", "credit": "150.00"}],
        "memo": "Über-lang und schön",
        "none": None,
        "flag": True,
        "count": 3,
    },
    "key": "k-1",
}


def render(node, scope=SCOPE, **secrets):
    return compile_template(node, secrets.__getitem__)(scope)


def test_a_lone_expression_keeps_its_type():
    assert render("${in.lines.1.account}") == "4000"
    assert render("${in.count}") == 3
    assert render("${in.lines}") == SCOPE["in"]["lines"]
    assert render("a-${in.count}-${in.flag}-${key}") == "a-3-true-k-1"


def test_each_makes_an_array_and_leaves_out_what_is_optional():
    node = {
        "lines": {
            "$each": "in.lines",
            "do": {
                "n": "${index}",
                "acct": "${item.account}",
                "debit": "${item.debit|optional}",
                "credit": "${item.credit|optional}",
                "ref": "${key}",
            },
        }
    }
    assert render(node) == {
        "lines": [
            {"n": 0, "acct": "1000", "debit": "150.00", "ref": "k-1"},
            {"n": 1, "acct": "4000", "credit": "150.00", "ref": "k-1"},
        ]
    }


def test_apply_filters_a_structure():
    made = render({"$apply": "b64url_json", "to": [["ref", "=", "${key}"]]})
    assert "=" not in made
    padded = made + "=" * (-len(made) % 4)
    assert json.loads(base64.urlsafe_b64decode(padded)) == [["ref", "=", "k-1"]]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("${in.memo|cut:9}", "Über-lang"),
        ("${in.gone|default:none|upper}", "NONE"),
        ("${in.none|default:x}", "x"),
        ("${in.gone|default:}", ""),
        ("${in.memo|url}", "%C3%9Cber-lang%20und%20sch%C3%B6n"),
        ("${in.count|text}", "3"),
        ("${in.lines.0.debit|number}", Decimal("150.00")),
        ("x${in.gone|optional}y", "xy"),
        ("${key|b64}", "ay0x"),
    ],
)
def test_filters(source, expected):
    assert render(source) == expected


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=2))
def test_a_decimal_keeps_its_digits_as_text_and_as_number(amount):
    scope = {"in": {"x": format(amount, "f")}}
    assert render("${in.x|number}", scope) == amount
    assert render("=${in.x|number}", scope) == "=" + format(amount, "f")


@pytest.mark.parametrize(
    "node",
    [
        "${in.gone}",
        "${in.lines.7.account}",
        "x${in.none}",
        "x${in.lines}",
        "${in.memo|number}",
        {"$each": "in.memo", "do": "x"},
    ],
)
def test_what_the_scope_lacks_is_a_fault_that_shows_no_value(node):
    with pytest.raises(TemplateFault) as caught:
        render(node)
    assert "Über" not in str(caught.value)


@pytest.mark.parametrize(
    "node",
    [
        "${}",
        "${in.x|eval}",
        "${in.x|cut:x}",
        {"$code": "x"},
        {"$each": "in.lines"},
        {"$apply": "nothing", "to": 1},
        "Key ${secret:A",
        "${secret:A|upper}",
    ],
)
def test_what_cannot_be_compiled_is_refused_at_once(node):
    with pytest.raises(TemplateFault):
        compile_template(node, {}.__getitem__)


def test_a_secret_is_resolved_once_and_not_shown_by_a_fault():
    assert render("Key ${secret:A}", A="s3cret") == "Key s3cret"
    with pytest.raises(TemplateFault) as caught:
        render("${secret:A} ${in.lines}", A="s3cret")
    assert "s3cret" not in str(caught.value)
    with pytest.raises(KeyError, match="B"):
        render("${secret:B}")


def test_a_document_cannot_smuggle_in_an_expression_or_a_secret():
    scope = {"in": {"x": "${secret:A} ${key}"}}
    assert render("${in.x}", scope, A="s3cret") == "${secret:A} ${key}"
    assert render("<${in.x}>", scope, A="s3cret") == "<${secret:A} ${key}>"


@settings(deadline=None)
@given(st.recursive(st.none() | st.integers() | st.text(), st.lists), st.text())
def test_any_path_in_any_value_is_found_or_missing(value, path):
    find({"in": value}, "in." + path)
    assert find({"in": value}, "nowhere." + path) is MISSING


def test_text_of_refuses_what_is_no_scalar():
    for value in (None, [], {}, b"x"):
        with pytest.raises(TemplateFault):
            text_of(value)


def test_an_expression_inside_a_secret_is_none_and_not_shown():
    scope = {"in": {"x": "Quillmark"}}
    assert render("Key ${secret:A}", scope, A="p${in.x}q") == "Key p${in.x}q"
    assert render("${secret:A}", scope, A="${in.x|s3cret}") == "${in.x|s3cret}"


@pytest.mark.parametrize("number", ["B00000001", "1900/4711-1", "7", "INV #12"])
def test_a_document_number_is_kept(number):
    assert number_of(number) == number


@pytest.mark.parametrize(
    "text",
    ["", "\x1b[31m1", "1\r\nX-Evil: 1", "<p>no such patient</p>", "x" * 101, "1\n", "no, \u202e1"],
)
def test_what_is_no_document_number_is_not_kept_in_clear(text):
    assert number_of(text) == ""


def compiled(text):
    return compile_template(text, {}.__getitem__)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${in.date|from:5|cut:2}", "07"),
        ("${in.date|from:99}", ""),
        ("${in.date|from:8|number}", Decimal(16)),
        ("${in.cookies|cookie}", "a=1; b=x=y"),
        ("${in.key|digest:16}", "P6NJJYDFE2SK2XUF"),
    ],
)
def test_filters_for_parts_keys_and_cookies(text, expected):
    scope = {
        "in": {
            "date": "2026-07-16",
            "key": "dlv_1",
            "cookies": "a=1; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT, b=x=y; HttpOnly",
        }
    }
    assert compiled(text)(scope) == expected


def test_a_digest_stands_for_a_whole_document_and_no_other():
    digest = compiled("${in|json|digest:25}")
    one = digest({"in": {"a": "1", "b": ["2"]}})
    assert len(one) == 25
    assert digest({"in": {"a": "1", "b": ["3"]}}) != one


def test_padded_base64_is_what_strict_readers_want():
    padded = compile_template({"$apply": "b64url_json_padded", "to": ["${key}"]}, {}.__getitem__)
    assert json.loads(base64.urlsafe_b64decode(padded(SCOPE))) == ["k-1"]
    assert len(padded(SCOPE)) % 4 == 0


@pytest.mark.parametrize(
    ("of", "by", "expected"),
    [
        ("150.00", "0.00", "150.00"),
        ("0.00", "150.00", "-150.00"),
        ("0.10", "0.30", "-0.20"),
        ("999999999999.99", "0.01", "999999999999.98"),
    ],
)
def test_a_difference_of_amounts_is_exact(of, by, expected):
    minus = compile_template({"$minus": ["${in.of}", "${in.by}"]}, {}.__getitem__)
    assert minus({"in": {"of": of, "by": by}}) == expected


@pytest.mark.parametrize("by", ["", "abc", None, "1" * 70 + ".1"])
def test_a_difference_of_no_amounts_is_refused(by):
    minus = compile_template({"$minus": ["${in.of}", "${in.by}"]}, {}.__getitem__)
    with pytest.raises(TemplateFault):
        minus({"in": {"of": "1.00", "by": by}})


@pytest.mark.parametrize("text", ["${in.a|digest:0}", "${in.a|digest:53}", "${in.a|from:x}"])
def test_a_filter_with_a_wrong_argument_is_refused(text):
    with pytest.raises(TemplateFault):
        compiled(text)
