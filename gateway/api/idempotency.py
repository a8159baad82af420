"""Idempotency keys of callers: the same key and payload get the first answer, made once.

The key is recorded in the transaction that takes custody, so no crash separates the two. What is
under way is known to this process only; another one meets the record and answers from it.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import msgspec

from gateway.api.services import HubRequest
from gateway.api.wire import Malformed, parse_idempotency_key
from gateway.errors import Conflict, Reject, UsageFault
from gateway.model.ids import text_id
from gateway.pipeline import Accepted, Receipt
from gateway.store import Row, Statement, Store

__all__ = [
    "LIFE_MS",
    "KeyUse",
    "Keys",
    "Same",
    "in_flight",
    "keys_of",
    "payload_differs",
    "read_key",
]

LIFE_MS = 400 * 24 * 3600 * 1000
"""How long a key is remembered: it outlives the pruning of what it led to."""

ACCEPTED = 202

Same = Callable[[bytes], bool]
"""Whether stored bytes mean what came now."""


def read_key(header: str | None) -> str:
    """Read an Idempotency-Key header: a structured-field string, or a bare token (draft-07, 2.1).

    Returns "" where there is none. Raises UsageFault (`idempotency_key_invalid`).
    """
    if header is None:
        return ""
    try:
        return parse_idempotency_key(header)
    except Malformed:
        raise UsageFault(
            "The Idempotency-Key is not 1 to 255 visible ASCII characters.",
            code="idempotency_key_invalid",
            next_step='send one like "8e03978e-40d5-43dd-bc93-6894a57f9324".',
        ) from None


def in_flight() -> Conflict:
    """Return what is raised while the first request with a key still runs. HTTP 409."""
    return Conflict(
        "The first request with this Idempotency-Key still runs.",
        code="idempotency_in_flight",
        next_step="wait for its answer, or ask again later.",
    )


def payload_differs() -> Reject:
    """Return what is raised where a key came before with something else. HTTP 422."""
    return Reject(
        "This Idempotency-Key came before with another payload.",
        code="idempotency_payload_differs",
        next_step="use a fresh key for other content.",
    )


class KeyUse(msgspec.Struct, frozen=True, kw_only=True):
    """One key in use at one route. The key itself is kept as a hash: it may hold anything."""

    scope: str
    name: str

    @classmethod
    def of(cls, scope: str, key: str) -> "KeyUse":
        """Return the use of a key as it came."""
        return cls(scope=scope, name=text_id("idk", scope, key))

    @property
    def row(self) -> dict[str, str]:
        """Return what finds this key in the store."""
        return {"scope": self.scope, "idem_key": self.name}

    def record(self, receipt: Receipt) -> Statement:
        """Return what remembers the answer; it fails where another request was first."""
        row = {
            **self.row,
            "fingerprint": receipt.sha256,
            "reference": receipt.artifact_id,
            "status": ACCEPTED,
            "at": receipt.at,
            "expires_at": receipt.at + LIFE_MS,
        }
        return Statement("idempotency_insert", row, expect=1)


class Keys:
    """The keys of this process's requests that are under way, and what the store remembers."""

    def __init__(self, store: Store, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now
        self._running: set[str] = set()

    @contextmanager
    def under_way(self, use: KeyUse) -> Iterator[None]:
        """Hold a key while its first request runs. Raises Conflict (`idempotency_in_flight`)."""
        if use.name in self._running:
            raise in_flight()
        self._running.add(use.name)
        try:
            yield
        finally:
            self._running.discard(use.name)

    async def known(self, use: KeyUse) -> Row | None:
        """Return what is remembered under a key, None where nothing is or its life is over."""
        rows = await self._store.fetch("idempotency_get", **use.row)
        return rows[0] if rows and rows[0]["expires_at"] > self._now() else None

    async def replayed(
        self, row: Row, blocks: AsyncIterator[bytes], same: Same | None = None
    ) -> Accepted:
        """Return the first answer again. Other bytes than before may mean the same: `same` tells,
        from what is stored. Raises Reject (`idempotency_payload_differs`)."""
        digest = hashlib.sha256()
        async for block in blocks:
            digest.update(block)
        (found,) = await self._store.fetch("artifact_by_id", artifact_id=row["reference"])
        differs = digest.hexdigest() != row["fingerprint"]
        if differs and not (same and same(await self._store.body(found["body_id"]))):
            raise payload_differs()
        return Accepted(
            artifact_id=found["artifact_id"],
            sha256=found["sha256"],
            size=found["size"],
            duplicate=found["received_at"] != row["at"],
        )


def keys_of(request: HubRequest) -> Keys:
    """Return the keys of the application a request came to."""
    found: Keys = request.app.state["keys"]
    return found
