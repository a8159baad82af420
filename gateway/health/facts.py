"""What only the running hub knows of an interface: plain data, handed in by `gateway.app`."""

from enum import StrEnum

import msgspec

__all__ = ["Direction", "InterfaceFacts", "LaneFacts", "PollFacts"]


class Direction(StrEnum):
    """A feed in, or a system out."""

    IN = "in"
    OUT = "out"


class PollFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the last poll found; times in milliseconds since the epoch, 0 for never."""

    last_poll_at: int = 0
    last_success_at: int = 0
    last_file_at: int = 0
    fault: str = ""
    paused: bool = False


class LaneFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How far a lane's owner has come: everything up to `settled_to` is settled or set aside,
    everything up to `read_to` has been taken up, `pending` of it is not settled yet."""

    settled_to: int
    read_to: int
    pending: int


class DestinationFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How the running hub treats a destination now; on a shared store, as this node does."""

    breaker: str
    """`closed`, `open` or `half_open`."""
    probe_in_seconds: float | None
    """Until a stopped destination is probed, None where it is not stopped."""
    places: int
    """Attempts that may be under way at once now; less than configured after an outage."""
    per_second: float | None
    """Calls per second, None where there is no limit."""
    quiet_seconds: float
    """So long the partner has asked to be left alone."""


class InterfaceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One configured interface as the running hub sees it; without a running hub only what the
    configuration says."""

    name: str
    direction: Direction
    title: str = ""
    connector: str = ""
    contract: str = ""
    destination: DestinationFacts | None = None
    paused: str = ""
    under_way: int = 0
    poll: PollFacts | None = None
