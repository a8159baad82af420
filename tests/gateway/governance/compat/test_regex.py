"""Automata agree with the validator's engine on every text, and prove what they say."""

import random

import pytest

from gateway.governance.compat.automata import matches, pattern_dfa, search
from gateway.governance.compat.engine import pattern_found
from gateway.governance.compat.regex import NotRegular, compile_pattern, conjuncts

PIECES = (
    "a", "b", "c", "[ab]", "[^a]", ".", "\\d", "\\w", "\\s", "\\.", "[a-c]", "é", "\\D", "\\W",
    "\\S", "[^0-9a]", "-", "_", "[\\d.]", "\\u0041", "\\n", "[a\\-z]",
)  # fmt: skip
LETTERS = "abcx0A. -é\n_1\u2028\u00a0"


def pattern(rng: random.Random, depth: int = 3) -> str:
    pick = rng.random()
    if depth == 0 or pick < 0.3:
        return rng.choice(PIECES)
    if pick < 0.45:
        return pattern(rng, depth - 1) + pattern(rng, depth - 1)
    if pick < 0.6:
        return f"({pattern(rng, depth - 1)}|{pattern(rng, depth - 1)})"
    if pick < 0.8:
        repetition = rng.choice(("*", "+", "?", "{2}", "{1,2}", "{0,1}", "{1,}", "*?"))
        return f"(?:{pattern(rng, depth - 1)}){repetition}"
    return f"^{pattern(rng, depth - 1)}" if pick < 0.9 else f"{pattern(rng, depth - 1)}$"


def test_an_automaton_finds_what_the_engine_finds() -> None:
    rng = random.Random(7)
    for _ in range(400):
        written = pattern(rng)
        dfa = pattern_dfa(written)
        for _ in range(12):
            text = "".join(rng.choice(LETTERS) for _ in range(rng.randint(0, 5)))
            assert matches(dfa, text) == pattern_found(written, text), written


def test_a_text_that_is_found_tells_two_patterns_apart() -> None:
    rng = random.Random(8)
    told = 0
    for _ in range(200):
        one, other = pattern(rng), pattern(rng)
        for text in search((pattern_dfa(one),), (pattern_dfa(other),), rng.randint(0, 3), None):
            told += 1
            assert pattern_found(one, text), one
            assert not pattern_found(other, text), other
    assert told > 100


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("^[0-9]{10}$", "^[0-9]{9,10}$"),
        ("^(ab)+$", "^(ab)*$"),
        ("^a.*b$", "^a"),
        ("^[a-f]$", "^[a-z]$"),
        ("abc", "b"),
        ("^-?(0|[1-9][0-9]{0,12})\\.[0-9]{2}$", "^-?[0-9]+\\.[0-9]+$"),
    ],
)
def test_one_pattern_is_inside_of_another(narrow: str, wide: str) -> None:
    assert search((pattern_dfa(narrow),), (pattern_dfa(wide),), 0, None) == ()
    assert search((pattern_dfa(wide),), (pattern_dfa(narrow),), 0, None) != ()


def test_lengths_count_without_an_automaton_of_their_own() -> None:
    even = pattern_dfa("^(ab)*$")
    assert search((even,), (), 5, 5) == ()
    assert search((even,), (), 5, 6, 1) == ("ababab",)
    assert search((even,), (), 3001, 3001) == ()


@pytest.mark.parametrize("written", ["(?=a)b", "(a)\\1", "\\bword", "\\p{L}", "(?<!a)b", "a{2"])
def test_what_is_not_regular_is_not_read(written: str) -> None:
    with pytest.raises(NotRegular):
        compile_pattern(written)


def test_look_ahead_at_the_start_is_found_like_the_patterns_it_becomes() -> None:
    rng = random.Random(3)
    split = 0
    for _ in range(300):
        ahead = f"(?{rng.choice('=!')}{pattern(rng, 1)}{rng.choice(('', '|b', ')', '$'))}"
        written = f"^{ahead}{rng.choice(('', ')'))}{pattern(rng, 2)}{rng.choice(('', '|c'))}"
        parts = conjuncts(written)
        split += len(parts) > 1
        for _ in range(8):
            text = "".join(rng.choice(LETTERS) for _ in range(rng.randint(0, 4)))
            whole = pattern_found(written, text)
            if whole is not None:
                assert whole == all(pattern_found(p, text) is found for p, found in parts), written
    assert split > 50
