"""The sources: they send again until they are told that they may forget, some of it twice."""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from gateway.errors import HubError
from gateway.pipeline import Arrival
from gateway.ports import Randomness
from gateway.simulation.documents import Item
from gateway.simulation.loop import Crashed
from gateway.simulation.node import Node
from gateway.simulation.options import chance_of
from gateway.simulation.surroundings import BEGINNING
from gateway.simulation.world import STORM_SECONDS, World

__all__ = ["Senders"]

PATIENCE_SECONDS = 6.0
"""Of a sender that waits for its answer."""

SENDING_SECONDS = 90.0

AFTERWARDS = 4
"""So many items are sent once everybody is well: they must get through by themselves."""


class Senders:
    """Sends every item of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = chance_of(world.options.seed, "senders")

    def plans(self) -> list[Coroutine[Any, Any, None]]:
        """Return one coroutine per sending; a few items are sent twice at the same time."""
        chance, world = self._chance, self._world
        plans: list[Coroutine[Any, Any, None]] = []
        for item in world.items:
            at = chance.random() * SENDING_SECONDS
            if item.number < AFTERWARDS:
                at = STORM_SECONDS + 3 + item.number
            own = chance_of(world.options.seed, f"sender-{item.number}")
            if item.interface == "drop":
                plans.append(self._drop(item, at, own))
                continue
            plans.append(self.send(item, at, own))
            if chance.random() < world.options.twice_share:
                again = chance_of(world.options.seed, f"again-{item.number}")
                plans.append(self.send(item, at + chance.choice([0, 0, 0.01, 3]), again))
        return plans

    async def send(self, item: Item, at: float, chance: Randomness) -> None:
        """Hand one item over by HTTP, as often as it takes."""
        world = self._world
        await world.sleep(at)
        while True:
            there = [node for node in world.nodes if node.hub is not None and node.hub.ready]
            if there and await self._try(item, chance.choice(there), chance):
                world.acked[item.number] = item
                return
            await world.sleep(0.3 + chance.random() * 3)

    async def _try(self, item: Item, node: Node, chance: Randomness) -> bool:
        assert node.hub is not None  # noqa: S101 - the caller looked
        assert node.process is not None  # noqa: S101 - as above
        arrival = Arrival(interface=item.interface, media_type="application/octet-stream")
        cut = chance.randrange(len(item.raw))
        pieces = (item.raw[:cut], item.raw[cut:])
        pause = chance.choice([0, 0, 0.02])

        async def blocks() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece
                await self._world.sleep(pause)

        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                taken = await node.process.call(node.hub.flow.accept(arrival, blocks()))
        except (Crashed, HubError, TimeoutError) as trouble:
            self._world.tell(f"send {item.number} {type(trouble).__name__}")
            return False
        self._world.tell(f"acked {item.number} {taken.artifact_id} {taken.duplicate}")
        return taken.sha256 == item.sha256

    async def _drop(self, item: Item, at: float, chance: Randomness) -> None:
        """Put a file where the hub polls: sometimes it grows, sometimes the folder is away."""
        world = self._world
        await world.sleep(at)
        name = f"{item.number:03d}.835"
        if chance.random() < 0.3:
            self._put(name, item.raw[: len(item.raw) // 2])
            await world.sleep(chance.random() * 3)
        self._put(name, item.raw)
        while (world.drop / name).exists():
            await world.sleep(1)
        world.acked[item.number] = item
        world.tell(f"acked {item.number} archived")

    def _put(self, name: str, raw: bytes) -> None:
        path = self._world.drop / name
        path.write_bytes(raw)
        at = int((BEGINNING.timestamp() + self._world.loop.time()) * 1e9)
        os.utime(path, ns=(at, at))
