"""The breaker over its window, and the ramp."""

import pytest

from gateway.delivery.breaker import Breaker, BreakerState, Ramp
from gateway.settings import RetrySettings
from tests.gateway.delivery.hand import HandClock

ONLY_SHARE = RetrySettings(breaker_failures=1000)


def fed(clock: HandClock, *, failures: int, calls: int, retry=ONLY_SHARE) -> Breaker:
    """Return a breaker that has seen so many failures, evenly among so many calls, at once."""
    breaker = Breaker(retry, clock)
    for number in range(calls):
        good = (number + 1) * failures // calls == number * failures // calls
        breaker.succeeded() if good else breaker.failed()
    return breaker


@pytest.mark.parametrize(
    ("failures", "calls", "state"),
    [(6, 9, "closed"), (7, 10, "open"), (6, 10, "closed"), (14, 20, "open"), (13, 20, "closed")],
)
def test_seventy_percent_of_at_least_ten_calls_open_it(failures, calls, state):
    assert fed(HandClock(), failures=failures, calls=calls).state == state


def test_five_failures_in_a_row_open_it_and_four_do_not():
    assert fed(HandClock(), failures=4, calls=4, retry=RetrySettings()).state == "closed"
    assert fed(HandClock(), failures=5, calls=5, retry=RetrySettings()).state == "open"


def test_what_is_older_than_the_window_counts_no_more():
    clock = HandClock()
    breaker = fed(clock, failures=9, calls=9)
    clock.pass_by(61)
    breaker.failed()
    assert breaker.state is BreakerState.CLOSED
    clock.pass_by(59)
    for _ in range(9):
        breaker.failed()
    assert breaker.state is BreakerState.OPEN


def test_three_good_probes_in_a_row_close_it_and_a_bad_one_begins_anew():
    clock = HandClock()
    breaker = fed(clock, failures=10, calls=10)
    clock.pass_by(30)
    breaker.succeeded()
    breaker.succeeded()
    breaker.failed()
    assert (breaker.state, breaker.opens_in()) == (BreakerState.OPEN, 30), "it has answered"
    clock.pass_by(30)
    for _ in range(2):
        breaker.succeeded()
        assert breaker.state is BreakerState.HALF_OPEN
    breaker.succeeded()
    assert breaker.state is BreakerState.CLOSED


def test_the_wait_for_a_probe_doubles_to_a_quarter_of_an_hour_and_is_short_again_after_a_close():
    clock = HandClock()
    breaker = fed(clock, failures=10, calls=10)
    waits = []
    for _ in range(8):
        waits.append(breaker.opens_in())
        clock.pass_by(breaker.opens_in())
        breaker.failed()
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    breaker.close()
    for _ in range(10):
        breaker.failed()
    assert breaker.opens_in() == 30


def test_the_ramp_opens_a_place_per_ten_successes_and_ends_at_all():
    ramp = Ramp()
    assert ramp.places(4) == 4
    ramp.start()
    seen = []
    for _ in range(35):
        seen.append(ramp.places(4))
        ramp.succeeded(4)
    assert seen == [1] * 10 + [2] * 10 + [3] * 10 + [4] * 5
    assert not ramp.going


def test_a_failure_halves_the_ramp_but_leaves_one_place():
    ramp = Ramp()
    ramp.start(9)
    places = []
    for _ in range(5):
        ramp.failed(16)
        places.append(ramp.places(16))
    assert places == [4, 2, 1, 1, 1]
