"""Whether a caller gets a version, and what it is told of the version's end. Pure."""

from datetime import datetime
from enum import StrEnum

import msgspec

from gateway.governance.lifecycle import Status, moment
from gateway.registry import VersionRecord

__all__ = ["Caller", "Notice", "Serving", "notice_of", "serving", "standing"]


class Serving(StrEnum):
    """What a caller gets."""

    SERVED = "served"
    NOTICED = "noticed"
    """Served, with Deprecation, Sunset and a link to the successor on every answer."""
    DRAFT = "draft"
    """Not served: it is a draft, and this caller has not asked for drafts."""
    GONE = "gone"
    """Not served any more: HTTP 410, contract_version_retired."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """What matters about who asks."""

    known: bool
    """It has used this version before: it has a pin, or was counted."""
    drafts: bool = False
    """It may have drafts: a sandbox, an interface with `allow_draft`."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller is told: since when, until when (aware, UTC), and where to go."""

    deprecated_at: datetime
    sunset_at: datetime
    successor: str


def standing(record: VersionRecord, now: datetime) -> Status:
    """Return how far a version has come by the clock: a deprecated one is at its sunset on the
    announced day, whether or not somebody has recorded it. Raises ValueError for no status."""
    status = Status(record.status)
    sunset = moment(record.sunset_at)
    if status is Status.DEPRECATED and sunset is not None and sunset <= now:
        return Status.SUNSET
    return status


def serving(record: VersionRecord, caller: Caller, now: datetime) -> Serving:
    """Return what a caller gets of a version. Raises ValueError for no status."""
    match standing(record, now):
        case Status.DRAFT:
            return Serving.SERVED if caller.drafts else Serving.DRAFT
        case Status.ACTIVE:
            return Serving.SERVED
        case Status.DEPRECATED:
            return Serving.NOTICED
        case Status.SUNSET:
            return Serving.NOTICED if caller.known else Serving.GONE
        case Status.RETIRED | Status.WITHDRAWN:
            return Serving.GONE


def notice_of(record: VersionRecord) -> Notice | None:
    """Return what callers of a version are told; None before it is deprecated."""
    deprecated, sunset = moment(record.deprecated_at), moment(record.sunset_at)
    if deprecated is None or sunset is None:
        return None
    return Notice(deprecated_at=deprecated, sunset_at=sunset, successor=record.successor)
