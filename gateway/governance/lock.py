"""Keeps released contracts as they are: `contracts.lock` holds the SHA-256 of each of their files."""

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256

from gateway.governance.finding import LintFinding
from gateway.registry import ContractVersion

__all__ = ["LOCK_FILE", "extend_lock", "lockable", "unreleased", "verify_lock"]

LOCK_FILE = "contracts.lock"
_LINE = re.compile(r"([0-9a-f]{64})  (\S+)")
_RELEASED = re.compile(r"[^/]+/[1-9][0-9]*\.[0-9]+\.[0-9]+/.+")


def unreleased(contracts: Iterable[ContractVersion]) -> frozenset[str]:
    """Return the versions that may still change ("receipt/2.0.0"): drafts, and what never was."""
    return frozenset(one.identity for one in contracts if one.status in {"draft", "withdrawn"})


def lockable(files: Mapping[str, bytes], drafts: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return SHA-256 by path of the files that must not change: those of versions from 1.0.0 on
    that are no drafts.

    `files` is what `Registry.files` gives: bytes by path below `contracts/`.
    """
    return {
        path: sha256(body).hexdigest()
        for path, body in sorted(files.items())
        if _RELEASED.fullmatch(path) and "/".join(path.split("/")[:2]) not in drafts
    }


def extend_lock(
    lock: str, files: Mapping[str, bytes], drafts: frozenset[str] = frozenset()
) -> str:
    """Return the text of the lock with entries for new files; known entries are never changed."""
    entries = lockable(files, drafts) | _entries(lock)
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(entries.items()))


def verify_lock(
    lock: str, files: Mapping[str, bytes], drafts: frozenset[str] = frozenset()
) -> list[LintFinding]:
    """Return one finding for each released file that is changed, gone or not locked yet."""
    locked, found = _entries(lock), lockable(files, drafts)
    texts = {
        path: _difference(locked.get(path), found.get(path)) for path in sorted(locked | found)
    }
    return [
        LintFinding(file=path, pointer="", rule=text[0], text=text[1])
        for path, text in texts.items()
        if text
    ]


def _difference(locked: str | None, found: str | None) -> tuple[str, str] | None:
    if locked == found:
        return None
    if locked is None:
        return "lock_missing", "is released but not locked; run `remithub contract lock`."
    if found is None:
        return "lock_gone", "is locked but gone, or a draft again; a released version stays."
    return "lock_changed", "was changed after its release; make a new version instead."


def _entries(lock: str) -> dict[str, str]:
    return {found[2]: found[1] for found in _LINE.finditer(lock)}
