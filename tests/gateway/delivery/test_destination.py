"""The breaker: an outage costs no attempts."""

from gateway.delivery import BreakerState, Destination
from gateway.model.states import AttemptOutcome
from gateway.pipeline import Settled
from gateway.settings import RetrySettings

DONE = Settled(outcome=AttemptOutcome.DONE)
FAULT = Settled(outcome=AttemptOutcome.FAILED, failure="destination")
REFUSED = Settled(outcome=AttemptOutcome.FAILED, failure="message")


class ManualClock:
    def __init__(self):
        self.seconds = 100.0

    def now(self):
        raise AssertionError("only monotonic time decides")

    def monotonic(self):
        return self.seconds

    async def sleep(self, seconds):
        self.seconds += seconds


def destination(clock, failures=3):
    retry = RetrySettings(breaker_failures=failures, breaker_seconds=10)
    return Destination("billing", concurrency=8, retry=retry, clock=clock)


def opened(clock):
    it = destination(clock)
    for _ in range(3):
        it.learn(FAULT)
    return it


def test_faults_in_a_row_open_the_breaker_and_nothing_is_tried():
    it = destination(ManualClock())
    it.learn(FAULT)
    it.learn(FAULT)
    assert it.free() == 8
    it.learn(FAULT)
    assert (it.breaker, it.free()) == (BreakerState.OPEN, 0)


def test_a_success_or_a_refusal_in_between_shows_that_the_partner_lives():
    for lives in (DONE, REFUSED):
        it = destination(ManualClock())
        for _ in range(10):
            it.learn(FAULT)
            it.learn(FAULT)
            it.learn(lives)
        assert it.breaker is BreakerState.CLOSED


def test_after_the_wait_one_probe_goes():
    clock = ManualClock()
    it = opened(clock)
    assert it.opens_in() == 10
    clock.seconds += 10
    assert (it.breaker, it.free()) == (BreakerState.HALF_OPEN, 1)
    it.busy = 1
    assert it.free() == 0


def test_a_failed_probe_doubles_the_wait_up_to_a_quarter_of_an_hour():
    clock = ManualClock()
    it = opened(clock)
    waits = []
    for _ in range(10):
        waits.append(it.opens_in())
        clock.seconds += it.opens_in()
        it.learn(FAULT)
    assert waits[:4] == [10, 20, 40, 80]
    assert waits[-1] == 900


def test_what_was_under_way_when_it_opened_makes_the_wait_no_longer():
    it = opened(ManualClock())
    for _ in range(5):
        it.learn(FAULT)
    assert it.opens_in() == 10


def test_a_good_probe_closes_it():
    clock = ManualClock()
    it = opened(clock)
    clock.seconds += 10
    it.learn(DONE)
    assert (it.breaker, it.free()) == (BreakerState.CLOSED, 8)


def test_a_credential_fault_pauses_until_a_person_resumes():
    it = destination(ManualClock())
    it.learn(Settled(outcome=AttemptOutcome.FAILED, failure="credential", pause=True))
    assert it.free() == 0
    it.resume()
    assert it.free() == 8
