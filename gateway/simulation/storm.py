"""What is done to the site while the storm lasts, and how it is healed."""

from collections.abc import Coroutine
from typing import Any

from gateway.errors import HubError
from gateway.simulation.loop import Crashed
from gateway.simulation.node import Node
from gateway.simulation.options import chance_of
from gateway.simulation.site import REVISIONS
from gateway.simulation.store import Trouble
from gateway.simulation.world import STORM_SECONDS, World

__all__ = ["Storm"]


class Storm:
    """The drivers of all faults."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._options = world.options

    def plans(self) -> list[Coroutine[Any, Any, None]]:
        """Return one coroutine per fault to come, and those that keep the processes up."""
        options = self._options
        plans = [self._keep_up(node) for node in self._world.nodes]
        plans += [self._moods()]
        for name, times, act in (
            ("pause", options.pauses, self._pause),
            ("jump", options.jumps, self._jump),
            ("fill", options.fills, self._fill),
            ("swizzle", options.swizzles, self._swizzle),
            ("reload", options.reloads, self._reload),
            ("restart", options.restarts, self._restart),
        ):
            chance = chance_of(options.seed, name)
            plans += [act(chance.random() * STORM_SECONDS * 0.9, chance) for _ in range(times)]
        return plans

    async def _keep_up(self, node: Node) -> None:
        """Start the process again whenever it is down, storm or not."""
        chance = chance_of(self._options.seed, f"up-{node.name}")
        world = self._world
        while True:
            await node.down.wait()
            if node.stays_down:
                await node.back.wait()
            elif world.loop.time() > 0:
                long = self._options.nodes > 1 and chance.random() < 0.4 and world.storming
                await world.sleep(0.1 + chance.random() * (15 if long else 2))
            if node.process is None and not node.stays_down:
                await self._start(node)

    async def _start(self, node: Node) -> None:
        try:
            await node.start()
            self._world.count(f"start {node.name}")
        except (Crashed, HubError) as trouble:
            self._world.tell(f"start {node.name} {type(trouble).__name__}")

    async def _moods(self) -> None:
        """Partners change their moods every few seconds: some flap, some have hours."""
        world, options = self._world, self._options
        chance = chance_of(options.seed, "moods")
        if options.dead_partner:
            world.network.moods[options.dead_partner].dead = True
        while world.storming:
            for mood in world.network.moods.values():
                if chance.random() < 0.5:
                    mood.trouble = chance.choice([0, 0.3, 1, 1.8]) * options.trouble
            trouble = world.disk.trouble
            bad = chance.random() < 0.5
            trouble.busy = options.database_trouble if bad else 0.0
            trouble.answer_lost = options.database_trouble if bad else 0.0
            trouble.late = 0.3 if options.database_trouble else 0.0
            trouble.read_busy = options.database_trouble / 2
            trouble.longest_seconds = chance.choice([0.05, 0.5, 3])
            await world.sleep(2 + chance.random() * 10)

    async def _pause(self, at: float, chance: Any) -> None:
        world = self._world
        await world.sleep(at)
        node = chance.choice(world.nodes)
        process = node.process
        if process is None or process.standing:
            return
        seconds = 0.5 + chance.random() * self._options.longest_pause_seconds
        world.count(f"pause {node.name} {seconds:.1f}")
        process.stand()
        await world.sleep(seconds)
        world.tell(f"goes on {node.name}")
        process.go_on()

    async def _jump(self, at: float, chance: Any) -> None:
        world = self._world
        await world.sleep(at)
        node = chance.choice(world.nodes)
        seconds = chance.choice([-3600, -30, 30, 3600])
        node.clock.jumped_seconds += seconds
        world.count(f"jump {node.name} {seconds}")

    async def _fill(self, at: float, chance: Any) -> None:
        world = self._world
        await world.sleep(at)
        world.count("fill")
        trouble = world.disk.trouble
        trouble.full = world.storming
        await world.sleep(chance.random() * 15)
        trouble.full = False

    async def _swizzle(self, at: float, chance: Any) -> None:
        """Clog all partners one by one; unclog them in another order."""
        world = self._world
        await world.sleep(at)
        names = sorted(world.network.moods)
        for clogged in (True, False):
            chance.shuffle(names)
            for name in names:
                if world.storming or not clogged:
                    world.network.moods[name].clogged = clogged
                    world.count(f"clog {name} {clogged}")
                    await world.sleep(chance.random() * 4)

    async def _reload(self, at: float, chance: Any) -> None:
        world = self._world
        await world.sleep(at)
        world.revision = chance.randrange(REVISIONS)
        for node in world.running():
            try:
                await node.reload()
                world.count(f"reload {node.name}")
            except (Crashed, HubError) as trouble:
                world.tell(f"reload {node.name} {type(trouble).__name__}")
            await world.sleep(chance.choice([0, 0, 4]))

    async def _restart(self, at: float, chance: Any) -> None:
        world = self._world
        await world.sleep(at)
        node = chance.choice(world.nodes)
        if node.runs:
            away = chance.random() * (12 if self._options.nodes > 1 else 3)
            await self.stop(node)
            await world.sleep(away)
            node.comes_back()

    async def stop(self, node: Node) -> None:
        """Stop a process in good order; it may crash on the way."""
        node.goes_away()
        self._world.count(f"stop {node.name}")
        try:
            await node.stop()
        except Crashed:
            self._world.tell(f"stop {node.name} crashed")

    def heal(self) -> None:
        """From now on everybody is well, but for a partner that is dead for good."""
        world = self._world
        world.storming = False
        world.disk.trouble = Trouble()
        for mood in world.network.moods.values():
            mood.trouble = 0.0
            mood.clogged = False
        for node in world.nodes:
            if node.process is not None and node.process.standing:
                node.process.go_on()
