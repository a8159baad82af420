"""A destination: an outage costs no attempts, recovery is gentle, limits are shared."""

import asyncio
from itertools import pairwise

import pytest

from gateway.delivery import BreakerState, Destination
from gateway.settings import Priority, RateSettings, RetrySettings
from tests.gateway.delivery.hand import (
    DONE,
    FAULT,
    LOCKED,
    LOST,
    REFUSED,
    THROTTLED,
    UNDECIDED,
    HandClock,
)

RETRY = RetrySettings(breaker_failures=3, breaker_calls=1000, breaker_seconds=10)


class Lane:
    """A destination with one lane, whose attempts end at once as they are told."""

    def __init__(self, clock, **more):
        options = {"concurrency": 8, "retry": RETRY, "clock": clock, **more}
        self.it = Destination("billing", **options)
        self.seat = self.it.seat(asyncio.Event())

    def take(self):
        return self.it.take(self.seat)

    def end(self, *endings):
        for settled in endings:
            ticket = self.take()
            assert ticket is not None
            self.it.learn(settled, ticket)
            self.it.leave()

    def most(self):
        """How many attempts may start at once now."""
        taken = 0
        while self.take():
            taken += 1
        self.it.busy -= taken
        return taken


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def lane(clock):
    return Lane(clock)


@pytest.fixture
def opened(lane):
    lane.end(FAULT, LOST, FAULT)
    assert lane.it.breaker is BreakerState.OPEN
    return lane


def test_faults_in_a_row_open_the_breaker_and_nothing_is_tried(lane):
    lane.end(FAULT, LOST)
    assert lane.most() == 8
    lane.end(FAULT)
    assert (lane.it.breaker, lane.most(), lane.it.may_start) == (BreakerState.OPEN, 0, False)


@pytest.mark.parametrize("lives", [DONE, REFUSED])
def test_a_success_or_a_refusal_in_between_shows_that_the_partner_lives(lane, lives):
    lane.end(*(FAULT, FAULT, lives) * 10)
    assert lane.it.breaker is BreakerState.CLOSED


def test_a_question_without_an_answer_neither_feeds_nor_resets_the_breaker(lane):
    lane.end(*[UNDECIDED] * 10)
    assert lane.it.breaker is BreakerState.CLOSED
    lane.end(FAULT, FAULT, UNDECIDED, FAULT)
    assert lane.it.breaker is BreakerState.OPEN


def test_after_the_wait_one_probe_goes_at_a_time_and_says_so(opened, clock):
    assert opened.it.waits() == 10
    clock.pass_by(10)
    assert opened.it.breaker is BreakerState.HALF_OPEN
    assert opened.take().probe
    assert opened.take() is None


def test_an_ordinary_attempt_is_no_probe(lane):
    assert not lane.take().probe


def test_what_was_under_way_when_it_opened_is_no_news_not_even_to_the_probes(lane, clock):
    stragglers = [lane.take() for _ in range(4)]
    lane.end(FAULT, FAULT, FAULT)
    for ticket in stragglers[:2]:
        lane.it.learn(FAULT, ticket)
        lane.it.leave()
    assert lane.it.opens_in() == 10
    clock.pass_by(10)
    lane.it.learn(FAULT, stragglers[2])
    assert lane.it.breaker is BreakerState.HALF_OPEN
    lane.it.learn(DONE, stragglers[3])
    for _ in range(2):
        lane.it.leave()
    lane.end(DONE, DONE)
    assert lane.it.breaker is BreakerState.HALF_OPEN


def test_after_the_close_places_come_back_one_per_ten_successes(opened, clock):
    clock.pass_by(10)
    opened.end(DONE, DONE, DONE)
    assert (opened.it.breaker, opened.most()) == (BreakerState.CLOSED, 1)
    opened.end(*[DONE] * 10)
    assert opened.most() == 2
    opened.end(*[DONE] * 40)
    assert opened.most() == 6
    opened.end(FAULT)
    assert opened.most() == 3


def test_one_congestion_halves_once_however_many_calls_it_hits(lane):
    lane.end(*[THROTTLED])
    assert lane.most() == 4
    lane.end(*[DONE] * 40)
    assert lane.most() == 8
    hit = [lane.take() for _ in range(8)]
    for ticket in hit:
        lane.it.learn(THROTTLED, ticket)
        lane.it.leave()
    assert lane.most() == 4


def test_a_credential_fault_pauses_until_a_person_resumes(lane):
    lane.end(LOCKED)
    assert (lane.most(), lane.it.waits()) == (0, None)
    lane.it.resume()
    assert lane.most() == 8


def test_retry_after_keeps_the_whole_destination_quiet_within_bounds(lane, clock):
    for asked, quiet in ((30.0, 30.0), (0.01, 1.0), (1e9, 24 * 3600.0)):
        settled = THROTTLED.__class__(
            outcome=THROTTLED.outcome, failure="throttled", retry_after_seconds=asked
        )
        lane.end(settled)
        assert lane.it.waits() == pytest.approx(quiet)
        assert lane.most() == 0
        clock.pass_by(quiet)
        assert lane.most() > 0


def test_waiting_for_a_token_holds_no_place(clock):
    lane = Lane(clock, rate=RateSettings(per_second=20, burst=3))
    lane.end(DONE, DONE, DONE)
    assert (lane.take(), lane.it.busy) == (None, 0)
    assert lane.it.waits() == pytest.approx(1 / 20)
    began, made = 0.0, 0
    while began < 10:
        step = lane.it.waits() or 0.001
        clock.pass_by(step)
        began += step
        while (ticket := lane.take()) is not None:
            lane.it.learn(DONE, ticket)
            lane.it.leave()
            made += 1
    assert 199 <= made <= 201


def test_a_pause_saves_up_no_more_than_the_burst(clock):
    lane = Lane(clock, rate=RateSettings(per_second=20, burst=3))
    clock.pass_by(3600)
    assert lane.most() == 3


def test_a_token_that_comes_after_a_lane_was_refused_is_not_waited_for(clock):
    """Nobody rings for a token: whoever is about to wait must see that it is there by now."""
    lane = Lane(clock, rate=RateSettings(per_second=20, burst=1))
    assert not lane.it.may_take(lane.seat), "it has nothing to do"
    assert lane.take() is not None
    assert lane.take() is None
    assert not lane.it.may_take(lane.seat)
    clock.seconds += 0.05
    assert lane.it.waits() is None, "by the time alone it would wait for an event"
    assert lane.it.may_take(lane.seat)
    lane.seat.rest()
    assert not lane.it.may_take(lane.seat)


def test_nodes_share_places_and_calls_and_each_keeps_at_least_one(clock):
    lane = Lane(clock, rate=RateSettings(per_second=20, burst=8))
    for nodes, places, rate in ((2, 4, 10), (3, 2, 20 / 3), (20, 1, 1), (1, 8, 20)):
        lane.it.nodes = nodes
        assert (lane.it.places, lane.it.per_second) == (places, pytest.approx(rate))


def test_a_destination_uses_no_other_s_places(clock):
    sick, well = Lane(clock), Lane(clock)
    held = [sick.take() for _ in range(8)]
    assert sick.take() is None
    assert well.most() == 8
    for ticket in held:
        sick.it.learn(FAULT, ticket)
    assert sick.it.breaker is BreakerState.OPEN
    assert well.most() == 8


# -- priorities ---------------------------------------------------------------------------------


def served(it, seats, places):
    """Give away so many places one by one while every lane has something to do."""
    got = dict.fromkeys(seats, 0)
    while places:
        for name, seat in seats.items():
            ticket = it.take(seat)
            if ticket is not None:
                got[name] += 1
                places -= 1
                it.leave()
                break
    return got


def test_lanes_share_by_priority_and_low_still_gets_one_in_eight(clock):
    it = Lane(clock).it
    seats = {p: it.seat(asyncio.Event(), p) for p in (Priority.LOW, Priority.HIGH)}
    for seat in seats.values():
        seat.wait()
    got = served(it, seats, 800)
    assert (got[Priority.LOW], got[Priority.HIGH]) == (100, 700)


def test_a_lane_with_nothing_to_do_takes_nothing_and_saves_nothing_up(clock):
    it = Lane(clock).it
    busy, idle = it.seat(asyncio.Event()), it.seat(asyncio.Event(), Priority.HIGH)
    for _ in range(1000):
        assert it.take(busy) is not None
        it.leave()
    got = served(it, {"idle": idle, "busy": busy}, 80)
    # It comes back to its share, not to what it did not use; its first place is a tie.
    assert got["idle"] - got["busy"] < 40


def test_whose_turn_it_is_is_woken_and_one_that_rests_lets_the_others_go(clock):
    it = Lane(clock, concurrency=1).it
    first, second = it.seat(asyncio.Event()), it.seat(asyncio.Event())
    second.wait()
    assert it.take(first) is not None
    it.leave()
    second.bell.clear()
    assert it.take(first) is None
    assert second.bell.is_set()
    first.bell.clear()
    second.rest()
    assert first.bell.is_set()
    assert it.take(first) is not None


# -- over nodes ---------------------------------------------------------------------------------


def row(news):
    return {"open_until": 0, "opened": 0, **(news or {})}


def test_a_breaker_is_told_once_when_it_opens_and_once_when_it_closes(opened, clock):
    news = opened.it.news()
    assert (news["name"], news["opened"]) == ("billing", 1)
    assert news["open_until"] == clock.now().timestamp() * 1000 + 10_000
    assert opened.it.news() is None
    clock.pass_by(10)
    opened.end(DONE, DONE)
    assert opened.it.news() is None
    opened.end(DONE)
    news = opened.it.news()
    assert (news["name"], news["opened"]) == ("billing", 0)


def test_a_breaker_open_elsewhere_is_open_here_and_closes_with_a_ramp(opened, clock):
    other = Lane(clock)
    other.it.hear(row(opened.it.news()))
    assert (other.it.breaker, other.it.opens_in()) == (BreakerState.OPEN, 10)
    assert other.it.news() is None
    clock.pass_by(10)
    opened.end(DONE, DONE, DONE)
    other.it.hear(row(opened.it.news()))
    assert (other.it.breaker, other.most()) == (BreakerState.CLOSED, 1)


def test_an_opening_and_closing_between_two_looks_is_noticed(opened, clock):
    """The node that opened its breaker sees only that another one has closed it meanwhile."""
    opened.it.hear(row(None))
    opened.it.news()
    other = Lane(clock)
    other.it.hear({"open_until": int(clock.now().timestamp() * 1000) + 10_000, "opened": 1})
    other.it.resume()
    opened.it.hear(row(other.it.news()))
    assert opened.it.breaker is BreakerState.CLOSED


def test_an_opening_that_did_not_get_through_is_no_news_after_another_node_has_closed(
    opened, clock
):
    opened.it.not_told(opened.it.news())
    opened.it.hear({"open_until": int(clock.now().timestamp() * 1000), "opened": 0})
    assert opened.it.breaker is BreakerState.CLOSED
    assert opened.it.news() is None


def test_an_old_row_does_not_close_a_breaker_that_has_just_opened(lane):
    lane.it.hear(row(None))
    lane.end(FAULT, FAULT, FAULT)
    lane.it.hear(row(None))
    assert lane.it.breaker is BreakerState.OPEN


def test_a_row_of_a_node_whose_clock_is_wrong_opens_for_no_longer_than_it_could(lane, clock):
    lane.it.hear({"open_until": int(clock.now().timestamp() * 1000) + 10**9, "opened": 2})
    assert lane.it.opens_in() == 20


def test_failed_probes_double_over_a_restart_too(opened, clock):
    waits = []
    for _ in range(4):
        news = opened.it.news()
        opened = Lane(clock)
        opened.it.hear(row(news))
        waits.append(opened.it.opens_in())
        clock.pass_by(waits[-1])
        opened.end(FAULT)
    assert all(after == 2 * before for before, after in pairwise(waits))
