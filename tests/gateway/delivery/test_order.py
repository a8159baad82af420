"""Order per key."""

from gateway.delivery import KeyOrder
from gateway.delivery.order import MAX_KEYS
from gateway.model.states import RetryState
from gateway.pipeline import LaneItem
from gateway.settings import OnDead


def item(seq: int, key: str, *, retrying: bool = False) -> LaneItem:
    return LaneItem(
        lane="l", seq=seq, item_id="m", delivery_id="d", order_key=key, retrying=retrying
    )


def seqs(items):
    return [i.seq for i in items]


def row(key, state, seq=1):
    return {"order_key": key, "seq": seq, "state": state}


def starts(order: KeyOrder, one: LaneItem) -> bool:
    if not order.may_start(one):
        return False
    order.started(one)
    return True


def test_items_without_a_key_never_wait():
    order = KeyOrder()
    assert starts(order, item(1, ""))
    assert starts(order, item(2, ""))


def test_one_of_a_key_at_a_time_and_other_keys_go_on():
    order = KeyOrder()
    assert starts(order, item(1, "a"))
    assert not starts(order, item(2, "a"))
    assert starts(order, item(3, "b"))
    assert seqs(order.settled(item(1, "a"), None)) == [2]


def test_successors_keep_their_order():
    order = KeyOrder()
    starts(order, item(1, "a"))
    for seq in (2, 3, 4):
        assert not starts(order, item(seq, "a"))
    # Each is put at the head of the window, so the last one named goes first.
    assert seqs(order.settled(item(1, "a"), None)) == [4, 3, 2]


def test_a_failure_holds_its_successors_until_it_is_settled():
    order = KeyOrder()
    starts(order, item(1, "a"))
    assert not starts(order, item(2, "a"))
    assert order.settled(item(1, "a"), RetryState.WAITING) == []
    assert not starts(order, item(3, "a"))
    order.started(item(1, "a", retrying=True))
    assert seqs(order.settled(item(1, "a", retrying=True), None)) == [3, 2]
    assert starts(order, item(2, "a"))


def test_a_dead_one_holds_or_lets_pass_as_configured():
    for on_dead, released in ((OnDead.HOLD, []), (OnDead.SKIP, [2])):
        order = KeyOrder(on_dead)
        starts(order, item(1, "a"))
        starts(order, item(2, "a"))
        assert seqs(order.settled(item(1, "a"), RetryState.DEAD)) == released


def test_a_restart_finds_blocked_keys_in_the_retry_table():
    order = KeyOrder(OnDead.HOLD)
    order.learn([row("a", "dead")])
    assert not starts(order, item(5, "a"))
    assert starts(order, item(6, "b"))


def test_a_discard_frees_its_key_but_not_one_under_way():
    order = KeyOrder(OnDead.HOLD)
    order.learn([row("a", "dead")])
    assert not starts(order, item(5, "a"))
    starts(order, item(6, "b"))
    assert not starts(order, item(7, "b"))
    order.begin_to_learn()
    order.learn([])
    assert order.waiting() == ["a"]
    assert seqs(order.free("a")) == [5]
    assert order.free("b") == []
    assert not starts(order, item(8, "b"))


def test_what_changed_while_the_rows_were_read_is_not_forgotten():
    order = KeyOrder(OnDead.HOLD)
    order.learn([row("b", "dead", 2)])
    starts(order, item(1, "a"))
    order.started(item(2, "b", retrying=True))
    order.begin_to_learn()
    old = [row("b", "dead", 2)]
    order.settled(item(1, "a"), RetryState.WAITING)
    order.settled(item(2, "b", retrying=True), None)
    order.learn(old)
    assert not starts(order, item(3, "a"))
    assert starts(order, item(4, "b"))


def test_what_loses_its_retry_row_while_it_is_tried_still_holds_its_key():
    order = KeyOrder(OnDead.HOLD)
    order.learn([row("a", RetryState.WAITING)])
    order.started(item(1, "a", retrying=True))
    assert not starts(order, item(2, "a"))
    assert not starts(order, item(3, "a"))
    order.begin_to_learn()
    order.learn([])
    assert order.free("a") == []
    assert seqs(order.settled(item(1, "a", retrying=True), None)) == [3, 2]


def test_a_replay_never_runs_beside_a_successor_of_its_key():
    order = KeyOrder(OnDead.SKIP)
    starts(order, item(2, "a"))
    assert not order.may_retry("a", 1)
    assert order.may_retry("b", 3)
    order.settled(item(2, "a"), None)
    assert order.retry_waited("a")
    assert not order.retry_waited("a")
    assert order.may_retry("a", 1)
    order.started(item(1, "a", retrying=True))
    assert not starts(order, item(4, "a"))


def test_a_replay_that_ends_well_does_not_free_what_another_of_its_key_holds():
    order = KeyOrder(OnDead.SKIP)
    order.learn([row("a", RetryState.WAITING, 1), row("a", RetryState.WAITING, 2)])
    assert not starts(order, item(3, "a"))
    order.started(item(1, "a", retrying=True))
    assert order.settled(item(1, "a", retrying=True), None) == []
    assert not starts(order, item(4, "a"))
    order.started(item(2, "a", retrying=True))
    assert seqs(order.settled(item(2, "a", retrying=True), None)) == [4, 3]


def test_other_settings_count_from_the_next_item_on():
    order = KeyOrder(OnDead.HOLD)
    starts(order, item(1, "a"))
    order.on_dead = OnDead.SKIP
    assert not starts(order, item(2, "a"))
    assert seqs(order.settled(item(1, "a"), RetryState.DEAD)) == [2]
    order.on_dead = OnDead.HOLD
    order.learn([row("a", "dead")])
    assert not starts(order, item(3, "a"))


def test_of_a_million_blocked_keys_none_is_kept_and_each_is_asked_about():
    order = KeyOrder(OnDead.HOLD)
    assert not order.must_ask("a")
    order.learn(row(f"k{n}", "dead") for n in range(MAX_KEYS + 1))
    assert order._blocked is None
    assert order.must_ask("k1")
    assert not order.must_ask("")
    assert not order.may_start(item(1, "k1"), blocked=True)
    assert order.may_start(item(2, "k2"), blocked=False)
    assert seqs(order.free("k1")) == [1]


def test_keys_that_fail_one_by_one_are_not_kept_without_bound():
    order = KeyOrder(OnDead.HOLD)
    for number in range(MAX_KEYS + 1):
        starts(order, item(number, f"k{number}"))
        order.settled(item(number, f"k{number}"), RetryState.DEAD)
    assert order._blocked is None
    assert not order._under_way
    assert order.must_ask("k1")
