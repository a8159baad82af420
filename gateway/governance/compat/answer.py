"""What a search for a value of some kind came to, and who asks."""

from enum import StrEnum
from typing import Any, Protocol

import msgspec

from gateway.governance.compat.evaluate import Evaluator
from gateway.governance.compat.universe import Universe

__all__ = ["MAYBE", "NO", "Answer", "Possible", "Solver", "State"]

State = frozenset[int]
"""Goals that one value has to reach together."""


class Possible(StrEnum):
    """Whether there is such a value."""

    YES = "yes"
    """There is, and it is among the samples."""
    NO = "no"
    """It is proved that there is none."""
    MAYBE = "maybe"


class Answer(msgspec.Struct, frozen=True):
    """`samples` are values that were checked where `possible` is YES."""

    possible: Possible
    samples: tuple[Any, ...] = ()


NO = Answer(Possible.NO)
MAYBE = Answer(Possible.MAYBE)


class Solver(Protocol):
    """What the kinds need from the search they are part of."""

    universe: Universe
    evaluator: Evaluator

    def solve(self, state: State) -> Answer:
        """Find a value that reaches every goal, or prove that there is none."""
        ...

    def impossible(self, state: State) -> bool:
        """Tell whether it is proved that no value reaches every goal."""
        ...
