"""Quality rules of our contracts: no example breaks one, and each is broken by some wrong document."""

import copy
import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest

from gateway.governance.quality import QualityRule, Severity, compile_quality
from gateway.registry import Registry, starter_root

REGISTRY = Registry(starter_root())
NAMES = sorted({contract.name for contract in REGISTRY.contracts()})
QUALITIES = {name: compile_quality(REGISTRY, name) for name in NAMES}
RULES = [(name, rule) for name, quality in QUALITIES.items() for rule in quality.rules]


def examples(name: str) -> list[dict[str, Any]]:
    folder = REGISTRY.contract(name).folder / "examples/valid"
    return [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]


@pytest.mark.parametrize("name", NAMES)
def test_every_contract_has_rules_and_no_example_breaks_one(name: str) -> None:
    assert QUALITIES[name].rules
    for document in examples(name):
        assert QUALITIES[name].judge(document) == ()


def places(document: Any, steps: list[str]) -> Iterator[tuple[Any, Any]]:
    """Yield holder and key of each value at a place; `*` is every item."""
    if not steps:
        return
    first, *rest = steps
    keys: list[Any] = []
    if isinstance(document, list):
        keys = list(range(len(document))) if first == "*" else []
    elif isinstance(document, dict):
        keys = [first] if first in document else []
    for key in keys:
        if rest:
            yield from places(document[key], rest)
        else:
            yield document, key


def others(value: Any, words: list[str]) -> list[Any]:
    """Values near a value, of its kind."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1_000_000]
    if isinstance(value, list):
        return [[], [*value, {"code": "X"}]]
    if not isinstance(value, str):
        return []
    try:
        amount = Decimal(value)
    except InvalidOperation:
        if not re.match(r"[0-9]{4}-", value):
            return list(words)
        return [f"{int(value[:4]) + years}{value[4:]}" for years in (-9, 9)]
    return [f"{amount + 1:.2f}", f"{-amount - 1:.2f}"]


def wrong_documents(name: str, rule: QualityRule) -> Iterator[dict[str, Any]]:
    """Yield examples with one or two of the places that the rule reads changed or taken out."""
    text = (REGISTRY.roots[0] / f"contracts/{name}/quality.yaml").read_text()
    words = re.findall(r'"([a-z_]+)"', text)
    for document in examples(name):
        yield from changed(document, rule, words, depth=2)


def changed(
    document: dict[str, Any], rule: QualityRule, words: list[str], *, depth: int
) -> Iterator[dict[str, Any]]:
    for pointer in sorted(rule.reads):
        steps = pointer.split("/")[1:]
        for number, (holder, key) in enumerate(places(document, steps)):
            for value in (*others(holder[key], words), None):
                copied = copy.deepcopy(document)
                target, name = list(places(copied, steps))[number]
                if value is not None:
                    target[name] = value
                elif isinstance(target, dict):
                    del target[name]
                yield copied
                if depth > 1:
                    yield from changed(copied, rule, words, depth=depth - 1)


@pytest.mark.parametrize(("name", "rule"), RULES, ids=lambda one: getattr(one, "name", one))
def test_each_rule_is_broken_by_some_document(name: str, rule: QualityRule) -> None:
    broken = (
        code == "RULE_BROKEN"
        for document in wrong_documents(name, rule)
        for _, code in rule.broken(document)
    )
    assert any(broken)


def test_a_payment_that_does_not_balance_is_an_error_wherever_it_stands() -> None:
    found = {rule.name: rule.severity for _, rule in RULES}
    for name in ("payment-balances", "claim-adds-up", "totals-balance", "debits-equal-credits"):
        assert found[name] is Severity.ERROR


def test_what_our_mappings_make_keeps_the_rules_of_its_contract() -> None:
    seen = 0
    for mapping in REGISTRY.mappings():
        for file in sorted((mapping.folder / "cases").glob("*/out.json")):
            made = json.loads(file.read_text())
            for document in made if isinstance(made, list) else [made]:
                if mapping.target.contract:
                    seen += 1
                    assert QUALITIES[mapping.target.contract].judge(document) == (), file
    assert seen > 0
