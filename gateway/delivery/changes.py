"""What a person's decision on one thing that is set aside writes: statements, decided here and nowhere else."""

from typing import Any

from gateway.delivery.set_aside import Action, Aside
from gateway.model.states import AttemptOutcome, LaneKind, PartState, RetryState
from gateway.pipeline import RELEASED, REPLAYED, Lanes, milliseconds
from gateway.ports import Clock
from gateway.store import AuditEntry, Statement, Store

__all__ = ["Changes"]


class Changes:
    """Turns decisions into statements."""

    def __init__(self, store: Store, lanes: Lanes, clock: Clock) -> None:
        self._store = store
        self._lanes = lanes
        self._clock = clock

    async def of(
        self, action: Action, aside: Aside, actor: str, reason: str
    ) -> tuple[list[Statement], AuditEntry]:
        """Return what the decision writes, and its audit entry. The first statement fails where
        the thing has moved meanwhile."""
        place = {"lane_id": aside.lane_id, "seq": aside.seq, "part_offset": aside.part_offset}
        taken = Statement("retry_delete_if", {**place, "state": aside.state.value}, expect=1)
        rest = await self._rest(action, aside, place)
        return [taken, *rest], AuditEntry(actor, f"set_aside.{action}", aside.id, reason)

    async def _rest(
        self, action: Action, aside: Aside, place: dict[str, int]
    ) -> tuple[Statement, ...]:
        row: dict[str, Any] = {
            **place,
            "due_at": self._lanes.due_time.now(),
            "attempts": 0,
            "generation": aside.generation,
            "failure": aside.failure,
            "code": aside.code,
            "detail": aside.detail,
            "fingerprint": aside.fingerprint,
            "order_key": aside.order_key,
            "since": aside.since,
            "amount_cents": aside.amount_cents,
            "correlation": aside.correlation,
        }
        match action:
            case Action.REPLAY:
                refused = aside.failure == "message" and aside.kind is LaneKind.DELIVER
                if refused and not await self._unsure(aside):
                    # A definite refusal made no effect: a new try is a new key at the partner.
                    row["generation"] = aside.generation + 1
                row |= {"state": RetryState.WAITING.value, "failure": REPLAYED}
                return (Statement("retry_put", row),)
            case Action.RELEASE:
                row |= {"state": RetryState.WAITING.value, "failure": RELEASED}
                return (Statement("retry_put", row),)
            case Action.PARK:
                row |= {"state": RetryState.PARKED.value, "attempts": aside.attempts}
                return (Statement("retry_put", row),)
            case Action.CONFIRM:
                return (await self._ended(AttemptOutcome.DONE, aside, place),)
            case Action.DISCARD:
                return await self._discard(aside, place)

    @staticmethod
    def counts(action: Action, aside: Aside) -> list[tuple[str, str, int]]:
        """Return what the decision adds to the counters: what a person confirms is delivered."""
        if action is not Action.CONFIRM:
            return []
        counts = [(aside.interface, "deliveries_done", 1)]
        if aside.amount_cents is not None:
            counts.append((aside.interface, "cents_done", aside.amount_cents))
        return counts

    async def _unsure(self, aside: Aside) -> bool:
        """Return whether some try of this generation may have had its effect, whatever the
        last one said."""
        place = {"lane_id": aside.lane_id, "seq": aside.seq, "part_offset": aside.part_offset}
        generation = aside.generation
        return bool(await self._store.fetch("attempt_unknown", **place, generation=generation))

    async def _ended(
        self, outcome: AttemptOutcome, aside: Aside, place: dict[str, int]
    ) -> Statement:
        """Return the record of how a person ended it."""
        last = await self._store.fetch("attempt_last", **place)
        row = {
            **place,
            "number": last[0]["number"] + 1 if last else 1,
            "generation": aside.generation,
            "at": milliseconds(self._clock.now()),
            "took_ms": 0,
            "outcome": outcome.value,
            "failure": aside.failure,
            "code": aside.code,
            "detail": "",
            "fingerprint": aside.fingerprint,
            "external_id": "",
            "reply_id": "",
            "epoch": aside.epoch,
        }
        return Statement("attempt_insert", row, expect=1)

    async def _discard(self, aside: Aside, place: dict[str, int]) -> tuple[Statement, ...]:
        attempt = await self._ended(AttemptOutcome.DISCARDED, aside, place)
        if aside.part_offset < 0:
            return (attempt,)
        state = {
            "artifact_id": aside.item_id,
            "revision": 0,
            "part_offset": aside.part_offset,
            "state": PartState.DISCARDED.value,
            "at": attempt.params["at"],
        }
        return attempt, Statement("part_set_state", state, expect=1)
