"""What travels between the steps: frozen facts, no behaviour."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.governance.quality import QualityFinding
from gateway.model.finding import Finding
from gateway.model.states import PartState, RetryState
from gateway.pipeline.bundle import Contract

__all__ = [
    "RELEASED",
    "REPLAYED",
    "Accepted",
    "Artifact",
    "LaneItem",
    "NewMessage",
    "Prepared",
    "Receipt",
    "StoredMessage",
]


RELEASED = "released"
REPLAYED = "replayed"
"""What stands as the failure of a retry row that waits because a person let it go."""


TRACE_FIELDS = 4


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `accept`: from now on the sender may forget the item."""

    artifact_id: str
    sha256: str
    size: int
    duplicate: bool
    """The same bytes had been taken before: nothing new is owed."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What is known just before the commit of `accept`. `at` is in milliseconds since the epoch;
    it is the artifact's `received_at` unless the same bytes were here before."""

    artifact_id: str
    sha256: str
    at: int


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A stored artifact, without its bytes. `received_at` is in milliseconds since the epoch."""

    artifact_id: str
    interface: str
    sha256: str
    occurrence: int
    size: int
    received_at: int
    bundle: str
    body_id: str
    media_type: str = ""
    meta: Mapping[str, Any] = {}

    @property
    def trace(self) -> str:
        """Return the trace id (W3C Trace Context, 32 hexadecimal digits): the sender's, or one
        from the artifact's own name."""
        given = str(self.meta.get("traceparent", "")).split("-")
        return given[1] if len(given) == TRACE_FIELDS else self.artifact_id[4:]


class LaneItem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a lane owes: an artifact to `process`, or a message to `dispatch`. `part_offset`
    is -1 for the whole; `tries` counts since the last replay; `unsure` says that an earlier try
    may have had its effect, `again` that a person wants it sent all the same where nobody can be
    asked; `despite` is what a person let pass about a held part, empty where nobody did."""

    lane: str
    seq: int
    item_id: str
    delivery_id: str
    order_key: str = ""
    part_offset: int = -1
    tries: int = 0
    generation: int = 0
    retrying: bool = False
    unsure: bool = False
    again: bool = False
    state: RetryState = RetryState.WAITING
    """Of the retry row it was taken from, if it was."""
    despite: str = ""
    inherited: bool = False
    """A former owner of the lane may have tried it and recorded nothing: what a sink that takes
    keys refuses now may be there all the same."""
    since: int = 0
    """When it was set aside first, or became confirming, in milliseconds since the epoch; 0: it
    never was."""
    correlation: str = ""
    """Of a retry row; of a confirming one what its confirmation will carry: the partner's own
    number for it, else the message's correlation."""
    probe: bool = False
    """Tried to see whether a stopped destination is well again."""

    @property
    def confirming(self) -> bool:
        """Whether it was taken already and only waits to be final."""
        return self.state is RetryState.CONFIRMING


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message about to be stored, and the lanes it is owed to, each with its ordering key."""

    message_id: str
    contract: Contract
    data: dict[str, Any]
    cause_id: str
    interface: str
    revision: int = 0
    artifact_id: str | None = None
    part_offset: int | None = None
    owed: tuple[tuple[str, str], ...] = ()
    confirms: tuple[str, ...] = ()
    """The lanes on which deliveries may wait for this message, by its correlation."""

    @property
    def correlation(self) -> str:
        """Return what the message is joined by; empty where it has nothing."""
        return str(self.fact(self.contract.correlation) or "")

    def fact(self, path: str) -> Any:
        """Return the value at a dotted path, None where the path is empty or absent."""
        value: Any = self.data if path else None
        for name in path.split(".") if path else ():
            value = value.get(name) if isinstance(value, dict) else None
        return value


class StoredMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message as dispatch needs it."""

    message_id: str
    contract: str
    version: str
    interface: str
    correlation: str
    amount_cents: int | None
    created_at: int
    trace: str
    data: dict[str, Any]
    cause_id: str = ""


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one part, and the messages it became. `code` says why it is not accepted."""

    state: PartState
    offset: int
    length: int
    ordinal: int
    code: str = ""
    detail: str = ""
    findings: tuple[Finding, ...] = ()
    payment_key: str = ""
    amount_cents: int | None = None
    claims_paid_cents: int | None = None
    adjustments_cents: int | None = None
    messages: tuple[NewMessage, ...] = ()
    quality: tuple[QualityFinding, ...] = ()
    """Where its message breaks the quality rules of its contract."""
