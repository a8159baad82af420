"""The language meets the conformance cases: a claim payment as a journal, and money's traps."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.mapping_folder import MappingFolder
from gateway.translation import compile_expression

AMOUNT = {"type": "string", "x-decimal": {"scale": 6}}
PAIR = {"type": "object", "properties": {"a": AMOUNT, "b": AMOUNT}, "required": ["a", "b"]}


def cases(samples: Path, name: str) -> list[dict[str, Any]]:
    file = samples / "conformance" / "mapping" / name
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["cases"]
    return found


def test_every_claim_becomes_exactly_its_journal(exercise: MappingFolder, samples: Path) -> None:
    found = cases(samples, "remit-claim-to-journal.json")
    assert len(found) >= 60
    wrong = [
        case["id"] for case in found if exercise.mapping.run(case["input"], {}) != case["expected"]
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("a + b", "sum"),
        ("a * b", "product"),
        ("round_half_up(a * b, 2)", "product_half_up_2"),
    ],
)
def test_money_falls_into_no_trap(text: str, key: str, samples: Path) -> None:
    expression = compile_expression(text, PAIR)
    for case in cases(samples, "money-traps.json"):
        found = expression.evaluate({"a": case["a"], "b": case["b"]}, {})
        assert isinstance(found, Decimal)
        assert str(found) == case[key], case["id"]


def test_our_own_cases_of_the_exercise_pass(exercise: MappingFolder) -> None:
    verdicts = [exercise.judge(case, exercise.validator()) for case in exercise.cases()]
    assert len(verdicts) == 2
    assert [verdict for verdict in verdicts if not verdict.passed] == []
