"""Confirm: whatever a destination answers becomes a message like any other, or is kept raw."""

from collections.abc import Mapping
from typing import Any

from gateway.errors import Reject
from gateway.model.ids import message_id
from gateway.pipeline.bundle import Bundle, Reply
from gateway.pipeline.facts import NewMessage
from gateway.pipeline.route import route
from gateway.pipeline.validate import examine, validate

__all__ = ["confirm"]


def confirm(
    answer: Any, reply: Reply, interface: str, bundle: Bundle, context: Mapping[str, Any]
) -> tuple[NewMessage, ...]:
    """Return the reply and the messages its routes make. Raises Reject where the answer is not
    what the contract says; that never causes a resend.

    `context["answer"]` tells several answers to one delivery apart ("taken" comes before the
    final one, which has none).
    """
    if answer is None:
        raise Reject("The destination gave no answer where one is due.", code="reply_missing")
    if reply.mapping is None and not isinstance(answer, dict):
        raise Reject("The answer is not a JSON object.", code="reply_unreadable")
    data = reply.mapping.run(answer, context) if reply.mapping else answer
    message = NewMessage(
        message_id=message_id(
            context["delivery_id"],
            f"{context['generation']}{context.get('answer', '')}",
            reply.contract.name,
            0,
        ),
        contract=reply.contract,
        data=data,
        cause_id=context["delivery_id"],
        interface=interface,
    )
    validate(message)
    examine(message, reply.outcomes)
    return route(message, bundle, context)
