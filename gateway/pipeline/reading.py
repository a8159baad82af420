"""What the flow looks up before it decides: artifacts, messages, attempts, and the context."""

from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from gateway.formats import Blocks
from gateway.pipeline.bundle import Bundle, Source
from gateway.pipeline.facts import Artifact, LaneItem, StoredMessage
from gateway.pipeline.lanes import Lanes
from gateway.pipeline.surroundings import Bundles, Sealer
from gateway.store import Store

__all__ = ["SMALL_BYTES", "Reading", "context_of"]

SMALL_BYTES = 256 * 1024
"""An artifact up to this size is read on the event loop; a larger one on the executor."""


RECENT = 1024
"""Artifacts remembered between `accept` and `process`, without their bytes."""


class Reading:
    """Reads stored things as the nouns of the flow."""

    def __init__(self, store: Store, lanes: Lanes, sealer: Sealer) -> None:
        self._store = store
        self._lanes = lanes
        self._sealer = sealer
        self._recent: OrderedDict[str, Artifact] = OrderedDict()

    def remember(self, artifact: Artifact) -> None:
        """Keep what was just written until it is read: the usual case is a moment later."""
        self._recent[artifact.artifact_id] = artifact
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)

    async def artifact(self, name: str) -> Artifact:
        """Return an artifact without its bytes."""
        recent = self._recent.pop(name, None)
        if recent is not None:
            return recent
        (found,) = await self._store.fetch("artifact_by_id", artifact_id=name)
        row = dict(found)
        meta = self._sealer.open_small(f"artifact.meta.{name}", row.pop("meta"))
        return msgspec.convert({**row, "meta": msgspec.json.decode(meta)}, Artifact)

    async def bundle(self, artifact: Artifact, item: LaneItem, bundles: Bundles) -> Bundle:
        """Return the configuration an artifact was accepted under; the current one for a replay,
        and where an earlier one's interface or lanes are gone."""
        pinned, current = await bundles.pinned(artifact.bundle), bundles.current
        if item.retrying or artifact.interface not in {**pinned.sources, **pinned.sinks}:
            return current
        if not self._lanes.know(pinned.lanes()):
            if await bundles.in_force() == current.hash:
                return current
            await self._lanes.ensure(pinned.lanes())  # this node is about to follow it
        return pinned

    async def taken_as(self, artifact: Artifact, source: Source, bundles: Bundles) -> str:
        """Return the version of the source's contract that an artifact's documents were taken in:
        another major than it takes now, where that has moved on since."""
        then = (await bundles.pinned(artifact.bundle)).sources.get(artifact.interface, source)
        same = then.mapping is None and then.contract.name == source.contract.name
        return (then if same else source).contract.version

    async def blocks(self, artifact: Artifact) -> Blocks:
        """Return what opens the artifact's bytes; a small one is read now."""
        if artifact.size > SMALL_BYTES:
            return lambda: self._store.body_blocks(artifact.body_id)
        body = await self._store.body(artifact.body_id)
        return lambda: iter((body,))

    async def known_parts(self, artifact: Artifact) -> frozenset[int]:
        """Return the offsets of the parts that an earlier, unfinished run has put on record.

        A small artifact is one transaction: it is on record whole or not at all.
        """
        if artifact.size <= SMALL_BYTES:
            return frozenset()
        name = artifact.artifact_id
        some = await self._store.fetch(
            "parts_after", artifact_id=name, revision=0, after_offset=-1, limit=1
        )
        rows = await self._store.fetch("parts_of_artifact", artifact_id=name) if some else []
        return frozenset(row["part_offset"] for row in rows)

    async def message(self, name: str) -> StoredMessage:
        """Return a message with its data."""
        (row,) = await self._store.fetch("message_by_id", message_id=name)
        return StoredMessage(
            message_id=name,
            contract=row["contract"],
            version=row["version"],
            interface=row["interface"],
            correlation=row["correlation"],
            amount_cents=row["amount_cents"],
            created_at=row["created_at"],
            trace=row["trace"],
            cause_id=row["cause_id"] or "",
            data=msgspec.json.decode(await self._store.body(name)),
        )

    async def attempt_number(self, item: LaneItem) -> int:
        """Return the number (from 1) of the attempt that is about to be made."""
        if not item.retrying:
            return 1
        last = await self._store.fetch("attempt_last", **self._place(item))
        return last[0]["number"] + 1 if last else 1

    async def begun_at(self, item: LaneItem, number: int) -> int:
        """Return when that try was put on record as begun, in milliseconds since the epoch by the
        due time; 0 where it was not."""
        place = {key: self._place(item)[key] for key in ("lane_id", "seq")}
        key = {"generation": item.generation, "number": number}
        rows = await self._store.fetch("started_one", **place, **key)
        return rows[0]["at"] if rows else 0

    async def unknown_before(self, item: LaneItem) -> bool:
        """Return whether an earlier try under the same key may have had its effect."""
        key = {**self._place(item), "generation": item.generation}
        return bool(await self._store.fetch("attempt_unknown", **key))

    def _place(self, item: LaneItem) -> dict[str, int]:
        return {
            "lane_id": self._lanes[item.lane].lane_id,
            "seq": item.seq,
            "part_offset": item.part_offset,
        }


def context_of(
    bundle: Bundle, interface: str, at: int, artifact: Artifact | None = None
) -> dict[str, Any]:
    """Return what a mapping may use beside its input. `at` is when the input came to the hub, in
    milliseconds since the epoch; `business_date` is that moment's day in the hub's time zone."""
    moment = datetime.fromtimestamp(at / 1000, UTC)
    local = moment.astimezone(ZoneInfo(bundle.config.hub.time_zone))
    context: dict[str, Any] = {
        "tenant_id": bundle.tenant,
        "interface": interface,
        "received_at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "business_date": local.date().isoformat(),
        "revision": 0,
    }
    if artifact is not None:
        context["artifact_id"] = artifact.artifact_id
        context["artifact_sha256"] = artifact.sha256
    return context
