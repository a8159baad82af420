"""Orders over much that is set aside: in batches, once, with progress, and with an end to them."""

import asyncio
from collections import Counter

import msgspec
import pytest

from gateway.delivery import Action, Operator, Selection
from gateway.delivery import orders as orders_module
from gateway.errors import Conflict, NotFound
from gateway.model.states import RetryState
from gateway.ports import Ports
from tests.walks.world import on_both_engines, silence, status

DEAD = Selection(state=RetryState.DEAD)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(orders_module, "BATCH", 4)


@pytest.fixture
async def dead(world, partner, advice):
    """A world with 21 dead deliveries, and a partner that is well by now."""
    partner.script = [status(422)] * 21
    await world.start()
    for number in range(21):
        await world.hand_over(advice(number))
    await world.settled()
    assert await world.states() == ["dead"] * 21
    return world


async def audited(world, prefix):
    rows = await world.hub.store.fetch("audit_tail", limit=1000)
    return Counter(row["object_id"] for row in rows if row["action"].startswith(prefix))


async def test_an_order_goes_in_batches_and_is_audited_item_by_item_and_as_one(
    dead, partner, monkeypatch
):
    sizes = []
    commit = dead.hub.store.commit

    async def counted(unit):
        sizes.append(sum(s.name == "retry_delete_if" for s in unit.statements))
        return await commit(unit)

    await dead.hub.pause("partner", actor="t", reason="")
    monkeypatch.setattr(dead.hub.store, "commit", counted)
    report = await dead.hub.operator.act(Action.REPLAY, DEAD, actor="ann", order_id="ord_1")
    monkeypatch.undo()
    assert (report.count, report.order_id, report.cancelled) == (21, "ord_1", False)
    assert [size for size in sizes if size] == [4, 4, 4, 4, 4, 1]
    items = await audited(dead, "set_aside.replay")
    assert (len(items), set(items.values())) == (21, {1})
    assert await audited(dead, "order.") == {"ord_1": 1}
    await dead.hub.resume("partner", actor="t")
    await dead.settled()
    assert len(partner.effects) == 21


async def test_the_same_order_again_does_nothing_and_says_what_it_did(dead, partner):
    orders = [
        dead.hub.operator.act(Action.REPLAY, DEAD, actor="ann", order_id="ord_1") for _ in range(3)
    ]
    reports = await asyncio.gather(*orders)
    assert [r.count for r in reports] == [21] * 3
    await dead.settled()
    partner.script = [status(422)] * 21
    assert (
        await dead.hub.operator.act(Action.REPLAY, DEAD, actor="ann", order_id="ord_1")
    ).count == 21
    await dead.settled()
    assert len(partner.requests) == 42
    assert set((await audited(dead, "set_aside.replay")).values()) == {1}


async def test_an_order_id_is_one_order_s_only(dead):
    await dead.hub.operator.act(Action.REPLAY, DEAD, actor="ann", order_id="ord_1")
    with pytest.raises(Conflict, match="another order"):
        await dead.hub.operator.act(Action.PARK, DEAD, actor="ann", order_id="ord_1")


async def test_five_operators_with_overlapping_filters_replay_everything_once(dead, partner):
    filters = [DEAD, Selection(interface="partner"), Selection(everything=True), DEAD, DEAD]
    await dead.hub.pause("partner", actor="t", reason="")
    reports = await asyncio.gather(
        *(
            dead.hub.operator.act(Action.REPLAY, wanted, actor=f"op{n}", order_id=f"ord_{n}")
            for n, wanted in enumerate(filters)
        )
    )
    assert sum(r.count for r in reports) >= 21
    await dead.hub.resume("partner", actor="t")
    await dead.settled()
    assert await dead.states() == []
    assert len(partner.effects) == 21
    assert len(partner.requests) == 42


async def test_an_order_is_cancelled_between_two_batches(dead):
    await dead.hub.pause("partner", actor="t", reason="")
    operator = dead.hub.operator
    seen = []

    def changed(_lane: str) -> None:  # called behind the first batch
        seen.append(operator.progress("ord_1").count)
        operator.cancel("ord_1")

    operator._changed = changed
    report = await operator.act(Action.PARK, DEAD, actor="ann", order_id="ord_1")
    assert (report.cancelled, seen) == (True, [4])
    assert 0 < report.count < 21
    assert Counter(await dead.states()) == {"parked": report.count, "dead": 21 - report.count}
    again = await operator.act(Action.PARK, DEAD, actor="ann", order_id="ord_1")
    assert (again.count, again.cancelled) == (report.count, True)


class Crash(BaseException):
    """What no part of the hub catches."""


async def test_an_order_cut_off_by_a_crash_goes_on_where_it_was(world, partner, advice):
    passed = 0

    def fail(name: str) -> None:
        nonlocal passed
        passed += name == "set_aside.after_commit"
        if name == "set_aside.after_commit" and passed == 2:
            raise Crash

    partner.script = [status(422)] * 21
    await world.start(Ports(fail_point=fail))
    for number in range(21):
        await world.hand_over(advice(number))
    await world.settled()
    partner.script = [status(422)] * 8  # those that are replayed fail again
    with pytest.raises(Crash):
        await world.hub.operator.act(Action.REPLAY, DEAD, actor="ann", order_id="ord_1")
    await world.stop()
    await world.start()
    await world.settled()
    assert Counter(await world.states()) == {"dead": 21}
    report = await world.hub.operator.act(Action.REPLAY, DEAD, actor="ann", order_id="ord_1")
    assert report.count == 21
    await world.settled()
    assert Counter(await world.states()) == {"dead": 8}
    assert set((await audited(world, "set_aside.replay")).values()) == {1}


async def test_what_moves_meanwhile_keeps_nobody_else_of_its_batch_back(
    dead, partner, monkeypatch
):
    await dead.hub.pause("partner", actor="t", reason="")
    operator = dead.hub.operator
    first, *_ = await operator.find(DEAD)
    write = operator._write

    async def beaten(order, batch, *rest):
        if len(batch) == 4 and first.id in {a.id for a in batch}:
            monkeypatch.setattr(operator, "_write", write)
            other = Selection(ids=(first.id,))
            await operator.act(Action.DISCARD, other, actor="bob", reason="paid")
        return await write(order, batch, *rest)

    monkeypatch.setattr(operator, "_write", beaten)
    report = await operator.act(Action.REPLAY, DEAD, actor="ann", order_id="ord_1")
    assert report.count == 20
    assert Counter(await dead.states()) == {"waiting": 20}


def another_node(world):
    """Return what another node of the same store would carry orders out with."""
    hub = world.hub
    return Operator(hub.store, hub.lanes, hub.ports, hub.workers.look_again)


@on_both_engines
async def test_an_order_given_at_two_nodes_at_once_sends_nothing_twice(world, partner, advice):
    """The slower node has read what is parked; the quicker one has it sent, and it is parked
    again: nobody knows what came of it, and nobody has ordered a third try."""
    world.partner_is("none")
    partner.script = [silence] * 100
    await world.start()
    for number in range(4):  # ten failures would open the breaker
        await world.hand_over(advice(number))
    await world.settled()
    assert await world.states() == ["parked"] * 4
    quick, slow = another_node(world), another_node(world)
    everything = Selection(state=RetryState.PARKED)
    write = slow._write

    async def beaten(*given):
        slow._write = write
        await quick.act(Action.REPLAY, everything, actor="ann", order_id="ord_1")
        await world.settled()
        return await write(*given)

    slow._write = beaten
    report = await slow.act(Action.REPLAY, everything, actor="ann", order_id="ord_1")
    await world.settled()
    assert await world.states() == ["parked"] * 4
    assert len(partner.requests) == 8, "each was tried once more, as ordered"
    assert report.count == 4


@on_both_engines
async def test_two_nodes_share_an_order_given_at_both(dead):
    await dead.hub.pause("partner", actor="t", reason="")
    nodes = [another_node(dead), another_node(dead)]
    reports = await asyncio.gather(
        *(node.act(Action.REPLAY, DEAD, actor="ann", order_id="ord_1") for node in nodes)
    )
    assert [report.count for report in reports] == [21, 21]
    assert set((await audited(dead, "set_aside.replay")).values()) == {1}


async def test_a_cancelled_order_ends_though_another_node_carries_it_out_too(dead):
    await dead.hub.pause("partner", actor="t", reason="")
    other, here = another_node(dead), another_node(dead)
    write = here._write

    async def beaten(*given):
        here._write = write
        here.cancel("ord_1")
        other._changed = lambda _lane: other.cancel("ord_1")  # it is cut off behind a batch
        await other.act(Action.PARK, DEAD, actor="ann", order_id="ord_1")
        return await write(*given)

    here._write = beaten
    report = await here.act(Action.PARK, DEAD, actor="ann", order_id="ord_1")
    assert (report.count, report.cancelled) == (4, True)
    assert Counter(await dead.states()) == {"parked": 4, "dead": 17}


async def test_of_what_is_named_the_rest_is_tried_where_some_is_dealt_with_already(dead, partner):
    names = [aside.id for aside in await dead.hub.operator.find(DEAD)]
    await dead.hub.operator.act(Action.REPLAY, Selection(ids=tuple(names[:5])), actor="ann")
    await dead.settled()
    everything = Selection(ids=tuple(names))
    report = await dead.hub.operator.act(Action.REPLAY, everything, actor="bob", order_id="ord_1")
    assert report.count == 16
    await dead.settled()
    assert len(partner.effects) == 21
    assert await dead.states() == []
    with pytest.raises(NotFound, match="Nothing is set aside"):
        await dead.hub.operator.act(Action.REPLAY, Selection(ids=(names[0],)), actor="bob")
    with pytest.raises(NotFound, match="Nothing is set aside"):
        await dead.hub.operator.act(Action.REPLAY, Selection(ids=(*names, "dlv_x")), actor="bob")


async def test_an_order_is_the_same_whatever_there_are_rights_for_by_now(dead, partner):
    names = [aside.id for aside in await dead.hub.operator.find(DEAD)]
    reports = []
    for only in (names[:3], []):
        allowed = msgspec.structs.replace(DEAD, only=frozenset(only))
        report = await dead.hub.operator.act(Action.REPLAY, allowed, actor="ann", order_id="ord_1")
        reports.append(report.count)
        await dead.settled()
    assert reports == [3, 3]
    assert len(partner.effects) == 3


async def test_what_may_have_arrived_can_be_left_out(world, partner, advice):
    partner.script = [silence, status(422)]
    world.partner_is("none")
    await world.start()
    for number in range(2):
        await world.hand_over(advice(number))
    await world.settled()
    assert sorted(await world.states()) == ["dead", "parked"]
    wanted = Selection(everything=True, sure=True)
    report = await world.hub.operator.act(Action.REPLAY, wanted, actor="ann")
    await world.settled()
    assert report.count == 1
    assert await world.states() == ["parked"]
