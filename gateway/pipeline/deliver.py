"""Deliver: render a message for its destination and try once."""

import asyncio
from collections.abc import Mapping
from typing import Any

from connectors.base import (
    Absent,
    Call,
    Delivered,
    Document,
    Failed,
    Failure,
    Found,
    Idempotency,
    Outcome,
    Pending,
    Undecidable,
    Unknown,
)
from connectors.base import Sink as SinkPort
from gateway.errors import Reject
from gateway.pipeline.bundle import Sink
from gateway.pipeline.facts import LaneItem, StoredMessage

__all__ = ["deliver", "render"]

GRACE_SECONDS = 0.5
"""A sink keeps the call's deadline itself and knows best whether anything had left; this ends
the attempt of one that does not."""


def render(message: StoredMessage, sink: Sink, context: Mapping[str, Any]) -> Document:
    """Return the message in the destination's own shape. Raises Reject."""
    data = sink.mapping.run(message.data, context) if sink.mapping else message.data
    return Document(contract=message.contract, data=data)


async def deliver(
    message: StoredMessage,
    item: LaneItem,
    sink: Sink,
    port: SinkPort,
    call: Call,
    context: Mapping[str, Any],
) -> Outcome:
    """Make one attempt; never longer than the sink's deadline. Never raises for the partner.

    Where an earlier try may have had its effect, a sink that can be asked is asked first, one
    that takes a key is sent the same key again, and any other waits for a person.
    """
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


def _let_go(attempt: asyncio.Task[Outcome]) -> None:
    if not attempt.cancelled():
        attempt.exception()


async def _attempt(port: SinkPort, item: LaneItem, call: Call, document: Document) -> Outcome:
    if item.confirming:
        return await _confirm(port, call, document)
    if item.unsure and port.idempotency is not Idempotency.KEY:
        settled = await _ask(port, item, call, document)
        if settled is not None:
            return settled
    return await port.deliver(call, document)


async def _ask(port: SinkPort, item: LaneItem, call: Call, document: Document) -> Outcome | None:
    if port.idempotency is Idempotency.NONE:
        if item.again:
            return None
        return Unknown(code="outcome_unknown", detail="an earlier try may have had its effect")
    answer = await port.lookup(call, document)
    match answer:
        case Found():
            return Delivered(external_id=answer.external_id, reply=answer.reply, duplicate=True)
        case Absent():
            return None
        case Undecidable():
            return Unknown(code=answer.code, detail=answer.detail)


async def _confirm(port: SinkPort, call: Call, document: Document) -> Outcome:
    answer = await port.lookup(call, document)
    match answer:
        case Found():
            return Delivered(external_id=answer.external_id, reply=answer.reply)
        case Absent() | Undecidable():
            return Pending()
