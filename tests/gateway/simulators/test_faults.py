"""Fault knobs: how often, how long, on which requests."""

import pytest

from gateway.errors import UsageFault
from gateway.simulators.faults import Fault, FaultBoard, FaultKind, Scope
from tests.gateway.simulators.conftest import StandingClock

EVERY_KIND = frozenset(FaultKind)


@pytest.fixture
def board(clock: StandingClock) -> FaultBoard:
    return FaultBoard(clock, EVERY_KIND)


def test_a_counted_fault_ends_after_its_count(board: FaultBoard) -> None:
    board.set(Fault(kind=FaultKind.RESET, count=2))
    assert [board.take(FaultKind.RESET, Scope.WRITE) is not None for _ in range(3)] == [
        True,
        True,
        False,
    ]
    assert board.active() == []


def test_what_is_left_of_a_count_can_be_seen(board: FaultBoard) -> None:
    board.set(Fault(kind=FaultKind.RESET, count=2))
    board.take(FaultKind.RESET, Scope.WRITE)
    assert board.active() == [Fault(kind=FaultKind.RESET, count=1)]


def test_a_fault_with_a_duration_ends_by_the_clock(
    board: FaultBoard, clock: StandingClock
) -> None:
    board.set(Fault(kind=FaultKind.DOWN, seconds=5))
    assert board.take(FaultKind.DOWN, Scope.WRITE)
    clock.seconds += 5
    assert board.take(FaultKind.DOWN, Scope.WRITE) is None


def test_a_fault_without_an_end_lasts_until_it_is_cleared(board: FaultBoard) -> None:
    board.set(Fault(kind=FaultKind.DOWN))
    board.set(Fault(kind=FaultKind.RESET))
    assert all(board.take(FaultKind.DOWN, Scope.WRITE) for _ in range(50))
    board.clear(FaultKind.DOWN)
    assert board.take(FaultKind.DOWN, Scope.WRITE) is None
    assert board.take(FaultKind.RESET, Scope.WRITE)


def test_a_lost_reply_hits_writes_and_an_outage_hits_everything(board: FaultBoard) -> None:
    board.set(Fault(kind=FaultKind.REPLY_LOST_AFTER_COMMIT))
    board.set(Fault(kind=FaultKind.DOWN))
    assert board.take(FaultKind.REPLY_LOST_AFTER_COMMIT, Scope.LOOKUP) is None
    assert board.take(FaultKind.DOWN, Scope.LOOKUP)
    assert board.take(FaultKind.DOWN, Scope.TOKEN)


def test_a_scope_narrows_a_fault(board: FaultBoard) -> None:
    board.set(Fault(kind=FaultKind.BAD_CREDENTIALS, scope=Scope.WRITE))
    assert board.take(FaultKind.BAD_CREDENTIALS, Scope.TOKEN) is None
    assert board.take(FaultKind.BAD_CREDENTIALS, Scope.WRITE)


def test_a_kind_the_partner_cannot_show_is_refused(clock: StandingClock) -> None:
    board = FaultBoard(clock, frozenset({FaultKind.SLOW}))
    with pytest.raises(UsageFault, match="drop_mid_file"):
        board.set(Fault(kind=FaultKind.DROP_MID_FILE))
