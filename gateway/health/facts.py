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


class InterfaceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One configured interface as the running hub sees it; without a running hub only what the
    configuration says. `breaker_opens_in` is in seconds, None where no breaker is open."""

    name: str
    direction: Direction
    title: str = ""
    connector: str = ""
    contract: str = ""
    breaker: str = ""
    breaker_opens_in: float | None = None
    paused: str = ""
    under_way: int = 0
    poll: PollFacts | None = None
