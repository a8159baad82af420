"""The person at the site: replays, releases, parks and discards what is set aside, and resumes."""

from collections.abc import Coroutine
from typing import Any

from gateway.delivery import Action, Aside, Selection
from gateway.errors import HubError
from gateway.model.states import RetryState
from gateway.pipeline import milliseconds
from gateway.simulation.loop import Crashed
from gateway.simulation.node import Node
from gateway.simulation.options import chance_of
from gateway.simulation.site import SINKS
from gateway.simulation.world import STORM_SECONDS, World

__all__ = ["Person"]

LOOKS_AFTER_SECONDS = 20.0
"""At a partner that cannot be asked by machine, a person looks, and waits before that."""

PARTS_FIRST = 0.4
"""How often a person turns to held and dead parts first: there are few of them."""

ALLOWED = {
    RetryState.DEAD: (Action.REPLAY, Action.REPLAY, Action.PARK, Action.DISCARD),
    RetryState.PARKED: (Action.REPLAY, Action.REPLAY, Action.DISCARD),
    RetryState.WAITING: (Action.REPLAY, Action.PARK, Action.DISCARD),
    RetryState.HELD: (Action.RELEASE, Action.RELEASE, Action.PARK, Action.DISCARD),
    RetryState.CONFIRMING: (Action.DISCARD,),
}


class Person:
    """Acts by the same services as the API."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = chance_of(world.options.seed, "person")

    def plans(self) -> list[Coroutine[Any, Any, None]]:
        """Return what the person will do during the storm."""
        times = [self._chance.random() * STORM_SECONDS for _ in range(self._world.options.orders)]
        return [self._act(at) for at in times] + [self._look_after()]

    async def _look_after(self) -> None:
        """Let run again, every half a minute, what a credential fault has paused."""
        world = self._world
        while world.storming:
            await world.sleep(30)
            await self.resume_all()

    async def resume_all(self) -> None:
        """Resume whatever is paused, by way of any process that is up."""
        paused = self._world.disk.rows(
            "SELECT name FROM destination WHERE state = 'paused' ORDER BY name"
        )
        for row in paused:
            await self._on_some_node(lambda node, name=row["name"]: _resume(node, name))

    async def _act(self, at: float) -> None:
        world, chance = self._world, self._chance
        await world.sleep(at)
        if chance.random() < 0.15:
            name = chance.choice(SINKS)
            await self._on_some_node(lambda node: _pause(node, name))
            return
        await self._on_some_node(self._order)

    async def _on_some_node(self, act: Any) -> None:
        world = self._world
        running = world.running()
        if not running:
            return
        node = self._chance.choice(running)
        assert node.process is not None  # noqa: S101 - it runs
        try:
            await node.process.call(act(node))
        except (Crashed, HubError) as trouble:
            world.tell(f"person {type(trouble).__name__}")

    async def replay(self, node: Node, delivery: str) -> None:
        """Ask for one delivery to be replayed, whatever its state."""
        assert node.hub is not None  # noqa: S101 - it runs
        assert node.process is not None  # noqa: S101 - it runs
        selection = Selection(ids=(delivery,))
        act = node.hub.operator.act(Action.REPLAY, selection, actor="person")
        try:
            await node.process.call(act)
        except (Crashed, HubError) as trouble:
            self._world.tell(f"replay {delivery} {type(trouble).__name__}")

    async def _order(self, node: Node) -> None:
        world, chance = self._world, self._chance
        assert node.hub is not None  # noqa: S101 - it runs
        found = await node.hub.operator.find(Selection())
        if not found:
            return
        held = [aside for aside in found if aside.part_offset >= 0]
        aside = chance.choice(held if held and chance.random() < PARTS_FIRST else found)
        action = self._choose(aside)
        if action is None:
            return
        world.touched.add(aside.id.partition("@")[0])
        world.count(f"order {action} {aside.id} {aside.state}")
        chosen = Selection(ids=(aside.id,))
        await node.hub.operator.act(action, chosen, actor="person", reason="because")

    def _choose(self, aside: Aside) -> Action | None:
        """At the portal, which takes no key and cannot be asked, a person looks first whether
        the effect is there, and never while a try may be under way."""
        action: Action = self._chance.choice(ALLOWED[aside.state])
        if aside.interface != "portal" or aside.part_offset >= 0:
            return action
        set_aside = aside.state in (RetryState.DEAD, RetryState.PARKED)
        age_ms = milliseconds(self._world.clock.now()) - aside.since
        if not set_aside or abs(age_ms) < LOOKS_AFTER_SECONDS * 1000:
            return None
        if not self._world.book.has(aside.id):
            return action
        return self._chance.choice([Action.DISCARD, Action.CONFIRM])


async def _resume(node: Node, name: str) -> None:
    assert node.hub is not None  # noqa: S101 - it runs
    await node.hub.resume(name, actor="person")


async def _pause(node: Node, name: str) -> None:
    assert node.hub is not None  # noqa: S101 - it runs
    await node.hub.pause(name, actor="person", reason="because")
