"""One hub process of the simulated site: started, crashed, stopped in good order, started again."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from gateway.app.hub import Hub
from gateway.pipeline import Bundle
from gateway.ports import Randomness
from gateway.simulation.loop import Crashed, Process, VirtualLoop, running_process
from gateway.simulation.network import Network
from gateway.simulation.site import REVISIONS, Site, bundle_of
from gateway.simulation.store import KEYS, Disk, SimulatedStore
from gateway.simulation.surroundings import FixedTicks, SimulatedClock, ports_of

__all__ = ["Node"]


NEWS_SECONDS = 0.5
"""Between two looks for what other nodes have put on one's lanes: late news is harder to live
with than early, and half of the reads of a world would be such looks."""


class _Hub(Hub):
    """The hub, reading a site instead of a folder."""

    site: Site

    async def _read(self) -> Bundle:
        return bundle_of(self.site)


class Node:
    """A place where a hub process runs. `hub` is None while none does."""

    def __init__(
        self,
        name: str,
        *,
        loop: VirtualLoop,
        disk: Disk,
        network: Network,
        chance: Randomness,
        site: Callable[[], Site],
        at_fail_point: Callable[["Node", str], None],
    ) -> None:
        self.name = name
        self.clock = SimulatedClock(loop)
        self.hub: _Hub | None = None
        self.process: Process | None = None
        self.back = asyncio.Event()
        """Cleared while the process is to stay down."""
        self.back.set()
        self.down = asyncio.Event()
        """Set whenever the process has ended, by a crash or in good order."""
        self.down.set()
        self.crashes = 0
        self._store: SimulatedStore | None = None
        self._loop = loop
        self._disk = disk
        self._network = network
        self._chance = chance
        self._site = site
        self._at_fail_point = at_fail_point

    @property
    def stays_down(self) -> bool:
        """Whether nobody starts the process again for the time being."""
        return not self.back.is_set()

    def goes_away(self) -> None:
        """Let nobody start the process again until `comes_back`."""
        self.back.clear()

    def comes_back(self) -> None:
        """Let the process be started again."""
        self.back.set()

    @property
    def runs(self) -> bool:
        """Whether a hub is up here and does not stand still."""
        return self.hub is not None and self.hub.ready and not self.standing

    @property
    def standing(self) -> bool:
        """Whether the process stands still."""
        return self.process is not None and self.process.standing

    async def start(self) -> None:
        """Start a process. Raises HubError, Crashed; nothing is left running then."""
        self.process = Process(self.name, self._loop)
        self.down.clear()
        try:
            await self.process.call(self._start())
        except BaseException:
            self.crash()
            raise

    async def _start(self) -> None:
        ports = ports_of(self.clock, self._chance, self._fail_point)
        site = self._site()
        self._store = store = SimulatedStore(self._disk, ports, self.name)
        hub = _Hub(
            Path("/nowhere"),
            store,
            KEYS,
            bundle_of(site),
            environment={},
            ports=ports,
            transport_factory=self._network.transport,
            ticks=FixedTicks(self.clock),
        )
        hub.site = site
        hub.ownership.news_seconds = NEWS_SECONDS
        for revision in range(REVISIONS):  # compiled already, whoever puts them in force
            hub.bundles.put(bundle_of(replace(site, revision=revision)))
        hub.bundles.put(bundle_of(site))
        self.hub = hub
        await hub.start()

    async def reload(self) -> None:
        """Follow the site as it is now. Raises HubError, Crashed."""
        if self.process is not None and self.hub is not None:
            self.hub.site = self._site()
            await self.process.call(self.hub.reload())

    async def stop(self) -> None:
        """Stop in good order. Raises Crashed."""
        if self.process is None or self.hub is None:
            return
        await self.process.call(self.hub.close())
        self.process.crash()
        self._ended()

    def crash(self) -> None:
        """End here and now."""
        if self.process is None:
            return
        self.crashes += 1
        self.process.crash()
        if self._store is not None:
            self._store.dropped_with(self.process)
        self._ended()

    def _ended(self) -> None:
        self.hub = self._store = self.process = None
        self.down.set()

    def _fail_point(self, name: str) -> None:
        process = running_process()
        if process is not None and process.alive:
            self._at_fail_point(self, name)
        if process is not None and not process.alive:
            raise Crashed
