"""Lists every value that reaches some goals together, where there are few of them."""

from collections.abc import Iterable
from itertools import product
from typing import Any

from gateway.governance.compat.answer import Possible, Solver, State
from gateway.governance.compat.evaluate import Undecided
from gateway.governance.compat.formula import TRUE
from gateway.governance.compat.universe import EITHER, Unsupported, fixed_values
from gateway.governance.compat.values import canonical

__all__ = ["combinations_of", "every_value"]

_MOST_ASKED = 64
_MOST_COMBINED = 256


def every_value(solver: Solver, state: State, most: int) -> dict[Any, Any] | None:
    """Return all values that reach a state, by their canonical keys.

    None where there are more than `most`, or where nobody knows. Values that a schema lists are
    taken from there; others are asked of the solver until it proves that there are no more.
    """
    listed = _listed(solver, state)
    if listed is not None:
        return listed if len(listed) <= most else None
    found: dict[Any, Any] = {}
    most = min(most, _MOST_ASKED)
    while len(found) <= most:
        others = {"not": {"enum": list(found.values())}} if found else True
        answer = solver.solve(state | {solver.universe.synthetic(others)})
        if answer.possible is Possible.NO:
            return found
        before = len(found)
        found.update((canonical(value), value) for value in answer.samples)
        if len(found) == before:
            return None
    return None


def combinations_of(choices: Iterable[dict[Any, Any] | None]) -> list[tuple[Any, ...]] | None:
    """Return every way to choose a value from each; None where they are too many or unknown."""
    lists: list[list[Any]] = []
    count = 1
    for choice in choices:
        if choice is None or count * len(choice) > _MOST_COMBINED:
            return None
        count *= len(choice)
        lists.append(list(choice.values()))
    return list(product(*lists))


def _listed(solver: Solver, state: State) -> dict[Any, Any] | None:
    for goal in state:
        candidates = _candidates(solver, goal)
        if candidates is not None:
            return _kept(solver, state, candidates)
    return None


def _candidates(solver: Solver, goal: int) -> list[Any] | None:
    """Return values among which are all that reach a goal; None where they may be many."""
    if goal <= TRUE:
        return None
    schema = solver.universe.node(goal).schema
    if EITHER in schema:
        left, right = (_candidates(solver, part) for part in schema[EITHER])
        return None if left is None or right is None else [*left, *right]
    sets = fixed_values(schema)
    if sets:
        return sets[0]
    types = schema.get("type", "any")
    few = set([types] if isinstance(types, str) else types) <= {"boolean", "null"}
    return [True, False, None] if few else None


def _kept(solver: Solver, state: State, candidates: list[Any]) -> dict[Any, Any] | None:
    try:
        return {
            canonical(value): value
            for value in candidates
            if all(solver.evaluator.reaches(goal, value) for goal in state)
        }
    except (Undecided, Unsupported):
        return None
