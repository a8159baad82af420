"""Derives from a contract what a writer must keep to and what a reader must bear."""

from enum import StrEnum
from typing import Any

from gateway.governance.subschemas import Place, Schema, children, rebuild

__all__ = ["Profile", "apply_profile"]

_SAYS_OTHERS = ("additionalProperties", "unevaluatedProperties")
_TYPE_NAMES: dict[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
    list: "array",
    dict: "object",
}


class Profile(StrEnum):
    """Who reads the contract."""

    WRITER = "writer"
    """Closed: a property that is not declared is refused, so no undeclared PHI slips through."""
    READER = "reader"
    """Open: unknown properties and new codes of extensible lists are borne."""
    AS_WRITTEN = "as_written"


def apply_profile(schema: Schema, profile: Profile) -> Schema:
    """Return the schema as `profile` reads it; the one given stays as it is.

    Writer: every object schema that lists properties and says nothing about others gets
    `unevaluatedProperties: false`, once, outside of compositions. Reader: such closures are
    dropped and `x-extensible` enums become their type.
    """
    match profile:
        case Profile.WRITER:
            return rebuild(schema, _close, Place.CHILD)
        case Profile.READER:
            return rebuild(schema, _open, Place.CHILD)
        case Profile.AS_WRITTEN:
            return schema


def _close(schema: Schema, place: Place) -> Schema:
    if place is Place.IN_PLACE or not _lists_properties(schema):
        return schema
    if any(keyword in schema for keyword in _SAYS_OTHERS):
        return schema
    return schema | {"unevaluatedProperties": False}


def _lists_properties(schema: Schema) -> bool:
    inside = (child for _, child, place in children(schema) if place is Place.IN_PLACE)
    return "properties" in schema or any(_lists_properties(child) for child in inside)


def _open(schema: Schema, _place: Place) -> Schema:
    kept = {
        keyword: value
        for keyword, value in schema.items()
        if not (keyword in _SAYS_OTHERS and value is False)
    }
    if kept.get("x-extensible") is True and "enum" in kept:
        values = kept.pop("enum")
        kept.setdefault("type", sorted({_type_name(value) for value in values}))
    return kept


def _type_name(value: Any) -> str:
    return _TYPE_NAMES[type(value)]
