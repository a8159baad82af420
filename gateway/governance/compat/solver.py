"""Finds a value that reaches some goals together, or proves that there is none.

A goal is written out for each kind of value; alternatives are tried, the ones with the fewest
ways out first, and a way is closed by the knowledge of its kind (numbers, strings, objects,
arrays). NO is a proof: every step only ever leaves requirements out. YES is a value that was
checked. A state met again inside of itself counts as NO there: documents are finite, and the
smallest one that reaches a state has none inside of it that does.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

from gateway.governance.compat.answer import MAYBE, NO, Answer, Possible, State
from gateway.governance.compat.arrays import build_array, refuted_array
from gateway.governance.compat.evaluate import Evaluator, Undecided
from gateway.governance.compat.expand import Expander
from gateway.governance.compat.formula import (
    FALSE,
    TRUE,
    AllOf,
    Among,
    AnyOf,
    Atom,
    Formula,
    negate,
)
from gateway.governance.compat.kinds import Kind
from gateway.governance.compat.numbers import find_numbers
from gateway.governance.compat.objects import build_object, refuted_object, view_object
from gateway.governance.compat.strings import find_texts
from gateway.governance.compat.universe import Universe, Unsupported
from gateway.governance.compat.values import restored

__all__ = ["OutOfBudget", "Search"]

_FIRST = 10**9
_KINDS = (Kind.STRING, Kind.NUMBER, Kind.OBJECT, Kind.ARRAY, Kind.BOOLEAN, Kind.NULL)
_FIXED: dict[Kind, tuple[Any, ...]] = {Kind.BOOLEAN: (True, False), Kind.NULL: (None,)}


class OutOfBudget(Exception):
    """The search took more steps than it was given."""


class _Aim(StrEnum):
    """What a search is for."""

    PROOF = "proof"
    """Whether nothing can be: the first way that stays open ends it."""
    VALUE = "value"


class Search:
    """One search over the schemas of a universe. `steps` bounds its work, and `expired` its time."""

    def __init__(
        self,
        universe: Universe,
        steps: int = 60_000,
        expired: Callable[[], bool] | None = None,
    ) -> None:
        self.universe = universe
        self.expander = Expander(universe)
        self.evaluator = Evaluator(self.expander)
        self.steps = steps
        self.expired = expired
        self._known: dict[State, Answer] = {}
        self._refuted: dict[State, bool] = {}
        self._open: dict[State, int] = {}
        self._leaned_on = _FIRST
        """The outermost open state that was taken for NO since the present one was opened."""
        self._deepest = 40

    def impossible(self, state: State) -> bool:
        """Tell whether it is proved that no value reaches every goal; looks for no value."""
        known = self._at_once(state)
        if known is None:
            state = state - {TRUE}
            known = self._refuted.get(state)
        if known is None:
            known = self._opened(state, _Aim.PROOF).possible is Possible.NO
        return known

    def solve(self, state: State) -> Answer:
        """Find a value that reaches every goal, or prove that there is none."""
        if self._at_once(state):
            return NO
        state = state - {TRUE}
        if state in self._known:
            return self._known[state]
        if self._refuted.get(state):
            return NO
        return self._opened(state, _Aim.VALUE)

    def _at_once(self, state: State) -> bool | None:
        if FALSE in state or any(-goal in state for goal in state if goal > TRUE):
            return True
        state = state - {TRUE}
        if state in self._known:
            return self._known[state].possible is Possible.NO
        if state in self._open:
            self._leaned_on = min(self._leaned_on, self._open[state])
            return True
        return False if len(self._open) >= self._deepest else None

    def _opened(self, state: State, aim: "_Aim") -> Answer:
        depth = len(self._open)
        if depth >= self._deepest:
            return MAYBE
        outer, self._leaned_on = self._leaned_on, _FIRST
        self._open[state] = depth
        try:
            answer = self._by_kind(state, aim)
        finally:
            del self._open[state]
            leaned_on = self._leaned_on
            self._leaned_on = min(outer, leaned_on if leaned_on < depth else _FIRST)
        self._learn(state, answer, aim, certain=leaned_on >= depth)
        return answer

    def _learn(self, state: State, answer: Answer, aim: "_Aim", *, certain: bool) -> None:
        """Keep an answer that leans on nothing that is still open."""
        refuted = answer.possible is Possible.NO
        if refuted is False or certain:
            self._refuted[state] = refuted
        if aim is _Aim.VALUE and (answer.possible is Possible.YES or certain):
            self._known[state] = answer

    def _by_kind(self, state: State, aim: "_Aim") -> Answer:
        sure = True
        for kind in _KINDS:
            parts = self._parts(state, kind)
            answer = NO if False in parts else _Kind(self, state, kind, aim).search(parts)
            if answer.possible is Possible.YES:
                return answer
            sure = sure and answer.possible is Possible.NO
            if aim is _Aim.PROOF and not sure:
                return MAYBE
        return NO if sure else MAYBE

    def _parts(self, state: State, kind: Kind) -> list[Formula]:
        """Return what each goal asks; one that nobody can look into is left out, so a NO of the
        rest stays a proof, and no value is taken for checked."""
        found: list[Formula] = []
        for goal in sorted(state):
            try:
                formula = self.expander.formula(goal, kind)
            except Unsupported:
                continue
            if formula is False:
                return [False]
            found.append(formula)
        return found

    def spend(self) -> None:
        """Count a step. Raises OutOfBudget."""
        self.steps -= 1
        late = self.steps % 32 == 0 and self.expired is not None and self.expired()
        if self.steps < 0 or late:
            raise OutOfBudget


class _Kind:
    """The search for a value of one kind."""

    def __init__(self, owner: Search, state: State, kind: Kind, aim: _Aim) -> None:
        self.owner = owner
        self.state = state
        self.kind = kind
        self.aim = aim
        self._viewed: tuple[tuple[Atom, ...], Any] | None = None

    def search(self, parts: list[Formula]) -> Answer:
        """Try to make all parts hold."""
        self.owner.spend()
        atoms: dict[Atom, None] = {}
        choices: list[AnyOf] = []
        if not _sorted(parts, atoms, choices):
            return NO
        if self._refuted(atoms, tuple(atoms)):
            return NO
        return self._decide(atoms, choices)

    def _decide(self, atoms: dict[Atom, None], choices: list[AnyOf]) -> Answer:
        open_choices = self._narrowed(atoms, choices)
        if open_choices is None:
            return NO
        fixed = self._fixed(atoms)
        if fixed is not None:
            return self._checked(fixed, complete=True)
        if self.aim is _Aim.PROOF:
            return self._branch(atoms, open_choices) if open_choices else MAYBE
        guess = self._checked(self._built(atoms), complete=False)
        if guess.possible is Possible.YES or not open_choices:
            return guess
        return self._branch(atoms, open_choices)

    def _branch(self, atoms: dict[Atom, None], choices: list[AnyOf]) -> Answer:
        chosen = min(choices, key=lambda choice: len(choice.parts))
        others = [choice for choice in choices if choice is not chosen]
        sure = True
        for part in chosen.parts:
            answer = self.search([*atoms, part, *others])
            if answer.possible is Possible.YES:
                return answer
            sure = sure and answer.possible is Possible.NO
            if self.aim is _Aim.PROOF and not sure:
                return MAYBE
        return NO if sure else MAYBE

    def _narrowed(self, atoms: dict[Atom, None], choices: list[AnyOf]) -> list[AnyOf] | None:
        """Return the choices that are still open, without the parts that are closed already;
        a choice with one part left is made at once, in `atoms`. None: one has no part left."""
        waiting = list(choices)
        changed = True
        while changed:
            changed = False
            left: list[AnyOf] = []
            for choice in waiting:
                parts = [] if _met(choice, atoms) else self._ways(atoms, choice)
                if parts is None:
                    return None
                if len(parts) == 1:
                    changed = True
                    if not self._made(atoms, parts[0], left):
                        return None
                elif parts:
                    left.append(AnyOf(tuple(parts)))
            waiting = left
        return waiting

    def _made(self, atoms: dict[Atom, None], part: Formula, left: list[AnyOf]) -> bool:
        before = len(atoms)
        if not _sorted([part], atoms, left):
            return False
        return not self._refuted(atoms, tuple(atoms)[before:])

    def _ways(self, atoms: dict[Atom, None], choice: AnyOf) -> list[Formula] | None:
        self.owner.spend()
        ways = [part for part in choice.parts if self._way(atoms, part)]
        return ways or None

    def _way(self, atoms: dict[Atom, None], part: Formula) -> bool:
        with_part = dict(atoms)
        if not _sorted([part], with_part, []):
            return False
        added = tuple(with_part)[len(atoms) :]
        return not added or not self._refuted(with_part, added)

    def _fixed(self, atoms: Iterable[Atom]) -> list[Any] | None:
        """Return the values that come into question where there are few."""
        if self.kind in _FIXED:
            return list(_FIXED[self.kind])
        sets = [atom.keys for atom in atoms if isinstance(atom, Among) and atom.inside]
        if not sets:
            return None
        return [restored(key) for key in sorted(frozenset.intersection(*sets), key=repr)]

    def _checked(self, values: list[Any] | None, *, complete: bool) -> Answer:
        """Keep the values that reach the state; `complete`: there are no others."""
        if values is None:
            return NO
        kept, sure = [], complete
        for value in values:
            try:
                if all(self.owner.evaluator.reaches(goal, value) for goal in self.state):
                    kept.append(value)
                    for goal in self.state:
                        self.owner.evaluator.remember(goal, value)
            except (Undecided, Unsupported):
                sure = False
        if kept:
            return Answer(Possible.YES, tuple(kept[:4]))
        return NO if sure else MAYBE

    def _view(self, atoms: dict[Atom, None], added: tuple[Atom, ...]) -> Any:
        """Return what the atoms before `added` ask of an object; the last view is kept."""
        before = tuple(atoms)[: len(atoms) - len(added)]
        if self._viewed is None or self._viewed[0] != before:
            self._viewed = before, view_object(self.owner, before)
        return self._viewed[1]

    def _may_be(self, value: Any, atoms: Iterable[Atom]) -> bool:
        try:
            return all(self.owner.evaluator.holds(atom, value) for atom in atoms)
        except (Undecided, Unsupported):
            return True

    def _refuted(self, atoms: dict[Atom, None], added: tuple[Atom, ...]) -> bool:
        fixed = self._fixed(atoms)
        if fixed is not None:
            return not any(self._may_be(value, atoms) for value in fixed)
        match self.kind:
            case Kind.NUMBER:
                return find_numbers(atoms, 1) == []
            case Kind.STRING:
                return find_texts(atoms) is None
            case Kind.OBJECT:
                base = self._view(atoms, added)
                return refuted_object(base, added)
            case Kind.ARRAY:
                return refuted_array(self.owner, atoms)
            case _:
                return False

    def _built(self, atoms: dict[Atom, None]) -> list[Any]:
        match self.kind:
            case Kind.NUMBER:
                return list(find_numbers(atoms) or ())
            case Kind.STRING:
                return list(find_texts(atoms) or ())
            case Kind.OBJECT:
                return build_object(self.owner, atoms)
            case Kind.ARRAY:
                return build_array(self.owner, atoms)
            case _:
                return []


def _sorted(parts: list[Formula], atoms: dict[Atom, None], choices: list[AnyOf]) -> bool:
    """Add parts to atoms and choices; False where two atoms contradict each other."""
    for part in parts:
        if isinstance(part, AllOf):
            if not _sorted(list(part.parts), atoms, choices):
                return False
        elif isinstance(part, AnyOf):
            choices.append(part)
        elif part is False:
            return False
        elif isinstance(part, Atom) and part not in atoms:
            opposite = negate(part)
            if isinstance(opposite, Atom) and opposite in atoms:
                return False
            atoms[part] = None
    return True


def _met(choice: AnyOf, atoms: dict[Atom, None]) -> bool:
    return any(
        part in atoms
        if isinstance(part, Atom)
        else isinstance(part, AllOf) and all(inner in atoms for inner in part.parts)
        for part in choice.parts
    )
