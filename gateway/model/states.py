"""The closed sets: states of parts, deliveries and retries, outcomes of attempts."""

from enum import StrEnum

__all__ = ["AttemptOutcome", "DestinationState", "LaneKind", "PartState", "RetryState"]


class LaneKind(StrEnum):
    """What a lane's owner does."""

    POLL = "poll"
    """Looks at a source; nothing is owed on it."""

    PROCESS = "process"
    DELIVER = "deliver"


class PartState(StrEnum):
    """What became of one business document inside an artifact."""

    ACCEPTED = "accepted"
    HELD = "held"
    """Suspect: waits for a release by a person or a rule."""
    DEAD = "dead"
    """Cannot become a message as it is: waits for a repair and a replay."""
    IGNORED = "ignored"
    """Not the business of this interface (an 837 beside an 835), on record."""
    DISCARDED = "discarded"
    """Given up by a person, with a reason."""


class RetryState(StrEnum):
    """Why something that was owed is not done yet."""

    WAITING = "waiting"
    CONFIRMING = "confirming"
    PARKED = "parked"
    """The outcome is unknown and only a person may choose."""
    HELD = "held"
    DEAD = "dead"


class AttemptOutcome(StrEnum):
    """How one try ended."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CONFIRMING = "confirming"
    DISCARDED = "discarded"


class DestinationState(StrEnum):
    """Whether deliveries to a destination are tried at all."""

    RUN = "run"
    PAUSED = "paused"
