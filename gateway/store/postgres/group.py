"""Writes one group of units inside a transaction: many at once, or one by one where need be.

Happy path: lanes locked, then one pipelined batch per wave of like statements. Where a unit does
not fit, the transaction begins anew without it, and it runs by itself under a savepoint.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from gateway.errors import HubError, StorageFault
from gateway.store.audit import AuditChain, reason_place
from gateway.store.group import Outcome
from gateway.store.keys import KeyRing
from gateway.store.postgres.compiling import Piece, Prepared, compiled, transposed
from gateway.store.postgres.faults import is_lost, unit_fault
from gateway.store.postgres.waves import waves
from gateway.store.units import Committed, Row, Unit, UnitConflict

__all__ = ["Group", "Work", "prepare"]

_LOCK = "SELECT lane_id FROM lane WHERE lane_id = ANY($1) ORDER BY lane_id FOR NO KEY UPDATE"
# In the order of the ids, so that no two groups wait for each other; it keeps what is owed
# free of gaps and makes the fence exact: an epoch that was read here holds until the commit.
_NOW = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
_BODY = -1


class Step(msgspec.Struct, frozen=True):
    """One execution of one block; `index` is its statement's place in the unit, -1 for a body."""

    name: str
    prepared: Prepared
    params: dict[str, Any]
    values: tuple[Any, ...]
    index: int
    expect: int | None


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """A unit that is ready to run."""

    unit: Unit
    steps: tuple[Step, ...]
    lanes: frozenset[int]
    together: bool

    @property
    def shape(self) -> tuple[str, ...]:
        """The names of its steps in order."""
        return tuple([step.name for step in self.steps])


class _Misfits(Exception):
    def __init__(self, units: set[int]) -> None:
        super().__init__()
        self.units = units


def prepare(unit: Unit, sealed: Sequence[dict[str, Any]]) -> Work | HubError:
    """Return the unit with its statements found and its parameters in order, or what is wrong."""
    try:
        steps = [_step("body_insert", row, _BODY, None) for row in sealed]
        steps += [
            _step(statement.name, statement.params, index, statement.expect)
            for index, statement in enumerate(unit.statements)
        ]
    except HubError as error:
        return error
    lanes = {step.params.get("lane_id") for step in steps}
    return Work(
        unit=unit,
        steps=tuple(steps),
        lanes=frozenset(lane for lane in lanes if isinstance(lane, int) and 0 < lane < 1 << 63),
        together=all(step.prepared.together is not None for step in steps),
    )


def _step(name: str, params: Any, index: int, expect: int | None) -> Step:
    prepared = compiled(name)
    if prepared.block.tells_time:
        params = {**params, "store_now": 0}
    for piece in prepared.pieces[1:]:
        piece.values(params, name)
    return Step(name, prepared, params, prepared.pieces[0].values(params, name), index, expect)


class Group:
    """Runs the units of one group on a connection; commits nothing itself."""

    def __init__(self, connection: Any, *, keys: KeyRing, writer: str, chain: AuditChain) -> None:
        self._connection = connection
        self._keys = keys
        self._writer = writer
        self.chain = chain.copy()
        """Grown by what was written: to be kept once that is committed."""
        self._now = 0

    async def run(self, works: Sequence[Work | HubError], *, at: int, mark: str) -> list[Outcome]:
        """Leave a transaction open in which every fitting unit is written, and `mark` as well.

        One outcome per unit, in order. Raises what asyncpg raises where the group as a whole
        failed.
        """
        outcomes: list[Outcome | None] = [
            work if isinstance(work, HubError) else None for work in works
        ]
        ready = {k: work for k, work in enumerate(works) if isinstance(work, Work)}
        many = {k for k, work in ready.items() if work.together}
        while True:
            await self._begin(ready.values())
            try:
                await self._together({k: ready[k] for k in sorted(many)}, outcomes)
            except _Misfits as misfits:
                many -= misfits.units
                await self._connection.execute("ROLLBACK")
            else:
                break
        for k, work in ready.items():
            if k not in many:
                outcomes[k] = await self._alone(work)
        told: list[Outcome] = [one for one in outcomes if one is not None]
        await self._record(works, told, at=at, mark=mark)
        return told

    async def _begin(self, works: Any) -> None:
        await self._connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        lanes = sorted({lane for work in works for lane in work.lanes})
        if lanes:
            await self._connection.fetch(_LOCK, lanes)
        if any(step.prepared.block.tells_time for work in works for step in work.steps):
            self._now = await self._connection.fetchval(_NOW)

    async def _together(self, works: dict[int, Work], outcomes: list[Outcome | None]) -> None:
        numbers = [*works]
        affected = {k: [0] * len(work.unit.statements) for k, work in works.items()}
        for name, places in waves([work.shape for work in works.values()]):
            steps = [(numbers[unit], works[numbers[unit]].steps[step]) for unit, step in places]
            counts = await self._wave(name, steps)
            misfits = set()
            for (k, step), count in zip(steps, counts, strict=True):
                if step.index == _BODY:
                    continue
                affected[k][step.index] = count
                if step.expect is not None and step.expect != count:
                    misfits.add(k)
            if misfits:
                raise _Misfits(misfits)
        for k, counts_of_unit in affected.items():
            outcomes[k] = Committed(tuple(counts_of_unit), ((),) * len(counts_of_unit))

    async def _wave(self, name: str, steps: list[tuple[int, Step]]) -> list[int]:
        """Run one block once per step and return the rows each affected."""
        prepared = compiled(name)
        piece = prepared.together or Piece("", ())
        counts = [0] * len(steps)
        try:
            if prepared.arrays:
                arrays = transposed([step.values for _, step in steps])
                rows = await self._connection.fetch(piece.sql, *arrays)
                first = 1
            else:
                batch = [(*step.values, place) for place, (_, step) in enumerate(steps)]
                rows = await self._connection.fetchmany(piece.sql, batch)
                first = 0
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError, TypeError) as error:
            if is_lost(error) or unit_fault(error, name) is None:
                raise
            raise _Misfits({k for k, _ in steps}) from None
        for row in rows:
            counts[row[0] - first] += 1
        return counts

    async def _alone(self, work: Work) -> Outcome:
        await self._connection.execute("SAVEPOINT unit")
        name = ""
        affected = [0] * len(work.unit.statements)
        rows: list[tuple[Row, ...]] = [()] * len(affected)
        try:
            for step in work.steps:
                name = step.name
                count, found = await self._step(step)
                if step.expect is not None and step.expect != count:
                    raise UnitConflict(name, expected=step.expect, got=count)
                if step.index != _BODY:
                    affected[step.index], rows[step.index] = count, found
        except (
            *(asyncpg.PostgresError, asyncpg.InterfaceError, ValueError, TypeError, HubError),
        ) as error:
            fault = None if is_lost(error) else unit_fault(error, name)
            if fault is None:
                raise
            await self._connection.execute("ROLLBACK TO unit; RELEASE unit")
            return fault
        await self._connection.execute("RELEASE unit")
        return Committed(tuple(affected), tuple(rows))

    async def _step(self, step: Step) -> tuple[int, tuple[Row, ...]]:
        prepared = step.prepared
        if prepared.arrays:
            rows = await self._connection.fetch(prepared.pieces[0].sql, *transposed([step.values]))
            return len(rows), ()
        params = step.params
        if prepared.block.tells_time:
            params = {**params, "store_now": self._now}
        affected = 0
        found: tuple[Row, ...] = ()
        for index, piece in enumerate(prepared.pieces):
            statement = await self._connection.prepare(piece.sql)
            rows = await statement.fetch(*piece.values(params, step.name))
            if statement.get_attributes():
                found = tuple(dict(row) for row in rows)
            if index == prepared.block.counted:
                affected = _affected(statement.get_statusmsg())
        return affected, found

    async def _record(
        self, works: Sequence[Work | HubError], outcomes: list[Outcome], *, at: int, mark: str
    ) -> None:
        """Write the counters, the audit rows and the group's mark."""
        totals: Counter[tuple[str, str]] = Counter()
        audits: list[Row] = []
        for work, outcome in zip(works, outcomes, strict=True):
            if isinstance(work, HubError) or not isinstance(outcome, Committed):
                continue
            unit = work.unit
            if unit.once is not None and not any(outcome.affected[unit.once : unit.once + 1]):
                continue
            for interface, name, delta in unit.counts:
                totals[interface, name] += delta
            for entry in unit.audit:
                place = reason_place(self._writer, self.chain.seq + 1)
                reason = self._keys.seal_reason(place, entry.reason)
                told = msgspec.structs.replace(entry, reason=reason)
                audits.append(self.chain.extend(told, at=at))
        counters: list[Row] = [
            {"owner": self._writer, "interface": interface, "name": name, "value": value}
            for (interface, name), value in totals.items()
        ]
        for name, rows in (("counter_add", counters), ("audit_insert", audits)):
            if rows:
                piece = compiled(name).pieces[0]
                values = [piece.values(row, name) for row in rows]
                await self._connection.executemany(piece.sql, values)
        piece = compiled("writer_mark").pieces[0]
        values_of_mark = piece.values({"name": self._writer, "group_id": mark}, "writer_mark")
        await self._connection.execute(piece.sql, *values_of_mark)


def _affected(status: str) -> int:
    """Return the count of a command tag such as "INSERT 0 3"."""
    last = status.rpartition(" ")[2]
    if not last.isdigit():
        raise StorageFault(f"The database answered {status!r} where a count belongs.")
    return int(last)
