"""Correlate: find the stored message that makes a delivery final, and let the delivery know."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from connectors.base import Delivered, Failed, Failure
from gateway.errors import Reject
from gateway.pipeline.bundle import ConfirmedBy
from gateway.pipeline.facts import LaneItem, NewMessage, StoredMessage
from gateway.pipeline.plan import Ending, Undecided
from gateway.store import Row, Statement, Store

__all__ = ["asked_of", "confirmation", "correlation_of", "nudge", "nudges"]


def correlation_of(message: StoredMessage | None, external_id: str) -> str:
    """Return what a confirmation will most likely carry: the partner's own number for the
    delivery where it gave one, else the message's correlation."""
    return external_id or (message.correlation if message else "")


async def confirmation(
    item: LaneItem,
    message: StoredMessage,
    wanted: ConfirmedBy,
    store: Store,
    context: Mapping[str, Any],
) -> Ending | None:
    """Return what the newest message says that confirms the delivery, None where there is none.

    Its correlation is the partner's number for the delivery, the correlation of what was
    delivered, or that message's id; it may have come before the delivery was made.
    """
    found: list[Row] = []
    for correlation in {item.correlation, message.correlation, message.message_id} - {""}:
        rows = await store.fetch("messages_by_correlation", correlation=correlation)
        found += [row for row in rows if row["contract"] == wanted.contract.name]
    others = [row for row in found if row["message_id"] != message.message_id]
    if not others:
        return None
    newest = max(others, key=lambda row: (row["created_at"], row["message_id"]))
    data = msgspec.json.decode(await store.body(newest["message_id"]))
    try:
        data = wanted.contract.read(data, newest["version"])
        good = wanted.ok is None or wanted.ok.test(data, context)
    except Reject as trouble:
        return Undecided(code=trouble.code, detail=newest["message_id"])
    if good:
        return Delivered(external_id=item.correlation)
    return Failed(
        failure=Failure.MESSAGE, code="refused_by_confirmation", detail=newest["message_id"]
    )


def nudge(correlation: str) -> Statement:
    """Return the statement that makes due whatever waits for a message of that correlation."""
    return Statement("retry_nudge", {"correlation": correlation})


def nudges(messages: Iterable[NewMessage]) -> list[Statement]:
    """Return the statements that make due what those messages, about to be stored, confirm."""
    wanted = {m.correlation for m in messages if m.confirms} - {""}
    return [nudge(correlation) for correlation in sorted(wanted)]


def asked_of(messages: Iterable[NewMessage]) -> set[str]:
    """Return the lanes whose owners are to look again once those messages are stored."""
    return {lane for message in messages for lane in message.confirms}
