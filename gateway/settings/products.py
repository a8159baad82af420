"""Typed structs for `products/NAME.yaml`: what a connected system can be granted at the API.

    product: advice-exchange
    title: Remittance advices, in and out
    owner: payment-integration@hilltop.example
    operations: [submit, read, list, follow]
    contracts: {remittance-advice: [1], acknowledgement: [1]}
    scopes: [message.submit, message.read]
    ceiling: restricted
    quota:
      requests: {limit: 600, per_seconds: 60}
      bytes: {limit: 500000000, per_seconds: 3600}
      parallel: 8

A list that is empty or missing means nothing, never everything.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = [
    "Approval",
    "ApprovalKind",
    "Classification",
    "KeyPolicy",
    "Operation",
    "ProductSettings",
    "QuotaSettings",
    "Shown",
    "WindowSettings",
]

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,62}$")]


class Operation(StrEnum):
    """What a product can allow. Routes that say only what the API is need no product."""

    SUBMIT = "submit"
    """Hand over a document of a contract."""
    SUBMIT_FILE = "submit-file"
    """Hand over a file of any format at an interface."""
    READ = "read"
    """See one message, artifact or delivery."""
    LIST = "list"
    FOLLOW = "follow"
    """Read a contract's feed, by cursor or as a stream of events."""
    SUBSCRIBE = "subscribe"
    """Have a contract's messages sent to a URL, as webhooks."""
    STATUS = "status"
    """See how interfaces are."""
    OPERATE = "operate"
    """Everything else: what automation with a role of its own does."""


class Classification(StrEnum):
    """How well data is kept, from open to closed; the words of `contract.yaml`."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"

    @property
    def rank(self) -> int:
        """Its place in the order, from 0."""
        return _RANKS[self]


_RANKS = {one: rank for rank, one in enumerate(Classification)}


class ApprovalKind(StrEnum):
    """Whether a client that names the product has it at once."""

    AUTO = "auto"
    MANUAL = "manual"
    """Only a client that stands under `approved`."""


class KeyPolicy(StrEnum):
    """Whether what is handed over needs an Idempotency-Key."""

    OPTIONAL = "optional"
    REQUIRED = "required"


class Shown(StrEnum):
    """How documents are shown to the product's clients."""

    MASKED = "masked"
    FULL = "full"
    """Without masks: reads go on the audit record. Needs `approval: manual`."""


class Unknown(StrEnum):
    """What becomes of fields that the contract does not know, in what is handed over. They never
    go on: nobody has said whether they are PHI."""

    REJECT = "reject"
    """The document is refused (422), with the places."""
    STRIP = "strip"
    """They are taken out and counted."""


class WindowSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So much in every window of so many seconds, counted over all processes together."""

    limit: Annotated[int, Meta(ge=1, le=10**12, description="Requests, or bytes of bodies.")]
    per_seconds: Annotated[int, Meta(ge=1, le=31 * 86400, description="Length of a window.")]


class QuotaSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one client may use of the product; what is not said is not bounded."""

    requests: Annotated[WindowSettings | None, Meta(description="Requests in a window.")] = None
    bytes: Annotated[
        WindowSettings | None, Meta(description="Bytes of request bodies in a window.")
    ] = None
    parallel: Annotated[
        int, Meta(ge=0, le=10_000, description="Requests at the same time; 0: not bounded.")
    ] = 0


class Approval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who let a client have the product, and when."""

    client: Annotated[Name, Meta(description="The client.")]
    by: Annotated[str, Meta(min_length=1, description="Who approved it.")]
    at: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="On which day.")]


class ProductSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One API product: operations on contracts, with bounds. Clients name it under `products`."""

    product: Annotated[Name, Meta(description="Its name; also the file's name.")]
    title: Annotated[str, Meta(description="For people.")] = ""
    owner: Annotated[str, Meta(description="Who answers for it.")] = ""
    operations: Annotated[
        tuple[Operation, ...], Meta(description="What may be done; empty: nothing.")
    ] = ()
    contracts: Annotated[
        dict[Name, tuple[Annotated[int, Meta(ge=0)], ...]],
        Meta(description="Contract -> its majors; empty: none."),
    ] = {}
    scopes: Annotated[
        tuple[str, ...], Meta(description="Rights that count through it; empty: none.")
    ] = ()
    quota: Annotated[QuotaSettings, Meta(description="How much.")] = QuotaSettings()
    approval: Annotated[
        ApprovalKind, Meta(description="Whether a client has it by naming it.")
    ] = ApprovalKind.MANUAL
    approved: Annotated[tuple[Approval, ...], Meta(description="The clients that have it.")] = ()
    ceiling: Annotated[
        Classification, Meta(description="Contracts of a higher classification are not served.")
    ] = Classification.INTERNAL
    show: Annotated[Shown, Meta(description="How documents are shown.")] = Shown.MASKED
    idempotency_key: Annotated[
        KeyPolicy, Meta(description="Whether what is handed over needs an Idempotency-Key.")
    ] = KeyPolicy.OPTIONAL

    unknown_fields: Annotated[
        Unknown, Meta(description="What becomes of fields that the contract does not know.")
    ] = Unknown.REJECT

    def approves(self, client: str) -> bool:
        """Tell whether a client that names the product has it."""
        if self.approval is ApprovalKind.AUTO:
            return True
        return any(one.client == client for one in self.approved)

    def covers(self, contract: str, major: int) -> bool:
        """Tell whether that major of a contract is in it."""
        return major in self.contracts.get(contract, ())
