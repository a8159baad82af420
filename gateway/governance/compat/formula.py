"""Says what is asked of one value of one JSON type: atoms, joined by all-of and any-of.

A *goal* is a number that names a schema (see `universe`); its negative is "not that schema".
Negation is pushed inwards at once: every atom knows its opposite, so there is no `Not`.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

__all__ = [
    "FALSE",
    "TRUE",
    "All",
    "AllOf",
    "Among",
    "AnyOf",
    "At",
    "AtLeast",
    "AtMost",
    "Atom",
    "Formula",
    "From",
    "Holds",
    "Keys",
    "Matches",
    "Multiple",
    "Named",
    "Opaque",
    "Required",
    "Size",
    "SomeItem",
    "SomeKey",
    "Unique",
    "Upper",
    "all_of",
    "any_of",
    "negate",
]

TRUE = 1
"""The goal that every value reaches."""
FALSE = -1
"""The goal that no value reaches."""


class Atom(msgspec.Struct, frozen=True, cache_hash=True):
    """One thing asked of the value."""


class Among(Atom, frozen=True, cache_hash=True):
    """Is one of the values (by their canonical keys), or none of them."""

    keys: frozenset[Any]
    inside: bool = True


class Opaque(Atom, frozen=True, cache_hash=True):
    """What the prover cannot look into; closes only against its own opposite."""

    key: str
    positive: bool = True


class Matches(Atom, frozen=True, cache_hash=True):
    """A text that the pattern finds something in, or not."""

    pattern: str
    positive: bool = True


class Holds(Atom, frozen=True, cache_hash=True):
    """A text of this format, or not."""

    format: str
    positive: bool = True


class Size(Atom, frozen=True, cache_hash=True):
    """Characters of a text, items of an array or properties of an object: low to high."""

    low: int
    high: int | None


class Upper(Atom, frozen=True, cache_hash=True):
    """A number at most `bound` (`sign` 1) or at least it (`sign` -1); `strict` leaves it out.

    `bound` is a Fraction.
    """

    bound: Any
    strict: bool
    sign: int = 1


class Multiple(Atom, frozen=True, cache_hash=True):
    """A number that is a whole multiple of `step` (a Fraction), or not."""

    step: Any
    positive: bool = True


class Required(Atom, frozen=True, cache_hash=True):
    """An object that has the property."""

    name: str


class Named(Atom, frozen=True, cache_hash=True):
    """An object whose property, if it is there, reaches the goal."""

    name: str
    goal: int


class Keys(msgspec.Struct, frozen=True, cache_hash=True):
    """Which names are meant: not `outside`, as `patterns` say, and reaching `goal`."""

    outside: frozenset[str] = frozenset()
    patterns: tuple[tuple[str, bool], ...] = ()
    goal: int = TRUE


class All(Atom, frozen=True, cache_hash=True):
    """An object in which every property of these names reaches the goal."""

    keys: Keys
    goal: int


class SomeKey(Atom, frozen=True, cache_hash=True):
    """An object in which at least one property of these names reaches the goal."""

    keys: Keys
    goal: int


class At(Atom, frozen=True, cache_hash=True):
    """An array whose item at `index`, if it is there, reaches the goal."""

    index: int
    goal: int


class From(Atom, frozen=True, cache_hash=True):
    """An array whose items from `index` on reach the goal."""

    index: int
    goal: int


class SomeItem(Atom, frozen=True, cache_hash=True):
    """An array of which at least one item from `index` on reaches the goal."""

    index: int
    goal: int


class AtLeast(Atom, frozen=True, cache_hash=True):
    """An array of which so many items reach the goal (two or more; one is SomeItem)."""

    count: int
    goal: int


class AtMost(Atom, frozen=True, cache_hash=True):
    """An array of which no more than so many items reach the goal (one or more)."""

    count: int
    goal: int


class Unique(Atom, frozen=True, cache_hash=True):
    """An array without two equal items, or with two."""

    positive: bool = True


class AllOf(msgspec.Struct, frozen=True, cache_hash=True):
    """Every part holds."""

    parts: tuple["Formula", ...]


class AnyOf(msgspec.Struct, frozen=True, cache_hash=True):
    """One part holds at least."""

    parts: tuple["Formula", ...]


Formula = bool | Atom | AllOf | AnyOf


def all_of(parts: Iterable[Formula]) -> Formula:
    """Join by "and": flat, without repetitions, False as soon as one part is."""
    kept: dict[Formula, None] = {}
    for part in parts:
        if part is False:
            return False
        if isinstance(part, AllOf):
            kept.update(dict.fromkeys(part.parts))
        elif part is not True:
            kept[part] = None
    if not kept:
        return True
    return next(iter(kept)) if len(kept) == 1 else AllOf(tuple(kept))


def any_of(parts: Iterable[Formula]) -> Formula:
    """Join by "or": flat, without repetitions, True as soon as one part is."""
    kept: dict[Formula, None] = {}
    for part in parts:
        if part is True:
            return True
        if isinstance(part, AnyOf):
            kept.update(dict.fromkeys(part.parts))
        elif part is not False:
            kept[part] = None
    if not kept:
        return False
    return next(iter(kept)) if len(kept) == 1 else AnyOf(tuple(kept))


def negate(formula: Formula) -> Formula:
    """Return the formula that holds exactly where this one does not."""
    match formula:
        case bool():
            return not formula
        case AllOf(parts):
            return any_of(negate(part) for part in parts)
        case AnyOf(parts):
            return all_of(negate(part) for part in parts)
        case _:
            opposite: Formula = _OPPOSITES[type(formula)](formula)
            return opposite


def _size(atom: Any) -> Formula:
    below = Size(0, atom.low - 1) if atom.low > 0 else False
    above = Size(atom.high + 1, None) if atom.high is not None else False
    return any_of((below, above))


def _named(atom: Any) -> Formula:
    if atom.goal == FALSE:
        return Required(atom.name)
    return all_of((Required(atom.name), Named(atom.name, -atom.goal)))


def _at(atom: Any) -> Formula:
    there = Size(atom.index + 1, None)
    return there if atom.goal == FALSE else all_of((there, At(atom.index, -atom.goal)))


def _from(atom: Any) -> Formula:
    if atom.goal == FALSE:
        return Size(atom.index + 1, None)
    return SomeItem(atom.index, -atom.goal)


def _some_item(atom: Any) -> Formula:
    return From(atom.index, -atom.goal)


def _at_least(atom: Any) -> Formula:
    return AtMost(atom.count - 1, atom.goal)


def _at_most(atom: Any) -> Formula:
    return AtLeast(atom.count + 1, atom.goal)


_OPPOSITES: dict[type, Any] = {
    Among: lambda atom: Among(atom.keys, not atom.inside),
    Opaque: lambda atom: Opaque(atom.key, not atom.positive),
    Matches: lambda atom: Matches(atom.pattern, not atom.positive),
    Holds: lambda atom: Holds(atom.format, not atom.positive),
    Size: _size,
    Upper: lambda atom: Upper(atom.bound, not atom.strict, -atom.sign),
    Multiple: lambda atom: Multiple(atom.step, not atom.positive),
    Required: lambda atom: Named(atom.name, FALSE),
    Named: _named,
    All: lambda atom: SomeKey(atom.keys, -atom.goal),
    SomeKey: lambda atom: All(atom.keys, -atom.goal),
    At: _at,
    From: _from,
    SomeItem: _some_item,
    AtLeast: _at_least,
    AtMost: _at_most,
    Unique: lambda atom: Unique(not atom.positive),
}
