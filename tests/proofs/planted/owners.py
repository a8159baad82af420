"""Planted bugs of ownership, of configuration, and of what a person orders."""

from typing import Any

from msgspec.structs import replace

from gateway.app.hub import Hub
from gateway.delivery.changes import Changes
from gateway.delivery.nodes import FOREVER_SECONDS, Node
from gateway.delivery.set_aside import Action
from gateway.pipeline.lanes import Lanes
from gateway.simulation.store import SimulatedStore
from gateway.store import Committed, Statement, Unit
from gateway.store.statements import all_blocks
from tests.proofs.planted.custody import committing
from tests.proofs.planted.planting import Plant, bug


def rewritten(patch: Plant, name: str, old: str, new: str) -> None:
    """Change the text of a named statement of the store."""
    block = all_blocks()[name]
    statements = tuple(text.replace(old, new) for text in block.statements)
    assert statements != block.statements
    patch.setitem(all_blocks(), name, replace(block, statements=statements))


@bug
def a_lease_never_ends(patch: Plant) -> None:
    patch.setattr(Node, "lease_seconds", property(lambda _self: FOREVER_SECONDS))


@bug
def the_epoch_is_not_checked(patch: Plant) -> None:
    """Who owned a lane before settles as well as who owns it now; the last one counts."""
    for name in ("attempt_insert", "started_insert", "lane_cursor"):
        rewritten(patch, name, "AND epoch = :epoch", "")
    kept = all_blocks()["attempt_insert"].statements[0].partition("DO NOTHING")[0]
    statements = (f"{kept} DO UPDATE SET outcome = excluded.outcome, epoch = excluded.epoch",)
    block = replace(all_blocks()["attempt_insert"], statements=statements)
    patch.setitem(all_blocks(), "attempt_insert", block)
    patch.setattr(Lanes, "must_still_hold", _holds)


async def _holds(_self: Any, _name: str) -> None:
    return None


@bug
def a_lease_is_ignored(patch: Plant) -> None:
    """Every process takes every lane, whoever holds it."""
    rewritten(
        patch, "lane_take", "AND (owner = '' OR owner = :owner OR NOT EXISTS", "AND (1 OR EXISTS"
    )
    patch.setattr(Node, "share", lambda _self, plans, *_: {name for name, *_ in plans})


@bug
def lanes_are_not_given_back(patch: Plant) -> None:
    async def leave(_self: Node) -> None:
        return None

    patch.setattr(Node, "leave", leave)


@bug
def a_reload_loses_what_waits(patch: Plant) -> None:
    original = Hub.reload

    async def reload(self: Hub, **given: Any) -> Any:
        done = await original(self, **given)
        for row in await self.store.fetch("retries", state="waiting", limit=1000):
            place = {key: row[key] for key in ("lane_id", "seq", "part_offset")}
            await self.store.commit(Unit(statements=(Statement("retry_delete", place),)))
        return done

    patch.setattr(Hub, "reload", reload)


@bug
def the_generation_is_raised_after_an_unknown(patch: Plant) -> None:
    original = Changes._rest

    async def rest(self: Changes, action: Action, aside: Any, place: Any) -> Any:
        made = await original(self, action, aside, place)
        if action is not Action.REPLAY or aside.part_offset >= 0:
            return made
        params = {**made[0].params, "generation": aside.generation + 1}
        return (Statement("retry_put", params),)

    patch.setattr(Changes, "_rest", rest)


@bug
def a_discard_leaves_no_record(patch: Plant) -> None:
    async def discard(_self: Changes, _aside: Any, _place: Any) -> Any:
        return ()

    patch.setattr(Changes, "_discard", discard)


@bug
def the_audit_is_written_in_another_transaction(patch: Plant) -> None:
    async def commit(original: Any, store: SimulatedStore, unit: Unit) -> Committed:
        if not unit.audit or not unit.statements:
            return await original(store, unit)
        done = await original(store, replace(unit, audit=()))
        await original(store, Unit(audit=unit.audit))
        return done

    committing(patch, commit)
