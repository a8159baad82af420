"""THE MAIN FLOW: accept, process, dispatch. The one file that knows the order of the three.

    accept    receive -> persist: when it returns, the sender may forget the item
    process   translate -> validate -> route -> persist: each part of an artifact by itself
    dispatch  deliver -> confirm -> settle: one attempt, and the answer is a message;
              step by step in `dispatch.py`

No step calls another step: each owes to a lane, in the transaction that saves what it made.
Replay is `process` or `dispatch` again, never another road.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from decimal import Decimal

import msgspec

from gateway.errors import Reject
from gateway.formats import UNREADABLE
from gateway.model.states import AttemptOutcome, PartState
from gateway.pipeline.bundle import Bundle, process_lane
from gateway.pipeline.confirm import confirm
from gateway.pipeline.correlate import asked_of
from gateway.pipeline.custody import Arrival, Custody
from gateway.pipeline.dispatch import Dispatching
from gateway.pipeline.facts import (
    Accepted,
    Artifact,
    LaneItem,
    Prepared,
)
from gateway.pipeline.judge import judge, next_batch
from gateway.pipeline.lanes import Lanes
from gateway.pipeline.masks import Masks
from gateway.pipeline.plan import Decide, Plan, Settled, given_up
from gateway.pipeline.reading import SMALL_BYTES, Reading, context_of
from gateway.pipeline.records import Records, milliseconds
from gateway.pipeline.settle import Settling
from gateway.pipeline.surroundings import Bundles, Connections, Sealer
from gateway.pipeline.units import PAYMENT_KEY_SEEN, Result, Units, lanes_of
from gateway.ports import Ports
from gateway.store import Space, Store, UnitConflict

__all__ = ["Flow"]

EXACT = msgspec.json.Decoder(float_hook=Decimal)


class Flow:
    """The three entry points. Everything it touches is injected."""

    def __init__(
        self,
        *,
        store: Store,
        space: Space,
        lanes: Lanes,
        bundles: Bundles,
        connections: Connections,
        sealer: Sealer,
        decide: Decide,
        executor: Executor,
        ports: Ports,
    ) -> None:
        self._store = store
        self.space = space
        self._lanes = lanes
        self._bundles = bundles
        self._executor = executor
        self._ports = ports
        self._records = Records(lanes, sealer)
        self._units = Units(self._records, lanes)
        self._custody = Custody(store=store, space=space, records=self._records, ports=ports)
        self.reading = Reading(store, lanes, sealer)
        self._settling = Settling(
            store=store, units=self._units, lanes=lanes, reading=self.reading, ports=ports
        )
        self._dispatching = Dispatching(
            store=store,
            lanes=lanes,
            bundles=bundles,
            connections=connections,
            records=self._records,
            reading=self.reading,
            settling=self._settling,
            masks=Masks(sealer),
            decide=decide,
            ports=ports,
        )

    # -- accept -------------------------------------------------------------------------------

    async def accept(self, arrival: Arrival, blocks: AsyncIterator[bytes]) -> Accepted:
        """Take custody of a stream. Durable when it returns: the sender may forget the item.

        Identical bytes are taken once per interface unless the arrival says `again`. Raises
        NotFound (no such interface), Reject (too large), StorageFault, UnitConflict (of `also`).
        """
        artifact, duplicate = await self._custody.take(blocks, arrival, self._bundles.current)
        if not duplicate:
            self.reading.remember(artifact)
        self._lanes.ring([process_lane(arrival.interface)])
        return Accepted(
            artifact_id=artifact.artifact_id,
            sha256=artifact.sha256,
            size=artifact.size,
            duplicate=duplicate,
        )

    # -- process ------------------------------------------------------------------------------

    async def process(self, item: LaneItem) -> Settled:
        """Translate, validate and route an artifact, or the one part of it that `item` names.

        Every part's verdict is durable by itself; nothing that stands in an artifact raises.
        """
        artifact = await self.reading.artifact(item.item_id)
        bundle = await self.reading.bundle(artifact, item, self._bundles)
        number = await self.reading.attempt_number(item)
        if artifact.interface in bundle.sinks and "delivery_id" in artifact.meta:
            return await self._process_reply(artifact, bundle, item, number)
        source = bundle.sources.get(artifact.interface)
        if source is None:
            return await self._settling.settle(item, number, given_up(item, "interface_removed"))
        parts = judge(
            artifact,
            source,
            bundle,
            item,
            blocks=await self.reading.blocks(artifact),
            context=context_of(bundle, artifact.interface, artifact.received_at, artifact),
            known=await self.reading.known_parts(artifact),
            taken_as=await self.reading.taken_as(artifact, source, self._bundles),
        )
        final = found = False
        while not final:
            if artifact.size <= SMALL_BYTES:
                batch, final = list(parts), True
            else:
                loop = asyncio.get_running_loop()
                batch, final = await loop.run_in_executor(self._executor, next_batch, parts)
            found = found or bool(batch)
            if item.part_offset >= 0 and final and not found:
                return await self._settling.settle(item, number, given_up(item, "part_missing"))
            await self._save(batch, artifact, item, bundle, number if final else 0)
            if not final:
                self._ports.fail_point("process.between_batches")
        return Settled(outcome=AttemptOutcome.DONE)

    async def _save(
        self,
        batch: list[Prepared],
        artifact: Artifact,
        item: LaneItem,
        bundle: Bundle,
        number: int,
    ) -> None:
        at = self._now()
        while True:
            unit = self._units.judged(
                batch, artifact, item, bundle=bundle.hash, number=number, at=at
            )
            self._ports.fail_point("process.before_commit")
            try:
                await self._settling.surely(unit)
                break
            except UnitConflict as conflict:
                judged = await self._unless_seen(batch, artifact)
                if conflict.statement == "payment_seen_insert" and judged != batch:
                    batch = judged
                else:
                    await self._lanes.must_still_hold(item.lane)
                    if number and await self._settling.stands(item, number, at=at):
                        break
                    if not await self._settling.discarded(item):
                        raise
                    return
        self._ports.fail_point("process.after_commit")
        made = [m for p in batch for m in p.messages]
        self._lanes.ring(lanes_of(made))
        self._lanes.make_due(asked_of(made))

    async def _unless_seen(self, batch: list[Prepared], artifact: Artifact) -> list[Prepared]:
        """Hold what another part has brought already, in this batch or before it."""
        judged: list[Prepared] = []
        keys: set[str] = set()
        for prepared in batch:
            key = prepared.payment_key if prepared.state is PartState.ACCEPTED else ""
            place = (artifact.artifact_id, prepared.offset)
            rows = await self._store.fetch("payment_seen", payment_key=key) if key else []
            if key in keys or any((r["artifact_id"], r["part_offset"]) != place for r in rows):
                held = {"state": PartState.HELD, "code": PAYMENT_KEY_SEEN, "messages": ()}
                prepared = msgspec.structs.replace(prepared, **held)  # noqa: PLW2901 - the verdict
            elif key:
                keys.add(key)
            judged.append(prepared)
        return judged

    async def _process_reply(
        self, artifact: Artifact, bundle: Bundle, item: LaneItem, number: int
    ) -> Settled:
        reply = bundle.sinks[artifact.interface].reply
        context = {
            **context_of(bundle, artifact.interface, artifact.received_at),
            **artifact.meta,
        }
        try:
            if reply is None:
                raise Reject("This interface expects no answer.", code="reply_not_expected")
            answer = EXACT.decode(await self._store.body(artifact.body_id))
            messages = confirm(answer, reply, artifact.interface, bundle, context)
        except UNREADABLE:
            return await self._settling.settle(item, number, given_up(item, "reply_unreadable"))
        except Reject as refusal:
            plan = given_up(item, refusal.code, refusal.message)
            return await self._settling.settle(item, number, plan)
        plan = Plan(outcome=AttemptOutcome.DONE)
        result = Result(replies=messages, bundle=bundle.hash)
        return await self._settling.settle(item, number, plan, result)

    # -- dispatch -----------------------------------------------------------------------------

    async def dispatch(self, item: LaneItem) -> Settled:
        """Make one attempt at a delivery and settle it: done, or by the plan for its outcome."""
        return await self._dispatching.dispatch(item)

    async def told(self, item: LaneItem) -> Settled:
        """Settle a delivery that waits for a message by what has come; nothing is sent."""
        return await self._dispatching.told(item)

    async def set_aside(self, item: LaneItem, code: str, detail: str) -> Settled:
        """Make a dead letter of what could not be tried, or tried to its end: a damaged body, a
        bug of ours. A delivery may have had its effect: its replay keeps the key and asks first."""
        return await self._settling.set_aside(item, code, detail)

    def _now(self) -> int:
        return milliseconds(self._ports.clock.now())
