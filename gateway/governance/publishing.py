"""What stands against publishing a version: the gates of validity, integrity and compatibility."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from gateway.errors import ConfigError
from gateway.governance.compat import (
    Limits,
    Mode,
    Policy,
    Report,
    Subject,
    Verdict,
    compare,
)
from gateway.governance.consumers import ContractReads, broken_consumers
from gateway.governance.lifecycle import Facts, Usage
from gateway.governance.migrations import Migrations, compile_migrations
from gateway.governance.quality import Outcome, compile_quality
from gateway.governance.references import Reference, referenced_by
from gateway.governance.review import review_version
from gateway.registry import ContractVersion, Registry, Version
from gateway.translation import DEFAULT_LIMITS
from gateway.translation import Limits as RunLimits

__all__ = ["Surroundings", "example_faults", "examples_of", "publication_faults"]

_LIVE = frozenset({"active", "deprecated", "sunset"})


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a version is held against, besides its own files."""

    reads: Sequence[ContractReads] = ()
    """What consumers read, derived and declared."""
    policy: Policy = Policy()
    compat: Limits | None = None
    """Bounds of one comparison; None: those of the checker."""
    run: RunLimits = DEFAULT_LIMITS
    """Bounds of one run of a migration or a rule."""


def publication_faults(
    registry: Registry, contract: ContractVersion, around: Surroundings
) -> tuple[str, ...]:
    """Return what keeps a version from being published, one sentence each; empty: nothing.

    Its files pass lint and review; examples pass quality rules; no version in force of the same
    major breaks, in the contract's mode; no consumer loses what it reads, also none that a new
    major moves because it names none; a new major has migrations from and to the one before. Raises ConfigError for files that cannot be read.
    """
    reviewed = (f"{one.file}: {one.text}" for one in review_version(registry, contract))
    return (
        *reviewed,
        *example_faults(registry, contract, around.run),
        *comparison_faults(registry, contract, around),
    )


def comparison_faults(
    registry: Registry, contract: ContractVersion, around: Surroundings
) -> Iterator[str]:
    """Yield what a version breaks of those before it: documents, consumers, the way between majors.

    The last gates of `publication_faults`; nothing for the first version of a contract.
    """
    older = [one for one in _older(registry, contract) if one.status in _LIVE]
    same = [one for one in older if one.major == contract.major]
    yield from _compatibility(registry, contract, same, around)
    if older:
        yield from _moved(registry, contract, older[-1], around.reads)
        yield from _between_majors(registry, contract, older, around)


def _moved(
    registry: Registry,
    contract: ContractVersion,
    before: ContractVersion,
    reads: Iterable[ContractReads],
) -> Iterator[str]:
    """Yield who gets a new major without having asked for it, and loses what it reads by that."""
    if before.major == contract.major:
        return
    numbers = [Version.parse(one.version) for one in (before, contract)]
    users = [
        one
        for one in reads
        if one.contract == contract.name
        and all(number and number.satisfies(one.version) for number in numbers)
    ]
    old, new = (registry.bundled_schema(one.name, one.version) for one in (before, contract))
    for broken in broken_consumers(old, new, users):
        yield (
            f"breaks {broken.consumer}, which names no major and reads {broken.pointer or '/'}"
            f" ({broken.code})."
        )


def example_faults(
    registry: Registry, contract: ContractVersion, limits: RunLimits = DEFAULT_LIMITS
) -> Iterator[str]:
    """Yield each quality rule that rejects a valid example. Raises ConfigError for a wrong rule."""
    quality = compile_quality(registry, contract.name, contract.version, limits=limits)
    for name, document in examples_of(contract):
        for finding in quality.judge(document):
            if finding.outcome is not Outcome.PASS:
                place = finding.pointer or "/"
                yield f"{contract.identity}/{name} breaks rule {finding.rule} at {place}."


def examples_of(contract: ContractVersion) -> Iterator[tuple[str, Any]]:
    """Yield the valid examples of a version with their paths below it."""
    for file in sorted((contract.folder / "examples/valid").glob("*.json")):
        yield f"examples/valid/{file.name}", json.loads(file.read_bytes())


def _older(registry: Registry, contract: ContractVersion) -> list[ContractVersion]:
    """List the versions before this one, oldest first."""
    own = Version.parse(contract.version)
    numbered = (
        (Version.parse(one.version), one)
        for one in registry.contracts()
        if one.name == contract.name
    )
    return [one for number, one in numbered if number and own and number < own]


def _compatibility(
    registry: Registry,
    contract: ContractVersion,
    same: Sequence[ContractVersion],
    around: Surroundings,
) -> Iterator[str]:
    if not same:
        return
    new = registry.bundled_schema(contract.name, contract.version)
    subjects = [_subject(registry, one) for one in same]
    mode = Mode(contract.header.compatibility)
    policy = msgspec.structs.replace(
        around.policy, contract=contract.name, stability=contract.record.stability
    )
    for old, subject in zip(same, subjects, strict=True):
        if old is not same[-1] and not mode.transitive:
            continue
        report = compare(
            [subject],
            Subject(contract.identity, new),
            mode=mode,
            policy=policy,
            limits=around.compat,
        )
        yield from _against(report, old)
        yield from _consumers(subject.schema, new, old, report, around.reads)


def _against(report: Report, old: ContractVersion) -> Iterator[str]:
    if report.accepted and report.verdict is not Verdict.INCOMPATIBLE:
        return
    standing = sorted({f"{one.code} {one.pointer_new}" for one in report.findings if one.stands})
    codes = f": {', '.join(standing)}" if standing else ""
    yield f"{report.verdict} with {old.identity}{codes}."


def _consumers(
    before: Any, after: Any, old: ContractVersion, report: Report, reads: Iterable[ContractReads]
) -> Iterator[str]:
    number = Version.parse(old.version)
    users = [
        one
        for one in reads
        if one.contract == old.name and number and number.satisfies(one.version)
    ]
    standing = [(one.pointer_old, one.code) for one in report.findings if one.stands]
    for broken in broken_consumers(before, after, users, standing):
        yield f"breaks {broken.consumer}, which reads {broken.pointer or '/'} ({broken.code})."


def _subject(registry: Registry, contract: ContractVersion) -> Subject:
    schema = registry.bundled_schema(contract.name, contract.version)
    return Subject(contract.identity, schema)


def _between_majors(
    registry: Registry,
    contract: ContractVersion,
    older: Sequence[ContractVersion],
    around: Surroundings,
) -> Iterator[str]:
    """Yield what is wrong with migrations while this version stands for its major."""
    standing = {contract.major: contract.version}
    try:
        migrations = compile_migrations(
            registry, contract.name, standing=standing, limits=around.run
        )
    except ConfigError as error:
        yield str(error)
        return
    before = older[-1].major
    for old, new in ((before, contract.major), (contract.major, before)):
        if old != new and (old, new) not in migrations.steps:
            yield f"a new major has migrations both ways: {old}-to-{new}.yaml is missing."
    yield from _proved(migrations, [*older, contract])


def _proved(migrations: Migrations, versions: Iterable[ContractVersion]) -> Iterator[str]:
    for one in versions:
        for name, document in examples_of(one):
            for fault in migrations.examine(document, one.major):
                place = fault.pointer or "/"
                yield f"{fault.migration}: {one.identity}/{name} at {place} {fault.text}"


def facts_of(
    registry: Registry,
    contract: ContractVersion,
    named: Iterable[Reference],
    *,
    now: datetime,
    usage: Usage | None = None,
    faults: tuple[str, ...] = (),
) -> Facts:
    """Return the surroundings of a step of this version. `named` is what `references` gives, with
    subscriptions and clients; `usage` counts calls, `faults` is what `publication_faults` gives."""
    newer = (one for one in registry.contracts() if contract in _older(registry, one))
    calls = usage.last_calls(contract.name, contract.version) if usage else None
    return Facts(
        version=contract.version,
        now=now,
        successors=frozenset(one.version for one in newer if one.status == "active"),
        faults=faults,
        references=tuple(
            one.by for one in referenced_by(registry, named, contract.name, contract.version)
        ),
        calls=None if calls is None else tuple(calls),
    )
