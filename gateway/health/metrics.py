"""Every metric of the hub in one place: name, unit, labels, meaning; and how they are rendered."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.health.facts import DestinationFacts
from gateway.health.interfaces import InterfaceHealth, InterfaceState
from gateway.model.money import cents_of
from gateway.store import Room, Store, StoreStats

__all__ = ["METRICS", "Kind", "Metric", "Snapshot", "render", "snapshot"]

Sample = tuple[tuple[str, ...], float]
"""Label values in the metric's order, and the figure. Cents stay exact up to 2**53."""


class Kind(StrEnum):
    """How a figure moves."""

    COUNTER = "counter"
    GAUGE = "gauge"


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric. Labels come from the configuration and from closed sets, never from payload."""

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...] = ()
    meaning: str


def _counter(name: str, unit: str, labels: str, meaning: str) -> Metric:
    return Metric(
        name=f"remithub_{name}",
        kind=Kind.COUNTER,
        unit=unit,
        labels=tuple(labels.split()),
        meaning=meaning,
    )


def _gauge(name: str, unit: str, labels: str, meaning: str) -> Metric:
    return Metric(
        name=f"remithub_{name}",
        kind=Kind.GAUGE,
        unit=unit,
        labels=tuple(labels.split()),
        meaning=meaning,
    )


METRICS = (
    _gauge("ready", "1", "", "1 when the hub takes and delivers."),
    _gauge("interface_state", "1", "interface state", "1 for the state an interface is in."),
    _counter("artifacts_total", "files", "interface", "Files taken into custody."),
    _counter("artifact_bytes_total", "bytes", "interface", "Bytes taken into custody."),
    _counter("parts_total", "documents", "interface state", "Business documents, by verdict."),
    _counter(
        "quality_broken_total", "places", "interface outcome", "Broken quality rules, by outcome."
    ),
    _counter("fields_stripped_total", "fields", "interface", "Unknown fields taken out."),
    _gauge("parts_cents", "cents", "interface state", "Money in those documents."),
    _counter("attempts_total", "attempts", "interface outcome", "Tries of deliveries."),
    _counter("deliveries_total", "deliveries", "interface outcome", "Deliveries done or dead."),
    _gauge("delivered_cents", "cents", "interface", "Money in deliveries that are done."),
    _gauge("backlog", "items", "interface", "Owed and not settled yet."),
    _gauge("oldest_owed_seconds", "seconds", "interface", "Age of the oldest of the backlog."),
    _gauge("last_owed_timestamp_seconds", "seconds", "interface", "When something came last."),
    _gauge("breaker_state", "1", "interface state", "1 for the state its breaker is in."),
    _gauge("places", "attempts", "interface", "Attempts that may be under way at once now."),
    _gauge("rate_limit_per_second", "calls", "interface", "Calls it may get; none: no limit."),
    _gauge("quiet_seconds", "seconds", "interface", "So long it asked to be left alone."),
    _gauge("oldest_confirming_seconds", "seconds", "interface", "Age of the oldest not final."),
    _gauge("under_way", "attempts", "interface", "Attempts that are being made now."),
    _gauge("set_aside", "items", "interface state", "What did not succeed, by state."),
    _gauge("set_aside_cents", "cents", "interface state", "Money in what did not succeed."),
    _gauge("poll_success_timestamp_seconds", "seconds", "interface", "The last good poll."),
    _counter(
        "break_glass_total",
        "events",
        "outcome",
        "Emergency access: begun, locked after wrong tries; its pages: told, failed.",
    ),
    _gauge("disk_free_bytes", "bytes", "", "Free on the volume of the database."),
    _gauge("disk_low_bytes", "bytes", "", "With less free nothing is taken in; 0: no mark."),
    _gauge("store_database_bytes", "bytes", "", "Size of the database file."),
    _gauge("store_wal_bytes", "bytes", "", "Size of its write-ahead log."),
    _gauge("store_queue_length", "units", "", "Units that wait for the writer."),
    _counter("store_units_total", "units", "", "Units written since start-up."),
    _counter("store_batches_total", "commits", "", "Group commits since start-up."),
    _counter("store_failed_units_total", "units", "", "Units that did not fit since start-up."),
    _gauge("store_cache_bytes", "bytes", "", "Recent bodies kept in memory."),
    _counter("store_cache_hits_total", "reads", "", "Bodies read from memory."),
    _counter("store_cache_misses_total", "reads", "", "Bodies read from the database."),
)
"""What `/metrics` shows, in its order."""

BREAKER_STATES = ("closed", "open", "half_open")
BREAK_GLASS = ("begun", "locked", "told", "failed")

_BY_NAME = {metric.name.removeprefix("remithub_"): metric for metric in METRICS}
_PREFIXES = {
    "parts_": ("parts_total", "state"),
    "quality_": ("quality_broken_total", "outcome"),
    "cents_": ("parts_cents", "state"),
    "attempts_": ("attempts_total", "outcome"),
    "deliveries_": ("deliveries_total", "outcome"),
}
_PLAIN = {
    "artifacts": "artifacts_total",
    "bytes": "artifact_bytes_total",
    "cents_done": "delivered_cents",
    "stripped": "fields_stripped_total",
}


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What one scrape shows. `now` is in milliseconds since the epoch."""

    ready: bool
    now: int
    interfaces: tuple[InterfaceHealth, ...]
    own: Mapping[str, int]
    """The hub's own counters, of no interface."""
    room: Room
    store: StoreStats


async def snapshot(
    interfaces: Iterable[InterfaceHealth], store: Store, *, ready: bool, room: Room, now: int
) -> Snapshot:
    """Take the figures of one scrape."""
    return Snapshot(
        ready=ready,
        now=now,
        interfaces=tuple(interfaces),
        own={row["name"]: row["value"] for row in await store.fetch("counters", interface="")},
        room=room,
        store=await store.stats(),
    )


def render(taken: Snapshot) -> bytes:
    """Return the figures in the Prometheus text format 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(taken))
    return generate_latest(registry)


class _Figures(Collector):
    """Gives one snapshot to the client library."""

    def __init__(self, taken: Snapshot) -> None:
        self._taken = taken

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Yield every metric of the table that has a figure."""
        samples: dict[str, list[Sample]] = {}
        for name, labels, figure in _samples(self._taken):
            samples.setdefault(name, []).append((labels, figure))
        for short, metric in _BY_NAME.items():
            family = _family(metric)
            for labels, figure in samples.get(short, []):
                family.add_metric(labels, figure)
            yield family


def _family(metric: Metric) -> CounterMetricFamily | GaugeMetricFamily:
    text = f"{metric.meaning} In {metric.unit}." if metric.unit != "1" else metric.meaning
    match metric.kind:
        case Kind.COUNTER:
            return CounterMetricFamily(metric.name, text, labels=metric.labels)
        case Kind.GAUGE:
            return GaugeMetricFamily(metric.name, text, labels=metric.labels)


def _samples(taken: Snapshot) -> Iterator[tuple[str, tuple[str, ...], float]]:
    yield "ready", (), float(taken.ready and taken.room.enough)
    for outcome in BREAK_GLASS:  # from 0 on: a first one that is not seen to rise alarms nobody
        yield "break_glass_total", (outcome,), float(taken.own.get(f"break_glass_{outcome}", 0))
    yield "disk_free_bytes", (), float(taken.room.free_bytes)
    yield "disk_low_bytes", (), float(taken.room.low_bytes)
    for interface in taken.interfaces:
        yield from _of_interface(interface, taken.now)
    for name, metric in _BY_NAME.items():
        if name.startswith("store_"):
            field = name.removeprefix("store_").removesuffix("_total")
            yield name, (), float(getattr(taken.store, field))
            assert not metric.labels  # noqa: S101 - the table above


def _of_interface(
    health: InterfaceHealth, now: int
) -> Iterator[tuple[str, tuple[str, ...], float]]:
    own = (health.name,)
    for state in InterfaceState:
        yield "interface_state", (health.name, state.value), float(state is health.state)
    yield from _counted(health.name, health.counters)
    yield "backlog", own, health.backlog
    yield "under_way", own, health.under_way
    waited = (now - health.oldest_at) / 1000 if health.oldest_at else 0.0
    yield "oldest_owed_seconds", own, max(waited, 0.0)
    if health.last_file_at:
        yield "last_owed_timestamp_seconds", own, health.last_file_at / 1000
    if health.last_success_at:
        yield "poll_success_timestamp_seconds", own, health.last_success_at / 1000
    since = health.confirming_since
    yield "oldest_confirming_seconds", own, max(now - since, 0) / 1000 if since else 0.0
    if health.destination is not None:
        yield from _of_destination(health.name, health.destination)
    for state_name, aside in health.set_aside.items():
        yield "set_aside", (health.name, state_name), aside.count
        yield "set_aside_cents", (health.name, state_name), cents_of(aside.amount)


def _of_destination(
    name: str, facts: DestinationFacts
) -> Iterator[tuple[str, tuple[str, ...], float]]:
    for state in BREAKER_STATES:
        yield "breaker_state", (name, state), float(state == facts.breaker)
    yield "places", (name,), facts.places
    yield "quiet_seconds", (name,), facts.quiet_seconds
    if facts.per_second is not None:
        yield "rate_limit_per_second", (name,), facts.per_second


def _counted(
    interface: str, counters: Mapping[str, int]
) -> Iterator[tuple[str, tuple[str, ...], float]]:
    """Turn the store's counters into samples: a known name, or a prefix and a closed set's word."""
    for name, value in counters.items():
        if name in _PLAIN:
            yield _PLAIN[name], (interface,), value
            continue
        for prefix, (metric, _) in _PREFIXES.items():
            if name.startswith(prefix):
                yield metric, (interface, name.removeprefix(prefix)), value
                break
