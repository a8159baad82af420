"""THE MAIN FLOW: accept, process, dispatch. The one file that knows the order.

    accept    receive -> persist: when it returns, the sender may forget the item
    process   translate -> validate -> route -> persist: each part of an artifact by itself
    dispatch  deliver -> confirm -> settle: one attempt, and the answer is a message

No step calls another step: each owes to a lane, in the transaction that saves what it made.
Replay is `process` or `dispatch` again, never another road.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Executor
from decimal import Decimal
from typing import Any

import msgspec

from connectors.base import Call, Delivered, Idempotency, Pending
from gateway.errors import Reject
from gateway.model.ids import artifact_id, text_id
from gateway.model.states import AttemptOutcome, PartState, RetryState
from gateway.pipeline.bundle import Bundle, Sink, process_lane
from gateway.pipeline.confirm import confirm
from gateway.pipeline.correlate import asked_of, confirmation, correlation_of, nudge
from gateway.pipeline.custody import Arrival, Custody
from gateway.pipeline.deliver import UNASKED_SECONDS, deliver, taken
from gateway.pipeline.facts import (
    Accepted,
    Artifact,
    LaneItem,
    NewMessage,
    Prepared,
    StoredMessage,
)
from gateway.pipeline.judge import judge, next_batch
from gateway.pipeline.lanes import Lanes
from gateway.pipeline.plan import Decide, Ending, Plan, Settled, Undecided, given_up
from gateway.pipeline.reading import SMALL_BYTES, Reading, context_of
from gateway.pipeline.records import Records, milliseconds
from gateway.pipeline.settle import Settling
from gateway.pipeline.surroundings import Bundles, Connections, Sealer
from gateway.pipeline.units import PAYMENT_KEY_SEEN, Kept, Result, Units, lanes_of
from gateway.ports import Ports
from gateway.store import Body, Space, Statement, Store, Unit, UnitConflict

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
        self._connections = connections
        self._decide = decide
        self._executor = executor
        self._ports = ports
        self._records = Records(lanes, sealer)
        self._units = Units(self._records, lanes)
        self._custody = Custody(store=store, space=space, records=self._records, ports=ports)
        self.reading = Reading(store, lanes, sealer)
        self._settling = Settling(
            store=store, units=self._units, lanes=lanes, reading=self.reading, ports=ports
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
        if artifact.interface in bundle.sinks:
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
        except msgspec.DecodeError:
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
        message = await self.reading.message(item.item_id)
        bundle = self._bundles.current
        interface = self._lanes[item.lane].destination
        sink = bundle.sinks.get(interface)
        number = await self.reading.attempt_number(item)
        if sink is None:
            return await self.set_aside(item, "interface_removed", "")
        context = {
            **context_of(bundle, interface, message.created_at),
            "message_id": message.message_id,
            "delivery_id": item.delivery_id,
            "generation": item.generation,
        }
        result = Result(message=message, bundle=bundle.hash)
        if item.confirming and sink.confirmed_by is not None:
            said = await confirmation(item, message, sink.confirmed_by, self._store, context)
            if said is not None or sink.settings.confirm.poll_seconds is None:
                return await self._not_asked(item, number, sink, result, said)
        port = self._connections.sink(interface)
        if port.idempotency is not Idempotency.KEY and not item.confirming:
            asked, item = item, await self._start(item, number, sink)
            begun_before = item is not asked and not item.again
            if begun_before and sink.settings.retry.lookup_after_seconds:
                early = Undecided(code="begun_before", detail="asked about later", asked=False)
                plan = self._decide(early, item, sink.settings, port.idempotency, self._due())
                return await self._settling.settle(item, number, plan, result)
        result = await self._try(item, number, sink, bundle, result, context)
        assert result.outcome is not None  # noqa: S101 - it was tried
        ending = result.outcome
        plan = self._decide(ending, item, sink.settings, port.idempotency, self._due())
        settled = await self._settling.settle(item, number, plan, result)
        if settled.state is RetryState.CONFIRMING and not item.confirming:
            await self._confirmed_already(item, message, sink, ending, context)
        return settled

    async def _try(
        self,
        item: LaneItem,
        number: int,
        sink: Sink,
        bundle: Bundle,
        result: Result,
        context: Mapping[str, Any],
    ) -> Result:
        """Deliver once, or ask once; return the result with what came of it."""
        message = result.message
        assert message is not None  # noqa: S101 - a delivery has one
        began = self._ports.clock.monotonic()
        call = Call(
            key=f"{item.delivery_id}-{item.generation}",
            attempt=number,
            deadline=began + sink.settings.deadline_seconds,
            traceparent=f"00-{message.trace or message.message_id[4:]}-{item.delivery_id[4:20]}-01",
        )
        port = self._connections.sink(sink.settings.interface)
        self._ports.fail_point("dispatch.before_send")
        self._lanes.must_hold(item.lane)
        ending = await deliver(message, item, sink, port, call, context)
        self._ports.fail_point("dispatch.after_reply")
        replies, kept = self._answer(ending, sink, bundle, context)
        return Result(
            message=message,
            outcome=taken(ending, item, sink),
            replies=replies,
            kept=kept,
            bundle=result.bundle,
            took_ms=int((self._ports.clock.monotonic() - began) * 1000),
        )

    async def _not_asked(
        self, item: LaneItem, number: int, sink: Sink, result: Result, said: Ending | None
    ) -> Settled:
        """Settle by what a stored message says of the delivery, or that none says anything yet."""
        ending = said or Pending(poll_after_seconds=UNASKED_SECONDS)
        plan = self._decide(ending, item, sink.settings, Idempotency.KEY, self._due())
        plan = msgspec.structs.replace(plan, news=False)
        return await self._settling.settle(
            item, number, plan, msgspec.structs.replace(result, outcome=ending)
        )

    async def _confirmed_already(
        self,
        item: LaneItem,
        message: StoredMessage,
        sink: Sink,
        ending: Ending,
        context: Mapping[str, Any],
    ) -> None:
        """The confirmation may have come before the delivery was known to wait for it: whichever
        of the two is stored last finds the other."""
        if sink.confirmed_by is None or not isinstance(ending, Pending):
            return
        waits_for = correlation_of(message, ending.external_id)
        item = msgspec.structs.replace(item, correlation=waits_for)
        if await confirmation(item, message, sink.confirmed_by, self._store, context) is None:
            return
        await self._settling.surely(Unit(statements=(nudge(waits_for, self._due()),)))
        self._lanes.make_due((item.lane,))

    async def _start(self, item: LaneItem, number: int, sink: Sink) -> LaneItem:
        """Put on record that this try begins. One that had begun before may have had its effect,
        or may still have it: its deadline is waited out. Raises LaneLost."""
        lane = self._lanes[item.lane]
        row = {
            "lane_id": lane.lane_id,
            "seq": item.seq,
            "generation": item.generation,
            "number": number,
            "at": self._now(),
            "epoch": lane.epoch,
        }
        done = await self._store.commit(Unit(statements=(Statement("started_insert", row),)))
        if not done.affected[0]:
            await self._lanes.must_still_hold(item.lane)
            begun = await self.reading.begun_at(item, number)
            left = begun / 1000 + sink.settings.deadline_seconds - self._now() / 1000
            if left > 0:
                await self._ports.clock.sleep(min(left, sink.settings.deadline_seconds))
            return msgspec.structs.replace(item, unsure=True, again=False)
        asked = item.unsure or not item.retrying or not await self.reading.unknown_before(item)
        return item if asked else msgspec.structs.replace(item, unsure=True, again=True)

    def _answer(
        self, ending: Ending, sink: Sink, bundle: Bundle, context: Mapping[str, Any]
    ) -> tuple[tuple[NewMessage, ...], Kept]:
        """Return what the partner said, as messages or raw. A first "taken" need not be what the
        contract says: then it is kept beside the attempt only."""
        if sink.reply is None or not isinstance(ending, Delivered | Pending):
            return (), ((), ())
        final = isinstance(ending, Delivered)
        stage = {} if final else {"answer": " taken"}
        interface = sink.settings.interface
        try:
            made = confirm(ending.reply, sink.reply, interface, bundle, {**context, **stage})
        except Reject:
            if final:
                return (), self._keep_raw(ending.reply, interface, bundle, context)
            made = ()
        return made, ((), ())

    def _keep_raw(
        self, answer: Any, interface: str, bundle: Bundle, context: Mapping[str, Any]
    ) -> Kept:
        """Keep an answer that breaks its contract as an artifact: `process` makes it a dead letter."""
        raw = msgspec.json.encode(answer)
        # The delivery is part of the bytes' identity: equal answers to two deliveries are two.
        sha256 = text_id("sha", context["delivery_id"], hashlib.sha256(raw).hexdigest())
        body = Body(body_id=text_id("bod", sha256), data=raw)
        artifact = Artifact(
            artifact_id=artifact_id(interface, sha256, 0),
            interface=interface,
            sha256=sha256,
            occurrence=0,
            size=len(raw),
            received_at=self._now(),
            bundle=bundle.hash,
            body_id=body.body_id,
            media_type="application/json",
            meta={k: context[k] for k in ("message_id", "delivery_id", "generation")},
        )
        return tuple(self._records.artifact(artifact)), (body,)

    async def set_aside(self, item: LaneItem, code: str, detail: str) -> Settled:
        """Make a dead letter of what could not be tried, or tried to its end: a damaged body, a
        bug of ours. A delivery may have had its effect: its replay keeps the key and asks first."""
        number = await self.reading.attempt_number(item)
        plan = given_up(item, code, detail)
        if self._lanes[item.lane].destination:
            plan = msgspec.structs.replace(
                plan, outcome=AttemptOutcome.UNKNOWN, failure="internal"
            )
        return await self._settling.settle(item, number, plan)

    # -- what all three look up ---------------------------------------------------------------

    def _now(self) -> int:
        return milliseconds(self._ports.clock.now())

    def _due(self) -> int:
        return self._lanes.due_time.now()
