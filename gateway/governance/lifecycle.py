"""The life of a contract version as a state machine: which step is open to whom, and why not.

    draft -> active -> deprecated -> sunset -> retired          draft -> withdrawn

A step is proposed by one person and carried out when another approves; both times its gates are
tried. Pure: the record comes from `contract.yaml`, the surroundings come as facts.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

import msgspec

from gateway.errors import Conflict
from gateway.registry import ProposedStep, Version, VersionRecord

__all__ = [
    "GRACE",
    "QUIET",
    "STEPS",
    "Actor",
    "Call",
    "Closed",
    "Facts",
    "Gate",
    "GateClosed",
    "Permission",
    "Status",
    "Usage",
    "approve",
    "closed_gates",
    "moment",
    "propose",
    "written",
]


class Status(StrEnum):
    """How far a version has come. What it means for a caller: draft, only where an interface
    allows it; deprecated, headers on every answer; sunset, no new clients; retired, 410."""

    DRAFT = "draft"
    ACTIVE = "active"
    DEPRECATED = "deprecated"
    SUNSET = "sunset"
    RETIRED = "retired"
    WITHDRAWN = "withdrawn"


class Permission(StrEnum):
    """What an actor must hold."""

    PROPOSE = "contract:propose"
    APPROVE = "contract:approve"


class Gate(StrEnum):
    """What can keep a step from being taken. Stable; shown before the reason."""

    ORDER = "order"
    PERMISSION = "permission"
    FOUR_EYES = "four_eyes"
    PROPOSED = "proposed"
    VERSION = "version"
    FAULTS = "faults"
    SUCCESSOR = "successor"
    GRACE = "grace"
    SUNSET_DATE = "sunset_date"
    CALLS = "calls"
    REFERENCES = "references"


STEPS: dict[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.ACTIVE, Status.WITHDRAWN}),
    Status.ACTIVE: frozenset({Status.DEPRECATED}),
    # Again deprecated: the sunset may be put off, never brought forward.
    Status.DEPRECATED: frozenset({Status.DEPRECATED, Status.SUNSET}),
    Status.SUNSET: frozenset({Status.RETIRED}),
    Status.RETIRED: frozenset(),
    Status.WITHDRAWN: frozenset(),
}
"""From a status to those that may follow."""

GRACE = {"stable": timedelta(days=180), "beta": timedelta(days=30), "draft": timedelta(days=30)}
"""By stability: the least time from the announcement to the sunset (after oasdiff)."""

QUIET = timedelta(days=30)
"""So long nobody may have called a version that is retired."""


class Actor(msgspec.Struct, frozen=True):
    """Who asks: a name, and what it may do."""

    name: str
    permissions: frozenset[Permission]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """The last call of one client: when, and how many there were in the window counted."""

    client: str
    at: datetime
    count: int


class Usage(Protocol):
    """Who called which version; kept by the API, per contract, version and client."""

    def last_calls(self, contract: str, version: str) -> list[Call]:
        """Return one entry per client that ever called that version."""
        ...


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The surroundings of a step. `now` is aware, in UTC."""

    version: str
    now: datetime
    successors: frozenset[str] = frozenset()
    """Versions of the contract that are in force and newer."""
    faults: tuple[str, ...] = ()
    """What lint, examples, lock, compatibility and consumers have against the version."""
    references: tuple[str, ...] = ()
    """What names the version: mappings, interfaces, routes, subscriptions, clients."""
    calls: tuple[Call, ...] | None = None
    """None: nobody counts calls here."""


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """A gate that does not let a step pass, and what would open it."""

    gate: Gate
    text: str


class GateClosed(Conflict):
    """A step may not be taken now; `closed` has every gate in its way. HTTP 409."""

    code = "contract_gate_closed"

    def __init__(self, step: str, closed: list[Closed]) -> None:
        reasons = " ".join(f"[{one.gate}] {one.text}" for one in closed)
        super().__init__(f"{step} is refused. {reasons}")
        self.closed = tuple(closed)


@lru_cache(maxsize=1024)
def moment(text: str) -> datetime | None:
    """Read "2026-05-12" (its first moment, UTC) or an RFC 3339 moment; None where it is neither."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def written(at: datetime) -> str:
    """Write a moment as contracts have it: "2026-05-12T08:30:00Z"."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def closed_gates(record: VersionRecord, step: ProposedStep, facts: Facts) -> list[Closed]:
    """Return every gate that keeps this step from being taken, whoever asks; empty: it is open."""
    return [
        Closed(gate=gate, text=text)
        for gate, text in (*_order(record, step), *_own(record, step, facts))
    ]


def propose(
    record: VersionRecord, step: ProposedStep, actor: Actor, facts: Facts
) -> VersionRecord:
    """Return the record with a step that waits for a second person; an earlier one is replaced.

    `step.by` and `step.at` are set here. Raises GateClosed.
    """
    step = msgspec.structs.replace(step, by=actor.name, at=written(facts.now))
    closed = [*_holds(actor, Permission.PROPOSE), *closed_gates(record, step, facts)]
    if closed:
        raise GateClosed(f"'{step.to}' for {facts.version}", closed)
    return msgspec.structs.replace(record, proposed=step)


def approve(record: VersionRecord, actor: Actor, facts: Facts) -> VersionRecord:
    """Carry out the step that waits, and return the record after it. Raises GateClosed."""
    step = record.proposed
    if step is None:
        text = "nothing waits for approval: propose a step first."
        raise GateClosed(f"Approval of {facts.version}", [Closed(gate=Gate.PROPOSED, text=text)])
    closed = [*_holds(actor, Permission.APPROVE), *closed_gates(record, step, facts)]
    if actor.name == step.by:
        text = f"{actor.name} proposed it; somebody else approves."
        closed.insert(0, Closed(gate=Gate.FOUR_EYES, text=text))
    if closed:
        raise GateClosed(f"'{step.to}' for {facts.version}", closed)
    return _after(record, step, actor, written(facts.now))


def _after(record: VersionRecord, step: ProposedStep, actor: Actor, now: str) -> VersionRecord:
    target = Status(step.to)
    dates = {f"{target}_at": now}
    if target is Status.DEPRECATED:
        dates = {
            "deprecated_at": record.deprecated_at or now,
            "sunset_at": _normal(step.sunset_at),
            "successor": step.successor or record.successor,
        }
    elif target is Status.SUNSET:
        dates = {}  # the date that was announced stays
    return msgspec.structs.replace(
        record, status=target.value, author=step.by, approved_by=actor.name, proposed=None, **dates
    )


def _normal(text: str) -> str:
    found = moment(text)
    return written(found) if found else text


def _holds(actor: Actor, wanted: Permission) -> list[Closed]:
    if wanted in actor.permissions:
        return []
    return [Closed(gate=Gate.PERMISSION, text=f"{actor.name} does not hold {wanted}.")]


def _order(record: VersionRecord, step: ProposedStep) -> Iterator[tuple[Gate, str]]:
    known = set(Status)
    if record.status not in known or step.to not in known:
        yield Gate.ORDER, f"'{record.status}' to '{step.to}' is no step."
        return
    following = STEPS[Status(record.status)]
    if Status(step.to) not in following:
        ways = ", ".join(sorted(following)) or "nothing"
        yield Gate.ORDER, f"after {record.status} comes {ways}, not {step.to}."


def _own(record: VersionRecord, step: ProposedStep, facts: Facts) -> Iterator[tuple[Gate, str]]:
    if step.to not in set(Status):
        return
    match Status(step.to):
        case Status.ACTIVE:
            yield from _activation(facts)
        case Status.DEPRECATED:
            yield from _deprecation(record, step, facts)
        case Status.SUNSET:
            yield from _sunset(record, facts)
        case Status.RETIRED:
            yield from _retirement(step, facts)
        case Status.WITHDRAWN:
            yield from _unreferenced(facts)
        case Status.DRAFT:
            return


def _activation(facts: Facts) -> Iterator[tuple[Gate, str]]:
    number = Version.parse(facts.version)
    if number is None or number.major == 0:
        yield Gate.VERSION, f"{facts.version} may still change: what is active is 1.0.0 or later."
    for fault in facts.faults:
        yield Gate.FAULTS, fault


def _deprecation(
    record: VersionRecord, step: ProposedStep, facts: Facts
) -> Iterator[tuple[Gate, str]]:
    successor = step.successor or record.successor
    if successor not in facts.successors:
        named = f"{successor} is not" if successor else "none is named that is"
        yield Gate.SUCCESSOR, f"{named} in force and newer: consumers need a version to move to."
    sunset = moment(step.sunset_at)
    if sunset is None:
        yield Gate.GRACE, "a day of sunset is named, such as 2027-06-30."
        return
    grace = GRACE.get(record.stability, GRACE["stable"])
    first = facts.now + grace
    if sunset < first and record.status != Status.DEPRECATED:
        text = f"sunset is {grace.days} days away at least: {written(first)} or later."
        yield Gate.GRACE, text
    announced = moment(record.sunset_at)
    if record.status == Status.DEPRECATED and announced and sunset < announced:
        yield (
            Gate.GRACE,
            f"{record.sunset_at} was announced: it may be put off, not brought forward.",
        )


def _sunset(record: VersionRecord, facts: Facts) -> Iterator[tuple[Gate, str]]:
    announced = moment(record.sunset_at)
    if announced is None:
        yield Gate.SUNSET_DATE, "no sunset was announced."
    elif facts.now < announced:
        yield Gate.SUNSET_DATE, f"the sunset that was announced is {record.sunset_at}."


def _retirement(step: ProposedStep, facts: Facts) -> Iterator[tuple[Gate, str]]:
    yield from _unreferenced(facts)
    until = moment(step.waiver.until) if step.waiver else None
    if until is not None and until > facts.now:
        return
    if facts.calls is None:
        yield Gate.CALLS, "nobody counts calls here: retire it through the running hub, or waive."
        return
    recent = sorted((one for one in facts.calls if one.at > facts.now - QUIET), key=lambda c: c.at)
    if recent:
        last = recent[-1]
        many = "1 client" if len(recent) == 1 else f"{len(recent)} clients"
        text = f"{many} called it in {QUIET.days} days, {last.client} last"
        yield Gate.CALLS, f"{text} ({written(last.at)})."


def _unreferenced(facts: Facts) -> Iterator[tuple[Gate, str]]:
    if facts.references:
        yield Gate.REFERENCES, f"still named by {', '.join(facts.references)}."
