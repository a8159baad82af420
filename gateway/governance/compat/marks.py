"""Sees at a glance that two schemas of objects exclude each other: by the values they fix."""

from typing import Any

import msgspec

from gateway.governance.compat.universe import Universe, fixed_values
from gateway.governance.compat.values import canonical

__all__ = ["Marks", "apart", "marks"]

_DEPTH = 5


class Marks(msgspec.Struct, frozen=True):
    """The names an object has to have, and the few values (as keys) of some of its properties."""

    required: frozenset[str] = frozenset()
    fixed: dict[str, frozenset[Any]] = {}


def apart(one: Marks, other: Marks, required: frozenset[str]) -> bool:
    """Tell whether no object with the `required` names can fit both; False where nobody sees it."""
    needed = one.required | other.required | required
    shared = one.fixed.keys() & other.fixed.keys() & needed
    return any(not one.fixed[name] & other.fixed[name] for name in shared)


def marks(universe: Universe, goal: int, depth: int = _DEPTH) -> Marks:
    """Return what a goal says plainly, in itself or in what it refers to or composes with allOf."""
    if goal <= 1 or depth == 0:
        return Marks()
    node = universe.node(goal)
    schema = node.schema
    required, fixed = set(schema.get("required", ())), {}
    for name, part in schema.get("properties", {}).items():
        values = _values(universe, universe.goal(part, node.root))
        if values is not None:
            fixed[name] = values
    parts = [universe.goal(part, node.root) for part in schema.get("allOf", ())]
    if schema.get("$ref", "").startswith("#"):
        parts.append(universe.goal(node.root.target(schema["$ref"]), node.root))
    for inner in (marks(universe, part, depth - 1) for part in parts):
        required |= inner.required
        fixed |= {n: v & fixed.get(n, v) for n, v in inner.fixed.items()}
    return Marks(frozenset(required), fixed)


def _values(universe: Universe, goal: int) -> frozenset[Any] | None:
    if goal <= 1:
        return None
    sets = fixed_values(universe.node(goal).schema)
    return frozenset(canonical(value) for value in sets[0]) if sets else None
