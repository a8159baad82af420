"""Names every schema of a comparison by a number: equal schemas, equal numbers.

The negative of a number is "not that schema"; `true` is 1 and `false` is -1. Words that say
nothing about validity are dropped, so a schema and its better described copy are one.
"""

import json
from typing import Any

from gateway.governance.compat.formula import FALSE, TRUE
from gateway.governance.compat.references import absolute, resolve

__all__ = ["EITHER", "KEYWORDS", "Node", "Root", "Universe", "Unsupported", "fixed_values"]

KEYWORDS = frozenset({
    "$dynamicRef", "$ref", "additionalProperties", "allOf", "anyOf", "const", "contains",
    "dependentRequired", "dependentSchemas", "else", "enum", "exclusiveMaximum",
    "exclusiveMinimum", "format", "if", "items", "maxContains", "maxItems", "maxLength",
    "maxProperties", "maximum", "minContains", "minItems", "minLength", "minProperties",
    "minimum", "multipleOf", "not", "oneOf", "pattern", "patternProperties", "prefixItems",
    "properties", "propertyNames", "required", "then", "type", "unevaluatedItems",
    "unevaluatedProperties", "uniqueItems",
})  # fmt: skip


EITHER = "@either"
"""A keyword of our own: one of two goals."""


class Unsupported(Exception):
    """A schema refers to itself in place, or is no schema: nobody can say what it accepts."""


class Root:
    """One whole schema with its references made absolute."""

    def __init__(self, schema: Any) -> None:
        self.schema = absolute(schema)
        self._closures: dict[str, frozenset[str]] = {}
        self._references: dict[int, frozenset[str]] = {}

    def references(self, node: Any) -> frozenset[str]:
        """Return every reference in a part of this schema that stays inside of it."""
        if not isinstance(node, dict | list):
            return frozenset()
        known = self._references.get(id(node))
        if known is None:
            known = self._references[id(node)] = self._collected(node)
        return known

    def _collected(self, node: dict[str, Any] | list[Any]) -> frozenset[str]:
        if isinstance(node, list):
            return frozenset[str]().union(*(self.references(item) for item in node))
        return self.among(node)

    def among(self, node: dict[str, Any]) -> frozenset[str]:
        """Return the references of a copy of some keywords of a part of this schema."""
        found: set[str] = set()
        for key, value in node.items():
            if key in {"$ref", "$dynamicRef"}:
                if isinstance(value, str) and value.startswith("#"):
                    found.add(value)
            elif key not in {"$defs", "const", "enum"}:
                found |= self.references(value)
        return frozenset(found)

    @property
    def text(self) -> str:
        """The whole schema, to tell it from others."""
        return json.dumps(self.schema, sort_keys=True, default=str)

    def target(self, reference: str) -> Any:
        """Return the schema that a reference inside of this root leads to."""
        return resolve(self.schema, reference[1:])

    def closure(self, pointer: str) -> frozenset[str]:
        """Return every pointer that a reference leads to, directly or on the way."""
        if pointer not in self._closures:
            found = {pointer}
            todo = [pointer]
            while todo:
                for other in self.references(resolve(self.schema, todo.pop()[1:])):
                    if other not in found:
                        found.add(other)
                        todo.append(other)
            self._closures[pointer] = frozenset(found)
        return self._closures[pointer]


class Node:
    """One schema, without what does not validate. `root` resolves its references."""

    __slots__ = ("number", "root", "schema")

    def __init__(self, number: int, schema: dict[str, Any], root: Root) -> None:
        self.number = number
        self.schema = schema
        self.root = root


class Universe:
    """All schemas of one comparison."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._nodes: dict[int, Node] = {}
        self._inside: dict[tuple[int, int], int] = {}
        self._texts: dict[tuple[int, str], str] = {}
        self._nowhere = Root({})
        self._roots = [self._nowhere]

    def node(self, goal: int) -> Node:
        """Return the schema behind a goal other than TRUE and FALSE."""
        return self._nodes[abs(goal)]

    def root(self, schema: Any) -> int:
        """Take in a whole schema and return its goal."""
        root = Root(schema)
        self._roots.append(root)
        return self.goal(root.schema, root)

    def synthetic(self, schema: Any) -> int:
        """Take in a schema without references and return its goal."""
        return self.goal(schema, self._nowhere)

    def either(self, left: int, right: int) -> int:
        """Return the goal "left or right" of two goals."""
        if TRUE in (left, right):
            return TRUE
        if FALSE in (left, right):
            return left if right == FALSE else right
        return self._number(("either", *sorted((left, right))), {EITHER: (left, right)}, None)

    def goal(self, schema: Any, root: Root) -> int:
        """Return the goal of a schema inside `root`. Raises Unsupported."""
        if root is self._nowhere or not isinstance(schema, dict):
            return self._goal(schema, root, ())
        # What lies inside of a root lives as long as this universe, so its identity tells it;
        # two roots may share a part, and mean something else by its references.
        key = (id(root), id(schema))
        known = self._inside.get(key)
        if known is None:
            known = self._inside[key] = self._goal(schema, root, ())
        return known

    def _goal(self, schema: Any, root: Root, seen: tuple[str, ...]) -> int:
        if isinstance(schema, bool):
            return TRUE if schema else FALSE
        if not isinstance(schema, dict):
            raise Unsupported
        kept = {key: value for key, value in schema.items() if key in KEYWORDS}
        if not kept:
            return TRUE
        if len(kept) == 1:
            single = self._single(kept, root, seen)
            if single is not None:
                return single
        return self._number(self._key(kept, root), kept, root)

    def _single(self, kept: dict[str, Any], root: Root, seen: tuple[str, ...]) -> int | None:
        """Return what a schema of one keyword is the same as."""
        ((keyword, value),) = kept.items()
        if keyword == "not":
            inner = self._goal(value, root, seen)
            # "not not" stays as it is: unlike what is inside of it, it evaluates no property.
            return -inner if inner >= FALSE else None
        if keyword in {"allOf", "anyOf", "oneOf"} and len(value) == 1:
            return self._goal(value[0], root, seen)
        if keyword == "$ref" and value.startswith("#"):
            if value in seen:
                raise Unsupported
            return self._goal(resolve(root.schema, value[1:]), root, (*seen, value))
        return None

    def _key(self, kept: dict[str, Any], root: Root) -> Any:
        text = json.dumps(kept, sort_keys=True, default=str)
        if '"$ref"' not in text and '"$dynamicRef"' not in text:
            return (text,)
        pointers: set[str] = set()
        for reference in root.among(kept):
            pointers |= root.closure(reference)
        return text, *((pointer, self._target(root, pointer)) for pointer in sorted(pointers))

    def _target(self, root: Root, pointer: str) -> str:
        key = (id(root), pointer)
        if key not in self._texts:
            target = resolve(root.schema, pointer[1:])
            if isinstance(target, dict):
                target = {name: value for name, value in target.items() if name in KEYWORDS}
            self._texts[key] = json.dumps(target, sort_keys=True, default=str)
        return self._texts[key]

    def _number(self, key: Any, schema: dict[str, Any], root: Root | None) -> int:
        if key not in self._numbers:
            number = len(self._numbers) + 2
            self._numbers[key] = number
            self._nodes[number] = Node(number, schema, root or self._nowhere)
        return self._numbers[key]


def fixed_values(schema: dict[str, Any]) -> list[list[Any]]:
    """Return the values that `enum` and `const` allow, a list for each."""
    found = [schema["enum"]] if "enum" in schema else []
    return [*found, [schema["const"]]] if "const" in schema else found
