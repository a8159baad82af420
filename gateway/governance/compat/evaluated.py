"""Finds what a schema and its in-place parts evaluate, which is what `unevaluated*` leaves.

It depends on which branches hold, so the answer is a list of cases that exclude each other and
leave nothing out (as far as the schema's other keywords hold): conditions, and what is evaluated
under them. A branch that evaluates nothing makes no case of its own.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.governance.compat.universe import Node, Universe, Unsupported

__all__ = ["Evaluated", "evaluated_items", "evaluated_names"]

_MAX_CASES = 96


class Evaluated(msgspec.Struct, frozen=True, kw_only=True):
    """One case. `conditions` are goals of the whole value, `present` names that are there or not.

    Of an object `names` and what matches `patterns` are evaluated; of an array the items before
    `first` and those that reach one of `contained`. `everything`: nothing is left over.
    """

    conditions: tuple[int, ...] = ()
    present: tuple[tuple[str, bool], ...] = ()
    everything: bool = False
    names: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()
    first: int = 0
    contained: tuple[int, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether nothing is evaluated."""
        return not (self.everything or self.names or self.patterns or self.first or self.contained)


Own = Callable[[Universe, Node], Evaluated]
Cases = list[Evaluated]


def evaluated_names(universe: Universe, node: Node) -> Cases:
    """Return the cases for `unevaluatedProperties` of a schema. Raises Unsupported."""
    return _cases(universe, node, _own_names, "unevaluatedProperties", 0)


def evaluated_items(universe: Universe, node: Node) -> Cases:
    """Return the cases for `unevaluatedItems` of a schema. Raises Unsupported."""
    return _cases(universe, node, _own_items, "unevaluatedItems", 0)


def _own_names(_: Universe, node: Node) -> Evaluated:
    schema = node.schema
    if "additionalProperties" in schema:
        return Evaluated(everything=True)
    return Evaluated(
        names=frozenset(schema.get("properties", {})),
        patterns=frozenset(schema.get("patternProperties", {})),
    )


def _own_items(universe: Universe, node: Node) -> Evaluated:
    schema = node.schema
    if "items" in schema:
        return Evaluated(everything=True)
    contained = (universe.goal(schema["contains"], node.root),) if "contains" in schema else ()
    return Evaluated(first=len(schema.get("prefixItems", ())), contained=contained)


def _cases(universe: Universe, node: Node, own: Own, outer: str, depth: int) -> Cases:
    """Return the cases of a node; `outer` is the keyword asked for, which a part may have too."""
    if depth > 30 or "$dynamicRef" in node.schema:
        raise Unsupported
    if depth and outer in node.schema:
        return [Evaluated(everything=True)]
    found = [own(universe, node)]

    def inner(schema: Any) -> Cases:
        return _goal_cases(universe, universe.goal(schema, node.root), own, outer, depth + 1)

    for more in _in_place(universe, node, inner):
        found = _product(found, more)
    return found


def _goal_cases(universe: Universe, goal: int, own: Own, outer: str, depth: int) -> Cases:
    """A goal that is TRUE, FALSE or a negation evaluates nothing."""
    if goal <= 1:
        return [Evaluated()]
    return _cases(universe, universe.node(goal), own, outer, depth)


def _in_place(universe: Universe, node: Node, inner: Callable[[Any], Cases]) -> list[Cases]:
    schema = node.schema
    found: list[Cases] = []
    if "$ref" in schema:
        if not schema["$ref"].startswith("#"):
            raise Unsupported
        found.append(inner(node.root.target(schema["$ref"])))
    found += [inner(part) for part in schema.get("allOf", ())]
    goals = [(universe.goal(part, node.root), inner(part)) for part in schema.get("anyOf", ())]
    if goals:
        found += [_whether(goal, cases) for goal, cases in goals]
    branches = [(universe.goal(part, node.root), inner(part)) for part in schema.get("oneOf", ())]
    if branches:
        found.append(_which(branches))
    if "if" in schema:
        found.append(_conditional(universe, node, inner))
    for name, part in schema.get("dependentSchemas", {}).items():
        absent = Evaluated(present=((name, False),))
        found.append([absent, *_given(inner(part), present=((name, True),))])
    return [cases for cases in found if not _empty(cases)]


def _empty(cases: Cases) -> bool:
    return all(case.nothing for case in cases)


def _given(
    cases: Cases,
    conditions: tuple[int, ...] = (),
    present: tuple[tuple[str, bool], ...] = (),
) -> Cases:
    return [
        msgspec.structs.replace(
            case, conditions=case.conditions + conditions, present=case.present + present
        )
        for case in cases
    ]


def _whether(goal: int, cases: Cases) -> Cases:
    return [Evaluated(conditions=(-goal,)), *_given(cases, (goal,))]


def _which(branches: list[tuple[int, Cases]]) -> Cases:
    """Return a case for each branch of a `oneOf` that evaluates something, and one for the rest."""
    telling = [(goal, cases) for goal, cases in branches if not _empty(cases)]
    found = [Evaluated(conditions=tuple(-goal for goal, _ in telling))]
    for goal, cases in telling:
        found += _given(cases, (goal, *(-other for other, _ in telling if other != goal)))
    return found


def _conditional(universe: Universe, node: Node, inner: Callable[[Any], Cases]) -> Cases:
    schema = node.schema
    goal = universe.goal(schema["if"], node.root)
    then = _product(inner(schema["if"]), inner(schema.get("then", True)))
    return [*_given(then, (goal,)), *_given(inner(schema.get("else", True)), (-goal,))]


def _product(left: Cases, right: Cases) -> Cases:
    if len(left) * len(right) > _MAX_CASES:
        raise Unsupported
    return [_both(one, other) for one in left for other in right]


def _both(one: Evaluated, other: Evaluated) -> Evaluated:
    return Evaluated(
        conditions=one.conditions + other.conditions,
        present=one.present + other.present,
        everything=one.everything or other.everything,
        names=one.names | other.names,
        patterns=one.patterns | other.patterns,
        first=max(one.first, other.first),
        contained=one.contained + other.contained,
    )
