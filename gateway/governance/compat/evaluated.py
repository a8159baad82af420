"""Finds what a schema and its in-place parts evaluate, which is what `unevaluated*` leaves.

It depends on which branches hold, so the answer is a list of cases that exclude each other and
leave nothing out (as far as the schema's other keywords hold): conditions, and what is evaluated
under them. A branch that evaluates nothing makes no case of its own.
"""

from collections.abc import Callable, Iterable
from itertools import combinations
from typing import Any

import msgspec

from gateway.governance.compat.marks import Marks, apart, marks
from gateway.governance.compat.universe import Node, Universe, Unsupported

__all__ = ["Evaluated", "evaluated_items", "evaluated_names"]

_MAX_CASES = 600


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
    return _Finder(universe, node, _own_names, "unevaluatedProperties").cases(node, 0)


def evaluated_items(universe: Universe, node: Node) -> Cases:
    """Return the cases for `unevaluatedItems` of a schema. Raises Unsupported."""
    return _Finder(universe, node, _own_items, "unevaluatedItems").cases(node, 0)


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


class _Finder:
    """Collects the cases of one node; `outer` is the keyword asked for, which parts may have too."""

    def __init__(self, universe: Universe, node: Node, own: Own, outer: str) -> None:
        self.universe = universe
        self.own = own
        self.outer = outer
        self._objects = own is _own_names
        self._required = marks(universe, node.number).required if self._objects else frozenset()
        self._marks: dict[int, Marks] = {}

    def cases(self, node: Node, depth: int) -> Cases:
        """Return the cases of a node at a depth of parts in parts."""
        if depth > 30 or "$dynamicRef" in node.schema:
            raise Unsupported
        if depth and self.outer in node.schema:
            return [Evaluated(everything=True)]
        found = [self.own(self.universe, node)]
        for more in self._in_place(node, depth + 1):
            found = self._product(found, more)
        return found

    def _part(self, node: Node, schema: Any, depth: int) -> tuple[int, Cases]:
        """Return a part's goal and cases; one that is TRUE, FALSE or a negation evaluates nothing."""
        goal = self.universe.goal(schema, node.root)
        cases = self.cases(self.universe.node(goal), depth) if goal > 1 else [Evaluated()]
        return goal, cases

    def _in_place(self, node: Node, depth: int) -> list[Cases]:
        schema = node.schema
        found: list[Cases] = []
        if "$ref" in schema:
            if not schema["$ref"].startswith("#"):
                raise Unsupported
            found.append(self._part(node, node.root.target(schema["$ref"]), depth)[1])
        found += [self._part(node, part, depth)[1] for part in schema.get("allOf", ())]
        for part in schema.get("anyOf", ()):
            goal, cases = self._part(node, part, depth)
            found.append([Evaluated(conditions=(-goal,)), *_given(cases, (goal,))])
        if "oneOf" in schema:
            found.append(_which([self._part(node, part, depth) for part in schema["oneOf"]]))
        if "if" in schema:
            found.append(self._conditional(node, depth))
        for name, part in schema.get("dependentSchemas", {}).items():
            absent = Evaluated(present=((name, False),))
            there = _given(self._part(node, part, depth)[1], present=((name, True),))
            found.append([absent, *there])
        return [cases for cases in found if not _empty(cases)]

    def _conditional(self, node: Node, depth: int) -> Cases:
        schema = node.schema
        goal, held = self._part(node, schema["if"], depth)
        then = self._product(held, self._part(node, schema.get("then", True), depth)[1])
        other = self._part(node, schema.get("else", True), depth)[1]
        return [*_given(then, (goal,)), *_given(other, (-goal,))]

    def _product(self, left: Cases, right: Cases) -> Cases:
        """Return the cases of both together, without those that exclude themselves."""
        found: Cases = []
        for one in left:
            for other in right:
                both = self._both(one, other)
                if both is not None:
                    found.append(both)
                if len(found) > _MAX_CASES:
                    raise Unsupported
        return found

    def _both(self, one: Evaluated, other: Evaluated) -> Evaluated | None:
        conditions = self._conditions(dict.fromkeys((*one.conditions, *other.conditions)))
        if conditions is None:
            return None
        return Evaluated(
            conditions=conditions,
            present=one.present + other.present,
            everything=one.everything or other.everything,
            names=one.names | other.names,
            patterns=one.patterns | other.patterns,
            first=max(one.first, other.first),
            contained=one.contained + other.contained,
        )

    def _conditions(self, goals: Iterable[int]) -> tuple[int, ...] | None:
        """Return conditions without those that others imply; None where two exclude each other."""
        held = [goal for goal in goals if goal > 0]
        if any(self._apart(one, other) for one, other in combinations(held, 2)):
            return None
        kept = [g for g in goals if g > 0 or not any(self._apart(-g, one) for one in held)]
        return None if any(-goal in held for goal in kept) else tuple(kept)

    def _apart(self, one: int, other: int) -> bool:
        return self._objects and apart(self._seen(one), self._seen(other), self._required)

    def _seen(self, goal: int) -> Marks:
        if goal not in self._marks:
            self._marks[goal] = marks(self.universe, goal)
        return self._marks[goal]


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


def _which(branches: list[tuple[int, Cases]]) -> Cases:
    """Return a case for each branch of a `oneOf` that evaluates something, and one for the rest."""
    telling = [(goal, cases) for goal, cases in branches if not _empty(cases)]
    found = [Evaluated(conditions=tuple(-goal for goal, _ in telling))]
    for goal, cases in telling:
        found += _given(cases, (goal, *(-other for other, _ in telling if other != goal)))
    return found
