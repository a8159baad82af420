"""Reads `docs/security/asvs/`: each OWASP ASVS requirement with its state and what proves it."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import yaml
from msgspec import Meta

__all__ = ["FOLDER", "Chapter", "Requirement", "State", "by_state", "chapters", "counts"]

FOLDER = "docs/security/asvs"


class State(StrEnum):
    """How far a requirement is."""

    MET = "met"
    GAP = "gap"
    NOT_APPLICABLE = "n/a"


class Requirement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One requirement of ASVS 5.0.0, in our own words. `proof` are tests (FILE::NAME) and files."""

    id: Annotated[str, Meta(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]
    level: Annotated[int, Meta(ge=1, le=2)]
    state: State
    asks: Annotated[str, Meta(min_length=1)]
    why: str = ""
    proof: tuple[str, ...] = ()


class Chapter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One chapter: its number, a title, its requirements of levels 1 and 2."""

    chapter: int
    title: str
    requirements: tuple[Requirement, ...]

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Return id, level, what is asked, state, and by what."""
        return [
            (one.id, str(one.level), one.asks, f"**{one.state}**", _said(one))
            for one in self.requirements
        ]


def chapters(root: Path) -> list[Chapter]:
    """Return the chapters in order. Raises OSError, msgspec.ValidationError."""
    files = sorted((root / FOLDER).glob("v*.yaml"))
    read = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in files)
    return [msgspec.convert(one, Chapter) for one in read]


def by_state(found: Iterable[Chapter], state: State) -> list[Requirement]:
    """Return the requirements of one state, in order."""
    return [one for chapter in found for one in chapter.requirements if one.state is state]


def counts(found: Iterable[Chapter]) -> list[tuple[str, ...]]:
    """Return, per chapter and in all, how many there are of each state."""
    listed = list(found)
    rows = [(f"{one.chapter}. {one.title}", *_sums([one])) for one in listed]
    return [*rows, ("In all", *_sums(listed))]


def _sums(found: list[Chapter]) -> list[str]:
    return [str(len(by_state(found, state))) for state in State]


def _said(one: Requirement) -> str:
    proofs = [f"`{proof.rpartition('::')[2]}`" for proof in one.proof]
    return " ".join([one.why, ", ".join(proofs)]).strip()
