"""What is read off a schema: kinds, decimal places, references, recursion."""

from typing import Any

import pytest

from gateway.translation import MappingError, compile_mapping
from gateway.translation.kinds import Kind
from gateway.translation.outputs import misfit
from gateway.translation.shapes import Shape


def field(schema: dict[str, Any], **defs: Any) -> Shape:
    found = Shape.of({"type": "object", "properties": {"x": schema}, "$defs": defs}).child("x")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("schema", "kind", "places"),
    [
        ({"type": "string"}, Kind.TEXT, (0, None)),
        ({"type": "string", "pattern": "^[0-9]{10}$"}, Kind.TEXT, (0, None)),
        ({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"}, Kind.TEXT, (0, None)),
        ({"type": "string", "pattern": "^[A-Z0-9.-]+$"}, Kind.TEXT, (0, None)),
        ({"type": "string", "x-money": {}}, Kind.DECIMAL, (2, 2)),
        ({"type": "string", "x-decimal": {"scale": 4}}, Kind.DECIMAL, (0, 4)),
        ({"type": "string", "pattern": "^-?[0-9]+\\.[0-9]{2}$"}, Kind.DECIMAL, (2, 2)),
        ({"type": "string", "pattern": "^[0-9]+(\\.[0-9]{1,6})?$"}, Kind.DECIMAL, (0, 6)),
        ({"$ref": "#/$defs/money", "description": "x"}, Kind.DECIMAL, (2, 2)),
        ({"allOf": [{"$ref": "#/$defs/money"}]}, Kind.DECIMAL, (2, 2)),
        ({"type": "number"}, Kind.DECIMAL, (0, None)),
        ({"type": ["string", "null"]}, Kind.TEXT, (0, None)),
        ({"type": ["string", "integer"]}, Kind.ANY, (0, None)),
        ({"enum": ["a", "b"]}, Kind.TEXT, (0, None)),
        ({"const": True}, Kind.BOOLEAN, (0, None)),
        ({"const": 1}, Kind.INTEGER, (0, None)),
        ({"properties": {}}, Kind.OBJECT, (0, None)),
        ({"oneOf": [{"type": "string"}, {"type": "null"}]}, Kind.ANY, (0, None)),
        ({"anyOf": [{"type": "string"}, {"type": "string"}]}, Kind.TEXT, (0, None)),
        ({}, Kind.ANY, (0, None)),
    ],
)
def test_kind_and_places_come_from_the_schema(
    schema: dict[str, Any], kind: Kind, places: tuple[int, int | None]
) -> None:
    shape = field(schema, money={"type": "string", "x-money": {"scale": 2}})
    assert (shape.kind, shape.places) == (kind, places)


NODE = {
    "type": "object",
    "properties": {
        "left": {"$ref": "#/$defs/node"},
        "right": {"$ref": "#/$defs/node"},
        "name": {"type": "string", "x-phi": {"class": "name"}},
    },
}


def test_a_schema_that_contains_itself_is_read_to_its_end() -> None:
    tree = field({"$ref": "#/$defs/node"}, node=NODE)
    other = field({"$ref": "#/$defs/node"}, node=NODE)
    assert tree.all_phi == {"name"}
    assert misfit(tree, other) == ""


def test_a_schema_that_is_nothing_but_itself_is_refused() -> None:
    loop = {"allOf": [{"$ref": "#/$defs/loop"}]}
    with pytest.raises(MappingError):
        compile_mapping(
            "mapping: loop-one\nversion: 1.0.0\nsource: {schema: s}\ntarget: {any: true}\n"
            "fields: {a: x}\n",
            source_schema={"properties": {"x": loop}, "$defs": {"loop": loop}},
            target_schema=None,
            tables=lambda name: name,
            file="loop.yaml",
        )
