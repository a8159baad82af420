"""What happens after an attempt."""

from random import Random

import pytest

from connectors.base import Delivered, Failed, Failure, Idempotency, Pending, Unknown
from gateway.delivery import decider
from gateway.model.states import AttemptOutcome, RetryState
from gateway.pipeline import LaneItem
from gateway.settings import DEFAULT_SCHEDULE_SECONDS, RetrySettings

RETRY = RetrySettings(schedule_seconds=(0, 10, 60), jitter=0)
decide = decider(Random(1))


def item(tries: int = 0) -> LaneItem:
    return LaneItem(lane="l", seq=1, item_id="m", delivery_id="d", tries=tries)


def after(outcome, *, tries=0, idempotency=Idempotency.KEY, retry=RETRY):
    return decide(outcome, item(tries), retry, idempotency)


def failed(failure: Failure, **more) -> Failed:
    return Failed(failure=failure, code="c", **more)


def test_a_delivery_is_settled():
    plan = after(Delivered())
    assert (plan.outcome, plan.state) == (AttemptOutcome.DONE, None)


def test_the_default_schedule_is_sixteen_tries_over_a_long_weekend():
    assert len(DEFAULT_SCHEDULE_SECONDS) == 16
    assert 87 * 3600 < sum(DEFAULT_SCHEDULE_SECONDS) < 100 * 3600


@pytest.mark.parametrize(("tries", "wait"), [(0, 10), (1, 60)])
def test_a_destination_fault_waits_by_the_schedule(tries, wait):
    plan = after(failed(Failure.DESTINATION), tries=tries)
    assert (plan.state, plan.wait_seconds, plan.tries) == (RetryState.WAITING, wait, tries + 1)


def test_the_last_try_of_the_schedule_makes_a_dead_letter():
    plan = after(failed(Failure.DESTINATION), tries=2)
    assert (plan.state, plan.tries) == (RetryState.DEAD, 3)


def test_a_refused_message_is_dead_at_once():
    assert after(failed(Failure.MESSAGE)).state is RetryState.DEAD


def test_a_credential_fault_pauses_and_counts_no_try():
    plan = after(failed(Failure.CREDENTIAL), tries=2)
    assert (plan.state, plan.tries, plan.pause) == (RetryState.WAITING, 2, True)


@pytest.mark.parametrize(("asked", "waited"), [(120, 120), (0.01, 10), (10**9, 24 * 3600)])
def test_retry_after_is_honoured_within_bounds(asked, waited):
    plan = after(failed(Failure.THROTTLED, retry_after_seconds=asked))
    assert (plan.state, plan.wait_seconds) == (RetryState.WAITING, waited)


@pytest.mark.parametrize("idempotency", [Idempotency.KEY, Idempotency.LOOKUP])
def test_an_unknown_outcome_is_tried_again_where_that_is_safe(idempotency):
    plan = after(Unknown(code="reply_lost"), idempotency=idempotency)
    assert (plan.outcome, plan.state) == (AttemptOutcome.UNKNOWN, RetryState.WAITING)
    assert plan.failure == "unknown"


def test_an_unknown_outcome_at_a_sink_without_keys_waits_for_a_person():
    plan = after(Unknown(code="reply_lost"), idempotency=Idempotency.NONE)
    assert plan.state is RetryState.PARKED


def test_an_unknown_outcome_is_never_called_dead():
    assert after(Unknown(code="reply_lost"), tries=2).state is RetryState.PARKED


def test_a_pending_answer_is_polled():
    plan = after(Pending(poll_after_seconds=7), tries=1)
    assert (plan.state, plan.wait_seconds, plan.tries) == (RetryState.CONFIRMING, 7, 1)


def test_jitter_stays_within_its_share():
    retry = RetrySettings(schedule_seconds=(0, 100), jitter=0.2)
    waits = {after(failed(Failure.DESTINATION), retry=retry).wait_seconds for _ in range(200)}
    assert len(waits) > 100
    assert all(80 <= wait <= 120 for wait in waits)
