"""What is paused, by a person or by a fault, on whichever node: kept in the store, heard by all."""

from typing import Any

from connectors.webhook import GONE
from gateway.app.bundles import BundleShelf
from gateway.app.subscribing import Subscribing
from gateway.delivery import Pollers, Workers
from gateway.errors import NotFound
from gateway.model.states import DestinationState
from gateway.pipeline import milliseconds
from gateway.ports import Clock
from gateway.store import AuditEntry, Row, Statement, Store, Unit

__all__ = ["PAUSED_BY_A_PERSON", "Pauses"]

PAUSED_BY_A_PERSON = "paused by a person"


class Pauses:
    """Pauses destinations and polled sources of this node, and lets them run again.

    `reasons` is by name, "" where something ran again; a poller that begins goes by it.
    """

    def __init__(
        self,
        reasons: dict[str, str],
        *,
        store: Store,
        clock: Clock,
        bundles: BundleShelf,
        workers: Workers,
        pollers: Pollers,
        subscribing: Subscribing,
    ) -> None:
        self._reasons = reasons
        self._store = store
        self._clock = clock
        self._bundles = bundles
        self._workers = workers
        self._pollers = pollers
        self._subscribing = subscribing

    async def look(self) -> None:
        """Do as other nodes, or this one before a restart, have decided: what is paused stays so
        until a person resumes it, a stopped destination until a probe succeeds."""
        for seen in await self._store.fetch("destinations"):
            row, name = seen, seen["name"]
            if self._stands(name) != bool(_reason(seen)):
                # It may have been paused or resumed here since that was read: this read is later.
                (row,) = await self._store.fetch("destination_by_name", name=name)
            self._apply(name, _reason(row))
            if name in self._workers.destinations:
                self._workers.destinations[name].hear(row)

    async def put(self, name: str, state: DestinationState, *, actor: str, reason: str) -> None:
        """Pause it or let it run, here and on all nodes. The reason, a person's own words, goes on
        the audit record only. Raises NotFound."""
        self._must_be_known(name)
        paused = state is DestinationState.PAUSED
        row: dict[str, Any] = {
            "name": name,
            "state": state.value,
            "reason": PAUSED_BY_A_PERSON if paused else "",
            "since": milliseconds(self._clock.now()),
            "detail": "",
        }
        audit = AuditEntry(actor, f"interface.{state}", name, reason)
        statements = [Statement("destination_put", row)]
        if not paused:  # a person says it is well: no breaker stays open
            closed = {"name": name, "open_until": row["since"], "opened": 0}
            statements.append(Statement("destination_breaker", closed))
        await self._store.commit(Unit(statements=tuple(statements), audit=(audit,)))
        self._apply(name, row["reason"])
        if not paused and name in self._workers.destinations:
            self._workers.resume(name)

    async def end_those_of_faults(self, *, actor: str) -> None:
        """Let run again what a fault has paused: it is said to be mended. What a person has paused
        stays so, and a subscriber that wants no more events gets none."""
        for name, reason in list(self._reasons.items()):  # a look may add one meanwhile
            if reason not in ("", PAUSED_BY_A_PERSON, GONE):
                await self.put(name, DestinationState.RUN, actor=actor, reason="")

    def _must_be_known(self, name: str) -> None:
        sources = self._bundles.current.sources
        polled = {source for source in sources if sources[source].polled}
        able = {*self._workers.destinations, *polled}
        if name not in able:
            known = ", ".join(sorted(able))
            raise NotFound(f"Nothing is tried or polled there (but at: {known}).")

    def _stands(self, name: str) -> bool:
        destination = self._workers.destinations.get(name)
        if destination is not None:
            return bool(destination.paused)
        poller = self._pollers.by_name.get(name)
        return poller.state.paused if poller is not None else bool(self._reasons.get(name))

    def _apply(self, name: str, reason: str) -> None:
        self._subscribing.hear(name, reason, before=self._reasons.get(name, ""))
        self._reasons[name] = reason
        poller = self._pollers.by_name.get(name)
        if poller is not None and poller.state.paused != bool(reason):
            poller.pause(reason) if reason else poller.resume()
        destination = self._workers.destinations.get(name)
        if destination is not None and bool(destination.paused) != bool(reason):
            if reason:
                destination.paused = reason
            else:
                self._workers.resume(name)


def _reason(row: Row) -> str:
    """Return why a stored destination is paused; "" where it is not."""
    return str(row["reason"]) if row["state"] == DestinationState.PAUSED else ""
