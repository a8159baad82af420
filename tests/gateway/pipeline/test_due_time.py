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
