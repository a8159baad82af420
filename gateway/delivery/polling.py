"""Polls a source: lists what is ready, takes what is new, then lets the source archive it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

import msgspec
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from connectors.base import Failure, Offer, Source, SourceFault, Verdict
from gateway.errors import HubError, Reject
from gateway.pipeline import Arrival, Bundle, Flow, milliseconds
from gateway.ports import Ports
from gateway.store import Store

__all__ = ["PollState", "Poller", "Pollers"]

log = logging.getLogger("remithub.polling")

SHORTEST_PAUSE_SECONDS = 0.1
ONE_FILE_ONLY = frozenset({"gone", "changed", "file_unreadable"})
"""Faults of one file, not of its source."""


class PollState(msgspec.Struct, kw_only=True):
    """What the last poll found; times in milliseconds since the epoch, 0 for never."""

    last_poll_at: int = 0
    last_success_at: int = 0
    last_file_at: int = 0
    fault: str = ""
    paused: bool = False
    """A credential fault: nobody knocks again before a person has acted."""


class Poller:
    """Polls one source. Never two polls at once."""

    def __init__(
        self, interface: str, source: Source, *, flow: Flow, store: Store, ports: Ports
    ) -> None:
        self.interface = interface
        self.source = source
        self.state = PollState()
        self._flow = flow
        self._store = store
        self._ports = ports
        self._polling = asyncio.Lock()
        self._stopping = False

    async def poll(self) -> int:
        """Look once; return how many files were taken. Faults end in `state`, not here."""
        if self._polling.locked() or self._stopping or self.state.paused:
            return 0
        async with self._polling:
            return await self._poll()

    async def stop(self) -> None:
        """Take no further file; return when the one under way is safe."""
        self._stopping = True
        async with self._polling:
            pass

    async def _poll(self) -> int:
        taken = 0
        self.state.last_poll_at = self._now()
        try:
            self._flow.space.must_have_room()
            async for offer in self.source.discover():
                if self._stopping:
                    break
                self._ports.fail_point("poll.after_list")
                taken += await self._take_if_readable(offer)
            self.state.fault = ""
            self.state.last_success_at = self._now()
        except SourceFault as fault:
            self.state.fault = fault.code
            self.state.paused = fault.failure is Failure.CREDENTIAL
            log.warning("%s cannot be polled: %s", self.interface, fault.code)
        except HubError as trouble:
            self.state.fault = trouble.code
            log.warning("%s waits: %s", self.interface, trouble.code)
        return taken

    async def _take_if_readable(self, offer: Offer) -> int:
        """One file that cannot be read stops no other; anything else ends the poll."""
        try:
            return await self._take(offer)
        except SourceFault as fault:
            if fault.code not in ONE_FILE_ONLY:
                raise
            log.warning("%s: a file waits for the next poll: %s", self.interface, fault.code)
            return 0

    async def _take(self, offer: Offer) -> int:
        """Accept first, settle after: the source may forget the file only once it is durable."""
        rows = await self._store.fetch(
            "source_seen", interface=self.interface, fingerprint=offer.fingerprint
        )
        verdict = Verdict.ACCEPTED
        if not rows:
            try:
                arrival = Arrival(
                    interface=self.interface,
                    meta={"name": offer.name},
                    fingerprint=offer.fingerprint,
                )
                await self._flow.accept(arrival, self._blocks(offer))
                self.state.last_file_at = self._now()
            except Reject as refusal:
                log.warning("%s: a file is left where it is: %s", self.interface, refusal.code)
                verdict = Verdict.REFUSED
        self._ports.fail_point("poll.before_settle")
        await self.source.settle(offer, verdict)
        return 0 if rows or verdict is Verdict.REFUSED else 1

    async def _blocks(self, offer: Offer) -> AsyncIterator[bytes]:
        async with contextlib.aclosing(self.source.fetch(offer)) as blocks:
            async for block in blocks:
                self._ports.fail_point("poll.mid_fetch")
                yield block

    def pause(self, reason: str) -> None:
        """Poll no more until `resume`."""
        self.state.paused = True
        self.state.fault = reason

    def resume(self) -> None:
        """A person has mended the credential: poll again."""
        self.state.paused = False
        self.state.fault = ""

    def _now(self) -> int:
        return milliseconds(self._ports.clock.now())


class Pollers:
    """All polled sources of this process. The scheduler only ticks; the work is the poller's."""

    def __init__(self, *, flow: Flow, store: Store, ports: Ports) -> None:
        self.by_name: dict[str, Poller] = {}
        self._flow = flow
        self._store = store
        self._ports = ports
        self._scheduler = AsyncIOScheduler(timezone="UTC")

    def follow(self, bundle: Bundle, source: Callable[[str], Source]) -> None:
        """Poll what the bundle says; a poller whose connector is the same goes on."""
        if not self._scheduler.running:
            self._scheduler.start()
        self._scheduler.remove_all_jobs()
        before, self.by_name = self.by_name, {}
        for name, wanted in bundle.sources.items():
            if not wanted.settings.connector:
                continue
            port, poller = source(name), before.get(name)
            if poller is None or poller.source is not port:
                poller = Poller(name, port, flow=self._flow, store=self._store, ports=self._ports)
            self.by_name[name] = poller
            self._tick(poller, wanted.settings.poll_seconds)

    def _tick(self, poller: Poller, seconds: float) -> None:
        self._scheduler.add_job(
            poller.poll,
            "interval",
            id=poller.interface,
            seconds=max(seconds, SHORTEST_PAUSE_SECONDS),
            next_run_time=self._ports.clock.now(),
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )

    async def stop(self) -> None:
        """Take no further file; return when those under way are safe."""
        await asyncio.gather(*(poller.stop() for poller in self.by_name.values()))
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
