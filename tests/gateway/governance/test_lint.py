"""The lint: clean on our contracts, and each planted fault is found where it was planted.

F-RE: so is a pattern with a repetition in a repetition, and one that is large.
"""

import json
from copy import deepcopy
from typing import Any

import pytest

from gateway.governance.lint import DIALECT, RULES, lint_schema
from gateway.registry import Registry

FILE = "thing/1.0.0/schema.json"
NONE = {"class": "none"}
TEXT = {"type": "string", "maxLength": 5, "description": "A text.", "x-phi": NONE}
GOOD: dict[str, Any] = {
    "$schema": DIALECT,
    "$id": f"https://contracts.example/{FILE}",
    "type": "object",
    "properties": {
        "name": TEXT,
        "amount": {"$ref": "../../common/1.0.0/money.json#/$defs/money"},
        "count": {
            "type": "integer",
            "minimum": 0,
            "maximum": 9,
            "description": "n",
            "x-phi": NONE,
        },
        "list": {"type": "array", "maxItems": 3, "items": {"$ref": "#/$defs/entry"}},
        "kind": TEXT | {"enum": ["a"], "x-extensible": True},
        "end_date": TEXT | {"format": "date"},
    },
    "required": ["name"],
    "$defs": {"entry": {"type": "object", "properties": {"code": TEXT | {"pattern": "^[A-Z]$"}}}},
}
MISSING = object()


def planted(at: str, value: Any) -> dict[str, Any]:
    """Return the good schema with one place changed, added or, for MISSING, removed."""
    schema = deepcopy(GOOD)
    *steps, last = at.strip("/").split("/")
    node = schema
    for step in steps:
        node = node[step]
    if value is MISSING:
        del node[last]
    else:
        node[last] = value
    return schema


def branch(value: str) -> dict[str, Any]:
    return {"properties": {"kind": TEXT | {"const": value}}}


FAULTS = [
    ("dialect", "/$schema", "/$schema", "http://json-schema.org/draft-07/schema#"),
    ("dialect", "/$schema", "/$schema", MISSING),
    ("identity", "/$id", "/$id", "https://contracts.example/other/1.0.0/schema.json"),
    ("root_object", "/type", "/type", MISSING),
    ("meta_schema", "/properties/name/maxLength", "/properties/name/maxLength", -1),
    ("unknown_keyword", "/properties/name", "/properties/name/maxlength", 5),
    ("forbidden_keyword", "/properties/name", "/properties/name/$anchor", "x"),
    ("reference", "/properties/amount", "/properties/amount/$ref", "https://x.example/y.json"),
    ("reference", "/properties/list/items", "/properties/list/items/$ref", "#/$defs/nothing"),
    ("shape", "/properties/name", "/properties/name", {"description": "Anything."}),
    ("shape", "/properties/list", "/properties/list/items", MISSING),
    ("shape", "/$defs/entry", "/$defs/entry/properties", MISSING),
    ("boolean_schema", "", "/properties/other", True),
    ("boolean_schema", "/properties/list", "/properties/list/items", False),
    ("required_declared", "", "/required", ["name", "absent"]),
    ("open_object", "/$defs/entry", "/$defs/entry/additionalProperties", True),
    ("open_object", "/$defs/entry", "/$defs/entry/unevaluatedProperties", True),
    ("composed_closed_type", "/allOf/0", "/allOf", [{"$ref": "#/$defs/entry"}]),
    ("composed_closed_type", "/properties/amount", "/properties/amount/properties", {"x": TEXT}),
    ("description", "/properties/name", "/properties/name/description", " "),
    ("description", "/$defs/entry/properties/code", "/$defs/entry/properties/code/description",
     MISSING),
    ("phi", "/properties/name", "/properties/name/x-phi", MISSING),
    ("phi", "/properties/name", "/properties/name/x-phi", {"class": "nickname", "mask": "full"}),
    ("phi", "/properties/name", "/properties/name/x-phi", {"class": "name", "mask": "blur"}),
    ("phi", "/properties/name", "/properties/name/x-phi", {"class": "name"}),
    ("phi", "/properties/name", "/properties/name/x-phi", "name"),
    ("enum", "/properties/kind", "/properties/kind/x-extensible", MISSING),
    ("bounds", "/properties/name", "/properties/name/maxLength", MISSING),
    ("bounds", "/properties/list", "/properties/list/maxItems", MISSING),
    ("bounds", "/properties/count", "/properties/count/maximum", MISSING),
    ("number", "/properties/count", "/properties/count/type", "number"),
    ("pattern", "/properties/name", "/properties/name/pattern", "[0-9]$"),
    ("pattern", "/properties/name", "/properties/name/pattern", "^[0-9]"),
    ("pattern", "/properties/name", "/properties/name/pattern", r"^\d$"),
    ("pattern", "/properties/name", "/properties/name/pattern", r"^(a)\1$"),
    ("pattern", "/properties/name", "/properties/name/pattern", "^(?!a)b$"),
    ("pattern", "/properties/name", "/properties/name/pattern", "^[\u00e9]$"),
    ("pattern", "/properties/name", "/properties/name/pattern", "^(a{1000}){1000}$"),
    ("pattern", "/properties/name", "/properties/name/pattern", "^(a+)+$"),
    ("pattern", "/properties/name", "/properties/name/pattern", "^([0-9]{1,3}-){2}$"),
    ("pattern", "/properties/name", "/properties/name/pattern", "^.{1,500}$"),
    ("pattern", "/$defs/entry", "/$defs/entry/patternProperties", {"^(a+)+$": TEXT}),
    ("format", "/properties/name", "/properties/name/format", "email"),
    ("name", "", "/properties/lastName", TEXT),
    ("date_format", "", "/properties/start_date", TEXT),
    ("date_format", "", "/properties/seen_at", TEXT | {"format": "date"}),
    ("one_of", "", "/oneOf", [branch("a"), branch("a")]),
    ("one_of", "", "/oneOf", [branch("a"), {"required": ["name"]}]),
]  # fmt: skip


def found(schema: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one.rule, one.pointer) for one in lint_schema(schema, file=FILE)}


def test_a_good_schema_is_clean() -> None:
    assert found(GOOD) == set()
    assert found(planted("/oneOf", [branch("a"), branch("b")])) == set()


@pytest.mark.parametrize(("rule", "place", "at", "value"), FAULTS)
def test_a_planted_fault_is_found_there_and_alone(
    rule: str, place: str, at: str, value: Any
) -> None:
    assert found(planted(at, value)) == {(rule, place)}


def test_every_rule_has_a_planted_fault() -> None:
    assert set(RULES) <= {rule for rule, *_ in FAULTS}


def test_a_file_of_shared_types_holds_nothing_else() -> None:
    types = {"$schema": DIALECT, "$id": f"https://contracts.example/{FILE}", "$defs": {"a": TEXT}}
    assert lint_schema(types, file=FILE, root=False) == []
    rules = [one.rule for one in lint_schema(types | {"type": "object"}, file=FILE, root=False)]
    assert rules == ["types_only"]


def test_our_contracts_are_clean(registry: Registry) -> None:
    judged = 0
    for file, body in registry.files().items():
        if "/examples/" not in file:
            shared = file.startswith("common/")
            assert lint_schema(json.loads(body), file=file, root=not shared) == []
            judged += 1
    assert judged >= 10
