"""Knows which keywords of a JSON Schema hold schemas, so that data is never taken for one."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

__all__ = ["Place", "Schema", "Step", "children", "pointer", "rebuild", "walk"]

Schema = dict[str, Any]
Step = str | int


class Place(StrEnum):
    """Where a subschema applies, seen from the schema that holds it."""

    CHILD = "child"
    """To a part of the instance: a property, an item, a name."""
    IN_PLACE = "in_place"
    """To the same instance: what it evaluates counts for its holder too."""
    DEFINITION = "definition"
    """Nowhere, until a `$ref` points at it."""


_ONE = {
    "additionalProperties": Place.CHILD,
    "contains": Place.CHILD,
    "contentSchema": Place.CHILD,
    "else": Place.IN_PLACE,
    "if": Place.IN_PLACE,
    "items": Place.CHILD,
    "not": Place.IN_PLACE,
    "propertyNames": Place.CHILD,
    "then": Place.IN_PLACE,
    "unevaluatedItems": Place.CHILD,
    "unevaluatedProperties": Place.CHILD,
}
_LISTS = {
    "allOf": Place.IN_PLACE,
    "anyOf": Place.IN_PLACE,
    "oneOf": Place.IN_PLACE,
    "prefixItems": Place.CHILD,
}
_MAPS = {
    "$defs": Place.DEFINITION,
    "dependentSchemas": Place.IN_PLACE,
    "patternProperties": Place.CHILD,
    "properties": Place.CHILD,
}
_PLACES = _ONE | _LISTS | _MAPS


def pointer(steps: tuple[Step, ...] | list[Step]) -> str:
    """Write steps as a JSON pointer (RFC 6901): ("a/b", 0) is "/a~1b/0"."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def children(schema: Schema) -> Iterator[tuple[tuple[Step, ...], Schema, Place]]:
    """Yield each schema directly inside, with the steps to it and where it applies."""
    for keyword, value in schema.items():
        for steps, item in _items(keyword, value):
            if isinstance(item, dict):
                yield steps, item, _PLACES[keyword]


def _items(keyword: str, value: Any) -> Iterator[tuple[tuple[Step, ...], Any]]:
    if keyword in _ONE:
        yield (keyword,), value
    elif keyword in _LISTS and isinstance(value, list):
        yield from (((keyword, index), item) for index, item in enumerate(value))
    elif keyword in _MAPS and isinstance(value, dict):
        yield from (((keyword, name), item) for name, item in value.items())


def walk(
    schema: Schema, steps: tuple[Step, ...] = ()
) -> Iterator[tuple[tuple[Step, ...], Schema]]:
    """Yield the schema and every schema inside it, each with the steps from the root."""
    yield steps, schema
    for more, child, _ in children(schema):
        yield from walk(child, steps + more)


def rebuild(schema: Schema, change: Callable[[Schema, Place], Schema], place: Place) -> Schema:
    """Return a copy in which `change` was applied to every schema, the innermost first."""
    copy: Schema = dict(schema)
    for keyword, value in schema.items():
        if keyword in _ONE and isinstance(value, dict):
            copy[keyword] = rebuild(value, change, _ONE[keyword])
        elif keyword in _LISTS and isinstance(value, list):
            copy[keyword] = [_rebuilt(item, change, _LISTS[keyword]) for item in value]
        elif keyword in _MAPS and isinstance(value, dict):
            place_inside = _MAPS[keyword]
            copy[keyword] = {
                name: _rebuilt(item, change, place_inside) for name, item in value.items()
            }
    return change(copy, place)


def _rebuilt(item: Any, change: Callable[[Schema, Place], Schema], place: Place) -> Any:
    return rebuild(item, change, place) if isinstance(item, dict) else item
