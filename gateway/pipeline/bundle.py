"""The configuration, compiled: what every step of the flow looks things up in.

It never changes; a reload makes another one, and what began under this one ends under it.
"""

from collections.abc import Mapping as ReadOnly
from typing import Any

import msgspec

from gateway.errors import NotFound, UsageFault
from gateway.formats import Format
from gateway.governance import MaskPlan, Validator
from gateway.governance.envelope import EventKind
from gateway.governance.migrations import Migrations, NotConvertible
from gateway.governance.quality import Outcome, Quality
from gateway.model.states import LaneKind
from gateway.pipeline.lanes import LanePlan
from gateway.settings import Config, Priority, Route, SinkSettings, SourceSettings
from gateway.translation import Expression, Mapping, Predicate

__all__ = [
    "Bundle",
    "ConfirmedBy",
    "Contract",
    "Grant",
    "Reply",
    "Sending",
    "Sink",
    "Source",
    "delivery_lane",
    "poll_lane",
    "process_lane",
]


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """One contract version, ready to judge documents. `correlation` and `amount` are dotted paths
    to what a message is joined and weighed by, `identity` to what must be seen once only; empty
    where it has none."""

    name: str
    version: str
    draft: bool
    schema: dict[str, Any]
    validator: Validator
    correlation: str
    amount: str
    identity: str
    event: EventKind
    migrations: Migrations | None
    """What leads here from other majors; None where nothing does."""
    quality: Quality
    """What must hold between its fields."""

    def read(self, data: dict[str, Any], version: str) -> dict[str, Any]:
        """Return a document of that version of the contract as this one has it; within a major it
        is the same. Raises NotConvertible, Untranslatable (Reject both)."""
        if version.partition(".")[0] == self.version.partition(".")[0]:
            return data
        refused = NotConvertible(f"{self.name}/{version}", self.version)
        if self.migrations is None:
            raise refused
        try:
            moved = self.migrations.convert(data, version, self.version)
        except NotFound:
            raise refused from None
        if not self.validator.valid(moved):
            raise refused
        return moved


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A feed in."""

    settings: SourceSettings
    options: Any
    format: Format
    mapping: Mapping | None
    contract: Contract
    outcomes: ReadOnly[str, Outcome] = {}
    """What follows from a broken quality rule here, where it is not what the rule says."""
    receives: bool = False
    """Its sender calls: there is nothing to look at."""

    @property
    def polled(self) -> bool:
        """Whether its connector fetches."""
        return bool(self.settings.connector) and not self.receives


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination's answer becomes."""

    contract: Contract
    mapping: Mapping | None
    outcomes: ReadOnly[str, Outcome] = {}
    """As with a source."""


class ConfirmedBy(msgspec.Struct, frozen=True, kw_only=True):
    """Which message makes a delivery final, and what it must say."""

    contract: Contract
    ok: Predicate | None


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What the client of a subscription may see: what came by or goes to its own interfaces, and
    that `masked`; where it is `refused`, nothing any more."""

    client: str
    interfaces: frozenset[str]
    masked: bool = True
    refused: bool = False


class Sink(msgspec.Struct, frozen=True, kw_only=True):
    """A system out."""

    settings: SinkSettings
    options: Any
    accepts: Contract
    mapping: Mapping | None
    reply: Reply | None
    order_by: Expression | None
    confirmed_by: ConfirmedBy | None = None
    grant: Grant | None = None
    """Of a client's subscription."""
    mask: MaskPlan | None = None
    """What hides PHI from it, put there where the keys are known."""

    def shown(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return a document as this destination may see it."""
        if self.grant is None or not self.grant.masked:
            return data
        if self.mask is None:
            raise UsageFault("Nothing says how to mask it.")
        masked: dict[str, Any] = self.mask.mask(data)
        return masked


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """A route: `takes` is the contract that `when` and `mapping` read, `owes` that of the message
    that is owed, after `mapping`."""

    settings: Route
    takes: Contract
    when: Predicate | None
    mapping: Mapping | None
    owes: Contract
    sink: Sink | None

    @property
    def lane(self) -> str:
        """Return the name of the lane this route owes into; empty where it only keeps."""
        return delivery_lane(self.settings.name, self.settings.to) if self.sink else ""


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """Everything compiled. `hash` names it; `files` is the text it was made from, by path below a
    root folder: written out there, it compiles to the same bundle."""

    hash: str
    tenant: str
    config: Config
    sources: ReadOnly[str, Source]
    sinks: ReadOnly[str, Sink]
    routes: ReadOnly[str, tuple[Sending, ...]]
    contracts: ReadOnly[str, Contract]
    files: ReadOnly[str, str]
    confirms: ReadOnly[str, tuple[str, ...]] = {}
    """By contract: the lanes whose deliveries messages of it confirm."""

    def lanes(self) -> list[LanePlan]:
        """Return every lane this bundle needs. A polled source's holds nothing: whoever owns it
        polls."""
        wanted = [
            (process_lane(name), LaneKind.PROCESS.value, name, "", "")
            for name in (*self.sources, *self.sinks)
        ]
        wanted += [
            (poll_lane(name), LaneKind.POLL.value, name, "", "")
            for name, source in self.sources.items()
            if source.polled
        ]
        for sendings in self.routes.values():
            wanted += [
                (s.lane, LaneKind.DELIVER.value, s.settings.to, s.settings.to, s.settings.name)
                for s in sendings
                if s.sink
            ]
        return wanted

    def priorities(self) -> dict[str, Priority]:
        """Return the priority of every delivery lane, by the lane's name."""
        return {
            s.lane: s.settings.priority for made in self.routes.values() for s in made if s.sink
        }


def process_lane(interface: str) -> str:
    """Name the lane that owes an interface's artifacts to `process`."""
    return f"process:{interface}"


def poll_lane(interface: str) -> str:
    """Name the lane whose owner polls an interface."""
    return f"poll:{interface}"


def delivery_lane(route: str, destination: str) -> str:
    """Name the lane of what one route owes to one destination."""
    return f"deliver:{route}:{destination}"
