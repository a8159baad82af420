"""Derives from a contract what a writer must keep to and what a reader must bear."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from gateway.governance.subschemas import Place, Schema, children, rebuild

__all__ = ["Profile", "apply_profile"]

_SAYS_OTHERS = ("additionalProperties", "unevaluatedProperties")
_BESIDE = ("properties", "allOf", "anyOf", "oneOf", "if", "dependentSchemas")
"""What makes the target of a `$ref` beside it one part among others."""
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
    `unevaluatedProperties: false`, once, outside of compositions: a definition that a composition
    refers to is closed where it is used, not in itself. Reader: such closures are dropped and
    `x-extensible` enums become their type.
    """
    match profile:
        case Profile.WRITER:
            return _closed(schema)
        case Profile.READER:
            return rebuild(schema, _open, Place.CHILD)
        case Profile.AS_WRITTEN:
            return schema


def _closed(schema: Schema) -> Schema:
    composed = _composed(schema)
    definitions = schema.get("$defs", {})

    def lists(part: Schema, through: tuple[str, ...] = ()) -> bool:
        inside = [child for _, child, place in children(part) if place is Place.IN_PLACE]
        target = part.get("$ref", "")
        if target in composed and target not in through:
            inside.append(definitions[composed[target]])
            through = (*through, target)
        return "properties" in part or any(lists(child, through) for child in inside)

    def close(part: Schema, place: Place) -> Schema:
        if place is Place.IN_PLACE or not lists(part):
            return part
        if any(keyword in part for keyword in _SAYS_OTHERS):
            return part
        return part | {"unevaluatedProperties": False}

    closed = rebuild(schema, close, Place.CHILD)
    if composed:
        kept = {
            name: rebuild(definitions[name], close, Place.IN_PLACE) for name in composed.values()
        }
        closed = closed | {"$defs": closed["$defs"] | kept}
    return closed


def _composed(schema: Schema) -> dict[str, str]:
    """Return the definitions that are one part of something, by reference: pointer to name."""
    definitions = schema.get("$defs", {})
    names = {f"#/$defs/{name}": name for name in definitions}
    found: dict[str, str] = {}
    todo = list(_parts(schema, Place.CHILD))
    while todo:
        reference = todo.pop()
        if reference in names and reference not in found:
            found[reference] = names[reference]
            todo += _parts(definitions[names[reference]], Place.IN_PLACE)
    return found


def _parts(schema: Schema, place: Place) -> Iterator[str]:
    """Yield the references that stand for a part of a schema, not for the whole."""
    beside = any(keyword in schema for keyword in _BESIDE)
    if "$ref" in schema and (place is Place.IN_PLACE or beside):
        yield schema["$ref"]
    for _, child, inner in children(schema):
        yield from _parts(child, inner)


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
