"""A read-only view of a JSON Schema: properties, kinds, decimal places, PHI classes."""

from functools import cached_property, partial
from typing import Any, Final

from gateway.translation.errors import MappingError, Rule
from gateway.translation.kinds import Kind
from gateway.translation.patterns import accepts

__all__ = ["UNKNOWN_PHI", "Shape", "open_shape"]

UNKNOWN_PHI: Final = "unannotated"
"""Class of a leaf without `x-phi` in a schema that annotates others: treated as PHI."""

_SIMPLE: Final = {
    "string": Kind.TEXT,
    "integer": Kind.INTEGER,
    "number": Kind.DECIMAL,
    "boolean": Kind.BOOLEAN,
    "array": Kind.LIST,
    "object": Kind.OBJECT,
}
_MAX_PLACES: Final = 8
_MAX_REFERENCES: Final = 32


def _places(pattern: str) -> tuple[int, int] | None:
    """Return fewest and most decimal places a pattern takes, None where it is not decimal."""
    accept = partial(accepts, pattern)
    if accept("A") or accept("x1y") or not (accept("-1.25") or accept("1.5") or accept("1.25")):
        return None
    found = [n for n in range(_MAX_PLACES + 1) if accept("1." + "5" * n if n else "1")]
    return (found[0], found[-1]) if found else None


def _annotated(node: object) -> bool:
    if isinstance(node, dict):
        return "x-phi" in node or any(_annotated(child) for child in node.values())
    return isinstance(node, list) and any(_annotated(child) for child in node)


class _Root:
    """The whole schema: finds local `$ref`s, knows whether PHI is annotated at all."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema
        self.annotated = _annotated(schema)
        self.views: dict[int, Shape] = {}

    def find(self, reference: str) -> dict[str, Any]:
        if not reference.startswith("#"):
            raise MappingError(Rule.SCHEMA, f"schema reference {reference} is not bundled")
        node: Any = self.schema
        for part in filter(None, reference[1:].split("/")):
            name = part.replace("~1", "/").replace("~0", "~")
            node = node.get(name) if isinstance(node, dict) else None
        if not isinstance(node, dict):
            raise MappingError(Rule.SCHEMA, f"schema reference {reference} leads nowhere")
        return node

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        """Follow `$ref`; keywords beside it win over those of its target."""
        for _ in range(_MAX_REFERENCES):
            if "$ref" not in node:
                return node
            beside = {key: value for key, value in node.items() if key != "$ref"}
            node = {**self.find(str(node["$ref"])), **beside}
        raise MappingError(Rule.SCHEMA, "schema references run in a circle")

    def view(self, node: object) -> "Shape":
        if not isinstance(node, dict):
            return open_shape()
        known = self.views.get(id(node))
        if known is None:
            known = self.views[id(node)] = Shape(self, self.resolve(node))
        return known


class Shape:
    """One place of a schema, `$ref`s followed, `allOf` looked through."""

    def __init__(self, root: _Root, node: dict[str, Any]) -> None:
        self._root = root
        self.node = node
        self.members = [root.view(part) for part in node.get("allOf", ())]
        self.choices = [
            root.view(part) for key in ("anyOf", "oneOf") for part in node.get(key, ())
        ]
        self.kind = self._kind()
        self.places = self._places()
        """Decimals: fewest and most digits after the point."""

    @classmethod
    def of(cls, schema: dict[str, Any]) -> "Shape":
        """View a self-contained schema from its root. Raises MappingError (SCHEMA)."""
        root = _Root(schema)
        return cls(root, root.resolve(schema))

    def _own_types(self) -> set[str]:
        declared = self.node.get("type")
        names = {declared} if isinstance(declared, str) else set(declared or ())
        if not names:
            for value in (*self.node.get("enum", ()), self.node.get("const")):
                match value:
                    case bool():
                        names.add("boolean")
                    case str():
                        names.add("string")
                    case int():
                        names.add("integer")
                    case _:
                        pass
        if "properties" in self.node and not names:
            names = {"object"}
        return names - {"null"}

    def _kind(self) -> Kind:
        names = self._own_types()
        if names:
            return self._simple(names.pop()) if len(names) == 1 else Kind.ANY
        for member in self.members:
            if member.kind is not Kind.ANY:
                return member.kind
        kinds = {choice.kind for choice in self.choices}
        return kinds.pop() if len(kinds) == 1 else Kind.ANY

    def _simple(self, name: str) -> Kind:
        kind = _SIMPLE.get(name, Kind.ANY)
        decimal = kind is Kind.TEXT and (
            "x-money" in self.node
            or "x-decimal" in self.node
            or _places(str(self.node.get("pattern", "A"))) is not None
        )
        return Kind.DECIMAL if decimal else kind

    def _places(self) -> tuple[int, int | None]:
        if self.kind is not Kind.DECIMAL or self.node.get("type") == "number":
            return 0, None
        if "x-decimal" in self.node:
            return 0, self.node["x-decimal"].get("scale")
        found = _places(str(self.node.get("pattern", "A")))
        if found is not None:
            return found
        for member in (*self.members, *self.choices):
            if member.kind is Kind.DECIMAL:
                return member.places
        return (2, 2) if "x-money" in self.node else (0, None)

    @property
    def as_number(self) -> bool:
        """Whether documents hold this decimal as a JSON number instead of a string."""
        return self.kind is Kind.DECIMAL and self.node.get("type") == "number"

    @cached_property
    def listed(self) -> dict[str, "Shape"]:
        """Every property named here, in `allOf` or in a choice."""
        found: dict[str, Shape] = {}
        for part in (*self.choices, *self.members):
            found.update(part.listed)
        for name, node in self.node.get("properties", {}).items():
            found[name] = self._root.view(node)
        return found

    @cached_property
    def required(self) -> frozenset[str]:
        """Names of properties that must be there."""
        names = set(self.node.get("required", ()))
        for member in self.members:
            names |= member.required
        return frozenset(names)

    @property
    def open(self) -> bool:
        """Whether properties that are not named may appear: only where none is named."""
        return self.kind is Kind.ANY or (
            self.kind is Kind.OBJECT
            and not self.listed
            and self.node.get("additionalProperties", True) is not False
        )

    def child(self, name: str) -> "Shape | None":
        """Return the shape of a property; an open one where anything goes; else None."""
        found = self.listed.get(name)
        if found is not None:
            return found
        return open_shape() if self.open else None

    @property
    def items(self) -> "Shape":
        """Shape of the items of an array."""
        return self._root.view(self.node.get("items"))

    @property
    def phi(self) -> frozenset[str]:
        """PHI class of a leaf; empty for class none or where the schema annotates nothing."""
        if not self._root.annotated:
            return frozenset()
        note = self.node.get("x-phi")
        found = str(note.get("class", UNKNOWN_PHI)) if isinstance(note, dict) else UNKNOWN_PHI
        return frozenset() if found == "none" else frozenset({found})

    @property
    def promises_no_phi(self) -> bool:
        """Whether this leaf is explicitly marked `none`."""
        note = self.node.get("x-phi")
        return isinstance(note, dict) and note.get("class") == "none"

    @cached_property
    def all_phi(self) -> frozenset[str]:
        """PHI classes of this place and everything below."""
        found: set[str] = set()
        seen: set[int] = set()
        waiting = [self]
        while waiting:
            here = waiting.pop()
            if id(here) in seen:
                continue
            seen.add(id(here))
            if here.kind is Kind.OBJECT and here.listed:
                waiting.extend(here.listed.values())
            elif here.kind is Kind.LIST:
                waiting.append(here.items)
            else:
                found |= here.phi
        return frozenset(found)


def open_shape() -> Shape:
    """Return the shape of something no schema describes."""
    return Shape(_Root({}), {})
