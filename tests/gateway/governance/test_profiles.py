"""Profiles: a writer is held to the list, a reader bears what it does not know."""

import json
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.governance import Profile, compile_validator

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "kind": {"enum": ["a", "b"], "x-extensible": True},
        "state": {"enum": ["on", "off"]},
    },
    "required": ["name"],
}


def valid(schema: Any, document: Any, profile: Profile) -> bool:
    return compile_validator(schema, profile).valid(document)


def test_a_writer_may_not_add_and_a_reader_bears_it() -> None:
    document = {"name": "x", "new": 1}
    assert not valid(PERSON, document, Profile.WRITER)
    assert valid(PERSON, document, Profile.READER)


def test_a_new_code_of_an_extensible_list_is_borne_by_readers_only() -> None:
    document = {"name": "x", "kind": "c"}
    assert not valid(PERSON, document, Profile.WRITER)
    assert valid(PERSON, document, Profile.READER)
    assert not valid(PERSON, {"name": "x", "kind": 1}, Profile.READER)
    assert not valid(PERSON, {"name": "x", "state": "broken"}, Profile.READER)


def test_a_closed_schema_opens_for_readers() -> None:
    for keyword in ("additionalProperties", "unevaluatedProperties"):
        assert valid(PERSON | {keyword: False}, {"name": "x", "new": 1}, Profile.READER)


def test_what_a_schema_says_of_others_is_left_alone() -> None:
    schema = PERSON | {"additionalProperties": {"type": "integer"}}
    for profile in (Profile.WRITER, Profile.READER):
        assert valid(schema, {"name": "x", "new": 1}, profile)
        assert not valid(schema, {"name": "x", "new": "1"}, profile)


def test_a_composition_is_closed_once_and_from_outside() -> None:
    schema = {
        "type": "object",
        "allOf": [
            {"properties": {"a": {"type": "integer"}}},
            {"anyOf": [{"properties": {"b": {"type": "integer"}}, "required": ["b"]}]},
        ],
    }
    assert valid(schema, {"a": 1, "b": 2}, Profile.WRITER)
    assert not valid(schema, {"a": 1, "b": 2, "c": 3}, Profile.WRITER)


def test_data_that_looks_like_a_schema_is_not_touched() -> None:
    looks_alike = {"properties": {"a": 1}, "additionalProperties": False}
    for profile in Profile:
        assert valid({"const": looks_alike}, looks_alike, profile)
        assert valid({"enum": [looks_alike]}, looks_alike, profile)


def test_the_given_schema_is_not_changed() -> None:
    before = json.dumps(PERSON)
    for profile in Profile:
        compile_validator(PERSON, profile)
    assert json.dumps(PERSON) == before


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strnig"},
        {"type": "string", "pattern": "(?=x)"},
        {"type": "string", "format": "day"},
        {"$ref": "https://elsewhere.example/x.json"},
        {"$ref": "#/$defs/none"},
    ],
)
def test_a_schema_that_cannot_be_trusted_does_not_compile(schema: Any) -> None:
    with pytest.raises(ConfigError, match="does not compile"):
        compile_validator(schema, Profile.WRITER)


def test_a_violation_names_places_and_bounds_and_no_value() -> None:
    schema = {
        "$defs": {"short": {"type": "string", "maxLength": 3}},
        "type": "object",
        "properties": {
            "a/b": {"$ref": "#/$defs/short"},
            "kind": {"enum": ["a"]},
            "list": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["there"],
    }
    document = {"a/b": "OAKHEART", "kind": "OAKHEART", "list": [1, "OAKHEART"], "OAKHEART": 1}
    found = compile_validator(schema, Profile.WRITER).errors(document)
    assert "OAKHEART" not in repr(found)
    assert sorted((one.pointer, one.keyword, one.code, one.expected) for one in found) == [
        ("", "required", "property_missing", "there"),
        ("", "unevaluatedProperties", "property_unknown", ""),
        ("/a~1b", "maxLength", "text_too_long", "3"),
        ("/kind", "enum", "value_not_allowed", ""),
        ("/list/1", "type", "type_wrong", "integer"),
    ]
    assert len(compile_validator(schema, Profile.WRITER).errors(document, limit=2)) == 2


def test_a_definition_that_a_composition_uses_is_closed_where_it_is_used() -> None:
    schema = {
        "$defs": {
            "named": {"type": "object", "properties": {"name": {"type": "string"}}},
        },
        "allOf": [{"$ref": "#/$defs/named"}],
        "properties": {"age": {"type": "integer"}, "spouse": {"$ref": "#/$defs/named"}},
    }
    assert valid(schema, {"name": "x", "age": 1}, Profile.WRITER)
    assert not valid(schema, {"name": "x", "new": 1}, Profile.WRITER)
    assert not valid(schema, {"spouse": {"name": "y", "new": 1}}, Profile.WRITER)
    assert valid(schema, {"spouse": {"name": "y", "new": 1}}, Profile.READER)
