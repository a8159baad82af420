"""Compares a new schema with the old ones in a mode, and says what has to follow."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from gateway.governance.compat.drafts import Draft, Untranslatable, draft_of, translate
from gateway.governance.compat.finding import Bump, Finding
from gateway.governance.compat.modes import CompatProfile, Mode
from gateway.governance.compat.pair import (
    Direction,
    Inclusion,
    Limits,
    Prover,
    Verdict,
    prepared,
)
from gateway.governance.compat.policy import Policy, judge
from gateway.governance.compat.pruning import pruned
from gateway.governance.compat.walk import changes
from gateway.governance.profiles import Profile

__all__ = ["Bump", "Report", "Subject", "compare"]


class Subject(msgspec.Struct, frozen=True):
    """A schema with the name it goes by in messages, such as remittance-advice/1.0.0."""

    name: str
    schema: Any


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison came to.

    `inclusions` has an entry for each old version and direction looked at, by
    "name direction". `accepted` tells whether the change may be published: nothing is
    incompatible or left to people, and no finding of severity ERR is without a waiver.
    """

    contract: str = ""
    old: tuple[str, ...]
    new: str
    mode: Mode
    profile: CompatProfile
    verdict: Verdict
    required_bump: Bump
    accepted: bool
    inclusions: dict[str, Inclusion]
    findings: tuple[Finding, ...]

    @property
    def witness(self) -> tuple[Any, ...]:
        """A document that tells the schemas apart, in a list of at most one."""
        found = (one.witness for one in self.inclusions.values() if one.witness)
        return next(found, ())


_SIDES = {
    CompatProfile.RW: (Profile.WRITER, Profile.READER),
    CompatProfile.STRICT: (Profile.AS_WRITTEN, Profile.AS_WRITTEN),
}


def compare(
    olds: Sequence[Subject],
    new: Subject,
    *,
    mode: Mode = Mode.FULL_TRANSITIVE,
    profile: CompatProfile = CompatProfile.RW,
    policy: Policy | None = None,
    limits: Limits | None = None,
    draft: Draft | None = None,
) -> Report:
    """Compare `new` with the old versions, oldest first; a mode that is not transitive looks at
    the last one only. Schemas may be of draft 04 to 2020-12; `draft` is that of a schema which
    names none and whose partner names none either. Raises nothing.
    """
    policy, prover = policy or Policy(), Prover(limits)
    looked_at = list(olds) if mode.transitive else list(olds[-1:])
    inclusions: dict[str, Inclusion] = {}
    findings: dict[Finding, None] = {}
    for old in looked_at:
        sides = _translated(old, new, draft)
        if isinstance(sides, str):
            pairs = {way: _refused(sides) for way in mode.directions}
            found = []
        else:
            bare = (pruned(sides[0]), pruned(sides[1]))
            pairs = {way: _included(bare, way, profile, prover) for way in mode.directions}
            found = changes(*sides, profile)
        inclusions |= {f"{old.name} {way}": pairs[way] for way in mode.directions}
        findings.update(dict.fromkeys(judge(found, pairs, mode=mode, policy=policy)))
    verdict = _worst(one.verdict for one in inclusions.values())
    return Report(
        contract=policy.contract,
        old=tuple(old.name for old in looked_at),
        new=new.name,
        mode=mode,
        profile=profile,
        verdict=verdict,
        required_bump=_bump(verdict, findings),
        accepted=verdict is not Verdict.REVIEW and not any(one.stands for one in findings),
        inclusions=inclusions,
        findings=tuple(findings),
    )


def _translated(old: Subject, new: Subject, given: Draft | None) -> tuple[Any, Any] | str:
    """Return both schemas in terms of 2020-12, or what has no counterpart there.

    A schema that names no draft is of the other one's, else of the one given.
    """
    default = given if given is not None else Draft.D2020
    draft = draft_of(old.schema, draft_of(new.schema, default))
    try:
        return translate(old.schema, draft), translate(new.schema, draft)
    except Untranslatable as fault:
        return str(fault)


def _refused(keyword: str) -> Inclusion:
    return Inclusion(verdict=Verdict.REVIEW, why=f"{keyword} has no counterpart in 2020-12")


def _included(
    sides: tuple[Any, Any], way: Direction, profile: CompatProfile, prover: Prover
) -> Inclusion:
    old, new = sides
    writer, reader = (old, new) if way is Direction.BACKWARD else (new, old)
    writes, reads = _SIDES[profile]
    return prover.covers(prepared(reader, reads), prepared(writer, writes))


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    found = set(verdicts)
    for verdict in (Verdict.INCOMPATIBLE, Verdict.REVIEW):
        if verdict in found:
            return verdict
    return Verdict.COMPATIBLE


def _bump(verdict: Verdict, findings: Iterable[Finding]) -> Bump:
    needed = {finding.bump for finding in findings}
    if verdict is not Verdict.COMPATIBLE:
        return Bump.MAJOR
    return next((bump for bump in Bump if bump in needed), Bump.PATCH)
