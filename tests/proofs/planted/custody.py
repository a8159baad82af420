"""Planted bugs of taking in, judging and sending on."""

import itertools
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.delivery.polling import Poller
from gateway.model.states import PartState
from gateway.pipeline import custody, dispatch, flow, units
from gateway.simulation import site
from gateway.simulation.store import SimulatedStore
from gateway.store import Committed, Unit
from gateway.store.sqlite.engine import Engine
from tests.proofs.planted.planting import Plant, bug


def names(unit: Unit) -> set[str]:
    return {statement.name for statement in unit.statements}


def committing(patch: Plant, commit: Any) -> None:
    """Let `commit(original, store, unit)` stand between everybody and the store."""
    original = SimulatedStore.commit

    async def instead(self: SimulatedStore, unit: Unit) -> Committed:
        return await commit(original, self, unit)

    patch.setattr(SimulatedStore, "commit", instead)


@bug
def acknowledged_before_the_commit(patch: Plant) -> None:
    async def commit(original: Any, store: SimulatedStore, unit: Unit) -> Committed:
        if "artifact_insert" not in names(unit):
            return await original(store, unit)
        store._writer.submit(unit).add_done_callback(lambda done: done.exception())
        return Committed(tuple(1 for _ in unit.statements), tuple(() for _ in unit.statements))

    committing(patch, commit)


@bug
def looked_for_then_inserted(patch: Plant) -> None:
    """Whether the bytes are here is asked before, not decided by the insert."""
    numbers = itertools.count(1)

    async def artifact(self: Any, arrival: Any, received: Any, bundle: Any) -> Any:
        made = await original(self, arrival, received, bundle)
        rows = await self._store.fetch(
            "artifact_by_hash", interface=arrival.interface, sha256=received.sha256
        )
        if rows:
            return made
        number = next(numbers)
        return replace(made, artifact_id=f"art_{number:032x}", occurrence=number)

    original = custody.Custody._artifact
    patch.setattr(custody.Custody, "_artifact", artifact)


@bug
def body_written_after_the_row(patch: Plant) -> None:
    async def commit(original: Any, store: SimulatedStore, unit: Unit) -> Committed:
        if "artifact_insert" not in names(unit):
            return await original(store, unit)
        done = await original(store, replace(unit, bodies=()))
        await original(store, Unit(bodies=unit.bodies))
        return done

    committing(patch, commit)


@bug
def state_and_outbox_in_two_transactions(patch: Plant) -> None:
    """The attempt is settled first, what it brought is stored and owed after."""
    later = {"message_insert", "owe", "artifact_insert"}

    async def commit(original: Any, store: SimulatedStore, unit: Unit) -> Committed:
        if "attempt_insert" not in names(unit) or not names(unit) & later:
            return await original(store, unit)
        first = tuple(s for s in unit.statements if s.name not in later)
        rest = tuple(s for s in unit.statements if s.name in later)
        done = await original(store, replace(unit, statements=first, bodies=()))
        await original(store, Unit(statements=rest, bodies=unit.bodies))
        return done

    committing(patch, commit)


@bug
def poller_settles_before_it_accepts(patch: Plant) -> None:
    original = Poller._take

    async def take(self: Poller, offer: Any) -> int:
        blocks = b"".join([block async for block in self.source.fetch(offer)])
        await self.source.settle(offer, "accepted")

        async def fetched() -> Any:
            yield blocks

        self._blocks = lambda _offer: fetched()  # type: ignore[method-assign, assignment]  # the patch
        return await original(self, offer)

    patch.setattr(Poller, "_take", take)


@bug
def poison_is_skipped_silently(patch: Plant) -> None:
    original = flow.judge

    def judge(*given: Any, **more: Any) -> Any:
        return (p for p in original(*given, **more) if p.state is not PartState.DEAD)

    patch.setattr(flow, "judge", judge)


@bug
def held_part_is_released_again_and_again(patch: Plant) -> None:
    """It keeps its place in the retry table and becomes another message each time."""
    numbers = itertools.count(1)
    original = units.Units._part

    def part(self: Any, prepared: Any, artifact: Any, item: Any, **more: Any) -> Any:
        if item.part_offset >= 0 and prepared.messages:
            name = f"msg_{next(numbers):032x}"
            first = replace(prepared.messages[0], message_id=name)
            prepared = replace(prepared, messages=(first, *prepared.messages[1:]))
            statements, bodies = original(self, prepared, artifact, item, **more)
            return [s for s in statements if s.name != "retry_delete"], bodies
        return original(self, prepared, artifact, item, **more)

    patch.setattr(units.Units, "_part", part)


@bug
def replies_are_not_owed(patch: Plant) -> None:
    original = flow.confirm

    def confirm(*given: Any, **more: Any) -> Any:
        return tuple(replace(message, owed=()) for message in original(*given, **more))

    for module in (flow, dispatch):
        patch.setattr(module, "confirm", confirm)


@bug
def one_of_many_deliveries_is_not_owed(patch: Plant) -> None:
    """Where a message goes to several, the last of them is forgotten."""
    original = flow.judge

    def judge(*given: Any, **more: Any) -> Any:
        for prepared in original(*given, **more):
            yield replace(prepared, messages=prepared.messages[:-1] or prepared.messages)

    patch.setattr(flow, "judge", judge)


@bug
def split_amounts_are_rounded(patch: Plant) -> None:
    """Three equal thirds, to the cent, are not the whole."""
    patch.setitem(site._SHARES, "rest-share", "third")
    site._compiled.cache_clear()
    original = patch.undo

    def undo() -> None:
        original()
        site._compiled.cache_clear()

    patch.undo = undo  # type: ignore[method-assign]  # the patch


@bug
def money_goes_through_a_float(patch: Plant) -> None:
    patch.setattr("gateway.pipeline.records.cents_of", lambda amount: int(float(amount) * 100))


@bug
def counts_are_doubled_by_a_repetition(patch: Plant) -> None:
    original = Engine._record

    def record(self: Any, unit: Unit, outcome: Committed, *rest: Any, **more: Any) -> None:
        original(self, msgspec.structs.replace(unit, once=None), outcome, *rest, **more)

    patch.setattr(Engine, "_record", record)
