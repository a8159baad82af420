"""Judges what `contract.yaml` records of a version: a step written by hand passes no gate."""

from collections.abc import Iterator

from gateway.governance.lifecycle import GRACE, Status, moment
from gateway.registry import VersionRecord

__all__ = ["record_faults"]

_RELEASED = frozenset({Status.ACTIVE, Status.DEPRECATED, Status.SUNSET, Status.RETIRED})
_ANNOUNCED = frozenset({Status.DEPRECATED, Status.SUNSET, Status.RETIRED})
_MOMENTS = ("active_at", "deprecated_at", "sunset_at", "retired_at", "withdrawn_at")


def record_faults(version: str, record: VersionRecord) -> Iterator[str]:
    """Yield what cannot have come about by the steps of the life cycle, one sentence each."""
    if record.status not in set(Status):
        yield f"'{record.status}' is no status: {', '.join(Status)}."
        return
    status = Status(record.status)
    for name in _MOMENTS:
        text = getattr(record, name)
        if text and moment(text) is None:
            yield f"{name} is no moment such as 2026-05-12T08:30:00Z."
    if status in _RELEASED:
        yield from _release(version, record)
    if status in _ANNOUNCED:
        yield from _announcement(record)


def _release(version: str, record: VersionRecord) -> Iterator[str]:
    if version.startswith("0."):
        yield f"a version below 1.0.0 is a draft, not {record.status}."
    if not record.author or not record.approved_by:
        yield f"{record.status} names nobody who proposed it (author) or approved it (approved_by)."
    elif record.author == record.approved_by:
        yield f"{record.author} approved what they proposed themselves."


def _announcement(record: VersionRecord) -> Iterator[str]:
    announced, sunset = moment(record.deprecated_at), moment(record.sunset_at)
    if not record.successor:
        yield f"{record.status} names no successor."
    if announced is None or sunset is None:
        yield f"{record.status} lacks deprecated_at or sunset_at."
        return
    grace = GRACE.get(record.stability, GRACE["stable"])
    if sunset - announced < grace:
        yield f"its sunset is less than {grace.days} days after it was deprecated."
