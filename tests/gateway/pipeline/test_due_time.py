"""What waits is due by a clock that does not jump."""

from datetime import UTC, datetime

import pytest

from gateway.pipeline.due_time import DueTime
from tests.gateway.delivery.hand import HandClock

HOUR = 3600
AUTUMN = datetime(2026, 11, 1, 5, tzinfo=UTC)
"""An hour before clocks in New York go back."""


def waited(clock: HandClock, time: DueTime, seconds: float) -> float:
    """Return how long something due in so many seconds waits, as the monotonic clock goes."""
    due, began = time.now() + seconds * 1000, clock.seconds
    while time.now() < due:
        clock.pass_by(1)
    return clock.seconds - began


def test_it_is_the_wall_clock_s_time_as_long_as_that_does_not_jump():
    clock = HandClock(AUTUMN)
    time = DueTime(clock)
    for _ in range(100):
        clock.pass_by(17)
        assert abs(time.now() - clock.wall.timestamp() * 1000) < 1


@pytest.mark.parametrize("jump", [HOUR, -HOUR, 24 * HOUR])
def test_a_jump_makes_nothing_due(jump):
    clock = HandClock(AUTUMN)
    time = DueTime(clock)
    before = time.now()
    clock.jump(jump)
    assert time.now() == before


@pytest.mark.parametrize(("jump", "least", "most"), [(HOUR, 40, 61), (-HOUR, 60, 68)])
def test_what_waits_a_minute_waits_about_a_minute_whatever_the_wall_clock_does(jump, least, most):
    clock = HandClock(AUTUMN)
    time = DueTime(clock)
    clock.jump(jump)
    assert least <= waited(clock, time, 60) <= most


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_it_comes_back_to_the_wall_clock(jump):
    clock = HandClock(AUTUMN)
    time = DueTime(clock)
    clock.jump(jump)
    for _ in range(12 * 60):
        clock.pass_by(60)
        time.now()
    assert abs(time.now() - clock.wall.timestamp() * 1000) < 1


def test_it_never_goes_back():
    clock = HandClock(AUTUMN)
    time = DueTime(clock)
    last = time.now()
    for step in range(1000):
        clock.jump((-1) ** step * 40 * step)
        clock.pass_by(0.5)
        assert time.now() >= last
        last = time.now()


@pytest.mark.parametrize("wrong", [0, HOUR, -HOUR])
def test_where_nodes_share_a_store_it_is_the_store_s_time_whatever_the_wall_clock_says(wrong):
    clock = HandClock(AUTUMN)
    time = DueTime(clock)
    clock.jump(wrong)
    store = AUTUMN.timestamp() * 1000 + 5_000
    time.follow(store)
    assert time.now() == int(store)
    clock.jump(-wrong)
    clock.pass_by(60)
    assert abs(time.now() - (store + 60_000)) < 1


def test_it_follows_the_store_s_clock_as_it_is_learned_anew_and_never_goes_back():
    clock = HandClock(AUTUMN)
    time = DueTime(clock)
    store = AUTUMN.timestamp() * 1000
    last = 0
    for step in range(1000):
        store += 1000
        time.follow(store + (-1) ** step * 200)  # an answer takes its time
        assert time.now() >= last
        assert abs(time.now() - store) < 1000
        last = time.now()
        clock.pass_by(1)
