"""What every wire format is to the hub: a reader that turns an artifact's bytes into parts."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from gateway.model.finding import Finding

__all__ = ["Blocks", "Format", "Origin", "Part", "VerdictScope"]

Blocks = Callable[[], Iterator[bytes]]
"""Opens the artifact's bytes from the start, in pieces of any size; may be called more than once."""


class VerdictScope(StrEnum):
    """What stands or falls together when something is wrong."""

    PART = "part"
    """Each business document by itself (an 835 transaction set)."""
    ARTIFACT = "artifact"
    """The whole file or nothing (a bank file)."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where an artifact came from: what a reader writes into `source` of its documents.

    `sha256` is the hexadecimal hash of the artifact's bytes. On a `production` feed, data that
    calls itself test data is suspect.
    """

    tenant_id: str
    interface: str
    channel: str = "era"
    artifact_id: str = ""
    sha256: str = ""
    production: bool = False


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One business document inside an artifact.

    `ordinal` counts from 1 within the artifact; `offset` and `length` are bytes in it, from the
    first byte of ST to the terminator of SE inclusive. `document` has the shape of the contract,
    best effort, and is None where nothing could be read; then `error` is a code. Envelope facts
    (`interchange`, `transaction_set`) hold no PHI. Amounts are whole cents.
    """

    ordinal: int
    offset: int
    length: int
    document: dict[str, Any] | None
    findings: tuple[Finding, ...]
    error: str = ""
    interchange: dict[str, str] = {}
    transaction_set: dict[str, Any] = {}
    payment_key: str = ""
    amount_cents: int | None = None
    claims_paid_cents: int | None = None
    provider_adjustments_cents: int | None = None


class Format(Protocol):
    """A reader of one wire format."""

    @property
    def name(self) -> str:
        """Name by which an interface file chooses this format."""
        ...

    @property
    def verdict_scope(self) -> VerdictScope:
        """What one fault holds back."""
        ...

    def read(self, blocks: Blocks, origin: Origin) -> Iterator[Part]:
        """Yield the parts of an artifact in order, at least one; never raises for any bytes."""
        ...
