"""Persist: bytes received become an artifact, in the transaction that owes it to `process`."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec

from gateway.errors import NotFound, StorageFault
from gateway.model.ids import artifact_id
from gateway.pipeline.bundle import Bundle
from gateway.pipeline.facts import Artifact, Receipt
from gateway.pipeline.pressure import Pressure
from gateway.pipeline.receive import Received, arrived, forget, receive
from gateway.pipeline.records import Records, milliseconds
from gateway.ports import Ports
from gateway.store import Space, Statement, Store, Unit

__all__ = ["Arrival", "Custody"]

MAX_REPLY_BYTES = 4 * 1024 * 1024


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an item beside its bytes. `fingerprint` is a source's word for "the same
    offer"; `again` takes identical bytes once more; `also` gives what must be durable with the
    artifact or not at all."""

    interface: str
    media_type: str = ""
    meta: Mapping[str, Any] = {}
    fingerprint: str = ""
    again: bool = False
    also: Callable[[Receipt], Statement] | None = None


class Custody:
    """Takes custody of items."""

    def __init__(self, *, store: Store, space: Space, records: Records, ports: Ports) -> None:
        self._store = store
        self._space = space
        self._pressure = Pressure(store, ports.clock)
        self._records = records
        self._ports = ports

    async def take(
        self, blocks: AsyncIterator[bytes], arrival: Arrival, bundle: Bundle
    ) -> tuple[Artifact, bool]:
        """Return the artifact once it is durable, and whether its bytes were here before.

        Raises NotFound, Reject (too large), HubBehind (nothing was taken), StorageFault,
        UnitConflict (of `also`).
        """
        self._space.must_have_room()
        limit = _limit(arrival.interface, bundle)
        source = bundle.sources.get(arrival.interface)
        if source is not None:
            await self._pressure.must_keep_up(
                arrival.interface,
                source.settings.behind_seconds,
                at_once=source.settings.concurrency,
            )
        with self._pressure.arriving(arrival.interface) as intake:
            artifact, duplicate = await self._keep(blocks, arrival, bundle, limit)
            intake.taken = not duplicate
        return artifact, duplicate

    async def _keep(
        self, blocks: AsyncIterator[bytes], arrival: Arrival, bundle: Bundle, limit: int
    ) -> tuple[Artifact, bool]:
        received = await receive(
            blocks,
            ids=self._ports.ids,
            max_bytes=limit,
            store=self._store,
            fail_point=self._ports.fail_point,
        )
        artifact = await self._artifact(arrival, received, bundle)
        unit = Unit(
            statements=tuple(self._statements(artifact, received, arrival)),
            bodies=received.bodies,
            counts=(
                (arrival.interface, "artifacts", 1),
                (arrival.interface, "bytes", received.size),
            ),
            once=0,
        )
        self._ports.fail_point("accept.before_commit")
        done = await self._store.commit(unit)
        self._ports.fail_point("accept.after_commit")
        duplicate = done.affected[0] == 0
        if duplicate and received.spilled:
            with contextlib.suppress(StorageFault):  # it is ours all the same; a start forgets
                await forget(received.body_id, self._store)
        return artifact, duplicate

    async def _artifact(self, arrival: Arrival, received: Received, bundle: Bundle) -> Artifact:
        interface, sha256 = arrival.interface, received.sha256
        occurrence = 0
        if arrival.again:
            rows = await self._store.fetch("artifact_by_hash", interface=interface, sha256=sha256)
            occurrence = rows[0]["occurrence"] + 1 if rows else 0
        return Artifact(
            artifact_id=artifact_id(interface, sha256, occurrence),
            interface=interface,
            sha256=sha256,
            occurrence=occurrence,
            size=received.size,
            received_at=milliseconds(self._ports.clock.now()),
            bundle=bundle.hash,
            body_id=received.body_id,
            media_type=arrival.media_type,
            meta=arrival.meta,
        )

    def _statements(
        self, artifact: Artifact, received: Received, arrival: Arrival
    ) -> list[Statement]:
        name = artifact.artifact_id
        statements = [*self._records.artifact(artifact), *arrived(received, name)]
        if arrival.again and arrival.also is not None:
            # Its key says that it is another one: it must not be taken for one with equal bytes.
            statements[0] = msgspec.structs.replace(statements[0], expect=1)
        if arrival.fingerprint:
            statements.append(self._records.source_seen(artifact, arrival.fingerprint))
        if arrival.also is not None:
            at = artifact.received_at
            receipt = Receipt(artifact_id=name, sha256=artifact.sha256, at=at)
            statements.append(arrival.also(receipt))
        return statements


def _limit(interface: str, bundle: Bundle) -> int:
    if interface in bundle.sources:
        return bundle.sources[interface].settings.max_bytes
    if interface in bundle.sinks:
        return MAX_REPLY_BYTES
    known = ", ".join(bundle.sources)
    raise NotFound(f"There is no such incoming interface (there are: {known}).")
