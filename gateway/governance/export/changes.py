"""Says in words what changed between two versions of a contract, field by field."""

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from gateway.governance.docs import Field, contract_fields
from gateway.governance.export.published import Published

__all__ = ["Change", "ChangeKind", "changes"]


class ChangeKind(StrEnum):
    """What happened to a field."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class Change(msgspec.Struct, frozen=True):
    """One field that is not what it was; `words` say how, as a sentence."""

    kind: ChangeKind
    path: str
    words: str


def changes(old: Published, new: Published) -> list[Change]:
    """Return what changed from one version to the next, in the order of the fields: what is gone
    first, then what came or changed. Empty where only files around the fields differ.

    This is for reading; whether it breaks anybody is `gateway.governance.compat`'s to prove.
    """
    before = {field.path: field for field in contract_fields(old.schema)}
    after = {field.path: field for field in contract_fields(new.schema)}
    gone = [
        Change(ChangeKind.REMOVED, path, f"Was {_need(field)}: {field.kind}.")
        for path, field in before.items()
        if path not in after
    ]
    return gone + [
        change for path, field in after.items() for change in _one(before.get(path), field)
    ]


def _one(old: Field | None, new: Field) -> Iterator[Change]:
    if old is None:
        words = f"{_need(new).capitalize()}: {new.kind}. {new.description}"
        yield Change(ChangeKind.ADDED, new.path, words.strip())
        return
    said = " ".join(_differences(old, new))
    if said:
        yield Change(ChangeKind.CHANGED, new.path, said)


def _differences(old: Field, new: Field) -> Iterator[str]:
    if old.required != new.required:
        yield f"Is {_need(new)} now."
    if old.kind != new.kind:
        yield f"Was {old.kind}, is {new.kind}."
    if (old.phi, old.mask) != (new.phi, new.mask):
        yield f"PHI class was {old.phi}, is {new.phi}."
    if old.code_set != new.code_set:
        yield f"Codes of {new.code_set or 'no list'} (before: {old.code_set or 'no list'})."
    if old.description != new.description:
        yield f"Reads now: {new.description}"


def _need(field: Field) -> str:
    return "required" if field.required else "optional"
