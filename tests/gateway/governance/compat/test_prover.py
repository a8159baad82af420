"""What the prover has to see through, and what it has to leave to people."""

from typing import Any

import pytest

from gateway.governance.compat import Limits, covers
from gateway.governance.compat.engine import Engine

TEXT = {"type": "string"}
TREE = {"type": "object", "properties": {"id": TEXT, "next": {"$ref": "#/$defs/tree"}}}


def tree(**more: Any) -> dict[str, Any]:
    return {"$ref": "#/$defs/tree", "$defs": {"tree": TREE | more}}


def array(**more: Any) -> dict[str, Any]:
    return {"type": "array", **more}


def kinds(number: int) -> dict[str, Any]:
    """One of many branches: its constant, and a property of its own."""
    bound = {"type": "integer", "maximum": number}
    constant = {"const": number}
    return {
        "type": "object",
        "properties": {"k": constant, f"v{number}": bound},
        "required": ["k"],
    }


COMPATIBLE: dict[str, tuple[Any, Any]] = {
    "an unsatisfiable old side": ({"allOf": [TEXT, {"type": "null"}]}, False),
    "a recursive schema": (tree(required=["id"]), tree()),
    "a schema that only infinite documents reach": (tree(required=["next"]), False),
    "mutual recursion": (
        {"$ref": "#/$defs/a", "$defs": {
            "a": {"type": "array", "items": {"$ref": "#/$defs/b"}},
            "b": {"type": "array", "items": {"$ref": "#/$defs/a"}, "maxItems": 2}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}}},
    ),
    "two ways to say not": ({"not": {"not": TEXT}}, TEXT),
    "a condition as alternatives": (
        {"type": "object", "if": {"required": ["a"]}, "then": {"required": ["b"]}},
        {"anyOf": [{"type": "object", "not": {"required": ["a"]}}, {"required": ["b"]}]},
    ),
    "what branches evaluate": (
        {"type": "object", "oneOf": [
            {"properties": {"k": {"const": 1}, "x": TEXT}, "required": ["k"]},
            {"properties": {"k": {"const": 2}, "y": TEXT}, "required": ["k"]}],
         "unevaluatedProperties": False},
        {"type": "object", "properties": {"x": {"type": ["string", "null"]}, "y": TEXT},
         "additionalProperties": {"enum": [1, 2]}},
    ),
    "unevaluated and what contains finds": (
        array(contains=TEXT, unevaluatedItems={"type": "null"}),
        array(items={"type": ["string", "null"]}),
    ),
    "a sum of branches": (
        {"type": "integer"},
        {"anyOf": [{"minimum": 3}, {"exclusiveMaximum": 3}]},
    ),
    "names out of a list": (
        {"type": "object", "propertyNames": {"enum": ["a", "b"]}}, {"maxProperties": 2}
    ),
    "no name is possible": ({"type": "object", "propertyNames": False}, {"const": {}}),
    "few values in many places": (
        array(items={"enum": ["a", "b"]}, uniqueItems=True), array(maxItems=2)
    ),
    "booleans and null are three": (
        array(items={"type": ["boolean", "null"]}, uniqueItems=True), array(maxItems=3)
    ),
    "one place left": (
        array(contains={"const": 1}, maxItems=1), array(items={"type": "integer"})
    ),
    "at most as many as they are": (
        array(items=TEXT, contains={"minLength": 0}, maxContains=3), array(maxItems=3)
    ),
    "pattern properties that overlap": (
        {"type": "object", "patternProperties": {"^a": TEXT, "b$": {"maxLength": 2}},
         "additionalProperties": False},
        {"patternProperties": {"^ab$": {"type": "string", "maxLength": 2}}},
    ),
    "a day has ten characters": ({"type": "string", "format": "date"}, {"maxLength": 10}),
    "a day looks like one": (
        {"type": "string", "format": "date"}, {"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
    ),
    "an enum that fits": ({"enum": ["a", "bb", 3]}, {"maxLength": 2, "maximum": 3}),
    "an anchor and an absolute reference": (
        {"$id": "https://e.example/x", "$defs": {"t": {"$anchor": "t", "maxLength": 2}},
         "allOf": [{"$ref": "https://e.example/x#t"}, {"$ref": "#t"}]},
        {"maxLength": 2},
    ),
    "dependent schemas": (
        {"type": "object", "dependentSchemas": {"a": {"required": ["b"]}}},
        {"dependentRequired": {"a": ["b"]}},
    ),
    "a const that cannot hold its own demand": (
        {"const": {}, "dependentSchemas": {"a": False}, "required": ["a"]}, False
    ),
    "every array there may be is listed": (
        array(items={"type": "boolean"}, minItems=1, maxItems=2),
        {"enum": [[a, *b] for a in (True, False) for b in ([], [True], [False])]},
    ),
    "every order of different items is listed": (
        array(items={"enum": [1, 2]}, uniqueItems=True, minItems=2), {"enum": [[1, 2], [2, 1]]}
    ),
    "every object there may be is listed": (
        {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1, "maximum": 2}},
         "additionalProperties": False},
        {"enum": [{}, {"a": 1}, {"a": 2}]},
    ),
    "a bounded whole number has few values": (
        array(items={"type": "integer", "minimum": 0, "maximum": 1}, uniqueItems=True),
        array(maxItems=2),
    ),
    "a pattern has few texts": (
        array(items=TEXT | {"pattern": "^[ab]$"}, uniqueItems=True), array(maxItems=2)
    ),
    "a pattern has few names": (
        {"type": "object", "propertyNames": {"pattern": "^[ab]$"}}, {"maxProperties": 2}
    ),
    "demands that no item meets two of": (
        array(allOf=[{"contains": {"const": c}} for c in "abc"]), array(minItems=3)
    ),
    "more of one kind leaves fewer of another": (
        array(contains=TEXT, minContains=2, maxItems=3),
        array(contains={"type": "null"}, maxContains=1, minContains=0),
    ),
    "all places taken": (array(contains=TEXT, minContains=2, maxItems=2), array(items=TEXT)),
    "each item is of one of two kinds, one at most": (
        array(items={"type": ["string", "null"]}, minContains=0, contains=TEXT, maxContains=1,
              allOf=[{"contains": {"type": "null"}, "minContains": 0, "maxContains": 1}]),
        array(maxItems=2),
    ),
    "no such day": (TEXT | {"format": "date", "pattern": "-02-30$"}, False),
    "a leap year": (
        TEXT | {"format": "date", "pattern": "^(2100|1900|2023)-02-2[89]$"},
        {"enum": ["2100-02-28", "1900-02-28", "2023-02-28"]},
    ),
    "days by pattern": (TEXT | {"pattern": "^2024-0[13578]-[012][1-9]$"}, {"format": "date"}),
    "look-ahead at the start": (
        TEXT | {"pattern": "^(?=.*[a-z])(?!x)[a-z0-9]+$"},
        {"pattern": "^[0-9a-z]+$", "not": {"pattern": "^x"}},
    ),
    "many branches told apart by a constant, closed as one": (
        {"anyOf": [kinds(n) for n in range(14)], "unevaluatedProperties": False},
        {"oneOf": [kinds(n) for n in range(14)]},
    ),
    "many conditions on one constant": (
        {"type": "object", "required": ["k"], "unevaluatedProperties": False, "allOf": [
            {"if": {"properties": {"k": {"const": n}}}, "then": kinds(n)} for n in range(12)]},
        {"properties": {"v3": {"maximum": 4}}},
    ),
    "a dynamic reference with one place to go": (
        {"$dynamicRef": "#t", "$defs": {"t": {"$dynamicAnchor": "t", "maxLength": 2}}},
        {"maxLength": 2},
    ),
    "a reference inside of a part named by a URN": (
        {"$ref": "urn:example:t", "$defs": {"t": {
            "$id": "urn:example:t", "$ref": "#/$defs/u", "$defs": {"u": {"maxLength": 2}}}}},
        {"maxLength": 2},
    ),
}  # fmt: skip

INCOMPATIBLE: dict[str, tuple[Any, Any]] = {
    "five properties are not ten": (
        {"type": "object", "minProperties": 5}, {"minProperties": 10}
    ),
    "deep inside": (
        {"properties": {"a": array(items={"properties": {"b": TEXT}, "required": ["b"]})}},
        {"properties": {"a": array(items={"properties": {"b": TEXT | {"minLength": 1}}})}},
    ),
    "the second level of a recursion": (
        tree(), tree(properties={"id": TEXT, "next": {"type": "object", "maxProperties": 1}})
    ),
    "an item that has to be in another": (array(contains=TEXT), array(prefixItems=[TEXT])),
    "two equal ones that are no text": (
        array(contains={"type": "integer"}, maxContains=1), array(uniqueItems=True)
    ),
    "a name nobody listed": (
        {"type": "object", "properties": {"a": TEXT}},
        {"properties": {"a": TEXT}, "additionalProperties": TEXT},
    ),
    "a branch that overlaps": (
        {"oneOf": [TEXT, {"type": "integer"}]},
        {"oneOf": [TEXT, {"type": "integer"}, {"minimum": 5}]},
    ),
    "not a valid day": ({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
                        {"format": "date"}),
    "a look-ahead on one side": ({"type": "string"}, {"pattern": "^(?=a)"}),
    "as many values as places": (
        array(items={"enum": ["a", "b"]}, uniqueItems=True, minItems=2), False
    ),
    "one array is not listed": (
        array(items={"type": "boolean"}, minItems=2, maxItems=2),
        {"enum": [[True, True], [True, False], [False, True]]},
    ),
    "one object is not listed": (
        {"type": "object", "properties": {"a": {"type": "boolean"}},
         "additionalProperties": False},
        {"enum": [{"a": True}, {"a": False}]},
    ),
    "an identifier inside of an unknown keyword": (
        {"type": ["null", "integer"]},
        {"$ref": "https://e.example/t", "$defs": {
            "a": {"unknown": {"$id": "https://e.example/t", "type": "null"}},
            "b": {"$id": "https://e.example/t", "type": "integer"}}},
    ),
    "a moment with many digits": (
        TEXT | {"format": "date-time", "maxLength": 40}, {"maxLength": 39}
    ),
    "branches that may hold together": (
        {"anyOf": [{"type": "object", "properties": {"k": {"const": n}, f"v{n}": TEXT}}
                   for n in range(3)]},
        {"type": "object", "maxProperties": 3},
    ),
    "branches with the same constant, closed as one": (
        {"type": "object", "required": ["k"], "unevaluatedProperties": False, "anyOf": [
            {"properties": {"k": {"enum": [1, 2]}, "a": TEXT}, "required": ["k", "a"]},
            {"properties": {"k": {"enum": [2, 3]}, "b": TEXT}, "required": ["k", "b"]}]},
        {"type": "object", "maxProperties": 2},
    ),
    "branches with a constant nobody has to give": (
        {"type": "object", "unevaluatedProperties": False, "anyOf": [
            {"properties": {"k": {"const": 1}, "a": TEXT}, "minProperties": 2},
            {"properties": {"k": {"const": 2}, "b": TEXT}, "minProperties": 2}]},
        {"type": "object", "required": ["k"]},
    ),
    "a long list": (array(maxItems=10_001), array(maxItems=10_000)),
    "a bound at the end of what a float holds": (
        {"type": "number"}, {"type": "number", "minimum": -1e307}
    ),
    "a long text": ({"type": "string", "maxLength": 4001}, {"maxLength": 4000}),
}  # fmt: skip

REVIEW: dict[str, tuple[Any, Any]] = {
    "a reference that leads elsewhere": ({"$ref": "https://e.example/other"}, TEXT),
    "no schema": ({"type": "text"}, TEXT),
    "patterns that are not regular": (
        {"type": "string", "pattern": "^a*(?!x)b?$"}, {"pattern": "^a*(?!y)b?$"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPATIBLE)
def test_it_proves(name: str) -> None:
    old, new = COMPATIBLE[name]
    assert covers(new, old).verdict == "compatible"


@pytest.mark.parametrize("name", INCOMPATIBLE)
def test_it_finds_a_witness_for(name: str) -> None:
    old, new = INCOMPATIBLE[name]
    found = covers(new, old)
    assert found.verdict == "incompatible"
    assert Engine(old).accepts(found.witness[0]) is True
    assert Engine(new).accepts(found.witness[0]) is False


@pytest.mark.parametrize("name", REVIEW)
def test_it_leaves_to_people(name: str) -> None:
    old, new = REVIEW[name]
    found = covers(new, old)
    assert found.verdict == "review"
    assert found.why


def test_the_same_schemas_get_the_same_witness() -> None:
    old, new = INCOMPATIBLE["deep inside"]
    assert covers(new, old) == covers(new, old)


def test_a_search_without_steps_or_time_says_so() -> None:
    old, new = COMPATIBLE["what branches evaluate"]
    assert covers(new, old, Limits(steps=1)).verdict == "review"
    late = covers(new, old, Limits(steps=33, expired=lambda: True))
    assert late.verdict == "review"
    assert "longer" in late.why


def test_two_schemas_may_share_a_part_that_refers_to_different_things() -> None:
    shared = {"$ref": "#/$defs/t"}
    old = {"properties": {"a": shared}, "$defs": {"t": TEXT}}
    new = {"properties": {"a": shared}, "$defs": {"t": {"type": "null"}}}
    assert covers(new, old).verdict == "incompatible"
