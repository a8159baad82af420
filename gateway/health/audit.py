"""The audit record as people read it, the newest first over all writers, and whether it holds."""

import asyncio
import base64
import binascii
from heapq import merge

import msgspec

from gateway.errors import UsageFault
from gateway.store import GENESIS_HASH, Row, Store, verify_chain

__all__ = ["Chain", "audit_page", "verify_chains"]

PAGE = 5000
"""Rows that are verified at once."""


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """One writer's chain. `broken_at` is the first row that does not hold, 0 where all `rows` do.

    A tail that was cut off shows only where `last_hash` is compared with one kept elsewhere.
    """

    writer: str
    rows: int
    last_hash: str
    broken_at: int


async def audit_page(store: Store, before: str, limit: int) -> tuple[list[Row], str]:
    """Return up to `limit` rows before a place, and the place behind them, "" at the end.

    A place is the oldest row seen of each writer. A writer that came later has only newer rows.
    Raises UsageFault for a place that is none of ours.
    """
    places = _read(before)
    writers = [row["writer"] for row in await store.fetch("audit_writers")]
    tails: list[list[Row]] = []
    for writer in writers if not before else places:
        asked = {"before": places[writer]} if writer in places else {}
        tails.append(await store.fetch("audit_before", writer=writer, limit=limit + 1, **asked))
    found = list(merge(*tails, key=lambda row: -int(row["at"])))
    further = {tail[0]["writer"]: tail[0]["seq"] + 1 for tail in tails if tail}
    further |= {row["writer"]: row["seq"] for row in found[:limit]}
    return found[:limit], _written(further) if len(found) > limit else ""


async def verify_chains(store: Store) -> list[Chain]:
    """Verify every writer's chain from its first row on."""
    writers = [row["writer"] for row in await store.fetch("audit_writers")]
    return [await _verified(store, writer) for writer in writers]


async def _verified(store: Store, writer: str) -> Chain:
    seq, last_hash, broken = 0, GENESIS_HASH, None
    while broken is None:
        rows = await store.fetch("audit_rows", writer=writer, after_seq=seq, limit=PAGE)
        if not rows:
            break
        broken = await asyncio.to_thread(verify_chain, rows, seq=seq, last_hash=last_hash)
        seq, last_hash = rows[-1]["seq"], rows[-1]["hash"]
    return Chain(writer=writer, rows=seq, last_hash=last_hash, broken_at=broken or 0)


def _written(places: dict[str, int]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(places)).rstrip(b"=").decode("ascii")


def _read(text: str) -> dict[str, int]:
    if not text:
        return {}
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        return msgspec.json.decode(raw, type=dict[str, int])
    except (UnicodeError, binascii.Error, msgspec.DecodeError):
        raise UsageFault(
            "`before` is none of ours.",
            code="request_invalid",
            next_step="send what `next` of the page before said, or nothing to begin.",
        ) from None
