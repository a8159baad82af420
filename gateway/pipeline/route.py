"""Route: who is owed this message, and which further messages it makes."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.model.ids import message_id
from gateway.pipeline.bundle import Bundle, Sending
from gateway.pipeline.facts import NewMessage
from gateway.pipeline.validate import validate

__all__ = ["route"]


def route(
    message: NewMessage, bundle: Bundle, context: Mapping[str, Any]
) -> tuple[NewMessage, ...]:
    """Return the message with what it is owed to, followed by the messages its routes make.

    Decides only; nothing is written. Raises Reject where a route's condition or mapping cannot
    be worked out: then nobody gets anything.
    """
    owed: list[tuple[str, str]] = []
    made: list[NewMessage] = []
    for sending in bundle.routes.get(message.contract.name, ()):
        if sending.when is not None and not sending.when.test(message.data, context):
            continue
        if sending.mapping is None:
            if sending.sink is not None:
                owed.append((sending.lane, _order_key(sending, message.data, context)))
            continue
        made.append(_make(message, sending, bundle, context))
    confirms = bundle.confirms.get(message.contract.name, ())
    return (msgspec.structs.replace(message, owed=tuple(owed), confirms=confirms), *made)


def _make(
    message: NewMessage, sending: Sending, bundle: Bundle, context: Mapping[str, Any]
) -> NewMessage:
    assert sending.mapping is not None  # noqa: S101 - the caller looked
    owes = sending.owes
    name = message_id(message.message_id, sending.settings.name, owes.name, message.revision)
    data = sending.mapping.run(message.data, {**context, "message_id": message.message_id})
    owed: tuple[tuple[str, str], ...] = ()
    if sending.sink is not None:
        owed = ((sending.lane, _order_key(sending, data, context)),)
    made = NewMessage(
        message_id=name,
        contract=owes,
        data=data,
        cause_id=message.message_id,
        interface=message.interface,
        revision=message.revision,
        artifact_id=message.artifact_id,
        part_offset=message.part_offset,
        owed=owed,
        confirms=bundle.confirms.get(owes.name, ()),
    )
    validate(made)
    return made


def _order_key(sending: Sending, data: dict[str, Any], context: Mapping[str, Any]) -> str:
    if sending.sink is None or sending.sink.order_by is None:
        return ""
    return str(sending.sink.order_by.evaluate(data, context))
