"""Dispatch: one attempt at a delivery, from what is known of it to what is on record of it.

Deliver -> confirm -> settle. A try that cannot be repeated is put on record before the first byte
leaves, in a unit that fails where a person has discarded or changed the delivery: whatever is sent
was decided before that.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.base import Call, Delivered, Idempotency, Pending
from gateway.errors import Reject
from gateway.model.ids import artifact_id, text_id
from gateway.model.states import RetryState
from gateway.pipeline.bundle import Bundle, Sink
from gateway.pipeline.confirm import confirm
from gateway.pipeline.correlate import confirmation, correlation_of, nudge
from gateway.pipeline.deliver import UNASKED_SECONDS, deliver, taken
from gateway.pipeline.facts import Artifact, LaneItem, NewMessage, StoredMessage
from gateway.pipeline.lanes import Lanes
from gateway.pipeline.masks import Masks
from gateway.pipeline.plan import Decide, Ending, Settled, Undecided
from gateway.pipeline.reading import Reading, context_of
from gateway.pipeline.records import Records, milliseconds
from gateway.pipeline.settle import Settling
from gateway.pipeline.surroundings import Bundles, Connections
from gateway.pipeline.units import Kept, Result
from gateway.ports import Ports
from gateway.store import Body, Statement, Store, Unit

__all__ = ["Dispatching"]


class _Try(msgspec.Struct, frozen=True, kw_only=True):
    """What a delivery is tried with."""

    message: StoredMessage
    number: int
    sink: Sink
    bundle: Bundle
    context: Mapping[str, Any]

    def result(self, outcome: Ending) -> Result:
        """Return the result of a try that ended so."""
        return Result(message=self.message, outcome=outcome, bundle=self.bundle.hash)


class Dispatching:
    """Makes attempts. Everything it touches is injected."""

    def __init__(  # noqa: PLR0913 - everything it touches is injected
        self,
        *,
        store: Store,
        lanes: Lanes,
        bundles: Bundles,
        connections: Connections,
        records: Records,
        reading: Reading,
        settling: Settling,
        masks: Masks,
        decide: Decide,
        ports: Ports,
    ) -> None:
        self._store = store
        self._masks = masks
        self._lanes = lanes
        self._bundles = bundles
        self._connections = connections
        self._records = records
        self._reading = reading
        self._settling = settling
        self._decide = decide
        self._ports = ports

    async def dispatch(self, item: LaneItem) -> Settled:
        """Make one attempt and settle it: done, or by the plan for its outcome. Raises LaneLost."""
        try_ = await self._prepare(item)
        if try_ is None:
            return await self._settling.set_aside(item, "interface_removed", "")
        if item.confirming and try_.sink.confirmed_by is not None:
            said = await self._said(item, try_)
            if said is not None or try_.sink.settings.confirm.poll_seconds is None:
                return await self._not_asked(item, try_, said)
        begun = await self._begin(item, try_)
        if isinstance(begun, Settled):
            return begun
        result = await self._try(begun, try_)
        settled = await self._settle(begun, try_, result)
        if settled.state is RetryState.CONFIRMING and not item.confirming:
            await self._confirmed_already(begun, try_, result)
        return settled

    async def told(self, item: LaneItem) -> Settled:
        """Settle a confirming delivery by what the stored messages say of it. The partner is not
        asked: how it is does not matter."""
        try_ = await self._prepare(item)
        if try_ is None:
            return await self._settling.set_aside(item, "interface_removed", "")
        return await self._not_asked(item, try_, await self._said(item, try_))

    async def _prepare(self, item: LaneItem) -> _Try | None:
        """Return what is known of a delivery; None where its destination is no more."""
        message = await self._reading.message(item.item_id)
        bundle = self._bundles.current
        interface = self._lanes[item.lane].destination
        sink = bundle.sinks.get(interface)
        if sink is None:
            return None
        if sink.grant is not None:
            sink = self._masks.over(sink, bundle.tenant)
        context = {
            **context_of(bundle, interface, message.created_at),
            "message_id": message.message_id,
            "delivery_id": item.delivery_id,
            "generation": item.generation,
        }
        number = await self._reading.attempt_number(item)
        return _Try(message=message, number=number, sink=sink, bundle=bundle, context=context)

    async def _said(self, item: LaneItem, try_: _Try) -> Ending | None:
        """Return what the newest stored message says that makes the delivery final."""
        wanted = try_.sink.confirmed_by
        if wanted is None:
            return None
        return await confirmation(item, try_.message, wanted, self._store, try_.context)

    async def _settle(self, item: LaneItem, try_: _Try, result: Result) -> Settled:
        assert result.outcome is not None  # noqa: S101 - the caller has seen to it
        settings = try_.sink.settings
        port = self._connections.sink(settings.interface)
        plan = self._decide(result.outcome, item, settings, port.idempotency, self._due())
        return await self._settling.settle(item, try_.number, plan, result)

    # -- before the first byte leaves ----------------------------------------------------------

    async def _begin(self, item: LaneItem, try_: _Try) -> LaneItem | Settled:
        """Return the item as it is to be tried, or how it stands where it is not tried now: a
        person has changed it, or whoever may have had its effect is asked about later."""
        sink, number = try_.sink, try_.number
        port = self._connections.sink(sink.settings.interface)
        if port.idempotency is Idempotency.KEY or item.confirming:
            return await self._settling.changed(item) or item
        if await self._start(item, number):
            asked = (
                item.unsure or not item.retrying or not await self._reading.unknown_before(item)
            )
            return item if asked else msgspec.structs.replace(item, unsure=True, again=True)
        begun = await self._reading.begun_at(item, number)
        if begun:
            item = await self._when_over(begun, item, sink)
        stands = await self._settling.stands(item, number)
        if stands is not None:  # it is on record after all: only its answer was lost
            return stands
        changed = await self._settling.changed(item)
        if changed is not None:
            return changed
        if not begun or sink.settings.retry.lookup_after_seconds:
            early = Undecided(code="begun_before", detail="asked about later", asked=False)
            return await self._settle(item, try_, try_.result(early))
        return item

    async def _start(self, item: LaneItem, number: int) -> bool:
        """Put on record that this try begins; False where it had begun before, or a person has
        changed the item. Raises LaneLost."""
        lane = self._lanes[item.lane]
        row = {
            "lane_id": lane.lane_id,
            "seq": item.seq,
            "generation": item.generation,
            "number": number,
            "at": self._due(),
            "epoch": lane.epoch,
            "state": item.state.value if item.retrying else "",
        }
        done = await self._store.commit(Unit(statements=(Statement("started_insert", row),)))
        if not done.affected[0]:
            await self._lanes.must_still_hold(item.lane)
        return bool(done.affected[0])

    async def _when_over(self, begun: int, item: LaneItem, sink: Sink) -> LaneItem:
        """One that had begun before may have had its effect, or may still have it: its deadline
        is waited out."""
        left = (begun - self._due()) / 1000 + sink.settings.deadline_seconds
        if left > 0:
            await self._ports.clock.sleep(min(left, sink.settings.deadline_seconds))
        return msgspec.structs.replace(item, unsure=True, again=False)

    # -- the attempt ---------------------------------------------------------------------------

    async def _try(self, item: LaneItem, try_: _Try) -> Result:
        """Deliver once, or ask once; return the result with what came of it."""
        message, sink = try_.message, try_.sink
        began = self._ports.clock.monotonic()
        call = Call(
            key=f"{item.delivery_id}-{item.generation}",
            attempt=try_.number,
            deadline=began + sink.settings.deadline_seconds,
            traceparent=f"00-{message.trace or message.message_id[4:]}-{item.delivery_id[4:20]}-01",
        )
        port = self._connections.sink(sink.settings.interface)
        self._ports.fail_point("dispatch.before_send")
        self._lanes.must_hold(item.lane)
        ending = await deliver(message, item, sink, port, call, try_.context)
        self._ports.fail_point("dispatch.after_reply")
        replies, kept = self._answer(ending, sink, try_.bundle, try_.context)
        took_ms = int((self._ports.clock.monotonic() - began) * 1000)
        result = try_.result(taken(ending, item, sink))
        return msgspec.structs.replace(result, replies=replies, kept=kept, took_ms=took_ms)

    async def _not_asked(self, item: LaneItem, try_: _Try, said: Ending | None) -> Settled:
        """Settle by what a stored message says of the delivery, or that none says anything yet."""
        ending = said or Pending(poll_after_seconds=UNASKED_SECONDS)
        settings = try_.sink.settings
        plan = self._decide(ending, item, settings, Idempotency.KEY, self._due())
        plan = msgspec.structs.replace(plan, news=False)
        return await self._settling.settle(item, try_.number, plan, try_.result(ending))

    async def _confirmed_already(self, item: LaneItem, try_: _Try, result: Result) -> None:
        """The confirmation may have come before the delivery was known to wait for it: whichever
        of the two is stored last finds the other."""
        if try_.sink.confirmed_by is None or not isinstance(result.outcome, Pending):
            return
        waits_for = correlation_of(try_.message, result.outcome.external_id)
        item = msgspec.structs.replace(item, correlation=waits_for)
        if await self._said(item, try_) is None:
            return
        await self._settling.surely(Unit(statements=(nudge(waits_for),)))
        self._lanes.make_due((item.lane,))

    # -- what the partner answered -------------------------------------------------------------

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

    def _now(self) -> int:
        return milliseconds(self._ports.clock.now())

    def _due(self) -> int:
        return self._lanes.due_time.now()
