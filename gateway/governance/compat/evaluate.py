"""Says of one document whether it reaches a goal, by the same formulas that proofs are made of."""

from typing import Any

from gateway.governance.compat.automata import matches, pattern_dfa
from gateway.governance.compat.engine import format_holds, pattern_found
from gateway.governance.compat.expand import Expander
from gateway.governance.compat.formula import (
    FALSE,
    TRUE,
    All,
    AllOf,
    Among,
    AnyOf,
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
    Required,
    Size,
    SomeItem,
    SomeKey,
    Unique,
    Upper,
)
from gateway.governance.compat.regex import NotRegular
from gateway.governance.compat.values import canonical, exact, kind_of

__all__ = ["Evaluator", "Undecided"]


class Undecided(Exception):
    """The document meets something nobody can look into."""


class Evaluator:
    """Decides documents against the goals of one universe."""

    def __init__(self, expander: Expander) -> None:
        self.expander = expander
        self._known: dict[tuple[int, int], Any] = {}

    def remember(self, goal: int, value: Any) -> None:
        """Keep in mind that this very object reaches the goal, for where it stands in another."""
        if isinstance(value, dict | list):
            self._known[goal, id(value)] = value

    def reaches(self, goal: int, value: Any) -> bool:
        """Tell whether the value reaches the goal. Raises Undecided or Unsupported."""
        if goal in (TRUE, FALSE):
            return goal == TRUE
        if (goal, id(value)) in self._known:
            return True
        return self.holds(self.expander.formula(goal, kind_of(value)), value)

    def holds(self, formula: Formula, value: Any) -> bool:
        """Tell whether the formula holds of a value of its kind. Raises as `reaches`."""
        match formula:
            case bool():
                return formula
            case AllOf(parts):
                return all(self.holds(part, value) for part in parts)
            case AnyOf(parts):
                return any(self.holds(part, value) for part in parts)
            case Among(keys, inside):
                return (canonical(value) in keys) == inside
            case _:
                return self._of_kind(formula, value)

    def _of_kind(self, atom: Any, value: Any) -> bool:
        match value:
            case str():
                return _text(atom, value)
            case list():
                return self._array(atom, value)
            case dict():
                return self._object(atom, value)
            case _:
                return _number(atom, value)

    def _object(self, atom: Any, value: dict[str, Any]) -> bool:
        match atom:
            case Required(name):
                return name in value
            case Named(name, goal):
                return name not in value or self.reaches(goal, value[name])
            case All(keys, goal):
                return all(self.reaches(goal, value[k]) for k in value if self.named(keys, k))
            case SomeKey(keys, goal):
                return any(self.reaches(goal, value[k]) for k in value if self.named(keys, k))
            case Size(low, high):
                return low <= len(value) and (high is None or len(value) <= high)
            case _:
                raise Undecided

    def named(self, keys: Keys, name: str) -> bool:
        """Tell whether a property's name is among those meant. Raises as `reaches`."""
        return (
            name not in keys.outside
            and all(found(pattern, name) == wanted for pattern, wanted in keys.patterns)
            and self.reaches(keys.goal, name)
        )

    def _array(self, atom: Any, value: list[Any]) -> bool:
        match atom:
            case At(index, goal):
                return index >= len(value) or self.reaches(goal, value[index])
            case From(index, goal):
                return all(self.reaches(goal, item) for item in value[index:])
            case SomeItem(index, goal):
                return any(self.reaches(goal, item) for item in value[index:])
            case AtLeast(count, goal):
                return sum(self.reaches(goal, item) for item in value) >= count
            case AtMost(count, goal):
                return sum(self.reaches(goal, item) for item in value) <= count
            case Size(low, high):
                return low <= len(value) and (high is None or len(value) <= high)
            case Unique(positive):
                return (len({canonical(item) for item in value}) == len(value)) == positive
            case _:
                raise Undecided


def found(pattern: str, text: str) -> bool:
    """Tell whether the pattern finds something in the text. Raises Undecided."""
    try:
        return matches(pattern_dfa(pattern), text)
    except NotRegular:
        answer = pattern_found(pattern, text)
    if answer is None:
        raise Undecided
    return answer


def _text(atom: Any, value: str) -> bool:
    match atom:
        case Size(low, high):
            return low <= len(value) and (high is None or len(value) <= high)
        case Matches(pattern, positive):
            return found(pattern, value) == positive
        case Holds(name, positive):
            answer = format_holds(name, value)
            if answer is None:
                raise Undecided
            return answer == positive
        case _:
            raise Undecided


def _number(atom: Any, value: Any) -> bool:
    match atom:
        case Upper(bound, strict, sign):
            distance = (exact(value) - bound) * sign
            return bool(distance < 0 or (distance == 0 and not strict))
        case Multiple(step, positive):
            return bool(((exact(value) / step).denominator == 1) == positive)
        case _:
            raise Undecided
