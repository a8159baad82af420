"""A contract's messages in a stable order, page by page, each at least once.

A place in a feed is (when the message was made, its id). Messages that were made earlier may be
committed later, by another process say: so a cursor also keeps how many there were from some time
before its place up to it. Where there are more by now, the feed goes back and gives those of that
time again; whoever follows knows by the event's id what it has.
"""

import base64
import binascii
from typing import Self

import msgspec

from gateway.errors import UsageFault
from gateway.store import Row, Store

__all__ = ["Cursor", "Page", "page_after"]

LATE_MS = 120_000
"""No commit is later than this after its message was made: the store gives up on it long before."""


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """A place: messages up to (at, after) were given out, `seen` of them since `since`."""

    at: int = 0
    after: str = ""
    since: int = 0
    seen: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `next` or an event's id said; "" is the beginning. Raises UsageFault."""
        if not text:
            return cls()
        try:
            raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
            return msgspec.msgpack.decode(raw, type=cls)
        except (UnicodeError, binascii.Error, msgspec.DecodeError):
            raise UsageFault(
                "The cursor is none of ours.",
                code="request_invalid",
                next_step="send what `next` of the page before said, or nothing to begin.",
            ) from None

    def __str__(self) -> str:
        raw = msgspec.msgpack.encode(self)
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")

    def past(self, row: Row) -> "Cursor":
        """Return the place behind a message that is given out now."""
        return Cursor(row["created_at"], row["message_id"], self.since, self.seen + 1)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Messages with the place behind each; `next` is the place behind all of them."""

    rows: list[tuple[Row, Cursor]]
    next: Cursor


async def page_after(store: Store, contract: str, cursor: Cursor, limit: int) -> Page:
    """Return the next messages of a contract, and before them those that came late."""
    cursor = await _checked(store, contract, cursor)
    rows = await store.fetch(
        "feed_page", contract=contract, at=cursor.at, after=cursor.after, limit=limit
    )
    placed: list[tuple[Row, Cursor]] = []
    for row in rows:
        cursor = cursor.past(row)
        placed.append((row, cursor))
    return Page(rows=placed, next=cursor)


async def _checked(store: Store, contract: str, cursor: Cursor) -> Cursor:
    """Return the place to go on from: the same, counted from a later moment on; or, where
    something was committed late, the one at the beginning of what was counted."""
    if not cursor.at:
        return cursor
    later = max(cursor.since, cursor.at - LATE_MS)
    (row,) = await store.fetch(
        "feed_seen",
        contract=contract,
        since=cursor.since,
        later=later,
        at=cursor.at,
        after=cursor.after,
    )
    if row["seen"] > cursor.seen:
        return Cursor(cursor.since, "", cursor.since, 0)
    return Cursor(cursor.at, cursor.after, later, row["recent"])
