"""Puts rows together into the units of the flow's three transactions. Decides nothing."""

from collections.abc import Iterable
from typing import Any

import msgspec

from connectors.base import Delivered, Failed, Pending
from gateway.model.ids import text_id
from gateway.model.states import AttemptOutcome, DestinationState, PartState, RetryState
from gateway.pipeline.correlate import correlation_of, nudges
from gateway.pipeline.facts import Artifact, LaneItem, NewMessage, Prepared, StoredMessage
from gateway.pipeline.lanes import Lanes
from gateway.pipeline.plan import Ending, Plan
from gateway.pipeline.records import Records
from gateway.store import Body, Statement, Unit

__all__ = ["NOTHING", "PAYMENT_KEY_SEEN", "Kept", "Result", "Units", "lanes_of"]

PAYMENT_KEY_SEEN = "payment_key_seen"
PAYMENT_KEY_REPEATED = "payment_key_repeated"
"""Why a part is held whose payment another part has brought already: the flow's word, and a
reader's for one in the same file."""

Kept = tuple[tuple[Statement, ...], tuple[Body, ...]]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt brought. `kept` stores an answer that breaks its contract raw, as an
    artifact of its own."""

    message: StoredMessage | None = None
    outcome: Ending | None = None
    replies: tuple[NewMessage, ...] = ()
    kept: Kept = ((), ())
    bundle: str = ""
    took_ms: int = 0


NOTHING = Result()


def lanes_of(messages: Iterable[NewMessage]) -> list[str]:
    """Return the names of the lanes that those messages are owed to."""
    return [name for message in messages for name, _ in message.owed]


class Units:
    """Builds units from decisions."""

    def __init__(self, records: Records, lanes: Lanes) -> None:
        self._records = records
        self._lanes = lanes

    def judged(
        self,
        batch: list[Prepared],
        artifact: Artifact,
        item: LaneItem,
        *,
        bundle: str,
        number: int,
        at: int,
    ) -> Unit:
        """Return the unit of some parts of an artifact; `number` is 0 unless they are its last."""
        statements: list[Statement] = []
        bodies: list[Body] = []
        counts: list[tuple[str, str, int]] = []
        for prepared in batch:
            made, sealed = self._part(prepared, artifact, item, bundle=bundle, at=at)
            statements += made
            bodies += sealed
            counts += self._records.counts(artifact.interface, prepared)
        if number:
            plan = Plan(outcome=AttemptOutcome.DONE)
            stuck = [p for p in batch if p.state in (PartState.HELD, PartState.DEAD)]
            if item.part_offset >= 0 and stuck:
                plan = Plan(outcome=AttemptOutcome.FAILED, failure="message", code=stuck[0].code)
            statements.append(self.attempt(item, number, plan, NOTHING, at=at))
            if item.retrying and item.part_offset < 0:
                statements.append(self.retry_delete(item))
            stripped = int(artifact.meta.get("stripped", 0))
            if stripped and not item.retrying:
                counts.append((artifact.interface, "stripped", stripped))
        return Unit(statements=tuple(statements), bodies=tuple(bodies), counts=tuple(counts))

    def _part(
        self, prepared: Prepared, artifact: Artifact, item: LaneItem, *, bundle: str, at: int
    ) -> tuple[list[Statement], list[Body]]:
        again = item.part_offset >= 0
        statements = [self._records.part(prepared, artifact, revision=0, at=at, replace=again)]
        if prepared.state in (PartState.HELD, PartState.DEAD):
            statements.append(self._records.set_aside(prepared, item.lane, item.seq, at))
        elif again:
            statements.append(self.retry_delete(item))
        if prepared.state is not PartState.ACCEPTED:
            return statements, []
        if prepared.payment_key:
            # Released for another reason it must still be the first: nobody looked at that.
            first = item.despite not in (PAYMENT_KEY_SEEN, PAYMENT_KEY_REPEATED)
            statements.append(self._records.payment_seen(prepared, artifact, at, must=first))
        made, bodies = self._records.messages(
            prepared.messages, bundle=bundle, at=at, trace=artifact.trace
        )
        return statements + made + nudges(prepared.messages), bodies

    def attempt(
        self, item: LaneItem, number: int, plan: Plan, result: Result, *, at: int
    ) -> Statement:
        """Return the statement that records one attempt; refused when the lane has a new owner."""
        lane = self._lanes[item.lane]
        outcome = result.outcome
        external = outcome.external_id if isinstance(outcome, Delivered | Pending) else ""
        row = {
            "lane_id": lane.lane_id,
            "seq": item.seq,
            "part_offset": item.part_offset,
            "number": number,
            "generation": item.generation,
            "at": at,
            "took_ms": result.took_ms,
            "outcome": plan.outcome.value,
            "failure": plan.failure,
            "code": plan.code,
            "detail": _storable(plan.detail),
            "fingerprint": self._fingerprint(item, plan),
            "external_id": _storable(external),
            "reply_id": result.replies[0].message_id if result.replies else "",
            "epoch": lane.epoch,
        }
        return Statement("attempt_insert", row, expect=1)

    def _fingerprint(self, item: LaneItem, plan: Plan) -> str:
        if not plan.code:
            return ""
        return text_id("err", self._lanes[item.lane].interface, plan.failure, plan.code)

    def retry_delete(self, item: LaneItem) -> Statement:
        """Return the statement that takes an item out of the retry table."""
        return Statement("retry_delete", self._place(item), expect=1)

    def _retry_taken(self, item: LaneItem) -> Statement:
        return Statement(
            "retry_delete_if", {**self._place(item), "state": item.state.value}, expect=1
        )

    def _place(self, item: LaneItem) -> dict[str, int]:
        return {
            "lane_id": self._lanes[item.lane].lane_id,
            "seq": item.seq,
            "part_offset": item.part_offset,
        }

    def _retry_put(self, item: LaneItem, plan: Plan, result: Result, at: int) -> Statement:
        assert plan.state is not None  # noqa: S101 - the caller looked
        message, since = result.message, item.since or at
        correlation = message.correlation if message else ""
        if plan.state is RetryState.CONFIRMING:
            given = result.outcome.external_id if isinstance(result.outcome, Pending) else ""
            correlation = correlation_of(message, given or item.correlation)
            since = since if item.confirming else self._lanes.due_time.now()
        row = {
            "lane_id": self._lanes[item.lane].lane_id,
            "seq": item.seq,
            "part_offset": item.part_offset,
            "state": plan.state.value,
            "due_at": self._lanes.due_time.now() + int(plan.wait_seconds * 1000),
            "attempts": plan.tries,
            "generation": item.generation,
            "failure": plan.failure,
            "code": plan.code,
            "detail": _storable(plan.detail),
            "fingerprint": self._fingerprint(item, plan),
            "order_key": item.order_key,
            "since": since,
            "amount_cents": message.amount_cents if message else None,
            "correlation": correlation,
        }
        return Statement("retry_put", row)

    def settled(self, item: LaneItem, number: int, plan: Plan, result: Result, *, at: int) -> Unit:
        """Return the unit that settles one attempt: done with its replies, or set aside by plan.
        It fails where a person has changed the item's retry row meanwhile."""
        outcome, message = result.outcome, result.message
        statements = [self.attempt(item, number, plan, result, at=at)]
        if item.retrying:
            statements.append(self._retry_taken(item))
        if plan.state is not None:
            statements.append(self._retry_put(item, plan, result, at))
        trace = message.trace if message else ""
        made, bodies = self._records.messages(
            result.replies, bundle=result.bundle, at=at, trace=trace
        )
        statements += [*made, *nudges(result.replies), *result.kept[0]]
        if plan.pause:
            statements.append(self._pause(item, plan, at))
        said = outcome.reply if isinstance(outcome, Failed | Pending) else None
        if said is not None and not result.replies:
            bodies.append(self._beside(item, number, said))
        return Unit(
            statements=tuple(statements),
            bodies=(*bodies, *result.kept[1]),
            counts=self._counts(item, plan, message),
        )

    @staticmethod
    def _beside(item: LaneItem, number: int, words: Any) -> Body:
        """Keep what the partner said sealed beside the attempt: a refusal, a first "taken"."""
        name = text_id("ref", item.delivery_id, number)
        return Body(body_id=name, data=msgspec.json.encode(words))

    def _pause(self, item: LaneItem, plan: Plan, at: int) -> Statement:
        row = {
            "name": self._lanes[item.lane].destination,
            "state": DestinationState.PAUSED.value,
            "reason": plan.code,
            "since": at,
            "detail": _storable(plan.detail),
        }
        return Statement("destination_put", row)

    def _counts(
        self, item: LaneItem, plan: Plan, message: StoredMessage | None
    ) -> tuple[tuple[str, str, int], ...]:
        lane = self._lanes[item.lane]
        if not lane.destination:
            return ()
        counts = [(lane.interface, f"attempts_{plan.outcome.value}", 1)]
        if plan.state is RetryState.DEAD:
            counts.append((lane.interface, "deliveries_dead", 1))
        if plan.outcome is AttemptOutcome.DONE:
            counts.append((lane.interface, "deliveries_done", 1))
            if message is not None and message.amount_cents is not None:
                counts.append((lane.interface, "cents_done", message.amount_cents))
        return tuple(counts)


def _storable(text: str) -> str:
    """Return what a partner said without NUL, which no database takes as text: what it did must
    be on record whatever it says."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
