"""Deliver: render a message for its destination and try once."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.base import (
    Absent,
    Call,
    Delivered,
    Document,
    Failed,
    Failure,
    Found,
    Idempotency,
    Pending,
    Undecidable,
    Unknown,
)
from connectors.base import Sink as SinkPort
from gateway.errors import Reject
from gateway.governance.envelope import Occurrence, event_attributes, facts_of
from gateway.pipeline.bundle import Sink
from gateway.pipeline.facts import LaneItem, StoredMessage
from gateway.pipeline.plan import Ending, Undecided

__all__ = ["NOT_GRANTED", "UNASKED_SECONDS", "deliver", "render", "taken"]

NOT_GRANTED = "subscription_not_granted"
"""No product of the client lets it have this any more: nothing is sent until one does."""

UNASKED_SECONDS = 900.0
"""Between two looks at the stored messages for a confirmation: one that comes calls by itself."""

GRACE_SECONDS = 0.5
"""A sink keeps the call's deadline itself and knows best whether anything had left; this ends
the attempt of one that does not."""


def render(message: StoredMessage, sink: Sink, context: Mapping[str, Any]) -> Document:
    """Return the message in the version that the destination accepts, and its own shape. Raises
    Reject."""
    data = sink.shown(sink.accepts.read(message.data, message.version))
    data = sink.mapping.run(data, context) if sink.mapping else data
    event = _event(message, sink, str(context["tenant_id"]))
    return Document(contract=message.contract, data=data, event=event)


def _event(message: StoredMessage, sink: Sink, tenant: str) -> dict[str, str]:
    """Return the attributes of the message as an event. Within a major a document is as it was
    stored; what a mapping has made has no schema of ours."""
    accepts, kind = sink.accepts, sink.accepts.event
    same = message.version.partition(".")[0] == accepts.version.partition(".")[0]
    version = message.version if same else accepts.version
    schema = "" if sink.mapping else kind.dataschema.replace(accepts.version, version)
    one = Occurrence(
        message_id=message.message_id,
        source=f"//hub/{tenant}/{message.interface}",
        at=message.created_at,
        correlation=message.correlation,
        cause_id=message.cause_id,
        trace=message.trace,
    )
    return event_attributes(facts_of(msgspec.structs.replace(kind, dataschema=schema), one))


async def deliver(
    message: StoredMessage,
    item: LaneItem,
    sink: Sink,
    port: SinkPort,
    call: Call,
    context: Mapping[str, Any],
) -> Ending:
    """Make one attempt; never longer than the sink's deadline. Never raises for the partner.

    Where an earlier try may have had its effect, a sink that can be asked is asked first, one
    that takes a key is sent the same key again, and any other waits for a person.
    """
    if sink.grant is not None and sink.grant.refused:
        return Failed(failure=Failure.CREDENTIAL, code=NOT_GRANTED)
    try:
        document = render(message, sink, context)
    except Reject as refusal:
        if item.unsure or item.confirming:  # nothing is refused that may be there already
            return Unknown(code=refusal.code, detail=refusal.message)
        return Failed(failure=Failure.MESSAGE, code=refusal.code, detail=refusal.message)
    attempt = asyncio.create_task(_attempt(port, item, call, document))
    try:
        await asyncio.wait({attempt}, timeout=sink.settings.deadline_seconds + GRACE_SECONDS)
        if attempt.done():
            return attempt.result()
        return Unknown(code="deadline", detail="the attempt outlived its total deadline")
    finally:
        # One that does not listen to this either is not waited for.
        attempt.cancel()
        attempt.add_done_callback(_let_go)


def taken(ending: Ending, item: LaneItem, sink: Sink) -> Ending:
    """Where a message has to confirm it, a first success only says that the delivery was taken."""
    if sink.confirmed_by is None or item.confirming or not isinstance(ending, Delivered | Pending):
        return ending
    reply = ending.reply if isinstance(ending, Pending) else None
    return Pending(external_id=ending.external_id, poll_after_seconds=UNASKED_SECONDS, reply=reply)


def _let_go(attempt: asyncio.Task[Ending]) -> None:
    if not attempt.cancelled():
        attempt.exception()


async def _attempt(port: SinkPort, item: LaneItem, call: Call, document: Document) -> Ending:
    if item.confirming:
        return await _confirm(port, call, document)
    if item.unsure and port.idempotency is not Idempotency.KEY:
        settled = await _ask(port, item, call, document)
        if settled is not None:
            return settled
    return await port.deliver(call, document)


async def _ask(port: SinkPort, item: LaneItem, call: Call, document: Document) -> Ending | None:
    if port.idempotency is Idempotency.NONE:
        if item.again:
            return None
        words = "an earlier try may have had its effect"
        return Undecided(code="outcome_unknown", detail=words, asked=False)
    answer = await port.lookup(call, document)
    match answer:
        case Found():
            return Delivered(external_id=answer.external_id, reply=answer.reply, duplicate=True)
        case Absent():
            return None
        case Undecidable():
            return _undecided(answer)


async def _confirm(port: SinkPort, call: Call, document: Document) -> Ending:
    answer = await port.lookup(call, document)
    match answer:
        case Found():
            return Delivered(external_id=answer.external_id, reply=answer.reply)
        case Absent():
            return Pending()
        case Undecidable():
            return _undecided(answer)


def _undecided(answer: Undecidable) -> Undecided:
    return Undecided(code=answer.code, detail=answer.detail, failure=answer.failure)
