"""Gives each change its severity: what inclusion says, then what is held against it besides.

Source of the table: the policy layer of our contract guide, after oasdiff (deprecation and
sunset), AIP-180 (defaults) and Zalando rule 246 (versions).
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec

from gateway.governance.compat.change import Change
from gateway.governance.compat.finding import Bump, Finding, Level, Severity, Waiver
from gateway.governance.compat.modes import Mode
from gateway.governance.compat.pair import Direction, Inclusion, Verdict

__all__ = ["Policy", "judge"]

GRACE_DAYS = {"stable": 180, "beta": 30, "alpha": 0, "draft": 0}
"""How long a field lives on after its deprecation, at least, by `x-stability-level`."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What severities depend on besides the schemas.

    `contract` goes into fingerprints. `today` decides whether a sunset has passed and a waiver
    has expired; without it neither counts. `stability` is stable, beta, alpha or draft: of the
    last two nothing is promised, so an ERR is a WARN.
    """

    contract: str = ""
    stability: str = "stable"
    today: date | None = None
    waivers: Sequence[Waiver] = ()


def judge(
    changes: Iterable[Change],
    pairs: Mapping[Direction, Inclusion],
    *,
    mode: Mode,
    policy: Policy,
) -> list[Finding]:
    """Return a finding for each change, and one more for each break that no change explains."""
    found = [_finding(change, pairs, mode, policy) for change in changes]
    explained = {way for finding in found for way in finding.breaks}
    for way, inclusion in pairs.items():
        if inclusion.verdict is not Verdict.COMPATIBLE and way not in explained:
            found.append(_finding(_unexplained(way, inclusion), pairs, mode, policy))
        if inclusion.empty:
            found.append(_finding(_EMPTY[way], pairs, mode, policy))
    return found


def _unexplained(way: Direction, inclusion: Inclusion) -> Change:
    reviewed = inclusion.verdict is Verdict.REVIEW
    return Change(
        code="UNDECIDED" if reviewed else "MEANING_CHANGED",
        level=Level.WIRE,
        breaks=(way,),
        message=f"Not decided: {inclusion.why}." if reviewed else "Taken together, the changes.",
    )


_EMPTY = {
    way: Change(
        code="WRITER_EMPTY",
        level=Level.WIRE,
        severity=Severity.WARN,
        same=True,
        message=f"The {side} schema allows a writer no document at all, so nothing can break.",
    )
    for way, side in ((Direction.BACKWARD, "old"), (Direction.FORWARD, "new"))
}


def _finding(
    change: Change, pairs: Mapping[Direction, Inclusion], mode: Mode, policy: Policy
) -> Finding:
    breaks = tuple(way for way in change.breaks if _may_break(way, pairs))
    severity = _severity(change, breaks, mode, policy)
    prints = _fingerprint(change, policy.contract)
    evidence = (pairs[way].witness for way in breaks if way in pairs and pairs[way].witness)
    return Finding(
        code=change.code,
        severity=severity,
        level=change.level,
        breaks=breaks,
        pointer_old=change.pointer_old,
        pointer_new=change.pointer_new,
        old=change.old,
        new=change.new,
        message=change.message,
        evidence=next(evidence, ()),
        fingerprint=prints,
        waiver=_waiver(prints, policy),
        bump=_bump(change, breaks, severity),
    )


def _may_break(way: Direction, pairs: Mapping[Direction, Inclusion]) -> bool:
    """A change that breaks where it stands alone breaks nothing where the whole is proved."""
    return way not in pairs or pairs[way].verdict is not Verdict.COMPATIBLE


def _severity(
    change: Change, breaks: tuple[Direction, ...], mode: Mode, policy: Policy
) -> Severity:
    severity = change.severity
    if any(way in mode.directions for way in breaks):
        severity = Severity.ERR
    if change.code in _EXEMPTIONS and _EXEMPTIONS[change.code](change, policy):
        severity = Severity.INFO
    if mode is Mode.NONE:
        return Severity.INFO
    if severity is Severity.ERR and GRACE_DAYS.get(policy.stability, 180) == 0:
        return Severity.WARN
    return severity


def _bump(change: Change, breaks: tuple[Direction, ...], severity: Severity) -> Bump:
    if severity is Severity.ERR and (breaks or change.level is Level.SOURCE):
        return Bump.MAJOR
    if change.level is Level.SEMANTIC:
        return Bump.PATCH if change.severity is Severity.INFO else Bump.MINOR
    return Bump.PATCH if change.same else Bump.MINOR


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def _sunset_passed(change: Change, policy: Policy) -> bool:
    """A field may go that was deprecated and whose sunset has passed."""
    schema = change.old if isinstance(change.old, dict) else {}
    sunset = _day(schema.get("x-sunset"))
    if schema.get("deprecated") is not True or sunset is None or policy.today is None:
        return False
    return sunset <= policy.today


def _announced(change: Change, policy: Policy) -> bool:
    """A deprecation is in order that names a successor and leaves time enough."""
    schema = change.new if isinstance(change.new, dict) else {}
    sunset = _day(schema.get("x-sunset"))
    if "x-successor" not in schema or sunset is None:
        return False
    grace = timedelta(days=GRACE_DAYS.get(policy.stability, 180))
    return policy.today is None or sunset - policy.today >= grace


_EXEMPTIONS: dict[str, Callable[[Change, Policy], bool]] = {
    "PROP_OPTIONAL_REMOVED": _sunset_passed,
    "PROP_RENAMED": _sunset_passed,
    "DEPRECATED_SET": _announced,
}


def _fingerprint(change: Change, contract: str) -> str:
    parts = [contract, change.code, change.pointer_old, change.pointer_new, change.old, change.new]
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _waiver(fingerprint: str, policy: Policy) -> Waiver | None:
    for waiver in policy.waivers:
        until = _day(waiver.expires)
        if waiver.fingerprint == fingerprint and until is not None:
            return waiver if policy.today is not None and policy.today <= until else None
    return None
