"""Writes what a schema asks of a value of one kind as a formula: keyword by keyword.

Keywords for other kinds say nothing and vanish here, so `{"maxLength": 5}` asks nothing of a
number. References and compositions apply in place and are written out; what applies to a part of
the value stays a goal. Source of each meaning: draft-bhutton-json-schema-validation-01.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

from gateway.governance.compat.evaluated import Evaluated, evaluated_items, evaluated_names
from gateway.governance.compat.formula import (
    FALSE,
    TRUE,
    All,
    Among,
    At,
    AtLeast,
    AtMost,
    Formula,
    From,
    Holds,
    Keys,
    Matches,
    Multiple,
    Named,
    Opaque,
    Required,
    Size,
    SomeItem,
    Unique,
    Upper,
    all_of,
    any_of,
    negate,
)
from gateway.governance.compat.kinds import Kind
from gateway.governance.compat.regex import conjuncts
from gateway.governance.compat.universe import (
    EITHER,
    Node,
    Universe,
    Unsupported,
    fixed_values,
)
from gateway.governance.compat.values import canonical, exact, kind_of

__all__ = ["Expander"]

Pair = tuple[Formula, Formula]
"""What a schema asks, and what its opposite asks."""

KNOWN_FORMATS = frozenset({
    "base64-json", "date", "date-time", "duration", "email", "hostname", "idn-email", "idn-hostname", "ipv4",
    "ipv6", "iri", "iri-reference", "json-pointer", "json-text", "regex", "relative-json-pointer", "time",
    "uri", "uri-reference", "uri-template", "uuid",
})  # fmt: skip
"""The formats that are checked; another one says nothing."""


class Expander:
    """Formulas of the schemas of one universe, each computed once."""

    def __init__(self, universe: Universe) -> None:
        self.universe = universe
        self._pairs: dict[tuple[int, Kind], Pair] = {}
        self._open: set[tuple[int, Kind]] = set()

    def formula(self, goal: int, kind: Kind) -> Formula:
        """Return what `goal` asks of a value of `kind`. Raises Unsupported."""
        if goal in (TRUE, FALSE):
            return goal == TRUE
        pair = self._pair(abs(goal), kind)
        return pair[0] if goal > 0 else pair[1]

    def _pair(self, number: int, kind: Kind) -> Pair:
        key = (number, kind)
        if key not in self._pairs:
            if key in self._open:
                raise Unsupported
            self._open.add(key)
            try:
                self._pairs[key] = self._computed(self.universe.node(number), kind)
            finally:
                self._open.discard(key)
        return self._pairs[key]

    def _computed(self, node: Node, kind: Kind) -> Pair:
        if EITHER in node.schema:
            left, right = node.schema[EITHER]
            either = any_of((self.formula(left, kind), self.formula(right, kind)))
            neither = all_of((self.formula(-left, kind), self.formula(-right, kind)))
            return either, neither
        if _typed(node.schema, kind) == (False, True):
            return False, True
        pairs = list(self._keywords(node, kind))
        return all_of(pair[0] for pair in pairs), any_of(pair[1] for pair in pairs)

    def _keywords(self, node: Node, kind: Kind) -> Iterator[Pair]:
        schema = node.schema
        yield _typed(schema, kind)
        yield from (_both(found) for found in _fixed(schema, kind))
        yield from self._in_place(node, kind)
        for keyword, write in _BY_KIND.get(kind, {}).items():
            if keyword in schema:
                yield _both(write(self, node, schema[keyword]))
        if kind is Kind.OBJECT and "unevaluatedProperties" in schema:
            yield self._unevaluated(node, kind, "unevaluatedProperties")
        if kind is Kind.ARRAY and "unevaluatedItems" in schema:
            yield self._unevaluated(node, kind, "unevaluatedItems")

    def inside(self, node: Node, schema: Any) -> int:
        """Return the goal of a schema that stands inside a node's."""
        return self.universe.goal(schema, node.root)

    def _in_place(self, node: Node, kind: Kind) -> Iterator[Pair]:
        schema = node.schema
        for keyword in ("$ref", "$dynamicRef"):
            if keyword in schema:
                yield self._reference(node, keyword, kind)
        yield from self._compositions(node, kind)
        if "not" in schema:
            positive, negative = self._at(node, schema["not"], kind)
            yield negative, positive
        if "if" in schema and ("then" in schema or "else" in schema):
            yield self._conditional(node, kind)
        if kind is Kind.OBJECT:
            yield from self._dependent(node)

    def _compositions(self, node: Node, kind: Kind) -> Iterator[Pair]:
        schema = node.schema
        yield from (self._at(node, part, kind) for part in schema.get("allOf", ()))
        if "anyOf" in schema:
            pairs = [self._at(node, part, kind) for part in schema["anyOf"]]
            yield any_of(pair[0] for pair in pairs), all_of(pair[1] for pair in pairs)
        if "oneOf" in schema:
            yield _exactly_one([self._at(node, part, kind) for part in schema["oneOf"]])

    def _dependent(self, node: Node) -> Iterator[Pair]:
        for name, part in node.schema.get("dependentSchemas", {}).items():
            positive, negative = self._at(node, part, Kind.OBJECT)
            yield (
                any_of((Named(name, FALSE), positive)),
                all_of((Required(name), negative)),
            )

    def _at(self, node: Node, schema: Any, kind: Kind) -> Pair:
        goal = self.inside(node, schema)
        return self.formula(goal, kind), self.formula(-goal, kind)

    def _reference(self, node: Node, keyword: str, kind: Kind) -> Pair:
        target = node.schema[keyword]
        if keyword == "$ref" and target.startswith("#"):
            return self._at(node, node.root.target(target), kind)
        key = target if "://" in target else f"{target} in {node.root.text}"
        return Opaque(key), Opaque(key, positive=False)

    def _conditional(self, node: Node, kind: Kind) -> Pair:
        holds, fails = self._at(node, node.schema["if"], kind)
        then, not_then = self._at(node, node.schema.get("then", True), kind)
        other, not_other = self._at(node, node.schema.get("else", True), kind)
        positive = any_of((all_of((holds, then)), all_of((fails, other))))
        return positive, any_of((all_of((holds, not_then)), all_of((fails, not_other))))

    def _unevaluated(self, node: Node, kind: Kind, keyword: str) -> Pair:
        goal = self.inside(node, node.schema[keyword])
        positive: list[Formula] = []
        negative: list[Formula] = []
        find = evaluated_names if kind is Kind.OBJECT else evaluated_items
        for case in find(self.universe, node):
            if kind is Kind.ARRAY and any(present for _, present in case.present):
                continue
            condition = all_of(self.formula(part, kind) for part in case.conditions)
            condition = all_of((condition, *_presence(kind, case.present)))
            rest = _rest(self.universe, case, goal, kind)
            positive.append(all_of((condition, rest)))
            negative.append(all_of((condition, negate(rest))))
        return any_of(positive), any_of(negative)


def _presence(kind: Kind, present: tuple[tuple[str, bool], ...]) -> list[Formula]:
    """Say which names are there; what depends on one applies to objects only."""
    if kind is not Kind.OBJECT:
        return []
    return [Required(name) if there else Named(name, FALSE) for name, there in present]


def _rest(universe: Universe, case: Evaluated, goal: int, kind: Kind) -> Formula:
    """Say that what was not evaluated reaches the goal."""
    if case.everything or goal == TRUE:
        return True
    if kind is Kind.OBJECT:
        patterns = tuple((pattern, False) for pattern in sorted(case.patterns))
        return All(Keys(case.names, patterns), goal)
    for contained in case.contained:
        goal = universe.either(goal, contained)
    return True if goal == TRUE else From(case.first, goal)


def _both(formula: Formula) -> Pair:
    return formula, negate(formula)


def _exactly_one(pairs: list[Pair]) -> Pair:
    positive = any_of(
        all_of((pair[0], *(other[1] for at, other in enumerate(pairs) if at != index)))
        for index, pair in enumerate(pairs)
    )
    two = (all_of((left[0], right[0])) for left, right in combinations(pairs, 2))
    none = all_of(pair[1] for pair in pairs)
    return positive, any_of((none, *two))


def _typed(schema: dict[str, Any], kind: Kind) -> Pair:
    types = schema.get("type")
    if types is None:
        return True, False
    types = [types] if isinstance(types, str) else types
    if kind.value in types:
        return True, False
    if kind is Kind.NUMBER and "integer" in types:
        return Multiple(exact(1)), Multiple(exact(1), positive=False)
    return False, True


def _fixed(schema: dict[str, Any], kind: Kind) -> Iterator[Formula]:
    for values in fixed_values(schema):
        keys = frozenset(canonical(value) for value in values if kind_of(value) is kind)
        yield Among(keys) if keys else False


Write = Callable[[Expander, Node, Any], Formula]


def _low(_: Expander, __: Node, bound: Any) -> Formula:
    return Size(int(bound), None) if bound > 0 else True


def _high(_: Expander, __: Node, bound: Any) -> Formula:
    return Size(0, int(bound))


def _pattern(_: Expander, __: Node, pattern: str) -> Formula:
    return all_of(Matches(part, positive) for part, positive in conjuncts(pattern))


def _format(_: Expander, __: Node, name: Any) -> Formula:
    return Holds(name) if name in KNOWN_FORMATS else True


def _bound(sign: int, *, strict: bool) -> Write:
    def write(_: Expander, __: Node, bound: Any) -> Formula:
        return Upper(exact(bound), strict, sign)

    return write


def _multiple(_: Expander, __: Node, step: Any) -> Formula:
    return Multiple(exact(step))


def _required(_: Expander, __: Node, names: list[str]) -> Formula:
    return all_of(Required(name) for name in names)


def _properties(expander: Expander, node: Node, parts: dict[str, Any]) -> Formula:
    return all_of(_named(name, expander.inside(node, part)) for name, part in parts.items())


def _named(name: str, goal: int) -> Formula:
    return Named(name, goal) if goal != TRUE else True


def _every(keys: Keys, goal: int) -> Formula:
    return All(keys, goal) if goal != TRUE else True


def _pattern_properties(expander: Expander, node: Node, parts: dict[str, Any]) -> Formula:
    return all_of(
        _every(Keys(patterns=((pattern, True),)), expander.inside(node, part))
        for pattern, part in parts.items()
    )


def _additional(expander: Expander, node: Node, part: Any) -> Formula:
    patterns = sorted(node.schema.get("patternProperties", {}))
    keys = Keys(
        frozenset(node.schema.get("properties", {})),
        tuple((pattern, False) for pattern in patterns),
    )
    return _every(keys, expander.inside(node, part))


def _property_names(expander: Expander, node: Node, part: Any) -> Formula:
    goal = expander.inside(node, part)
    return All(Keys(goal=-goal), FALSE) if goal != TRUE else True


def _dependent_required(_: Expander, __: Node, parts: dict[str, list[str]]) -> Formula:
    return all_of(
        any_of((Named(name, FALSE), all_of(Required(other) for other in others)))
        for name, others in parts.items()
    )


def _prefix(expander: Expander, node: Node, parts: list[Any]) -> Formula:
    goals = [expander.inside(node, part) for part in parts]
    return all_of(At(index, goal) for index, goal in enumerate(goals) if goal != TRUE)


def _items(expander: Expander, node: Node, part: Any) -> Formula:
    first = len(node.schema.get("prefixItems", ()))
    goal = expander.inside(node, part)
    return _from(first, goal)


def _from(first: int, goal: int) -> Formula:
    if goal == FALSE:
        return Size(0, first)
    return From(first, goal) if goal != TRUE else True


def _contains(expander: Expander, node: Node, part: Any) -> Formula:
    goal = expander.inside(node, part)
    least = int(node.schema.get("minContains", 1))
    most = node.schema.get("maxContains")
    found: list[Formula] = []
    if least == 1:
        found.append(SomeItem(0, goal))
    elif least > 1:
        found.append(AtLeast(least, goal))
    if most is not None:
        found.append(AtMost(int(most), goal) if most > 0 else _from(0, -goal))
    return all_of(found)


def _unique(_: Expander, __: Node, wanted: bool) -> Formula:  # noqa: FBT001  the keyword's value
    return Unique() if wanted else True


_BY_KIND: dict[Kind, dict[str, Write]] = {
    Kind.STRING: {
        "minLength": _low,
        "maxLength": _high,
        "pattern": _pattern,
        "format": _format,
    },
    Kind.NUMBER: {
        "minimum": _bound(-1, strict=False),
        "maximum": _bound(1, strict=False),
        "exclusiveMinimum": _bound(-1, strict=True),
        "exclusiveMaximum": _bound(1, strict=True),
        "multipleOf": _multiple,
    },
    Kind.OBJECT: {
        "required": _required,
        "properties": _properties,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional,
        "propertyNames": _property_names,
        "dependentRequired": _dependent_required,
        "minProperties": _low,
        "maxProperties": _high,
    },
    Kind.ARRAY: {
        "prefixItems": _prefix,
        "items": _items,
        "contains": _contains,
        "minItems": _low,
        "maxItems": _high,
        "uniqueItems": _unique,
    },
}
