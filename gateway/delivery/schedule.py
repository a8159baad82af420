"""What happens after an attempt: the retry schedule and the classes of failure. Pure.

tenacity supplies wait and stop; nothing here sleeps. Seconds to days are durable rows, not loops.
"""

import msgspec
from tenacity import RetryCallState, Retrying, stop_after_attempt, wait_chain, wait_fixed

from connectors.base import Delivered, Failed, Failure, Idempotency, Pending, Unknown
from gateway.model.states import AttemptOutcome, RetryState
from gateway.pipeline import LaneItem, Plan
from gateway.pipeline.plan import Decide, Ending, Undecided
from gateway.ports import Randomness
from gateway.settings import ConfirmSettings, RetrySettings, SinkSettings

__all__ = ["RETRY_AFTER_BOUNDS_SECONDS", "decider"]

RETRY_AFTER_BOUNDS_SECONDS = (1.0, 24 * 3600.0)
"""A partner's Retry-After is honoured within these bounds."""


def decider(randomness: Randomness) -> Decide:
    """Return the function that turns an ending into a plan, with jitter from `randomness`."""

    def decide(
        ending: Ending, item: LaneItem, sink: SinkSettings, idempotency: Idempotency, now: int
    ) -> Plan:
        waits = _Waits(sink.retry, randomness, counted=not item.probe)
        match ending:
            case Delivered():
                return Plan(outcome=AttemptOutcome.DONE)
            case Pending():
                return _confirming(ending.poll_after_seconds, item, sink.confirm, now)
            case Failed():
                return _failed(ending, item, idempotency, waits)
            case Unknown() | Undecided():
                if item.confirming:
                    return _undecided(ending, item, sink.confirm, now)
                return _unknown(ending, item, idempotency, waits)

    return decide


class _Waits:
    """A schedule as tenacity policies: entry n is the wait before try n.

    A probe of a stopped destination counts no try, whatever comes of it: an outage of a weekend
    is probed hundreds of times, and the few items that lend themselves to that would be dead
    letters for it. One that is itself what the partner fails at is found out all the same: once
    another probe was answered, what fails beside it counts.
    """

    def __init__(self, retry: RetrySettings, randomness: Randomness, *, counted: bool) -> None:
        self.lookup_after_seconds = retry.lookup_after_seconds
        self._wait = wait_chain(*(wait_fixed(s) for s in retry.schedule_seconds[1:] or (0,)))
        self._stop = stop_after_attempt(len(retry.schedule_seconds))
        self._jitter = retry.jitter
        self._randomness = randomness
        self._counted = counted

    def tries(self, item: LaneItem) -> int:
        """Return how many tries of the item count, with this one."""
        return item.tries + self._counted

    def after(self, tries: int) -> float | None:
        """Return the seconds until the next try, None when there is none."""
        state = RetryCallState(Retrying(), None, (), {})
        state.attempt_number = max(tries, 1)
        if self._counted and self._stop(state):
            return None
        spread = 1 + self._jitter * (2 * self._randomness.random() - 1)
        return self._wait(state) * spread


def _failed(outcome: Failed, item: LaneItem, idempotency: Idempotency, waits: _Waits) -> Plan:
    # A sink that takes keys has no record of what began: this try had no effect, but one before
    # it may have. Such a doubt goes on record, for a replay must keep the key then.
    doubt = outcome.conflict or (item.inherited and idempotency is Idempotency.KEY)
    plan = Plan(
        outcome=AttemptOutcome.UNKNOWN if doubt else AttemptOutcome.FAILED,
        state=RetryState.DEAD,
        tries=item.tries + 1,
        failure=outcome.failure.value,
        code=outcome.code,
        detail=outcome.detail,
        retry_after_seconds=outcome.retry_after_seconds,
    )
    match outcome.failure:
        case Failure.MESSAGE:
            return plan
        case Failure.CREDENTIAL:
            # No try is counted: nobody gets in until a person acts, and the queue is kept.
            return msgspec.structs.replace(
                plan, state=RetryState.WAITING, tries=item.tries, pause=True
            )
        case Failure.DESTINATION | Failure.THROTTLED:
            tries = waits.tries(item)
            plan = msgspec.structs.replace(plan, tries=tries)
            return _later(plan, waits.after(tries), outcome.retry_after_seconds)


def _later(plan: Plan, wait: float | None, retry_after: float | None) -> Plan:
    if wait is None:
        return plan
    if retry_after is not None:
        low, high = RETRY_AFTER_BOUNDS_SECONDS
        wait = max(wait, min(max(retry_after, low), high))
    return msgspec.structs.replace(plan, state=RetryState.WAITING, wait_seconds=wait)


def _unknown(
    outcome: Unknown | Undecided, item: LaneItem, idempotency: Idempotency, waits: _Waits
) -> Plan:
    """Repeat only where the sink can repeat safely; else a person chooses. One that is asked
    first is not asked before what is there can be seen, and is not given up for a locked door."""
    plan = Plan(
        outcome=AttemptOutcome.UNKNOWN,
        state=RetryState.PARKED,
        tries=waits.tries(item),
        failure="unknown",
        code=outcome.code,
        detail=outcome.detail,
        news=isinstance(outcome, Unknown) or outcome.asked,
    )
    if _locked(outcome):
        return msgspec.structs.replace(
            plan, state=RetryState.WAITING, tries=item.tries, pause=True
        )
    match idempotency:
        case Idempotency.KEY:
            return _later(plan, waits.after(plan.tries), None)
        case Idempotency.LOOKUP:
            wait = waits.after(plan.tries)
            if wait is not None:
                wait = max(wait, waits.lookup_after_seconds)
            return _later(plan, wait, None)
        case Idempotency.NONE:
            return plan


def _locked(ending: Unknown | Undecided) -> bool:
    return isinstance(ending, Undecided) and ending.failure is Failure.CREDENTIAL


def _confirming(
    poll_after_seconds: float, item: LaneItem, confirm: ConfirmSettings, now: int
) -> Plan:
    """Look again later; after the age limit a person decides."""
    age = (now - item.since) / 1000 if item.confirming else 0.0
    left = confirm.give_up_seconds - age
    if left <= 0:
        return Plan(
            outcome=AttemptOutcome.UNKNOWN,
            state=RetryState.PARKED,
            tries=item.tries,
            failure="unconfirmed",
            code="never_confirmed",
            detail=f"taken {int(age)} s ago and not confirmed",
            news=False,
        )
    wait = poll_after_seconds if confirm.poll_seconds is None else confirm.poll_seconds
    return Plan(
        outcome=AttemptOutcome.CONFIRMING,
        state=RetryState.CONFIRMING,
        wait_seconds=min(wait, left),
        tries=item.tries,
    )


def _undecided(
    ending: Unknown | Undecided, item: LaneItem, confirm: ConfirmSettings, now: int
) -> Plan:
    """The partner was asked and could not tell: that says nothing about the delivery, and nothing
    about how the partner is."""
    plan = _confirming(Pending().poll_after_seconds, item, confirm, now)
    if plan.state is RetryState.PARKED:
        return plan
    return msgspec.structs.replace(
        plan,
        failure="undecided",
        code=ending.code,
        detail=ending.detail,
        pause=_locked(ending),
        news=False,
    )
