"""Order per key."""

from gateway.delivery import KeyOrder
from gateway.model.states import RetryState
from gateway.pipeline import LaneItem
from gateway.settings import OnDead


def item(seq: int, key: str) -> LaneItem:
    return LaneItem(lane="l", seq=seq, item_id="m", delivery_id="d", order_key=key)


def seqs(items):
    return [i.seq for i in items]


def row(key, state):
    return {"order_key": key, "state": state}


def test_items_without_a_key_never_wait():
    order = KeyOrder()
    assert order.may_start(item(1, ""))
    assert order.may_start(item(2, ""))


def test_one_of_a_key_at_a_time_and_other_keys_go_on():
    order = KeyOrder()
    assert order.may_start(item(1, "a"))
    assert not order.may_start(item(2, "a"))
    assert order.may_start(item(3, "b"))
    assert seqs(order.settled(item(1, "a"), None)) == [2]


def test_successors_keep_their_order():
    order = KeyOrder()
    order.may_start(item(1, "a"))
    for seq in (2, 3, 4):
        order.may_start(item(seq, "a"))
    # Each is put at the head of the window, so the last one named goes first.
    assert seqs(order.settled(item(1, "a"), None)) == [4, 3, 2]


def test_a_failure_holds_its_successors_until_it_is_settled():
    order = KeyOrder()
    order.may_start(item(1, "a"))
    order.may_start(item(2, "a"))
    assert order.settled(item(1, "a"), RetryState.WAITING) == []
    assert not order.may_start(item(3, "a"))
    assert seqs(order.settled(item(1, "a"), None)) == [3, 2]


def test_a_dead_one_holds_or_lets_pass_as_configured():
    for on_dead, released in ((OnDead.HOLD, []), (OnDead.SKIP, [2])):
        order = KeyOrder(on_dead)
        order.may_start(item(1, "a"))
        order.may_start(item(2, "a"))
        assert seqs(order.settled(item(1, "a"), RetryState.DEAD)) == released


def test_a_restart_finds_blocked_keys_in_the_retry_table():
    order = KeyOrder(OnDead.HOLD)
    order.block([row("a", "dead"), row("", "dead")])
    assert not order.may_start(item(5, "a"))
    assert order.may_start(item(6, "b"))


def test_a_discard_frees_its_key_but_not_one_under_way():
    order = KeyOrder(OnDead.HOLD)
    order.block([row("a", "dead")])
    order.may_start(item(5, "a"))
    order.may_start(item(6, "b"))
    order.may_start(item(7, "b"))
    assert seqs(order.reblock([], among=order.blocked())) == [5]
    assert not order.may_start(item(8, "b"))


def test_what_loses_its_retry_row_while_it_is_tried_still_holds_its_key():
    order = KeyOrder(OnDead.HOLD)
    order.block([row("a", RetryState.WAITING)])
    order.started(item(1, "a"))
    assert not order.may_start(item(2, "a"))
    assert not order.may_start(item(3, "a"))
    assert order.reblock([], among={"a"}) == []
    assert seqs(order.settled(item(1, "a"), None)) == [3, 2]
