"""Finds arrays: how long they must and may be, and what each item has to reach.

The items up to the last one that some atom speaks of are looked at one by one; after that all
are alike.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

from gateway.governance.compat.answer import Possible, Solver, State
from gateway.governance.compat.evaluate import Undecided
from gateway.governance.compat.finite import combinations_of, every_value
from gateway.governance.compat.formula import (
    Among,
    At,
    AtLeast,
    AtMost,
    Atom,
    From,
    Size,
    SomeItem,
    Unique,
)
from gateway.governance.compat.universe import Unsupported
from gateway.governance.compat.values import canonical, restored

__all__ = ["build_array", "refuted_array"]

_NO_END = 10**9
_MAX_BUILT = 20_000


class _Array:
    """What is asked of an array. `unique`: None where nothing is said of equal items."""

    def __init__(self, solver: Solver, atoms: Iterable[Atom]) -> None:
        self.solver = solver
        self.atoms = tuple(atoms)
        self.at: dict[int, set[int]] = {}
        self.start: list[From] = []
        self.some: list[SomeItem] = []
        self.least: list[AtLeast] = []
        self.most: list[AtMost] = []
        self.low, self.high = 0, _NO_END
        self.unique: bool | None = None
        self.excluded: set[Any] = set()
        for atom in self.atoms:
            self._take(atom)
        self.uniform = max(
            [index + 1 for index in self.at]
            + [atom.index for atom in self.start]
            + [atom.index for atom in self.some]
            + [0]
        )
        self._shorten()

    def _take(self, atom: Atom) -> None:
        match atom:
            case At(index, goal):
                self.at.setdefault(index, set()).add(goal)
            case From():
                self.start.append(atom)
            case SomeItem():
                self.some.append(atom)
            case AtLeast():
                self.least.append(atom)
            case AtMost():
                self.most.append(atom)
            case Unique(positive):
                self.unique = positive
            case _:
                self._limits(atom)

    def _limits(self, atom: Atom) -> None:
        match atom:
            case Size(low, high):
                self.low = max(self.low, low)
                self.high = min(self.high, high if high is not None else _NO_END)
            case Among(keys, False):
                self.excluded |= keys
            case _:
                pass

    def _shorten(self) -> None:
        """End the array before the first item that cannot be."""
        for index in range(min(self.uniform + 1, self.high)):
            if self.solver.impossible(self.state(index)):
                self.high = index
                return

    def state(self, index: int) -> State:
        """Return what an item has to reach."""
        goals = set(self.at.get(index, ()))
        return frozenset(goals | {atom.goal for atom in self.start if index >= atom.index})

    @property
    def everywhere(self) -> State:
        """What every item has to reach."""
        return frozenset(atom.goal for atom in self.start if atom.index == 0)

    def pin(self, index: int, goal: int) -> None:
        """Take in that an item reaches a goal."""
        self.at.setdefault(index, set()).add(goal)
        self.uniform = max(self.uniform, index + 1)

    def places(self, first: int, more: int = 0) -> range:
        """Return the places that need looking at; beyond them all are alike."""
        return range(first, min(max(self.uniform, first) + 1 + more, self.high))

    def ways(self, atom: SomeItem) -> list[int]:
        """Return where an item that reaches the goal can stand."""
        return [
            index
            for index in self.places(atom.index, len(self.some))
            if not self.solver.impossible(self.state(index) | {atom.goal})
        ]

    def room(self, goal: int) -> int:
        """Return how many items can reach a goal, at most."""
        several = [
            index
            for index in range(min(self.uniform, self.high))
            if not self.solver.impossible(self.state(index) | {goal})
        ]
        rest = self.high - self.uniform
        if rest > 0 and not self.solver.impossible(self.state(self.uniform) | {goal}):
            return len(several) + rest
        return len(several)

    def forced(self, goal: int) -> int:
        """Return how many items reach a goal whatever they are, at least."""
        named = range(min(self.uniform, self.low))
        several = sum(self.solver.impossible(self.state(index) | {-goal}) for index in named)
        rest = self.low - self.uniform
        if rest > 0 and self.solver.impossible(self.state(self.uniform) | {-goal}):
            return several + rest
        return several


def refuted_array(solver: Solver, atoms: Iterable[Atom]) -> bool:
    """Tell whether it is proved that no array satisfies the atoms."""
    asked = _Array(solver, atoms)
    return (
        asked.low > asked.high
        or not _demands_met(asked)
        or _counts_clash(asked)
        or _repeats_clash(asked)
        or _only_excluded(asked)
    )


def _demands_met(asked: _Array) -> bool:
    """Tell whether each demand for some item can be met; what can be met in one place only is
    taken in."""
    waiting = list(asked.some)
    again = True
    while again:
        again = False
        for atom in list(waiting):
            ways = asked.ways(atom)
            if not ways:
                return False
            asked.low = max(asked.low, ways[0] + 1)
            if len(ways) == 1:
                asked.pin(ways[0], atom.goal)
                waiting.remove(atom)
                again = True
    return asked.low <= asked.high


def _counts_clash(asked: _Array) -> bool:
    if any(asked.room(atom.goal) < atom.count for atom in asked.least):
        return True
    if asked.unique and any(_too_alike(asked, atom) for atom in asked.least):
        return True
    demands = [(atom.count, atom.goal) for atom in asked.least]
    demands += [(1, atom.goal) for atom in asked.some]
    asked.low = max(asked.low, _together(asked, demands), 2 if asked.unique is False else 0)
    asked.high = min(asked.high, _shared_out(asked))
    if asked.low > asked.high:
        return True
    return any(
        asked.forced(most.goal) > most.count or _more_than(asked, demands, most)
        for most in asked.most
    )


def _together(asked: _Array, demands: list[tuple[int, int]]) -> int:
    """Return how many items demands need that no item can meet two of."""
    found = 0
    ordered = sorted(demands, reverse=True)
    for first in ordered:
        apart = [first]
        for demand in ordered:
            if all(_exclude(asked, demand[1], other[1]) for other in apart):
                apart.append(demand)
        found = max(found, sum(count for count, _ in apart))
    return found


def _exclude(asked: _Array, one: int, other: int) -> bool:
    return asked.solver.impossible(asked.everywhere | {one, other})


def _shared_out(asked: _Array) -> int:
    """Return how many items there may be where each reaches a goal that only some may reach."""
    none = asked.everywhere | {-atom.goal for atom in asked.most}
    bounded = asked.most and asked.solver.impossible(none)
    return sum(atom.count for atom in asked.most) if bounded else _NO_END


def _more_than(asked: _Array, demands: list[tuple[int, int]], most: AtMost) -> bool:
    """Tell whether demands that all reach a goal need more items than may reach it."""
    among = [demand for demand in demands if _exclude(asked, demand[1], -most.goal)]
    return _together(asked, among) > most.count


def _too_alike(asked: _Array, least: AtLeast) -> bool:
    """Tell whether fewer different items than wanted can reach a goal."""
    places = range(min(asked.uniform + 1, asked.high))
    found: set[Any] = set()
    for state in {asked.state(index) | {least.goal} for index in places}:
        values = every_value(asked.solver, state, least.count - 1)
        if values is None:
            return False
        found |= values.keys()
    return len(found) < least.count


def _repeats_clash(asked: _Array) -> bool:
    if asked.unique is None:
        return False
    if not asked.unique:
        pairs = combinations(asked.places(0, 1), 2)
        return not any(
            not asked.solver.impossible(asked.state(one) | asked.state(other))
            for one, other in pairs
        )
    return _crowded(asked)


def _crowded(asked: _Array) -> bool:
    """Tell whether the places with few possible values are more than these values."""
    places = dict.fromkeys(range(min(asked.low, asked.uniform)), 1)
    if asked.low > asked.uniform:
        places[asked.uniform] = asked.low - asked.uniform
    values: set[Any] = set()
    count = 0
    for index, alike in places.items() if asked.low > 1 else ():
        found = every_value(asked.solver, asked.state(index), asked.low - 1)
        if found is not None:
            values |= found.keys()
            count += alike
    return len(values) < count


def _only_excluded(asked: _Array) -> bool:
    """Tell whether every array that may be is one of those excluded."""
    longest = max((len(key) - 1 for key in asked.excluded if isinstance(key, tuple)), default=-1)
    if asked.unique and asked.excluded:
        alike = every_value(asked.solver, asked.state(asked.uniform), longest)
        asked.high = asked.high if alike is None else min(asked.high, asked.uniform + len(alike))
    if asked.high > longest:
        return False
    most = len(asked.excluded)
    places = [every_value(asked.solver, asked.state(index), most) for index in range(asked.high)]
    for length in range(asked.low, asked.high + 1):
        arrays = combinations_of(places[:length])
        if arrays is None or any(_may_be(asked, list(array)) for array in arrays):
            return False
    return True


def _may_be(asked: _Array, array: list[Any]) -> bool:
    try:
        return all(asked.solver.evaluator.holds(atom, array) for atom in asked.atoms)
    except (Undecided, Unsupported):
        return True


def build_array(solver: Solver, atoms: Iterable[Atom]) -> list[list[Any]]:
    """Return arrays that may satisfy the atoms, to be checked."""
    asked = _Array(solver, atoms)
    found = [array for turn in range(3) for array in _build(asked, turn)]
    if asked.excluded:
        longer = _Array(solver, [*atoms, Size(asked.low + 1, None)])
        found += _build(longer, 0)
    return found


def _build(asked: _Array, turn: int) -> Iterator[list[Any]]:
    wanted: dict[int, set[int]] = {}
    for atom in asked.some:
        ways = asked.ways(atom)
        shared = [
            index
            for index in ways
            if index in wanted and _shareable(asked, atom, wanted[index], index)
        ]
        apart = [index for index in ways if index not in wanted]
        ways = (shared or apart or ways) if turn % 2 == 0 else (apart or ways)
        if not ways:
            return
        wanted.setdefault(ways[turn % len(ways)], set()).add(atom.goal)
    for least in asked.least:
        _reserve(asked, least, wanted)
    length = max([asked.low, *(index + 1 for index in wanted)])
    if asked.unique is False:
        yield from _repeated(asked, wanted, max(length, 2))
        return
    if length <= min(asked.high, _MAX_BUILT):
        array = _filled(asked, wanted, length, turn)
        if array is not None:
            yield array


def _shareable(asked: _Array, atom: SomeItem, goals: set[int], index: int) -> bool:
    return not asked.solver.impossible(asked.state(index) | goals | {atom.goal})


def _reserve(asked: _Array, least: AtLeast, wanted: dict[int, set[int]]) -> None:
    missing = least.count - sum(least.goal in goals for goals in wanted.values())
    for index in range(min(asked.high, asked.uniform + least.count + len(wanted) + 1)):
        if missing <= 0:
            return
        if least.goal in wanted.get(index, ()):
            continue
        state = asked.state(index) | wanted.get(index, set()) | {least.goal}
        if not asked.solver.impossible(frozenset(state)):
            wanted.setdefault(index, set()).add(least.goal)
            missing -= 1


def _filled(
    asked: _Array, wanted: dict[int, set[int]], length: int, turn: int
) -> list[Any] | None:
    array: list[Any] = []
    used: set[Any] = set()
    for index in range(length):
        state = frozenset(asked.state(index) | wanted.get(index, set()))
        state = _spared(asked, state)
        value = _item(asked, state, used, turn)
        if value is None:
            return None
        array.append(value[0])
    return array


def _item(asked: _Array, state: State, used: set[Any], turn: int) -> tuple[Any] | None:
    """Return a value for one item, not used before where that matters."""
    samples = asked.solver.solve(state).samples
    if not asked.unique:
        return (samples[turn % len(samples)],) if samples else None
    fresh = [sample for sample in samples if canonical(sample) not in used]
    if not fresh and samples and len(used) < 64:
        exclude = {"not": {"enum": _as_values(used)}}
        goal = asked.solver.universe.synthetic(exclude)
        answer = asked.solver.solve(state | {goal})
        fresh = list(answer.samples) if answer.possible is Possible.YES else []
    if not fresh:
        return None
    used.add(canonical(fresh[0]))
    return (fresh[0],)


def _as_values(keys: set[Any]) -> list[Any]:
    return [restored(key) for key in sorted(keys, key=repr)]


def _repeated(asked: _Array, wanted: dict[int, set[int]], length: int) -> Iterator[list[Any]]:
    """Yield arrays with two equal items, a few ways to place them."""
    places = range(min(asked.high, max(length, asked.uniform + 2) + 1))
    pairs = sorted(combinations(places, 2), key=lambda pair: sum(at in wanted for at in pair))
    for one, other in pairs[:6]:
        state = frozenset(
            asked.state(one)
            | asked.state(other)
            | wanted.get(one, set())
            | wanted.get(other, set())
        )
        samples = asked.solver.solve(_spared(asked, state)).samples
        array = _filled(asked, wanted, max(length, other + 1), 0) if samples else None
        if array is not None:
            array[one] = array[other] = samples[0]
            yield array


def _spared(asked: _Array, state: State) -> State:
    """Keep an item out of what there may be few of, where that is possible."""
    for atom in asked.most:
        spare = state | {-atom.goal}
        if not asked.solver.impossible(spare):
            state = spare
    return state
