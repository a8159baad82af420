"""Wraps a document in a CloudEvents 1.0 envelope, structured mode."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.errors import UsageFault
from gateway.governance.masking import phi_classes
from gateway.registry import ContractVersion

__all__ = [
    "MEDIA_TYPE",
    "EventFacts",
    "EventKind",
    "Occurrence",
    "event_attributes",
    "event_kind",
    "facts_of",
    "wrap",
]

MEDIA_TYPE = "application/cloudevents+json"
_CORRELATION_CHARACTERS = 32


class EventFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub knows of a stored message. Times are RFC 3339 in UTC."""

    id: str
    type: str
    """`com.remithub.<noun>.<past-verb>.v<major>`."""
    source: str
    """`//<hub>/<tenant>/<interface>`; unique together with `id`."""
    subject: str
    dataschema: str
    time: str
    """When it happened in business."""
    recordedtime: str
    """When the hub took it."""
    payment_key: str = ""
    causationid: str = ""
    sequence: int = 0
    traceparent: str = ""
    classification: str = "restricted"
    regulation: str = ""
    phi: bool = False
    """Whether the contract's documents may hold PHI (see `phi_classes`)."""


class EventKind(msgspec.Struct, frozen=True, kw_only=True):
    """What every event of one contract version says: `type` has its major, `dataschema` names it."""

    type: str
    dataschema: str
    classification: str
    regulation: str
    phi: bool


def event_kind(found: ContractVersion, schema: dict[str, Any]) -> EventKind:
    """Return it from a version's header and its schema, which stands alone."""
    events = found.header.events
    first = events[0].rpartition(".v")[0] if events else f"com.remithub.{found.name}.stored"
    return EventKind(
        type=f"{first}.v{found.major}",
        dataschema=str(schema.get("$id", "")) or found.identity,
        classification=found.header.classification,
        regulation=found.header.regulation,
        phi=bool(phi_classes(schema)),
    )


class Occurrence(msgspec.Struct, frozen=True, kw_only=True):
    """One stored message. `source` is `//hub/<tenant>/<interface>`, `at` in milliseconds since the
    epoch; what a message has not is empty."""

    message_id: str
    source: str
    at: int
    correlation: str = ""
    cause_id: str = ""
    trace: str = ""


def facts_of(kind: EventKind, one: Occurrence) -> EventFacts:
    """Return what is known of a stored message of that kind."""
    moment = datetime.fromtimestamp(one.at / 1000, UTC)
    time = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return EventFacts(
        id=one.message_id,
        type=kind.type,
        source=one.source,
        subject=one.message_id,
        dataschema=kind.dataschema,
        time=time,
        recordedtime=time,
        payment_key=one.correlation,
        causationid=one.cause_id,
        traceparent=f"00-{one.trace}-{one.message_id[4:20]}-01" if one.trace else "",
        classification=kind.classification,
        regulation=kind.regulation,
        phi=kind.phi,
    )


def event_attributes(facts: EventFacts, *, dataref: str = "") -> dict[str, str]:
    """Return the event's attributes by name; what has no value is left out (CloudEvents 1.0.2, 3).

    The data classification trio is its extension of that name.
    """
    attributes = {
        "specversion": "1.0",
        "id": facts.id,
        "type": facts.type,
        "source": facts.source,
        "subject": facts.subject,
        "time": facts.time,
        "datacontenttype": "application/json",
        "dataschema": facts.dataschema,
        "recordedtime": facts.recordedtime,
        "correlationid": facts.payment_key[:_CORRELATION_CHARACTERS],
        "causationid": facts.causationid,
        "sequence": f"{facts.sequence:020d}" if facts.sequence else "",
        "partitionkey": facts.payment_key,
        "traceparent": facts.traceparent,
        "dataclassification": facts.classification,
        "dataregulation": facts.regulation,
        "datacategory": "phi" if facts.phi else "",
        "dataref": dataref,
    }
    return {name: value for name, value in attributes.items() if value}


def wrap(facts: EventFacts, document: Any = None, *, dataref: str = "") -> dict[str, Any]:
    """Return the event with the whole document, or with a reference to it, as the destination likes.

    Raises UsageFault unless exactly one of document and dataref is given.
    """
    if (document is None) == (not dataref):
        raise UsageFault("An event carries either its document or a reference to it.")
    event: dict[str, Any] = {**event_attributes(facts, dataref=dataref)}
    return event if dataref else event | {"data": document}
