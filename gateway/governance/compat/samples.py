"""Guesses documents that might tell two schemas apart, where the prover found none itself.

Documents follow the writer's schema loosely; texts, numbers and names are taken from both
schemas. The same two schemas give the same guesses.
"""

import json
from collections.abc import Iterator
from typing import Any
from zlib import crc32

from gateway.governance.compat.references import absolute, resolve
from gateway.governance.compat.strings import FORMAT_SAMPLES

__all__ = ["guesses"]

_COUNT = 600
_TYPES = ("string", "number", "integer", "object", "array", "boolean", "null")
_TEXTS = ("", "a", "A", "0", "12", "aa", "aaaaa", "a" * 40, "é", "\n", "x_1", "0.00")
_NUMBERS = (0, 1, -1, 2, 0.5, 10, 100, 1000000, -0.25, 3)


class _Draw:
    """Draws numbers from a seed: a linear congruential generator (Knuth's MMIX)."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def below(self, bound: int) -> int:
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % bound

    def one(self, options: Any) -> Any:
        return options[self.below(len(options))]


def guesses(writer: Any, reader: Any) -> Iterator[Any]:
    """Yield documents; nothing is promised of them."""
    text = json.dumps([writer, reader], sort_keys=True, default=str)
    guesser = _Guesser(absolute(writer), _Draw(crc32(text.encode())))
    for schema in (writer, reader):
        guesser.learn(schema)
    for _ in range(_COUNT):
        yield guesser.document(guesser.root, 6)


class _Guesser:
    def __init__(self, root: Any, draw: _Draw) -> None:
        self.root = root
        self.draw = draw
        self.texts: list[str] = list(_TEXTS)
        self.numbers: list[Any] = list(_NUMBERS)
        self.names: list[str] = ["extra"]
        self.values: list[Any] = []

    def learn(self, node: Any) -> None:
        """Collect what the schema itself mentions."""
        match node:
            case dict():
                self._mapping(node)
            case list():
                for item in node:
                    self.learn(item)
            case str():
                self.texts.append(node)
            case bool() | None:
                pass
            case _:
                self._number(node)

    def _mapping(self, node: dict[str, Any]) -> None:
        for key, value in node.items():
            if key in {"const", "enum"}:
                self.values += value if key == "enum" else [value]
            if key in {"properties", "dependentRequired"} and isinstance(value, dict):
                self.names += list(value)
            if key == "format" and value in FORMAT_SAMPLES:
                self.texts += FORMAT_SAMPLES[value]
            self.learn(value)

    def _number(self, number: Any) -> None:
        self.numbers += [number, number + 1, number - 1]
        if isinstance(number, int) and 0 <= number <= 200:
            self.texts += ["a" * number, "a" * (number + 1), "0" * number]

    def document(self, schema: Any, depth: int) -> Any:
        """Return something that looks like what the schema wants."""
        if not isinstance(schema, dict) or depth <= 0 or self.draw.below(20) == 0:
            return self._any()
        schema = self._merged(schema, 4)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self.draw.one(schema["enum"])
        types = schema.get("type", self._likely(schema))
        return self._typed(
            schema, types if isinstance(types, str) else self.draw.one(types), depth
        )

    def _merged(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """Take in references and branches, one of each choice."""
        merged: dict[str, Any] = {}
        parts = [schema.get("$ref"), *schema.get("allOf", ())]
        parts += [self.draw.one(schema[key]) for key in ("anyOf", "oneOf") if schema.get(key)]
        parts += [schema.get(self.draw.one(("then", "else", "if")))]
        for part in parts if depth else ():
            found = resolve(self.root, part[1:]) if isinstance(part, str) else part
            if isinstance(found, dict):
                merged = _joined(merged, self._merged(found, depth - 1))
        return _joined(merged, schema)

    def _likely(self, schema: dict[str, Any]) -> Any:
        if "properties" in schema or "required" in schema:
            return "object"
        if "items" in schema or "prefixItems" in schema:
            return "array"
        return _TYPES

    def _typed(self, schema: dict[str, Any], kind: str, depth: int) -> Any:
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "string":
                return self.draw.one(self.texts)
            case "integer":
                return int(self.draw.one(self.numbers))
            case "number":
                return self.draw.one(self.numbers)
            case "boolean":
                return self.draw.one((True, False))
            case _:
                return None

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        names = dict.fromkeys(schema.get("required", ()))
        often = self.draw.below(3)
        names |= dict.fromkeys(name for name in properties if self.draw.below(3) < often)
        if self.draw.below(3) == 0:
            names[self.draw.one(self.names)] = None
        others = schema.get("additionalProperties", True)
        return {name: self.document(properties.get(name, others), depth - 1) for name in names}

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        prefix = schema.get("prefixItems", [])
        low = min(int(schema.get("minItems", 0)), 50)
        length = low + self.draw.below(4)
        parts = [*prefix, *[schema.get("items", True)] * length][:length]
        return [self.document(part, depth - 1) for part in parts]

    def _any(self) -> Any:
        options: tuple[Any, ...] = (
            self.texts,
            self.numbers,
            self.values or [None],
            ({}, [], None, True, False),
        )
        return self.draw.one(self.draw.one(options))


def _joined(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    joined = left | right
    for key in ("properties", "required"):
        if key in left and key in right:
            joined[key] = (
                left[key] | right[key] if key == "properties" else [*left[key], *right[key]]
            )
    return joined
