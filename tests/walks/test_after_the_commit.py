"""What fails after a transaction is durable does not make it undone, and stops nothing."""

import pytest

from gateway.ports import Ports


class Bug(Exception):
    pass


@pytest.mark.parametrize("point", ["process.after_commit", "settle.after_commit"])
async def test_a_bug_right_after_the_commit_leaves_nothing_under_way_for_ever(
    world, advice, point
):
    planted = [point]

    def fail_point(name: str) -> None:
        if name in planted:
            planted.remove(name)
            raise Bug

    await world.start(Ports(fail_point=fail_point))
    for number in range(3):
        await world.hand_over(advice(number))
    await world.settled(seconds=10)
    assert not planted
    assert await world.states() == []
    assert sorted(world.partner.effects.values()) == [1, 1, 1]
    assert await world.counter("partner", "deliveries_done") == 3
