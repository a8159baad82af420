"""How fast a lane is worked off: learnt while it has enough to do, never unlearnt from idling."""

import pytest

from gateway.pipeline.drain import FIRST_GUESS_PER_SECOND, Drain


def test_until_it_was_seen_at_work_it_is_guessed():
    drain = Drain()
    drain.looked(0, passed_seconds=1, busy=False)
    assert drain.per_second == FIRST_GUESS_PER_SECOND


def test_the_first_busy_look_replaces_the_guess_whether_more_or_less():
    for pace in (1, 400):
        drain = Drain()
        drain.looked(1000, passed_seconds=1, busy=False)
        drain.looked(1000 + 2 * pace, passed_seconds=2, busy=True)
        assert drain.per_second == pace


def test_a_lane_with_little_to_do_is_not_taken_for_a_slow_one():
    drain = Drain()
    drain.looked(0, passed_seconds=1, busy=True)
    drain.looked(100, passed_seconds=1, busy=True)
    for done in range(101, 120):
        drain.looked(done, passed_seconds=1, busy=False)
    assert drain.per_second == 100


def test_it_follows_a_lane_that_grows_slower_within_seconds():
    drain, done = Drain(), 0
    for pace in [100] * 3 + [10] * 20:
        done += pace
        drain.looked(done, passed_seconds=1, busy=True)
    assert drain.per_second == pytest.approx(10, abs=3)


def test_one_that_stands_still_has_a_pace_that_can_be_divided_by():
    drain = Drain()
    for _ in range(1000):
        drain.looked(7, passed_seconds=3600, busy=True)
    assert 0 < drain.per_second < 0.01


def test_a_look_that_did_not_count_says_nothing():
    drain = Drain()
    drain.looked(0, passed_seconds=1, busy=True)
    drain.looked(None, passed_seconds=1, busy=True)
    drain.looked(5000, passed_seconds=1, busy=True)
    assert drain.per_second == FIRST_GUESS_PER_SECOND
