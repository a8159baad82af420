"""Compares one schema with another: does everything the old one accepts pass the new one?

The prover says no document can differ, or names one; the hub's own validator has the last word
on it. So COMPATIBLE is a proof, INCOMPATIBLE has a witness, and the rest is for people.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from gateway.governance.compat.answer import Possible
from gateway.governance.compat.drafts import Draft, draft_of, translate
from gateway.governance.compat.engine import Engine
from gateway.governance.compat.samples import guesses
from gateway.governance.compat.solver import OutOfBudget, Search
from gateway.governance.compat.universe import Universe, Unsupported
from gateway.governance.profiles import Profile, apply_profile

__all__ = ["Direction", "Inclusion", "Limits", "Prover", "Verdict", "covers", "prepared"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much work one inclusion may cost, before it is left to people.

    `expired` is asked now and then: whether the time is over. `steps` alone gives the same
    answer on every machine.
    """

    steps: int = 60_000
    expired: Callable[[], bool] | None = None


class Verdict(StrEnum):
    """What a comparison came to."""

    COMPATIBLE = "compatible"
    INCOMPATIBLE = "incompatible"
    REVIEW = "review"
    """Neither proved nor disproved: a person looks."""


class Direction(StrEnum):
    """Who reads whom."""

    BACKWARD = "backward"
    """New readers read what old writers wrote."""
    FORWARD = "forward"
    """Old readers read what new writers write."""


class Inclusion(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the reader bears everything the writer may send.

    `witness` is a list of one document that the writer may send and the reader refuses, else
    empty. `empty` tells that the writer can send nothing at all. `why` explains a review.
    """

    verdict: Verdict
    witness: tuple[Any, ...] = ()
    empty: bool = False
    why: str = ""


def prepared(schema: Any, profile: Profile, draft: Draft | None = None) -> Any:
    """Return a schema in terms of 2020-12 as `profile` reads it. Raises Untranslatable."""
    translated = translate(schema, draft if draft is not None else draft_of(schema))
    return apply_profile(translated, profile) if isinstance(translated, dict) else translated


class Prover:
    """Decides inclusions of schemas that are near each other: what it found once, it keeps."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._universe = Universe()
        self._search = Search(self._universe, self._limits.steps, self._limits.expired)

    def covers(self, reader: Any, writer: Any) -> Inclusion:
        """Decide whether every document of `writer` is one of `reader`; see the function."""
        engines = Engine(writer), Engine(reader)
        for engine in engines:
            if engine.fault:
                return Inclusion(verdict=Verdict.REVIEW, why=engine.fault)
        self._search.steps = self._limits.steps
        try:
            old, new = self._universe.root(writer), self._universe.root(reader)
            state = frozenset((old, -new))
            if self._search.impossible(state):
                return Inclusion(verdict=Verdict.COMPATIBLE, empty=self._nothing(old))
            answer = self._search.solve(state)
            if answer.possible is Possible.NO:
                return Inclusion(verdict=Verdict.COMPATIBLE)
        except (OutOfBudget, Unsupported, RecursionError) as fault:
            return _guessed(writer, reader, engines, _WHY[type(fault)])
        for document in answer.samples:
            if _told(engines, document):
                return Inclusion(verdict=Verdict.INCOMPATIBLE, witness=(document,))
        return _guessed(writer, reader, engines, "neither proved nor disproved")

    def _nothing(self, goal: int) -> bool:
        try:
            return self._search.impossible(frozenset((goal,)))
        except (OutOfBudget, Unsupported, RecursionError):
            return False


_WHY: dict[type, str] = {
    OutOfBudget: "the search took longer than it may",
    RecursionError: "the schemas nest too deep",
    Unsupported: "a schema refers to itself in place",
}


def covers(reader: Any, writer: Any, limits: Limits | None = None) -> Inclusion:
    """Decide whether every document of `writer` is one of `reader`; both are 2020-12 as they are.

    Raises nothing: what cannot be decided within the limits is a review.
    """
    return Prover(limits).covers(reader, writer)


def _told(engines: tuple[Engine, Engine], document: Any) -> bool:
    writer, reader = engines
    return writer.accepts(document) is True and reader.accepts(document) is False


def _guessed(writer: Any, reader: Any, engines: tuple[Engine, Engine], why: str) -> Inclusion:
    for document in guesses(writer, reader):
        if _told(engines, document):
            return Inclusion(verdict=Verdict.INCOMPATIBLE, witness=(document,))
    return Inclusion(verdict=Verdict.REVIEW, why=why)
