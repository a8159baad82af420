"""Which version of a contract a client means, and who calls which: pins and counted calls.

A client's first use of a major is recorded: it is what it means where it names no version, and
what lets it go on after a sunset. Calls are counted in memory and written every few seconds, the
first of a day at once: the last caller of a version is never forgotten, a crash loses seconds of
counting.
"""

import logging
from collections.abc import Container
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from gateway.errors import HubError
from gateway.governance.lifecycle import Call
from gateway.governance.references import Reference, of_clients
from gateway.pipeline import milliseconds
from gateway.ports import Clock
from gateway.store import Row, Statement, Store, Unit

__all__ = ["Pin", "RecordedUsage", "Records", "Versions", "recorded_usage", "using_clients"]

log = logging.getLogger("remithub.api")

DAY_MS = 24 * 3600 * 1000
WRITE_EVERY_MS = 10_000
RECENT_DAYS = 30


class Records(Protocol):
    """Where named queries are read: a store, or what looks at one from beside it."""

    async def fetch(self, query: str, **params: Any) -> list[Row]:
        """Run a named read query."""
        ...


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """The first use of a major by a client: which version was meant, and when (epoch ms)."""

    major: int
    version: str
    at: int


class RecordedUsage:
    """What was recorded of one contract, as `gateway.governance.lifecycle.Usage` wants it."""

    def __init__(self, contract: str, rows: list[Row]) -> None:
        self._contract = contract
        self._rows = rows

    def last_calls(self, contract: str, version: str) -> list[Call]:
        """Return one entry per client that ever called that version; none of another contract."""
        return [
            Call(
                client=row["client"],
                at=datetime.fromtimestamp(row["last_at"] / 1000, UTC),
                count=row["calls"],
            )
            for row in self._rows
            if contract == self._contract and row["version"] == version
        ]


async def recorded_usage(store: Records, contract: str, now: datetime) -> RecordedUsage:
    """Read who called which version of a contract, with the calls of the last 30 days."""
    since = milliseconds(now) // DAY_MS - RECENT_DAYS
    rows = await store.fetch("contract_uses", contract=contract, since_day=since)
    return RecordedUsage(contract, rows)


async def using_clients(
    store: Records, contract: str, configured: Container[str]
) -> list[Reference]:
    """Return the clients, of those configured, that have used a contract."""
    pins = await store.fetch("contract_pins_of", contract=contract)
    used = [(one["client"], one["major"]) for one in pins if one["client"] in configured]
    return of_clients(contract, used)


class Versions:
    """Pins and calls, over the store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._pins: dict[tuple[str, str], tuple[Pin, ...]] = {}
        self._calls: dict[tuple[str, str, str, int], tuple[int, int]] = {}
        self._seen: set[tuple[str, str, str, int]] = set()
        self._written_at = 0

    async def pins(self, client: str, contract: str) -> tuple[Pin, ...]:
        """Return a client's pins of a contract, the first one first."""
        key = (client, contract)
        found = self._pins.get(key)
        if found is None:
            rows = await self._store.fetch("contract_pins", client=client, contract=contract)
            found = tuple(msgspec.convert(row, Pin) for row in rows)
            if found:  # what is not there yet may come from another process
                self._pins[key] = found
        return found

    async def pin(self, client: str, contract: str, version: str) -> None:
        """Record the first use of a version's major; a later one changes nothing."""
        major = int(version.partition(".")[0])
        if any(one.major == major for one in await self.pins(client, contract)):
            return
        row = {"client": client, "contract": contract, "major": major, "version": version}
        params: dict[str, Any] = {**row, "at": milliseconds(self._clock.now())}
        await self._store.commit(Unit(statements=(Statement("contract_pin_insert", params),)))
        self._pins.pop((client, contract), None)

    async def called(self, contract: str, version: str, client: str) -> None:
        """Count a call."""
        now = milliseconds(self._clock.now())
        key = (contract, version, client, now // DAY_MS)
        calls, _ = self._calls.get(key, (0, 0))
        self._calls[key] = (calls + 1, now)
        if key not in self._seen or now - self._written_at >= WRITE_EVERY_MS:
            self._seen.add(key)
            self._written_at = now
            try:
                await self.write()
            except HubError as fault:
                log.warning("Calls could not be written down yet: %s", fault.code)

    async def write(self) -> None:
        """Write what was counted. What the store does not take now stays for the next time."""
        calls, self._calls = self._calls, {}
        if not calls:
            return
        statements = tuple(
            Statement(
                "contract_use_add",
                {
                    "contract": contract,
                    "version": version,
                    "client": client,
                    "day": day,
                    "calls": count,
                    "last_at": last_at,
                },
            )
            for (contract, version, client, day), (count, last_at) in calls.items()
        )
        try:
            await self._store.commit(Unit(statements=statements))
        except BaseException:
            for key, (count, last_at) in calls.items():
                more, later = self._calls.get(key, (0, 0))
                self._calls[key] = (count + more, max(last_at, later))
            raise
