"""The grammar: what parses, what does not, and that nothing makes the parser suffer."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.translation.errors import MappingError, Rule
from gateway.translation.parser import parse_each, parse_expression
from gateway.translation.rendering import render_expression
from gateway.translation.syntax import Path
from gateway.translation.tokens import KEYWORDS

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,5}(_[a-z0-9]{1,3})?", fullmatch=True).filter(
    lambda name: name not in KEYWORDS
)
ATOMS = st.one_of(
    NAMES,
    st.builds(lambda a, b: f"{a}.{b}", NAMES, NAMES),
    st.builds(lambda a: f"{a}?", NAMES),
    st.integers(0, 999).map(str),
    st.sampled_from(
        ["1.50", "0.00", "true", "false", '"a b"', '"quote\\" \\\\ slash"', "`odd key`"]
    ),
)


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(
        ["+", "-", "*", "/", "and", "or", "==", "<=", "in", "not in", "??"]
    )
    return st.one_of(
        st.builds(lambda a, op, b: f"({a} {op} {b})", inner, operators, inner),
        st.builds(lambda a, b, c: f"({a} if {b} else {c})", inner, inner, inner),
        st.builds(lambda a: f"(not {a})", inner),
        st.builds(lambda a: f"(-{a})", inner),
        st.builds(lambda n, a, b: f"{n}({a}, {b})", NAMES, inner, inner),
        st.builds(lambda n, a, v: f"{n}({a} for {v} in list_of if {a})", NAMES, inner, NAMES),
        st.builds(lambda a: f'({a} in ["1", "2"])', NAMES),
    )


EXPRESSIONS = st.recursive(ATOMS, _compound, max_leaves=5)


@settings(max_examples=60, deadline=None)
@given(EXPRESSIONS)
def test_an_expression_written_back_parses_to_the_same(text: str) -> None:
    node = parse_expression(text)
    assert parse_expression(render_expression(node)) == node


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab.?()[]\"'`+-*/<>=!, \n019_\\fornti{}$@", max_size=40))
def test_any_text_parses_or_is_refused_with_a_rule(text: str) -> None:
    try:
        parse_expression(text)
    except MappingError as error:
        assert error.rule in {Rule.SYNTAX, Rule.TOO_LARGE}  # noqa: PT017  most texts are refused


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("a + b * c", "a + (b * c)"),
        ("a - b - c", "(a - b) - c"),
        ("a or b and not c", "a or (b and (not c))"),
        ("a == b + c", "a == (b + c)"),
        ("a? ?? b? ?? c", "a? ?? (b? ?? c)"),
        ("a ?? b + c", "(a ?? b) + c"),
        ("a if b else c if d else e", "a if b else (c if d else e)"),
        ("-a * b", "(-a) * b"),
    ],
)
def test_operators_bind_as_the_grammar_says(text: str, same_as: str) -> None:
    assert parse_expression(text) == parse_expression(same_as)


@pytest.mark.parametrize(
    "text",
    [
        "a.__class__",
        "().__class__.__bases__",
        "__import__('os')",
        "_a",
        "a._b",
        "a.b()",
        "a[0]",
        "a[b]",
        "{1}",
        "[x for x in a]",
        "lambda: 1",
        'f"{a}"',
        "a; b",
        "a := 1",
        "a ** 2",
        "a // 2",
        "a % 2",
        "a @ b",
        "0x10",
        "1_000",
        "1e9",
        ".5",
        "5.",
        "a..b",
        "a b",
        '"open',
        '"\\x41"',
        "a if b",
        "sum(a for b in c, d)",
        "",
    ],
)
def test_python_and_half_expressions_are_refused(text: str) -> None:
    with pytest.raises(MappingError) as caught:
        parse_expression(text)
    assert caught.value.rule is Rule.SYNTAX


@pytest.mark.parametrize(
    "text",
    [
        "(" * 200 + "a" + ")" * 200,
        "-" * 500 + "a",
        "not " * 500 + "a",
        "a if b else " * 100 + "c",
        "a ?? " * 200 + "b",
        "max(" * 100 + "a" + ")" * 100,
        " + ".join(["a"] * 400),
        " and ".join(["a"] * 400),
        "9" * 3_000,
        "1" * 30,
        '"' + "a" * 1_500 + '"',
        "a" * 200,
        "a" + " " * 5_000 + "b",
        " ".join(["a,"] * 600),
    ],
)
def test_huge_expressions_are_refused_quickly(text: str) -> None:
    started = time.process_time()
    with pytest.raises(MappingError):
        parse_expression(text)
    assert time.process_time() - started < 0.5


def test_a_fault_names_its_column() -> None:
    with pytest.raises(MappingError, match="column 5"):
        parse_expression("a + )")
    with pytest.raises(MappingError, match="at the end"):
        parse_expression("a +")


def test_each_names_a_variable_and_a_path() -> None:
    assert parse_each("line in claim.lines?") == ("line", Path(("claim", "lines"), optional=True))
    with pytest.raises(MappingError):
        parse_each("line of claim.lines")
