"""Dead letters and everything else that waits for a person: list, replay, release, park, discard.

Every action is a change of state in the retry table, audited item by item; the lane's owner does
the rest by the road everything takes.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from enum import StrEnum
from typing import Any

import msgspec

from gateway.errors import Conflict, NotFound, UsageFault
from gateway.model.states import AttemptOutcome, LaneKind, PartState, RetryState
from gateway.pipeline import RELEASED, REPLAYED, Lanes, milliseconds
from gateway.ports import Ports
from gateway.store import AuditEntry, Row, Statement, Store, Unit, UnitConflict

__all__ = ["Action", "Aside", "Operator", "Report", "Selection"]

PAGE = 500


class Action(StrEnum):
    """What a person may do with what was set aside."""

    REPLAY = "replay"
    """Try again now: dead, parked, or waiting before its time."""
    RELEASE = "release"
    """Let a held part go in spite of what is suspect about it."""
    PARK = "park"
    """Keep it from being tried until somebody says so."""
    DISCARD = "discard"
    """Give it up for good, with a reason; it stays on record."""


ALLOWED = {
    Action.REPLAY: {RetryState.DEAD, RetryState.PARKED, RetryState.WAITING},
    Action.RELEASE: {RetryState.HELD},
    Action.PARK: {RetryState.DEAD, RetryState.WAITING, RetryState.HELD},
    Action.DISCARD: set(RetryState),
}


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which ones: by id, by group (error fingerprint), by state and interface, or everything."""

    ids: tuple[str, ...] = ()
    fingerprint: str = ""
    state: RetryState | None = None
    interface: str = ""
    everything: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing was said: that everything is meant must be said on purpose."""
        narrowed = self.ids or self.fingerprint or self.state or self.interface
        return not (narrowed or self.everything)


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """One thing set aside. `id` is the delivery's, with `@offset` for a part of an artifact."""

    id: str
    state: RetryState
    kind: LaneKind
    interface: str
    lane: str
    item_id: str
    code: str
    detail: str
    failure: str
    fingerprint: str
    attempts: int
    generation: int
    amount_cents: int | None
    correlation: str
    since: int
    due_at: int
    epoch: int
    """The lane's when this was read."""
    lane_id: int
    seq: int
    part_offset: int
    order_key: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an action did, or would do."""

    action: Action
    dry_run: bool
    count: int
    amount_cents: int
    ids: tuple[str, ...]
    """The first of them."""


def _aside(row: Row) -> Aside:
    part = row["part_offset"]
    named = {k: row[k] for k in row if k in Aside.__struct_fields__}
    named["id"] = row["delivery_id"] if part < 0 else f"{row['delivery_id']}@{part}"
    named["order_key"] = row["order_key"] or ""
    return msgspec.convert(named, Aside)


def _named(name: str) -> tuple[str, int]:
    delivery, _, offset = name.partition("@")
    return delivery, int(offset) if offset.isdecimal() else -1


def _must_make_sense(action: Action, selection: Selection, *, reason: str) -> None:
    if selection.empty:
        raise UsageFault("Say which ones: ids, a group, a state or an interface.")
    if action is Action.DISCARD and not reason:
        raise UsageFault("A discard needs a reason.", next_step="say --reason.")


class Operator:
    """What the API and the command line call. `changed` tells a lane's owner to look again."""

    def __init__(
        self, store: Store, lanes: Lanes, ports: Ports, changed: Callable[[str], None]
    ) -> None:
        self._store = store
        self._lanes = lanes
        self._ports = ports
        self._changed = changed

    async def find(
        self, selection: Selection, *, limit: int = 100, after: str = ""
    ) -> list[Aside]:
        """Return what is set aside, in the order it was owed; `after` is the id of the last one
        of the page before. Raises NotFound for an id that was never owed."""
        found: list[Aside] = []
        async for aside in self._select(selection, after=after):
            found.append(aside)
            if len(found) >= limit:
                break
        return found

    async def groups(self, selection: Selection) -> list[Row]:
        """Return the groups by error fingerprint: count, dollars, oldest."""
        return await self._store.fetch(
            "retry_groups",
            state=selection.state.value if selection.state else None,
            interface=selection.interface or None,
        )

    async def show(self, name: str) -> tuple[Aside, list[Row]]:
        """Return one thing set aside and its attempts. Raises NotFound."""
        aside = await self._one(name)
        rows = await self._store.fetch("attempts_of", lane_id=aside.lane_id, seq=aside.seq)
        return aside, [r for r in rows if r["part_offset"] in (aside.part_offset, -1)]

    async def act(
        self,
        action: Action,
        selection: Selection,
        *,
        actor: str,
        reason: str = "",
        dry_run: bool = False,
    ) -> Report:
        """Do it to everything selected. Raises UsageFault (nothing selected, no reason for a
        discard), NotFound, Conflict (an id whose state does not allow it)."""
        _must_make_sense(action, selection, reason=reason or ("dry run" if dry_run else ""))
        ids: list[str] = []
        amount = count = 0
        touched: set[str] = set()
        try:
            async for aside in self._select(selection):
                if aside.state not in ALLOWED[action]:
                    if selection.ids:
                        raise Conflict(f"{aside.id} is {aside.state}: it cannot be {action}ed.")
                    continue
                if not dry_run and not await self._apply(action, aside, actor, reason):
                    continue
                count += 1
                amount += aside.amount_cents or 0
                touched.add(aside.lane)
                if len(ids) < 100:
                    ids.append(aside.id)
        finally:  # what was done before something went wrong is done
            if not dry_run:
                await self._tell(touched)
        return Report(
            action=action, dry_run=dry_run, count=count, amount_cents=amount, ids=tuple(ids)
        )

    async def _tell(self, lanes: Iterable[str]) -> None:
        """Have the owners of those lanes look again, here or on another node."""
        for name in lanes:
            self._changed(name)
        if self._store.shared:
            await self._lanes.ask(*lanes)

    async def _select(self, selection: Selection, *, after: str = "") -> AsyncIterator[Aside]:
        if selection.ids:
            for name in selection.ids:
                yield await self._one(name)
            return
        place = await self._place(after) if after else {}
        while True:
            rows = await self._store.fetch(
                "retries",
                state=selection.state.value if selection.state else None,
                interface=selection.interface or None,
                fingerprint=selection.fingerprint or None,
                limit=PAGE,
                **place,
            )
            for row in rows:
                yield _aside(row)
            if len(rows) < PAGE:
                return
            last = rows[-1]
            place = {f"after_{key}": last[key] for key in ("lane_id", "seq", "part_offset")}

    async def _place(self, name: str) -> dict[str, int]:
        delivery, part = _named(name)
        owed = await self._store.fetch("owed_by_delivery_id", delivery_id=delivery)
        if not owed:
            raise NotFound("Nothing was ever owed under that id.")
        seq = {"after_lane_id": owed[0]["lane_id"], "after_seq": owed[0]["seq"]}
        return {**seq, "after_part_offset": part}

    async def _one(self, name: str) -> Aside:
        delivery, part = _named(name)
        owed = await self._store.fetch("owed_by_delivery_id", delivery_id=delivery)
        if owed:
            rows = await self._store.fetch(
                "retry_one", lane_id=owed[0]["lane_id"], seq=owed[0]["seq"], part_offset=part
            )
            if rows:
                owed_facts = {k: owed[0][k] for k in ("item_id", "delivery_id")}
                return _aside({**rows[0], **owed_facts})
        raise NotFound("Nothing is set aside under that id.", next_step="see `remithub dlq list`.")

    async def _apply(self, action: Action, aside: Aside, actor: str, reason: str) -> bool:
        """Change one, in one unit with its audit entry; False when it moved meanwhile."""
        place = {"lane_id": aside.lane_id, "seq": aside.seq, "part_offset": aside.part_offset}
        taken = Statement("retry_delete_if", {**place, "state": aside.state.value}, expect=1)
        rest = await self._rest(action, aside, place)
        audit = AuditEntry(actor, f"set_aside.{action}", aside.id, reason)
        self._ports.fail_point("set_aside.before_commit")
        try:
            await self._store.commit(Unit(statements=(taken, *rest), audit=(audit,)))
        except UnitConflict:
            return False
        self._ports.fail_point("set_aside.after_commit")
        return True

    async def _rest(
        self, action: Action, aside: Aside, place: dict[str, int]
    ) -> tuple[Statement, ...]:
        now = milliseconds(self._ports.clock.now())
        row: dict[str, Any] = {
            **place,
            "due_at": now,
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
            case Action.DISCARD:
                return await self._discard(aside, place, now)

    async def _unsure(self, aside: Aside) -> bool:
        """Return whether some try of this generation may have had its effect, whatever the
        last one said."""
        place = {"lane_id": aside.lane_id, "seq": aside.seq, "part_offset": aside.part_offset}
        generation = aside.generation
        return bool(await self._store.fetch("attempt_unknown", **place, generation=generation))

    async def _discard(
        self, aside: Aside, place: dict[str, int], now: int
    ) -> tuple[Statement, ...]:
        last = await self._store.fetch("attempt_last", **place)
        attempt = Statement(
            "attempt_insert",
            {
                **place,
                "number": last[0]["number"] + 1 if last else 1,
                "generation": aside.generation,
                "at": now,
                "took_ms": 0,
                "outcome": AttemptOutcome.DISCARDED.value,
                "failure": aside.failure,
                "code": aside.code,
                "detail": "",
                "fingerprint": aside.fingerprint,
                "external_id": "",
                "reply_id": "",
                "epoch": aside.epoch,
            },
            expect=1,
        )
        if aside.part_offset < 0:
            return (attempt,)
        state = {
            "artifact_id": aside.item_id,
            "revision": 0,
            "part_offset": aside.part_offset,
            "state": PartState.DISCARDED.value,
            "at": now,
        }
        return attempt, Statement("part_set_state", state, expect=1)
