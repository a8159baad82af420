"""What happens after an attempt."""

from random import Random

import pytest

from connectors.base import Delivered, Failed, Failure, Idempotency, Pending, Unknown
from gateway.delivery import decider
from gateway.model.states import AttemptOutcome, RetryState
from gateway.pipeline import LaneItem
from gateway.pipeline.plan import Undecided
from gateway.settings import (
    DEFAULT_SCHEDULE_SECONDS,
    ConfirmSettings,
    RetrySettings,
    SinkSettings,
)

RETRY = RetrySettings(schedule_seconds=(0, 10, 60), jitter=0)
decide = decider(Random(1))


NOW = 1_800_000_000_000
HOUR = 3_600_000


def after(ending, *, idempotency=Idempotency.KEY, retry=RETRY, confirm=None, **more):
    """Return the plan; `more` is about the item."""
    sink = SinkSettings(
        interface="erp",
        connector="c",
        accepts="a",
        retry=retry,
        confirm=confirm or ConfirmSettings(),
    )
    item = LaneItem(lane="l", seq=1, item_id="m", delivery_id="d", **more)
    return decide(ending, item, sink, idempotency, NOW)


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


def test_where_nobody_was_asked_the_outcome_is_unknown_and_no_news_of_the_partner():
    # Five of these after a crash once opened the breaker of a partner that was well.
    ending = Undecided(code="outcome_unknown", asked=False)
    plan = after(ending, idempotency=Idempotency.NONE, unsure=True)
    assert (plan.outcome, plan.state) == (AttemptOutcome.UNKNOWN, RetryState.PARKED)
    assert not plan.news
    assert after(Unknown(code="reply_lost"), idempotency=Idempotency.NONE).news
    assert after(Undecided(code="http_503"), idempotency=Idempotency.LOOKUP).news


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


# -- probes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [failed(Failure.DESTINATION), Unknown(code="reply_lost")])
def test_a_failed_probe_counts_no_try_and_makes_no_dead_letter(ending):
    for tries in (0, 1, 2, 50):
        plan = after(ending, tries=tries, probe=True)
        assert (plan.state, plan.tries) == (RetryState.WAITING, tries)
        assert plan.wait_seconds in (10, 60)


def test_a_probe_that_is_refused_is_dead_and_one_that_may_be_there_is_parked():
    assert after(failed(Failure.MESSAGE), probe=True).state is RetryState.DEAD
    lost = after(Unknown(code="reply_lost"), probe=True, idempotency=Idempotency.NONE)
    assert lost.state is RetryState.PARKED


# -- unknown outcomes ---------------------------------------------------------------------------


def test_nobody_asks_before_an_effect_can_be_seen():
    retry = RetrySettings(schedule_seconds=(0, 10, 60), jitter=0, lookup_after_seconds=45)
    lost = Unknown(code="reply_lost")
    asked = {"retry": retry, "idempotency": Idempotency.LOOKUP}
    assert after(lost, **asked).wait_seconds == 45
    assert after(lost, tries=1, **asked).wait_seconds == 60
    assert after(lost, retry=retry).wait_seconds == 10


def test_a_locked_door_before_a_question_pauses_and_leaves_the_outcome_unknown():
    locked = Undecided(code="http_401", failure=Failure.CREDENTIAL)
    plan = after(locked, tries=2, idempotency=Idempotency.LOOKUP, unsure=True)
    assert (plan.outcome, plan.failure) == (AttemptOutcome.UNKNOWN, "unknown")
    assert (plan.state, plan.tries, plan.pause) == (RetryState.WAITING, 2, True)


# -- confirming ---------------------------------------------------------------------------------

TAKEN = {"state": RetryState.CONFIRMING, "since": NOW - HOUR}


@pytest.mark.parametrize(("poll", "waited"), [(None, 7), (300, 300)])
def test_the_settings_or_else_the_partner_say_when_to_look_again(poll, waited):
    confirm = ConfirmSettings(poll_seconds=poll)
    for more in ({}, TAKEN):
        plan = after(Pending(poll_after_seconds=7), confirm=confirm, **more)
        assert (plan.state, plan.wait_seconds) == (RetryState.CONFIRMING, waited)


@pytest.mark.parametrize("ending", [Pending(), Undecided(code="x"), Unknown(code="deadline")])
def test_what_is_never_confirmed_waits_for_a_person(ending):
    confirm = ConfirmSettings(give_up_seconds=3600)
    plan = after(ending, confirm=confirm, tries=1, **TAKEN)
    assert (plan.state, plan.code, plan.tries) == (RetryState.PARKED, "never_confirmed", 1)
    later = ConfirmSettings(give_up_seconds=3601)
    assert after(ending, confirm=later, **TAKEN).state is RetryState.CONFIRMING


def test_the_last_look_is_at_the_age_limit():
    confirm = ConfirmSettings(give_up_seconds=3630)
    assert after(Pending(poll_after_seconds=600), confirm=confirm, **TAKEN).wait_seconds == 30


def test_a_question_without_an_answer_changes_nothing_and_says_nothing():
    plan = after(Undecided(code="http_503"), tries=1, **TAKEN)
    assert (plan.state, plan.tries, plan.news) == (RetryState.CONFIRMING, 1, False)
    assert not plan.pause


def test_a_locked_door_pauses_and_what_was_taken_is_still_confirming():
    plan = after(Undecided(code="http_401", failure=Failure.CREDENTIAL), **TAKEN)
    assert (plan.state, plan.pause) == (RetryState.CONFIRMING, True)


@pytest.mark.parametrize("failure", Failure)
def test_no_answer_to_what_a_former_owner_may_have_tried_is_a_reason_for_a_new_key(failure):
    """Whatever a sink that takes keys says of this try, one before it may have had its effect: a
    replay looks for such a doubt on record, however many tries follow."""
    plan = after(failed(failure), inherited=True)
    assert plan.outcome is AttemptOutcome.UNKNOWN
    assert plan.failure == failure.value
    known = after(failed(failure), inherited=True, idempotency=Idempotency.LOOKUP)
    assert known.outcome is AttemptOutcome.FAILED, "what began there is on record"
