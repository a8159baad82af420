"""Finds objects: which names must, may and cannot be there, and what their values have to reach.

The names that some atom mentions are looked at one by one. All other names are looked at by
class: which patterns such a name matches decides what its value has to reach.
"""

from collections.abc import Iterable, Iterator
from copy import copy
from itertools import product
from typing import Any

from gateway.governance.compat.answer import Possible, Solver, State
from gateway.governance.compat.evaluate import Undecided
from gateway.governance.compat.finite import combinations_of, every_value
from gateway.governance.compat.formula import (
    FALSE,
    TRUE,
    All,
    Among,
    Atom,
    Keys,
    Named,
    Required,
    Size,
    SomeKey,
)
from gateway.governance.compat.universe import Unsupported, fixed_values
from gateway.governance.compat.values import canonical

__all__ = ["build_object", "refuted_object", "view_object"]

_MAX_SPLITS = 6


_NOTHING: State = frozenset()
_ABSENT = object()
"""Stands for the value of a property that is not there."""


class _Object:
    """What is asked of an object."""

    def __init__(self, solver: Solver, atoms: Iterable[Atom]) -> None:
        self.solver = solver
        self.required: dict[str, None] = {}
        self.named: dict[str, State] = {}
        self.every: list[All] = []
        self.some: list[SomeKey] = []
        self.low, self.high = 0, 10**9
        self.excluded: set[Any] = set()
        self.states: dict[str, State] = {}
        self.names_found: dict[str, None] | None = None
        for atom in atoms:
            self.take(atom)

    def extended(self, atoms: Iterable[Atom]) -> "_Object":
        """Return this with some atoms more."""
        more = copy(self)
        more.required, more.named = dict(self.required), dict(self.named)
        more.every, more.some = list(self.every), list(self.some)
        more.excluded, more.states = set(self.excluded), dict(self.states)
        more.names_found = None
        for atom in atoms:
            more.take(atom)
        return more

    def take(self, atom: Atom) -> None:
        """Take in one atom; what says nothing of objects' properties is left out."""
        match atom:
            case Named(name, goal):
                self.named[name] = self.named.get(name, _NOTHING) | {goal}
                self.states.pop(name, None)
            case Required(name):
                self.required[name] = None
            case All():
                self.states.clear()
                self.every.append(atom)
            case SomeKey():
                self.some.append(atom)
            case Size(low, high):
                self.low = max(self.low, low)
                self.high = min(self.high, high if high is not None else self.high)
            case Among(keys, False):
                self.excluded |= keys
            case _:
                pass

    @property
    def mentioned(self) -> dict[str, None]:
        """The names that some atom speaks of."""
        if self.names_found is None:
            found = dict.fromkeys((*self.required, *self.named))
            for keys in [atom.keys for atom in self.every] + [atom.keys for atom in self.some]:
                found.update(dict.fromkeys(sorted(keys.outside)))
            for atom in self.every:
                found.update(dict.fromkeys(self._listed(atom)))
            self.names_found = found
        return self.names_found

    def _listed(self, atom: All) -> list[str]:
        """Return the names of a list that all names have to be in, if that is what is asked."""
        if atom.goal != FALSE or atom.keys.goal >= FALSE:
            return []
        sets = fixed_values(self.solver.universe.node(atom.keys.goal).schema)
        return [name for name in sets[0] if isinstance(name, str)] if sets else []

    def meant(self, keys: Keys, name: str) -> bool | None:
        """Tell whether a name is among those meant; None where nobody knows."""
        try:
            return self.solver.evaluator.named(keys, name)
        except (Undecided, Unsupported):
            return None

    def state(self, name: str) -> State:
        """Return what the value of a name has to reach, as far as it is known."""
        if name not in self.states:
            goals = set(self.named.get(name, _NOTHING))
            goals |= {atom.goal for atom in self.every if self.meant(atom.keys, name)}
            self.states[name] = frozenset(goals)
        return self.states[name]

    def require(self, name: str, goal: int) -> None:
        """Take in that a name is there with a value that reaches a goal."""
        self.required[name] = None
        self.named[name] = self.named.get(name, _NOTHING) | {goal}
        self.states.pop(name, None)
        if self.names_found is not None:
            self.names_found[name] = None

    def fresh_states(self, keys: Keys, goal: int) -> Iterator[tuple[State, State]]:
        """Yield, for names that nothing mentions, what the name and its value have to reach."""
        base, patterns, goals = self._fresh_name(keys)
        if len(patterns) + len(goals) > _MAX_SPLITS:
            yield frozenset((self._name_goal(base),)), frozenset((goal,))
            return
        for signs in product((True, False), repeat=len(patterns) + len(goals)):
            matched = dict(zip((*patterns, *goals), signs, strict=True))
            name = {self._name_goal({**base, **{p: matched[p] for p in patterns}})}
            name |= {inner if matched[inner] else -inner for inner in goals}
            if keys.goal != TRUE:
                name.add(keys.goal)
            value = {goal}
            for atom in self.every:
                if self._applies(atom.keys, {**base, **matched}):
                    value.add(atom.goal)
            yield frozenset(name), frozenset(value)

    def _fresh_name(self, keys: Keys) -> tuple[dict[Any, bool], list[str], list[int]]:
        base: dict[Any, bool] = dict(keys.patterns)
        patterns = {p for atom in self.every for p, _ in atom.keys.patterns} - set(base)
        goals = {abs(atom.keys.goal) for atom in self.every} - {TRUE}
        return base, sorted(patterns), sorted(goals)

    def _name_goal(self, matched: dict[Any, bool]) -> int:
        parts: list[Any] = [{"type": "string"}, {"not": {"enum": list(self.mentioned) or [""]}}]
        if not self.mentioned:
            parts.pop()
        for pattern, positive in matched.items():
            part = {"pattern": pattern}
            parts.append(part if positive else {"not": part})
        return self.solver.universe.synthetic({"allOf": parts})

    def _applies(self, keys: Keys, matched: dict[Any, bool]) -> bool:
        by_pattern = all(matched[pattern] == wanted for pattern, wanted in keys.patterns)
        goal = keys.goal
        return by_pattern and (
            goal == TRUE or (goal != FALSE and matched[abs(goal)] == (goal > 0))
        )

    def fresh(self, keys: Keys, goal: int) -> Iterator[tuple[State, State]]:
        """Yield the classes of unmentioned names that are not proved impossible."""
        for name, value in self.fresh_states(keys, goal):
            if not self.solver.impossible(value) and not self.solver.impossible(name):
                yield name, value

    def ways(self, atom: SomeKey) -> Iterator[str | tuple[State, State]]:
        """Yield how a demand for some property can be met: a name, or a class of others."""
        full = len(self.required) >= self.high
        for name in self.mentioned:
            if full and name not in self.required:
                continue
            if self.meant(atom.keys, name) is not False and not self.solver.impossible(
                self.state(name) | {atom.goal}
            ):
                yield name
        if not full:
            yield from self.fresh(atom.keys, atom.goal)


def view_object(solver: Solver, atoms: Iterable[Atom]) -> _Object:
    """Return what the atoms ask of an object, for `refuted_object`."""
    return _Object(solver, atoms)


def refuted_object(base: _Object, added: tuple[Atom, ...]) -> bool:
    """Tell whether it is proved that no object satisfies what `base` asks and the atoms `added`.

    `base` by itself was not refuted before, unless it asks nothing.
    """
    asked = base.extended(added)
    if asked.low > asked.high or len(asked.required) > asked.high:
        return True
    every = any(isinstance(atom, All) for atom in added)
    touched = {atom.name for atom in added if isinstance(atom, Required | Named)}
    for name in asked.required:
        if (every or name in touched) and asked.solver.impossible(asked.state(name)):
            return True
    return _unmet(asked) or _too_few(asked) or _only_excluded(asked)


def _unmet(asked: _Object) -> bool:
    """Tell whether a demand for some property cannot be met; what can be met in one way only is
    taken in."""
    waiting = list(asked.some)
    again = True
    while again:
        again = False
        for atom in list(waiting):
            ways = _first_two(asked.ways(atom))
            if not ways:
                return True
            if len(ways) == 1 and isinstance(ways[0], str):
                asked.require(ways[0], atom.goal)
                waiting.remove(atom)
                again = True
                if len(asked.required) > asked.high:
                    return True
    return False


def _first_two(ways: Iterator[Any]) -> list[Any]:
    found = []
    for way in ways:
        found.append(way)
        if len(found) == 2:
            break
    return found


def _too_few(asked: _Object) -> bool:
    """Tell whether there are not enough names that may be there."""
    missing = asked.low - len(_possible(asked)) if asked.low else 0
    if missing <= 0:
        return False
    names: set[Any] = set()
    for name_state, _ in asked.fresh(Keys(), TRUE):
        found = every_value(asked.solver, name_state, missing - 1)
        if found is None:
            return False
        names |= found.keys()
    return len(names) < missing


def _possible(asked: _Object) -> list[str]:
    return [n for n in asked.mentioned if not asked.solver.impossible(asked.state(n))]


def _only_excluded(asked: _Object) -> bool:
    """Tell whether every object that may be is one of those excluded."""
    if not any(isinstance(key, tuple) and key[0] == "object" for key in asked.excluded):
        return False
    if asked.high > len(asked.required) and any(asked.fresh(Keys(), TRUE)):
        return False
    names = list(asked.required) if asked.high == len(asked.required) else _possible(asked)
    choices = []
    for name in names:
        found = every_value(asked.solver, asked.state(name), len(asked.excluded))
        absent = {} if name in asked.required else {_ABSENT: _ABSENT}
        choices.append(None if found is None else found | absent)
    objects = combinations_of(choices)
    return objects is not None and all(
        _excluded(asked, dict(zip(names, values, strict=True))) for values in objects
    )


def _excluded(asked: _Object, chosen: dict[str, Any]) -> bool:
    document = {name: value for name, value in chosen.items() if value is not _ABSENT}
    fits = asked.low <= len(document) <= asked.high
    return not fits or canonical(document) in asked.excluded


def build_object(solver: Solver, atoms: Iterable[Atom]) -> list[dict[str, Any]]:
    """Return objects that may satisfy the atoms, to be checked."""
    found: list[dict[str, Any]] = []
    for turn in range(3):
        document = _build(solver, atoms, turn)
        if document is not None and document not in found:
            found.append(document)
    return found + [more for document in found[:1] for more in _varied(solver, atoms, document)]


def _build(solver: Solver, atoms: Iterable[Atom], turn: int) -> dict[str, Any] | None:
    asked = _Object(solver, atoms)
    extra: dict[str, Any] = {}
    for atom in asked.some:
        if not _meet(asked, atom, extra, turn):
            return None
    document: dict[str, Any] = {}
    for name in asked.required:
        if name not in extra:
            samples = solver.solve(asked.state(name)).samples
            if not samples:
                return None
            document[name] = samples[turn % len(samples)]
    document |= extra
    _fill(asked, document)
    return document


def _meet(asked: _Object, atom: SomeKey, extra: dict[str, Any], turn: int) -> bool:
    ways = list(asked.ways(atom))
    ways.sort(key=lambda way: not isinstance(way, str) or way not in asked.required)
    for way in (*ways[turn:], *ways[:turn]):
        if isinstance(way, str):
            if way not in extra:
                asked.require(way, atom.goal)
                return True
            continue
        names = [name for name in _names(asked, way[0]) if name not in extra]
        values = asked.solver.solve(way[1]).samples
        if names and values:
            extra[names[0]] = values[0]
            return True
    return False


def _names(asked: _Object, state: State) -> list[str]:
    answer = asked.solver.solve(state)
    return list(answer.samples) if answer.possible is Possible.YES else []


def _fill(asked: _Object, document: dict[str, Any]) -> None:
    """Add what may be there until there are enough properties."""
    for name in asked.mentioned:
        if len(document) >= asked.low:
            return
        if name not in document:
            samples = asked.solver.solve(asked.state(name)).samples
            if samples:
                document[name] = samples[0]
    for name, value in _others(asked):
        if len(document) >= asked.low:
            return
        document.setdefault(name, value)


def _others(asked: _Object) -> Iterator[tuple[str, Any]]:
    """Yield properties that nothing mentions, as many as are wanted and can be found."""
    for name_state, value_state in asked.fresh(Keys(), TRUE):
        values = asked.solver.solve(value_state).samples
        if not values:
            continue
        known: list[str] = []
        while len(known) < asked.low:
            other = asked.solver.universe.synthetic({"not": {"enum": [*known, ""]}})
            names = [name for name in _names(asked, name_state | {other}) if name not in known]
            if not names:
                break
            known += names
            yield from ((name, values[0]) for name in names)


def _varied(
    solver: Solver, atoms: Iterable[Atom], document: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the document with one property more: for what only excludes single values."""
    asked = _Object(solver, atoms)
    if not asked.excluded or len(document) >= asked.high:
        return
    for name in asked.mentioned:
        samples = solver.solve(asked.state(name)).samples
        yield from ({**document, name: sample} for sample in samples)
    for name_state, value_state in asked.fresh(Keys(), TRUE):
        values = solver.solve(value_state).samples
        for name in _names(asked, name_state)[:1]:
            yield from ({**document, name: value} for value in values)
