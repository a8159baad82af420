"""What happens after an attempt, as data; decided by `gateway.delivery`, written by the flow."""

from collections.abc import Callable

import msgspec

from connectors.base import Failure, Idempotency, Outcome
from gateway.model.states import AttemptOutcome, RetryState
from gateway.pipeline.facts import LaneItem
from gateway.settings import SinkSettings

__all__ = ["Decide", "Ending", "Plan", "Settled", "Undecided", "given_up"]


class Undecided(msgspec.Struct, frozen=True, kw_only=True, tag="undecided"):
    """A question to the partner (is it there? is it final?) that brought no answer. `failure` is
    CREDENTIAL where nobody gets in to ask; `asked` is false where nobody was asked at all, which
    says nothing about how the partner is."""

    code: str
    detail: str = ""
    failure: Failure | None = None
    asked: bool = True


Ending = Outcome | Undecided
"""How an attempt or a question ended."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The next state of a delivery. `state` is None when it is settled for good; `wait_seconds`
    counts from now; `pause` says that the whole destination must stop until a person acts."""

    outcome: AttemptOutcome
    state: RetryState | None = None
    wait_seconds: float = 0.0
    tries: int = 0
    failure: str = ""
    code: str = ""
    detail: str = ""
    pause: bool = False
    retry_after_seconds: float | None = None
    """The partner asks to be left alone for so long, with everything."""
    news: bool = True
    """Whether this says anything about how the destination is."""


Decide = Callable[[Ending, LaneItem, SinkSettings, Idempotency, int], Plan]
"""Turns an ending into a plan, at a time in milliseconds; knows schedule, jitter and classes,
writes nothing."""


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What the lane's owner needs to know once the settling transaction is durable. `due_at` is
    in milliseconds since the epoch, None unless the item waits."""

    outcome: AttemptOutcome
    state: RetryState | None = None
    due_at: int | None = None
    failure: str = ""
    pause: bool = False
    retry_after_seconds: float | None = None
    news: bool = True
    """Whether this says anything about how the destination is."""


def given_up(item: LaneItem, code: str, detail: str = "") -> Plan:
    """Return the plan for what no retry can help: a dead letter."""
    return Plan(
        outcome=AttemptOutcome.FAILED,
        state=RetryState.DEAD,
        tries=item.tries + 1,
        failure="message",
        code=code,
        detail=detail,
    )
