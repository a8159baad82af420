"""Conditions for routing and rules: the same language, and an explanation without values."""

from typing import Any

import msgspec
import pytest

from gateway.translation import MappingError, Untranslatable, compile_expression, compile_predicate

Document = dict[str, Any]


def test_a_condition_is_tested_and_explained_part_by_part(
    document: Document, source_schema: Document
) -> None:
    predicate = compile_predicate(
        'amount > 10.00 and not (id in ["R-1"] or any(l.code == "Z" for l in lines))',
        source_schema,
    )
    assert predicate.test(document, {}) is False
    outcome = predicate.explain(document)
    assert outcome.holds is False
    above, negated = outcome.parts
    assert (above.expression, above.holds) == ("amount > 10.00", True)
    assert negated.holds is False
    either = negated.parts[0]
    assert [part.holds for part in either.parts] == [True, False]
    document["id"] = "R-2"
    assert predicate.test(document, {}) is True


def test_an_explanation_tells_what_could_not_be_evaluated_and_no_value(
    document: Document, source_schema: Document
) -> None:
    predicate = compile_predicate('note == "x" or id == "y"', source_schema)
    document["id"] = "CANARY"
    outcome = predicate.explain(document)
    assert outcome.holds is None
    assert [(part.holds, part.code) for part in outcome.parts] == [
        (None, "PATH_ABSENT"),
        (False, ""),
    ]
    assert b"CANARY" not in msgspec.json.encode(outcome)


def test_a_condition_may_read_the_context(document: Document, source_schema: Document) -> None:
    predicate = compile_predicate('context.interface? == "harbor"', source_schema)
    assert predicate.test(document, {"interface": "harbor"})
    assert not predicate.test(document, {})


def test_without_a_schema_decimals_are_still_exact() -> None:
    predicate = compile_predicate('a.b + 0.20 == 0.30 and c == "x"', None)
    assert predicate.test({"a": {"b": "0.10"}, "c": "x"}, {})
    with pytest.raises(Untranslatable):
        predicate.test({"a": {"b": 0.1}, "c": "x"}, {})


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("amount", "TYPE_MISMATCH"),
        ("note?", "MAY_BE_ABSENT"),
        ('"true"', "TYPE_MISMATCH"),
        ("amount > nope", "PATH_UNKNOWN"),
    ],
)
def test_what_is_no_condition_is_refused(text: str, rule: str, source_schema: Document) -> None:
    with pytest.raises(MappingError) as caught:
        compile_predicate(text, source_schema)
    assert caught.value.rule == rule


def test_a_key_is_an_expression_too(document: Document, source_schema: Document) -> None:
    key = compile_expression('concat(id, ":", person.city ?? "none")', source_schema)
    assert key.evaluate(document, {}) == "R-1:Harborton"
    assert key.reads == {"/id", "/person/city"}
    assert key.text == 'concat(id, ":", person.city ?? "none")'
