"""What happens after an attempt: the retry schedule and the classes of failure. Pure.

tenacity supplies wait and stop; nothing here sleeps. Seconds to days are durable rows, not loops.
"""

import msgspec
from tenacity import RetryCallState, Retrying, stop_after_attempt, wait_chain, wait_fixed

from connectors.base import Delivered, Failed, Failure, Idempotency, Outcome, Pending, Unknown
from gateway.model.states import AttemptOutcome, RetryState
from gateway.pipeline import LaneItem, Plan
from gateway.pipeline.plan import Decide
from gateway.ports import Randomness
from gateway.settings import RetrySettings

__all__ = ["RETRY_AFTER_BOUNDS_SECONDS", "decider"]

RETRY_AFTER_BOUNDS_SECONDS = (1.0, 24 * 3600.0)
"""A partner's Retry-After is honoured within these bounds."""


def decider(randomness: Randomness) -> Decide:
    """Return the function that turns an outcome into a plan, with jitter from `randomness`."""

    def decide(
        outcome: Outcome, item: LaneItem, retry: RetrySettings, idempotency: Idempotency
    ) -> Plan:
        tries = item.tries + 1
        match outcome:
            case Delivered():
                return Plan(outcome=AttemptOutcome.DONE)
            case Pending():
                return Plan(
                    outcome=AttemptOutcome.CONFIRMING,
                    state=RetryState.CONFIRMING,
                    wait_seconds=outcome.poll_after_seconds,
                    tries=item.tries,
                )
            case Failed():
                return _failed(outcome, tries, _Waits(retry, randomness))
            case Unknown():
                return _unknown(outcome, tries, idempotency, _Waits(retry, randomness))

    return decide


class _Waits:
    """A schedule as tenacity policies: entry n is the wait before try n."""

    def __init__(self, retry: RetrySettings, randomness: Randomness) -> None:
        self._wait = wait_chain(*(wait_fixed(s) for s in retry.schedule_seconds[1:] or (0,)))
        self._stop = stop_after_attempt(len(retry.schedule_seconds))
        self._jitter = retry.jitter
        self._randomness = randomness

    def after(self, tries: int) -> float | None:
        """Return the seconds until the next try, None when there is none."""
        state = RetryCallState(Retrying(), None, (), {})
        state.attempt_number = tries
        if self._stop(state):
            return None
        spread = 1 + self._jitter * (2 * self._randomness.random() - 1)
        return self._wait(state) * spread


def _failed(outcome: Failed, tries: int, waits: _Waits) -> Plan:
    plan = Plan(
        outcome=AttemptOutcome.FAILED,
        state=RetryState.DEAD,
        tries=tries,
        failure=outcome.failure.value,
        code=outcome.code,
        detail=outcome.detail,
    )
    match outcome.failure:
        case Failure.MESSAGE:
            return plan
        case Failure.CREDENTIAL:
            # No try is counted: nobody gets in until a person acts, and the queue is kept.
            return msgspec.structs.replace(
                plan, state=RetryState.WAITING, tries=tries - 1, pause=True
            )
        case Failure.DESTINATION | Failure.THROTTLED:
            return _later(plan, waits.after(tries), outcome.retry_after_seconds)


def _later(plan: Plan, wait: float | None, retry_after: float | None) -> Plan:
    if wait is None:
        return plan
    if retry_after is not None:
        low, high = RETRY_AFTER_BOUNDS_SECONDS
        wait = max(wait, min(max(retry_after, low), high))
    return msgspec.structs.replace(plan, state=RetryState.WAITING, wait_seconds=wait)


def _unknown(outcome: Unknown, tries: int, idempotency: Idempotency, waits: _Waits) -> Plan:
    """Repeat only where the sink can repeat safely; else a person chooses."""
    plan = Plan(
        outcome=AttemptOutcome.UNKNOWN,
        state=RetryState.PARKED,
        tries=tries,
        failure="unknown",
        code=outcome.code,
        detail=outcome.detail,
    )
    match idempotency:
        case Idempotency.KEY | Idempotency.LOOKUP:
            return _later(plan, waits.after(tries), None)
        case Idempotency.NONE:
            return plan
