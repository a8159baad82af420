"""The state of every interface: what came, what waits, what is set aside, how much money in it."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from gateway.health.facts import DestinationFacts, Direction, InterfaceFacts, LaneFacts
from gateway.health.sums import Sums
from gateway.model.money import decimal_text
from gateway.store import Row, Store

__all__ = ["STUCK_SECONDS", "InterfaceHealth", "InterfaceState", "SetAside", "look"]

STUCK_SECONDS = 15 * 60
"""What is owed for longer and was never tried, or not settled, makes an interface stuck."""

_PERSON = ("held", "dead", "parked")
"""The states that wait for a person; the others go on by themselves."""


class InterfaceState(StrEnum):
    """How an interface is; the first that is true, from the top."""

    PAUSED = "paused"
    """Nothing is tried until a person acts: a credential fault, or a person's own pause."""
    STUCK = "stuck"
    """The oldest owed thing is older than `STUCK_SECONDS`."""
    DEGRADED = "degraded"
    """The breaker is open, or the last poll failed."""
    UP = "up"


class SetAside(msgspec.Struct, frozen=True, kw_only=True):
    """What did not succeed, in one state."""

    count: int = 0
    amount: str = "0.00"


class InterfaceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One interface now. Times are milliseconds since the epoch, 0 for never; money is decimal
    text. `backlog` is owed and not settled; `waits_for_person` sums held, dead and parked."""

    name: str
    direction: Direction
    state: InterfaceState
    reason: str
    title: str
    connector: str
    contract: str
    backlog: int
    oldest_at: int
    under_way: int
    last_file_at: int
    last_poll_at: int
    last_success_at: int
    waits_for_person: SetAside
    set_aside: Mapping[str, SetAside]
    counters: Mapping[str, int]
    destination: DestinationFacts | None
    confirming_since: int
    """When the oldest delivery was taken that is not final yet; 0 where there is none."""


class _Backlog(msgspec.Struct):
    count: int = 0
    oldest_at: int = 0
    last_at: int = 0

    def add(self, count: int, oldest_at: int, last_at: int) -> None:
        self.count += count
        known = [at for at in (self.oldest_at, oldest_at) if at]
        self.oldest_at = min(known, default=0)
        self.last_at = max(self.last_at, last_at)


async def look(
    facts: Iterable[InterfaceFacts],
    lanes: Mapping[str, LaneFacts],
    store: Store,
    *,
    now: int,
    sums: Sums | None = None,
) -> list[InterfaceHealth]:
    """Return the health of those interfaces, in their order. `now` is in milliseconds; `sums`
    keeps what is slow to sum from one look to the next.

    Counts come from counters and sequence numbers, never from scanning what is large; only the
    retry table, which holds what did not succeed, is summed.
    """
    backlogs = await _backlogs(lanes, store)
    counters: dict[str, dict[str, int]] = {}
    for row in await store.fetch("counters"):
        counters.setdefault(row["interface"], {})[row["name"]] = row["value"]
    aside = _aside(await (sums.rows() if sums else store.fetch("retry_sums")))
    return [
        _health(
            fact,
            backlogs.get(fact.name, _Backlog()),
            aside.get(fact.name, {}),
            counters.get(fact.name, {}),
            now=now,
        )
        for fact in facts
    ]


async def _backlogs(lanes: Mapping[str, LaneFacts], store: Store) -> dict[str, _Backlog]:
    """Sum per interface. Where no owner is running, the stored cursor says how far it came."""
    found: dict[str, _Backlog] = {}
    for row in await store.fetch("lane_progress"):
        owner = lanes.get(row["name"])
        count, oldest = row["head"] - row["cursor"], row["oldest_at"] or 0
        if owner is not None:
            count = max(row["head"] - owner.read_to, 0) + owner.pending
            oldest = await _oldest(row, owner, store) if count else 0
        backlog = found.setdefault(row["interface"], _Backlog())
        backlog.add(count, oldest, row["last_at"] or 0)
    return found


async def _oldest(row: Row, owner: LaneFacts, store: Store) -> int:
    if owner.settled_to <= row["cursor"]:
        return row["oldest_at"] or 0
    rows = await store.fetch(
        "owed_window", lane_id=row["lane_id"], after_seq=owner.settled_to, limit=1
    )
    return rows[0]["at"] if rows else 0


def _aside(rows: Iterable[Row]) -> dict[str, dict[str, Row]]:
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row["interface"], {})[row["state"]] = row
    return found


def _sum(rows: Iterable[Row]) -> SetAside:
    listed = list(rows)
    return SetAside(
        count=sum(row["count"] for row in listed),
        amount=decimal_text(sum(row["amount_cents"] for row in listed)),
    )


def _health(
    fact: InterfaceFacts,
    backlog: _Backlog,
    aside: Mapping[str, Row],
    counters: Mapping[str, int],
    *,
    now: int,
) -> InterfaceHealth:
    state, reason = _state(fact, backlog.oldest_at, now)
    times: dict[str, Any] = {"last_poll_at": 0, "last_success_at": 0}
    if fact.poll is not None:
        times = {key: getattr(fact.poll, key) for key in times}
    return InterfaceHealth(
        name=fact.name,
        direction=fact.direction,
        state=state,
        reason=reason,
        title=fact.title,
        connector=fact.connector,
        contract=fact.contract,
        backlog=backlog.count,
        oldest_at=backlog.oldest_at,
        under_way=fact.under_way,
        last_file_at=backlog.last_at,
        **times,
        waits_for_person=_sum(row for state, row in aside.items() if state in _PERSON),
        set_aside={state: _sum([row]) for state, row in aside.items()},
        counters=counters,
        destination=fact.destination,
        confirming_since=aside["confirming"]["oldest_since"] if "confirming" in aside else 0,
    )


def _state(fact: InterfaceFacts, oldest_at: int, now: int) -> tuple[InterfaceState, str]:
    poll = fact.poll
    if fact.paused:
        return InterfaceState.PAUSED, fact.paused
    if poll is not None and poll.paused:
        return InterfaceState.PAUSED, poll.fault
    if oldest_at and now - oldest_at > STUCK_SECONDS * 1000:
        return InterfaceState.STUCK, f"owed for more than {STUCK_SECONDS // 60} minutes"
    if fact.destination is not None and (trouble := _trouble(fact.destination)):
        return InterfaceState.DEGRADED, trouble
    if poll is not None and poll.fault:
        return InterfaceState.DEGRADED, poll.fault
    return InterfaceState.UP, ""


def _trouble(destination: DestinationFacts) -> str:
    """Say why less is tried at a destination than may be, empty where it is not."""
    if destination.breaker != "closed":
        wait = destination.probe_in_seconds
        return f"breaker {destination.breaker}" + (f", probe in {wait:.0f} s" if wait else "")
    if destination.quiet_seconds:
        return f"throttled for {destination.quiet_seconds:.0f} s"
    return ""
