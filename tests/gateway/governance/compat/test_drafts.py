"""Older drafts mean in 2020-12 what they meant, document by document."""

import random
from typing import Any

import jsonschema_rs
import pytest

from gateway.governance.compat import covers
from gateway.governance.compat.drafts import Draft, Untranslatable, draft_of, translate
from gateway.governance.compat.engine import Engine
from gateway.governance.formats import FORMATS
from tests.gateway.governance.compat.schemas import document, schema

DRAFTS = {
    "http://json-schema.org/draft-04/schema#": jsonschema_rs.Draft4Validator,
    "http://json-schema.org/draft-06/schema#": jsonschema_rs.Draft6Validator,
    "http://json-schema.org/draft-07/schema#": jsonschema_rs.Draft7Validator,
    "https://json-schema.org/draft/2019-09/schema": jsonschema_rs.Draft201909Validator,
}


def _known(dialect: str) -> dict[str, Any]:
    """The hub's own formats, where the dialect knows them."""
    known = {"date", "date-time"} | ({"uuid"} if "2019-09" in dialect else set())
    return {name: check for name, check in FORMATS.items() if name in known}


def older(rng: random.Random, node: Any, *, oldest: bool) -> Any:
    """Write a 2020-12 schema with the words of older drafts; it need not mean the same."""
    if isinstance(node, list):
        return [older(rng, item, oldest=oldest) for item in node]
    if not isinstance(node, dict):
        return node
    made: dict[str, Any] = {}
    for keyword, value in node.items():
        inner = value if keyword in {"enum", "const"} else older(rng, value, oldest=oldest)
        made |= _older_keyword(rng, keyword, inner, node, oldest=oldest)
    if rng.random() < 0.1:
        made["contentEncoding"] = "base64"
    return made


def _older_keyword(
    rng: random.Random, keyword: str, inner: Any, node: dict[str, Any], *, oldest: bool
) -> dict[str, Any]:
    if keyword == "prefixItems":
        return {"items": inner, "additionalItems": rng.choice((False, {"type": "string"}))}
    if keyword in {"dependentRequired", "dependentSchemas"}:
        return {"dependencies": inner}
    if keyword.startswith("exclusive") and oldest:
        bound = keyword[9:].lower()
        return {keyword: rng.random() < 0.5, bound: node.get(bound, 1)}
    return {} if keyword == "items" and "prefixItems" in node else {keyword: inner}


@pytest.mark.parametrize("dialect", DRAFTS)
def test_a_translated_schema_accepts_the_same_documents(dialect: str) -> None:
    rng = random.Random(dialect)
    tried = 0
    while tried < 150:
        made = older(rng, schema(rng, 2), oldest="draft-04" in dialect)
        if not isinstance(made, dict):
            continue
        made["$schema"] = dialect
        try:
            old = DRAFTS[dialect](
                made, formats=_known(dialect), validate_formats=True, ignore_unknown_formats=True
            )
        except (jsonschema_rs.ValidationError, ValueError):
            continue
        tried += 1
        new = Engine(translate(made))
        for _ in range(20):
            found = document(rng)
            # Draft 04 alone takes 1.0 for no integer, which later drafts cannot say.
            if "1.0" not in str(found):
                assert old.is_valid(found) == new.accepts(found), made


def test_references_follow_what_moved() -> None:
    made = translate(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "definitions": {
                "a": {"$id": "#spot", "type": "string"},
                "definitions": {"minLength": 2},
            },
            "properties": {
                "x": {"$ref": "#/definitions/a", "type": "number"},
                "y": {"$ref": "#/definitions/definitions"},
                "z": {"$ref": "#spot"},
                "list": {"items": [True, {"const": 1}]},
                "w": {"$ref": "#/properties/list/items/1"},
            },
        }
    )
    engine = Engine(made)
    assert engine.accepts({"x": "text", "y": "ab", "z": "t", "w": 1})
    assert not engine.accepts({"x": 1})
    assert not engine.accepts({"y": "a"})
    assert not engine.accepts({"z": 1})
    assert not engine.accepts({"w": 2})


def test_a_schema_without_a_dialect_takes_the_one_given() -> None:
    assert draft_of({}, Draft.D4) is Draft.D4
    strict = translate({"maximum": 3, "exclusiveMaximum": True}, Draft.D4)
    assert strict["exclusiveMaximum"] == 3
    assert "maximum" not in strict


def test_a_recursive_anchor_is_refused_and_without_one_the_reference_is_plain() -> None:
    tree = {
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "type": "array",
        "items": {"anyOf": [{"const": 1}, {"$recursiveRef": "#"}]},
    }
    plain = {"type": "array", "items": {"enum": [1], "type": "integer"}}
    assert covers(translate(tree), plain).verdict == "compatible"
    assert covers(plain, translate(tree)).witness == ([[]],)
    with pytest.raises(Untranslatable):
        translate(tree | {"$recursiveAnchor": True})
