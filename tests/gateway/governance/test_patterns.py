"""F-RE: no `pattern` of a contract stalls the hub, whatever text it is asked about."""

import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.governance import Profile, compile_validator
from gateway.governance.compat.regex import nests_repetition
from gateway.governance.validator import RustValidator
from gateway.registry import Registry
from gateway.translation.patterns import accepts

LENGTH = 10_000
CPU_SECONDS = 0.05 * 5
"""Five times the 50 ms that are allowed, for a machine that does other things."""
AS_THEY_ARE = (
    "^(a+)+$", "^(a*)*$", "^(a|aa)+$", "^(a|a?)+$", "^([a-z]+)*[0-9]$", "^(.*)*x$", "(x+x+)+y",
    "^(.*a){12}$", "^(([a-z])+.)+[A-Z]([a-z])+$", "^(.*a.*b.*)*c$", "(a|b)*a(a|b){9}c",
    "^((a+)?(b+)?)+$", "([ab]*)*([ab]*)*c",
)  # fmt: skip
"""Known for stalling engines that go back."""
AS_LARGE_AS_MAY_BE = (
    "^(a{{0,{n}}}){{0,{n}}}$", "^((a{{0,{n}}}){{0,{n}}})+b$", "^(([ab]{{0,{n}}}){{0,{n}}})+c$",
    "^([a-z]{{1,{n}}}){{1,50}}$", "[ab]{{{n}}}(a|b)*c", "(a|b)*a(a|b){{{n}}}c", "(.*a.{{{n}}}c)",
    "[ab]{{0,{n}}}c", "^(([ab]+){{1,{n}}}x?)+c$", "^(.{{0,{n}}}x?){{0,7}}c$",
    "^(a?){{{n}}}a{{{n}}}$", "^(a|b|ab|ba|aab|bba){{0,{n}}}c$",
)  # fmt: skip
"""Slow for a linear engine, too, the larger the slower."""


def compiled(pattern: str) -> RustValidator | None:
    try:
        return compile_validator({"type": "string", "pattern": pattern}, Profile.AS_WRITTEN)
    except ConfigError:
        return None


def largest(template: str) -> str:
    """Return the pattern with the highest count that is still taken."""
    count, step = 1, 1
    while step:
        fits = compiled(template.format(n=count + step)) is not None
        count, step = (count + step, step * 2) if fits else (count, step // 2)
    return template.format(n=count)


def texts() -> list[str]:
    chance = random.Random(10)
    pieces = ("a", "ab", "x", "1", "a b", "\u00e9", "-.", "A", "aab")
    whole = [(piece * LENGTH)[:LENGTH] for piece in pieces]
    drawn = ["".join(chance.choices("ab", k=LENGTH)), "".join(chance.choices("abcx01 ", k=LENGTH))]
    return [*whole, *drawn, *(text[:-1] + "!" for text in whole)]


def slowest(judge: Callable[[str], Any], tried: list[str]) -> float:
    """Return the CPU seconds of the text that took longest."""
    worst = 0.0
    for text in tried:
        started = time.process_time()
        judge(text)
        worst = max(worst, time.process_time() - started)
    return worst


def patterns_of(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(patterns_of, node))
    if not isinstance(node, dict):
        return set()
    own = {node["pattern"]} if isinstance(node.get("pattern"), str) else set()
    return own.union(*map(patterns_of, node.values()))


@pytest.mark.parametrize("template", [*AS_THEY_ARE, *AS_LARGE_AS_MAY_BE])
def test_no_pattern_that_is_taken_stalls_over_ten_thousand_characters(template: str) -> None:
    judge = compiled(largest(template) if "{n}" in template else template)
    assert judge is not None
    assert slowest(judge.valid, texts()) < CPU_SECONDS


def test_the_patterns_of_our_contracts_do_not_stall(registry: Registry) -> None:
    files = [json.loads(body) for file, body in registry.files().items() if file.endswith(".json")]
    found = {text for text in patterns_of(files) if text.startswith("^")}
    assert len(found) > 5
    for pattern in found:
        judge = compiled(pattern)
        assert judge is not None, pattern
        assert slowest(judge.valid, texts()) < CPU_SECONDS, pattern


@pytest.mark.parametrize(
    "pattern",
    ["^[a-z]{1,400}$", "^[A-Za-z0-9._:/ -]{1,255}$", r"^-?(0|[1-9][0-9]{0,12})\.[0-9]{2}$"],
)
def test_a_pattern_for_names_and_amounts_is_small_enough(pattern: str) -> None:
    assert compiled(pattern) is not None


@pytest.mark.parametrize("pattern", ["^[a-z]{1,5000}$", "^.{1,500}$", "^([a-z]{1,99}){1,99}$"])
def test_a_pattern_that_would_take_long_is_refused_when_it_is_read(pattern: str) -> None:
    with pytest.raises(ConfigError):
        compile_validator({"type": "string", "pattern": pattern}, Profile.WRITER)
    assert not accepts(pattern, "a")


@pytest.mark.parametrize(
    "pattern",
    [
        "^(a+)+$",
        "^(a*){3}$",
        "^((a|b+)c)*$",
        "^(a?){9}$",
        "^(-[0-9]{1,3}){2,4}$",
        "^((a{2,})?b)+$",
    ],
)
def test_a_repetition_in_a_repetition_is_seen(pattern: str) -> None:
    assert nests_repetition(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["^a+b*$", "^(a|b)+$", r"^(\.[0-9]{1,6})?$", "^([0-9]{4}-)*$", r"^(\(a+\+)$", "^[+*]+$",
     "^(a+){1}$"],
)  # fmt: skip
def test_what_is_repeated_without_a_choice_is_no_repetition_in_a_repetition(pattern: str) -> None:
    assert not nests_repetition(pattern)


def test_a_constant_of_a_mapping_is_held_against_a_pattern_in_time_too() -> None:
    assert slowest(lambda text: accepts("^(a+)+$", text), texts()) < CPU_SECONDS
    assert accepts("^(a+)+$", "aaa")
    assert not accepts("^(a+)+$", "aab")
    assert not accepts("(", "(")
