"""Route: who is owed this message, and which further messages it makes."""

from collections.abc import Collection, Mapping
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

    Decides only; nothing is written. A route reads a message in the major that it names, as its
    destination does. Raises Reject where a route's condition or mapping cannot be worked out:
    then nobody gets anything.
    """
    owed: list[tuple[str, str]] = []
    made: list[NewMessage] = []
    goes_to: set[str] = {message.interface}
    sendings = bundle.routes.get(message.contract.name, ())
    for sending in sorted(sendings, key=_is_subscription):
        if not _may_see(sending, goes_to):
            continue
        if sending.when is not None and not sending.when.test(_read(sending, message), context):
            continue
        if sending.mapping is None:
            if sending.sink is not None:
                owed.append((sending.lane, _order_key(sending, message, context)))
                goes_to.add(sending.settings.to)
            continue
        made.append(_make(message, sending, bundle, context))
    confirms = bundle.confirms.get(message.contract.name, ())
    return (msgspec.structs.replace(message, owed=tuple(owed), confirms=confirms), *made)


def _is_subscription(sending: Sending) -> bool:
    """Subscriptions come last: what else a message is owed to says who may see it."""
    return sending.sink is not None and sending.sink.grant is not None


def _may_see(sending: Sending, goes_to: Collection[str]) -> bool:
    """A message belongs to the interface it came by and to those it goes to; a subscriber gets
    what belongs to one of its client's."""
    grant = sending.sink.grant if sending.sink else None
    return grant is None or not grant.interfaces.isdisjoint(goes_to)


def _make(
    message: NewMessage, sending: Sending, bundle: Bundle, context: Mapping[str, Any]
) -> NewMessage:
    assert sending.mapping is not None  # noqa: S101 - the caller looked
    owes = sending.owes
    name = message_id(message.message_id, sending.settings.name, owes.name, message.revision)
    data = sending.mapping.run(
        _read(sending, message), {**context, "message_id": message.message_id}
    )
    made = NewMessage(
        message_id=name,
        contract=owes,
        data=data,
        cause_id=message.message_id,
        interface=message.interface,
        revision=message.revision,
        artifact_id=message.artifact_id,
        part_offset=message.part_offset,
        confirms=bundle.confirms.get(owes.name, ()),
    )
    validate(made)
    if sending.sink is None:
        return made
    owed = ((sending.lane, _order_key(sending, made, context)),)
    return msgspec.structs.replace(made, owed=owed)


def _read(sending: Sending, message: NewMessage) -> dict[str, Any]:
    return sending.takes.read(message.data, message.contract.version)


def _order_key(sending: Sending, message: NewMessage, context: Mapping[str, Any]) -> str:
    sink = sending.sink
    if sink is None or sink.order_by is None:
        return ""
    data = sink.accepts.read(message.data, message.contract.version)
    return str(sink.order_by.evaluate(data, context))
