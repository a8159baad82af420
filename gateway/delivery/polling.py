"""Polls a source: lists what is ready, takes what is new, then lets the source archive it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping

import msgspec

from connectors.base import Failure, Offer, Source, SourceFault, Verdict
from gateway.delivery.ticks import Ticks
from gateway.errors import HubError, Reject
from gateway.model.states import DestinationState
from gateway.pipeline import Arrival, Bundle, Flow, Lane, milliseconds, poll_lane
from gateway.ports import Ports
from gateway.store import Statement, Store, Unit

__all__ = ["PollState", "Poller", "Pollers"]

log = logging.getLogger("remithub.polling")

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

    def let_go(self) -> None:
        """Take no further file."""
        self._stopping = True

    async def stop(self) -> None:
        """Take no further file; return when the one under way is safe."""
        self.let_go()
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
            if fault.failure is Failure.CREDENTIAL:
                await self._pause_for_all(fault.code)
            log.warning("%s cannot be polled: %s", self.interface, fault.code)
        except HubError as trouble:
            self.state.fault = trouble.code
            log.warning("%s waits: %s", self.interface, trouble.code)
        return taken

    async def _pause_for_all(self, reason: str) -> None:
        """Nobody gets in: no node knocks again before a person has acted."""
        self.pause(reason)
        row = {
            "name": self.interface,
            "state": DestinationState.PAUSED.value,
            "reason": reason,
            "since": self._now(),
            "detail": "",
        }
        try:
            await self._store.commit(Unit(statements=(Statement("destination_put", row),)))
        except HubError as trouble:
            log.warning("%s is paused on this node only: %s", self.interface, trouble.code)

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
    """The sources that this process polls: those whose poll lane it owns."""

    def __init__(
        self, *, flow: Flow, store: Store, ports: Ports, ticks: Ticks, paused: Mapping[str, str]
    ) -> None:
        self.by_name: dict[str, Poller] = {}
        self._flow = flow
        self._store = store
        self._ports = ports
        self._ticks = ticks
        self._paused = paused
        """Why an interface is not polled until a person acts, on whichever node; empty: it is."""
        self._bundle: Bundle | None = None
        self._source: Callable[[str], Source] | None = None

    def follow(self, bundle: Bundle, source: Callable[[str], Source]) -> None:
        """Poll as the bundle says; a poller whose connector is the same goes on."""
        self._bundle, self._source = bundle, source
        for name in list(self.by_name):
            self._poll(name)

    def _poll(self, name: str) -> None:
        assert self._bundle is not None  # noqa: S101 - `follow` comes first
        assert self._source is not None  # noqa: S101 - as above
        wanted = self._bundle.sources.get(name)
        if wanted is None or not wanted.polled:
            self._ticks.drop(name)
            self.by_name.pop(name, None)
            return
        port, poller = self._source(name), self.by_name.get(name)
        if poller is None or poller.source is not port:
            if poller is not None:
                poller.let_go()
            poller = Poller(name, port, flow=self._flow, store=self._store, ports=self._ports)
        if self._paused.get(name):
            poller.pause(self._paused[name])
        self.by_name[name] = poller
        self._ticks.every(name, wanted.settings.poll_seconds, poller.poll)

    # -- what `Ownership` asks -----------------------------------------------------------------

    def start_lane(self, lane: Lane) -> None:
        """Poll a source whose lane is ours."""
        self._poll(lane.interface)

    async def stop_lane(self, name: str) -> None:
        """Take no further file there; return when the one under way is safe."""
        poller = self._drop(name)
        if poller is not None:
            await poller.stop()

    def lose_lane(self, name: str) -> None:
        """Poll no more: somebody else does. A file under way is taken once all the same."""
        poller = self._drop(name)
        if poller is not None:
            poller.let_go()

    def _drop(self, name: str) -> Poller | None:
        interface = name.removeprefix(poll_lane(""))
        self._ticks.drop(interface)
        return self.by_name.pop(interface, None)

    def look_again(self, name: str) -> None:
        """Somebody asks for a look now."""
        interface = name.removeprefix(poll_lane(""))
        if interface in self.by_name:
            self._poll(interface)

    def lost(self) -> set[str]:
        """Return nothing: a poll fails by its lease only."""
        return set()

    def stop(self) -> None:
        """Tick no more."""
        self._ticks.stop()
