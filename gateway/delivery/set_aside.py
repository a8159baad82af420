"""Dead letters and everything else that waits for a person: what there is, by id, group or state."""

from collections.abc import AsyncIterator
from enum import StrEnum

import msgspec

from gateway.errors import NotFound, UsageFault
from gateway.model.states import LaneKind, RetryState
from gateway.store import Row, Store

__all__ = [
    "ALLOWED",
    "PAGE",
    "Action",
    "Aside",
    "Report",
    "Selection",
    "Shelf",
    "allows",
    "must_make_sense",
]

PAGE = 500


class Action(StrEnum):
    """What a person may do with what was set aside."""

    REPLAY = "replay"
    """Try again now: dead, parked, or waiting before its time."""
    RELEASE = "release"
    """Let a held part go in spite of what is suspect about it."""
    PARK = "park"
    """Keep it from being tried until somebody says so."""
    CONFIRM = "confirm"
    """It is there: a person has seen its effect at the destination. Done, with a reason."""
    DISCARD = "discard"
    """Give it up for good, with a reason; it stays on record."""


ALLOWED = {
    Action.REPLAY: {RetryState.DEAD, RetryState.PARKED, RetryState.WAITING},
    Action.RELEASE: {RetryState.HELD},
    Action.PARK: {RetryState.DEAD, RetryState.WAITING, RetryState.HELD},
    Action.CONFIRM: {RetryState.PARKED, RetryState.CONFIRMING, RetryState.DEAD},
    Action.DISCARD: set(RetryState),
}

_UNSURE = ("unknown", "unconfirmed")
"""Failures of a delivery that may have arrived."""

MUST_GIVE_A_REASON = (Action.CONFIRM, Action.DISCARD)


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which ones: by id, by group (error fingerprint), by state and interface, or everything."""

    ids: tuple[str, ...] = ()
    fingerprint: str = ""
    state: RetryState | None = None
    interface: str = ""
    everything: bool = False
    only: frozenset[str] | None = None
    """Of all that, these: what there were rights for. It is no part of what was ordered."""
    sure: bool = False
    """Of all that, nothing that may have arrived: to try that again may take effect twice."""

    @property
    def ordered(self) -> "Selection":
        """What was asked for, whatever there were rights for."""
        return msgspec.structs.replace(self, only=None, sure=False)

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

    @property
    def may_have_arrived(self) -> bool:
        """Whether it is a delivery that waits for a person because nobody knows."""
        return self.state is RetryState.PARKED and self.failure in _UNSURE


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an action did so far, or would do."""

    action: Action
    dry_run: bool
    count: int
    amount_cents: int
    ids: tuple[str, ...]
    """The first of them."""
    order_id: str = ""
    """The same order again, by this id, does nothing twice."""
    cancelled: bool = False


def must_make_sense(action: Action, selection: Selection, *, reason: str) -> None:
    """Raise UsageFault where nothing was selected, or what needs a reason gives none."""
    if selection.empty:
        raise UsageFault("Say which ones: ids, a group, a state or an interface.")
    if action in MUST_GIVE_A_REASON and not reason:
        raise UsageFault(f"A {action} needs a reason.", next_step="say --reason.")


def allows(action: Action, aside: Aside) -> bool:
    """Return whether that may be done to what is in that state."""
    if action is Action.CONFIRM and aside.kind is not LaneKind.DELIVER:
        return False
    return aside.state in ALLOWED[action]


def _aside(row: Row) -> Aside:
    part = row["part_offset"]
    named = {k: row[k] for k in row if k in Aside.__struct_fields__}
    named["id"] = row["delivery_id"] if part < 0 else f"{row['delivery_id']}@{part}"
    named["order_key"] = row["order_key"] or ""
    return msgspec.convert(named, Aside)


def _named(name: str) -> tuple[str, int]:
    delivery, _, offset = name.partition("@")
    return delivery, int(offset) if offset.isdecimal() else -1


class Shelf:
    """Reads what is set aside."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(
        self, selection: Selection, *, limit: int = 100, after: str = ""
    ) -> list[Aside]:
        """Return what is set aside, in the order it was owed; `after` is the id of the last one
        of the page before. Raises NotFound for an id that was never owed."""
        found: list[Aside] = []
        async for aside in self.select(selection, after=after):
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
        aside = await self.one(name)
        rows = await self._store.fetch("attempts_of", lane_id=aside.lane_id, seq=aside.seq)
        return aside, [r for r in rows if r["part_offset"] in (aside.part_offset, -1)]

    async def select(self, selection: Selection, *, after: str = "") -> AsyncIterator[Aside]:
        """Give what is selected, in the order it was owed or named; `after` is an id. Of several
        that are named, those that somebody else has dealt with meanwhile are passed over.
        Raises NotFound."""
        async for aside in self._asked_for(selection, after):
            allowed = selection.only is None or aside.id in selection.only
            if allowed and not (selection.sure and aside.may_have_arrived):
                yield aside

    async def _asked_for(self, selection: Selection, after: str) -> AsyncIterator[Aside]:
        if selection.ids:
            for name in selection.ids[selection.ids.index(after) + 1 if after else 0 :]:
                aside = await self._found(name)
                if aside is not None:
                    yield aside
                elif len(selection.ids) == 1:
                    raise _gone()
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

    async def one(self, name: str) -> Aside:
        """Return one by its id. Raises NotFound."""
        aside = await self._found(name)
        if aside is None:
            raise _gone()
        return aside

    async def _found(self, name: str) -> Aside | None:
        """Return one by its id, None where it is set aside no more. Raises NotFound for what never
        was owed."""
        delivery, part = _named(name)
        owed = await self._store.fetch("owed_by_delivery_id", delivery_id=delivery)
        if not owed:
            raise _gone()
        rows = await self._store.fetch(
            "retry_one", lane_id=owed[0]["lane_id"], seq=owed[0]["seq"], part_offset=part
        )
        owed_facts = {k: owed[0][k] for k in ("item_id", "delivery_id")}
        return _aside({**rows[0], **owed_facts}) if rows else None


def _gone() -> NotFound:
    return NotFound("Nothing is set aside under that id.", next_step="see `remithub dlq list`.")
