"""The audit chain: each row's hash covers the row before it, so no change inside goes unseen.

A reason is what a person wrote, perhaps a patient's name: the chain holds and covers it sealed.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gateway.store.units import AuditEntry, Row

__all__ = ["GENESIS_HASH", "AuditChain", "reason_place", "verify_chain"]

GENESIS_HASH = "0" * 64
"""What the first row of a writer follows."""


def reason_place(writer: str, seq: int) -> str:
    """Return what the sealed reason of a row is bound to: it opens in no other row."""
    return f"audit.reason.{writer}.{seq}"


_COVERED = (
    "writer",
    "seq",
    "at",
    "actor",
    "action",
    "object_id",
    "reason",
    "outcome",
    "detail",
)


class AuditChain:
    """The growing end of one writer's chain; a copy is extended, and kept once committed."""

    def __init__(self, writer: str, *, seq: int = 0, last_hash: str = GENESIS_HASH) -> None:
        self.writer = writer
        self.seq = seq
        self.last_hash = last_hash

    def copy(self) -> "AuditChain":
        """Return an independent copy."""
        return AuditChain(self.writer, seq=self.seq, last_hash=self.last_hash)

    def extend(self, entry: AuditEntry, *, at: int) -> Row:
        """Return the next row, `at` in milliseconds since the epoch."""
        row: Row = {
            "writer": self.writer,
            "seq": self.seq + 1,
            "at": at,
            "actor": entry.actor,
            "action": entry.action,
            "object_id": entry.object_id,
            "reason": entry.reason,
            "outcome": entry.outcome,
            "detail": msgspec.json.encode(entry.detail, order="sorted").decode(),
            "prev_hash": self.last_hash,
        }
        row["hash"] = _hash(row, self.last_hash)
        self.seq, self.last_hash = row["seq"], row["hash"]
        return row


def verify_chain(
    rows: Iterable[Mapping[str, Any]], *, seq: int = 0, last_hash: str = GENESIS_HASH
) -> int | None:
    """Return the first sequence that does not hold, or None.

    `rows` are one writer's in order, from `seq` + 1 on. A cut tail or a chain rewritten from some
    row on cannot be seen from inside: compare the last hash with an anchor kept elsewhere.
    """
    for row in rows:
        seq += 1
        holds = row["seq"] == seq and row["prev_hash"] == last_hash
        if not holds or row["hash"] != _hash(row, last_hash):
            return seq
        last_hash = row["hash"]
    return None


def _hash(row: Mapping[str, Any], prev_hash: str) -> str:
    canonical = msgspec.json.encode([row[name] for name in _COVERED])
    return hashlib.sha256(prev_hash.encode() + canonical).hexdigest()
