"""What a subscription is to its client, and what the routes call: `gateway.app` hands it in."""

from enum import StrEnum
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from connectors.base import Probe

__all__ = ["NewSubscription", "Subscription", "SubscriptionState", "Subscriptions", "Tried"]


class SubscriptionState(StrEnum):
    """What becomes of the next message."""

    ACTIVE = "active"
    DISABLED = "disabled"
    """By a person, or its client: what it is owed waits."""
    GONE = "gone"
    """The URL wants no more events (410): enable it, or end it."""
    REFUSED = "refused"
    """No product of the client lets it have this any more."""
    PAUSED = "paused"
    """Nobody got in there: `reason` says why."""


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One subscription, without its keys. Times are milliseconds since the epoch. `keys` is how many
    sign: two while a key is changed. `created_by` is empty where it stands in a file."""

    subscription: str
    client: str
    contract: str
    version: int
    url: str
    title: str
    state: SubscriptionState
    reason: str
    since: int
    masked: bool
    keys: int
    created_at: int
    created_by: str


class NewSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """A new key of a subscription. `secret` is shown this once; `probes` say what was found at the
    URL, where it is new."""

    secret: str
    facts: Subscription
    probes: tuple[Probe, ...] = ()


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a test event; `code` says why it was not taken."""

    taken: bool
    code: str = ""


class SubscriptionOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client wants to be sent, and to where. `version` is a major; `client` is needed on the
    hub's own machine only."""

    contract: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
    version: Annotated[int, Meta(ge=0, le=10_000)]
    url: Annotated[str, Meta(max_length=2000)]
    title: Annotated[str, Meta(max_length=100, pattern=r"^[\x20-\x7e]*$")] = ""
    client: Annotated[str, Meta(pattern=r"^$|^[a-z][a-z0-9-]{0,62}$")] = ""


class Subscriptions(Protocol):
    """The subscriptions of a hub. What is not there raises NotFound."""

    async def all(self) -> list[Subscription]:
        """Return those that are in force, by name."""
        ...

    async def create(self, order: SubscriptionOrder, *, by: str) -> NewSubscription:
        """Make one for `order.client`, which may have it. Raises UsageFault (the URL has not the
        right form), Reject (`subscription_url_refused`), Conflict (`subscription_exists`,
        `subscription_limit`)."""
        ...

    async def rotate(self, name: str, *, overlap_seconds: int, by: str) -> NewSubscription:
        """Make the next key; the one before signs, too, for so long. Raises Conflict
        (`subscription_in_file`)."""
        ...

    async def end(self, name: str, *, by: str) -> None:
        """Send nothing there any more, also of what it is still owed. Raises Conflict
        (`subscription_in_file`)."""
        ...

    async def test(self, name: str) -> Tried:
        """Send one event without data of anybody, out of turn."""
        ...
