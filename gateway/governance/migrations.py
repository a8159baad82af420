"""Turns documents of one major of a contract into another's: `migrations/1-to-2.yaml` and back.

A migration is a mapping (`gateway.translation`) between two majors of one contract. `convert`
chains them; `examine` proves on documents that they lose nothing both majors know.
"""

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any

import msgspec

from gateway.errors import ConfigError, NotFound, Reject
from gateway.governance.profiles import Profile
from gateway.governance.validator import compile_validator
from gateway.governance.violation import Validator
from gateway.registry import MigrationSource, Registry, Version
from gateway.translation import DEFAULT_LIMITS, Limits, compile_mapping
from gateway.translation import Mapping as Compiled

__all__ = ["MigrationFault", "Migrations", "NotConvertible", "compile_migrations"]

Document = dict[str, Any]


class NotConvertible(Reject):
    """A document has no form in another version of its contract. HTTP 422."""

    code = "contract_not_convertible"

    def __init__(self, identity: str, version: str) -> None:
        super().__init__(
            f"This document of {identity} has no form in {version}.",
            next_step=f"use a version of the major {version.partition('.')[0]}.",
        )


class MigrationFault(msgspec.Struct, frozen=True, kw_only=True):
    """What a migration does wrong with a document. `pointer` is a place, `code` the rule broken."""

    migration: str
    code: str
    pointer: str
    text: str


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    """One compiled migration and the newest schemas of its two majors."""

    source: MigrationSource
    mapping: Compiled
    target: Validator


class Migrations:
    """The compiled migrations of one contract. Immutable, safe to share between threads."""

    def __init__(self, contract: str, steps: Mapping[tuple[int, int], _Step]) -> None:
        self.contract = contract
        self._steps = dict(steps)

    @property
    def steps(self) -> frozenset[tuple[int, int]]:
        """Each migration as the major it reads and the one it makes."""
        return frozenset(self._steps)

    @property
    def majors(self) -> frozenset[int]:
        """Every major some migration reads or makes."""
        return frozenset(major for pair in self._steps for major in pair)

    def path(self, old: int, new: int) -> tuple[tuple[int, int], ...]:
        """Return the shortest chain from one major to another, empty for the same.

        Raises NotFound where none leads there.
        """
        ways: dict[int, tuple[tuple[int, int], ...]] = {old: ()}
        waiting = [old]
        while waiting and new not in ways:
            here = waiting.pop(0)
            for start, end in sorted(self._steps):
                if start == here and end not in ways:
                    ways[end] = (*ways[here], (start, end))
                    waiting.append(end)
        if new not in ways:
            raise NotFound(
                f"No migration of {self.contract} leads from {old}.x to {new}.x.",
                code="contract_migration_not_found",
            )
        return ways[new]

    def convert(
        self, document: Document, old: str, new: str, context: Mapping[str, Any] | None = None
    ) -> Document:
        """Return the document as the other version has it; the one given is not changed.

        `old` and `new` are versions ("1.4.0") or majors ("1"). Within a major nothing is done:
        compatibility keeps such documents readable. Raises NotFound where no chain leads there,
        Untranslatable where a step refuses the document.
        """
        for pair in self.path(_major(old), _major(new)):
            document = self._steps[pair].mapping.run(document, context or {})
        return document

    def examine(self, document: Document, major: int) -> list[MigrationFault]:
        """Return what is wrong with the way of a document to each neighbouring major and back.

        There it satisfies its contract; back again it has no value that it did not have (but for
        constants: what the other major does not know), and what the other major knows it keeps.
        """
        pairs = sorted(pair for pair in self._steps if pair[0] == major)
        return [fault for pair in pairs for fault in self._examine(document, pair)]

    def _examine(self, document: Document, pair: tuple[int, int]) -> Iterator[MigrationFault]:
        there, back = self._steps[pair], self._steps.get((pair[1], pair[0]))
        try:
            moved = there.mapping.run(document, {})
        except Reject as refusal:
            yield _fault(there, refusal.code, "", "refuses the document.")
            return
        for broken in there.target.errors(moved):
            text = f"makes a document that breaks {broken.keyword}."
            yield _fault(there, "TARGET_BROKEN", broken.pointer, text)
        if back is None:
            yield _fault(there, "NO_WAY_BACK", "", f"there is no {pair[1]}-to-{pair[0]}.yaml.")
            return
        try:
            yield from _round(document, moved, there, back)
        except Reject as refusal:
            yield _fault(back, refusal.code, "", "refuses what the way there made.")


def _round(
    document: Document, moved: Document, there: _Step, back: _Step
) -> Iterator[MigrationFault]:
    returned = back.mapping.run(moved, {})
    for broken in back.target.errors(returned):
        text = f"makes a document that breaks {broken.keyword}."
        yield _fault(back, "TARGET_BROKEN", broken.pointer, text)
    constant = {
        one.target_pointer
        for one in back.mapping.explain("", moved, {}).fields
        if one.present and not one.source_pointers
    }
    before, after = dict(_leaves(document, "")), dict(_leaves(returned, ""))
    for pointer in sorted(set(after) - constant):
        if pointer not in before or before[pointer] != after[pointer]:
            yield _fault(back, "ROUND_TRIP", pointer, "is not what it was before the way there.")
    again = dict(_leaves(there.mapping.run(returned, {}), ""))
    known = dict(_leaves(moved, ""))
    for pointer in sorted(pointer for pointer in known if again.get(pointer) != known[pointer]):
        yield _fault(back, "LOST", pointer, "does not survive the way back, though both know it.")


def _leaves(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    """Yield every plain value with its JSON pointer; an empty object or array is one itself."""
    pairs: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        pairs = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        pairs = [(str(index), item) for index, item in enumerate(value)]
    if not pairs:
        yield pointer, value
    for key, item in pairs:
        name = key.replace("~", "~0").replace("/", "~1")
        yield from _leaves(item, f"{pointer}/{name}")


def _fault(step: _Step, code: str, pointer: str, text: str) -> MigrationFault:
    return MigrationFault(migration=step.source.place, code=code, pointer=pointer, text=text)


def _major(version: str) -> int:
    number = Version.parse(version)
    if number is not None:
        return number.major
    if not version.isascii() or not version.isdecimal():
        raise NotFound(f"'{version}' is no version.", code="contract_version_not_found")
    return int(version)


def compile_migrations(
    registry: Registry,
    contract: str,
    *,
    standing: Mapping[int, str] | None = None,
    majors: Container[int] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Migrations:
    """Compile every migration of a contract, each checked against the schemas of its two majors;
    with `majors`, only those between two of them.

    For a major stands its newest version in force, or the one that `standing` names for it; a
    retired one too: what is stored is still replayed. Raises ConfigError with the file and line of
    what is wrong.
    """
    steps = {
        (source.old, source.new): _compile(registry, source, standing or {}, limits)
        for source in registry.migrations(contract)
        if majors is None or (source.old in majors and source.new in majors)
    }
    return Migrations(contract, steps)


def _compile(
    registry: Registry, source: MigrationSource, standing: Mapping[int, str], limits: Limits
) -> _Step:
    old, new = (_schema(registry, source, major, standing) for major in (source.old, source.new))
    mapping = compile_mapping(
        source.text,
        source_schema=old,
        target_schema=new,
        tables=_no_table(source),
        file=f"contracts/{source.place}",
        limits=limits,
    )
    for side, major in ((mapping.header.source, source.old), (mapping.header.target, source.new)):
        if side.contract != source.contract or side.version != f"^{major}":
            raise ConfigError(
                f"goes from {source.contract} ^{source.old} to ^{source.new}: say so in source and"
                " target.",
                file=f"contracts/{source.place}",
                line=1,
            )
    return _Step(source=source, mapping=mapping, target=compile_validator(new, Profile.WRITER))


def _schema(
    registry: Registry, source: MigrationSource, major: int, standing: Mapping[int, str]
) -> dict[str, Any]:
    try:
        return registry.bundled_schema(source.contract, standing.get(major, f"^{major}"))
    except NotFound:
        reason = f"there is no {source.contract} {major}.x."
        raise ConfigError(reason, file=f"contracts/{source.place}", line=1) from None


def _no_table(source: MigrationSource) -> Callable[[str], str]:
    def refuse(name: str) -> str:
        raise ConfigError(
            f"a migration has its lookups in the file, not in '{name}'.",
            file=f"contracts/{source.place}",
        )

    return refuse
