"""Applies groups of units to SQLite: one transaction per group, a failing unit fails alone.

A group runs without savepoints first. When a unit fails, the transaction is rolled back and run
again with one savepoint per unit: failures are rare, savepoints cost 9 % of every unit.
"""

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.errors import HubError
from gateway.store.audit import AuditChain, reason_place
from gateway.store.group import Outcome
from gateway.store.keys import KeyRing
from gateway.store.sealing import chunk_place
from gateway.store.sqlite.connection import batch_fault, connect_writer, unit_fault
from gateway.store.sqlite.folding import Folding
from gateway.store.statements import Block, must_be_text, read_block, write_block
from gateway.store.units import Committed, Row, Statement, Unit, UnitConflict

__all__ = ["Engine", "EngineSettings"]

_Sealed = tuple[dict[str, Any], ...]


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the writing side needs, also across a process boundary."""

    path: str
    writer_name: str
    max_bytes: int | None = None
    folds_beside: bool = False
    """Fold the log beside the commits; only where no other connection writes or checkpoints."""


class Engine:
    """The one writing connection. Not thread-safe: one thread calls it."""

    def __init__(self, settings: EngineSettings, keys: KeyRing) -> None:
        self._connection = connect_writer(Path(settings.path), max_bytes=settings.max_bytes)
        self._keys = keys
        self._writer = settings.writer_name
        self._body = write_block("body_insert").statements[0]
        self._count = write_block("counter_add").statements[0]
        self._audit = write_block("audit_insert").statements[0]
        self._mark = write_block("writer_mark").statements[0]
        self._chain = self._extended = self._load_chain()
        self._now = 0
        self._folding: Folding | None = None
        if settings.folds_beside:
            self._connection.execute("PRAGMA wal_autocheckpoint = 0")
            self._folding = Folding(Path(settings.path))

    def apply(
        self,
        units: Sequence[Unit],
        *,
        at: int,
        group: str = "",
        told: Callable[[list[Outcome]], None] | None = None,
    ) -> list[Outcome]:
        """Commit the units as one group, `at` in milliseconds; one outcome per unit, in order.

        When it returns, every `Committed` is durable. StorageFault is raised when the group as a
        whole could not be written: nothing of it was. `told` hears the outcomes right before
        the commit, which leaves the name of the `group` in the database: whoever is lost in
        between can find out whether they came true.
        """
        sealed = [self._seal(unit) for unit in units]
        try:
            outcomes = self._group(units, sealed, at=at, savepoints=False)
            if outcomes is None:
                outcomes = self._group(units, sealed, at=at, savepoints=True) or []
            if group:
                self._connection.execute(self._mark, {"name": self._writer, "group_id": group})
            if told is not None:
                told(outcomes)
            self._connection.execute("COMMIT")
            self._chain = self._extended
        except sqlite3.Error as error:
            raise batch_fault(error) from error
        finally:
            self._roll_back()  # does nothing after a commit
        if self._folding is not None:
            self._folding.after_commit()
        return outcomes

    def last_group(self) -> str:
        """Return the name of the group that this writer committed last."""
        sql = read_block("writer_group").statements[0]
        row = self._connection.execute(sql, {"name": self._writer}).fetchone()
        return str(row[0]) if row else ""

    def close(self) -> None:
        """Close the connection; the last one to close folds the log into the database."""
        if self._folding is not None:
            self._folding.close()
        self._connection.close()
        if self._folding is not None:
            self._folding.let_go()

    def _group(
        self, units: Sequence[Unit], sealed: list[_Sealed], *, at: int, savepoints: bool
    ) -> list[Outcome] | None:
        chain, totals = self._chain.copy(), Counter[tuple[str, str]]()
        run = self._unit_in_savepoint if savepoints else self._unit
        outcomes: list[Outcome] = []
        self._now = at
        self._connection.execute("BEGIN IMMEDIATE")
        for unit, bodies in zip(units, sealed, strict=True):
            outcome = run(unit, bodies)
            outcomes.append(outcome)
            if isinstance(outcome, Committed):
                self._record(unit, outcome, chain, totals, at=at)
            elif not savepoints:
                self._roll_back()
                return None
        for (interface, name), value in totals.items():
            self._connection.execute(
                self._count,
                {"owner": self._writer, "interface": interface, "name": name, "value": value},
            )
        self._extended = chain
        return outcomes

    def _unit_in_savepoint(self, unit: Unit, bodies: _Sealed) -> Outcome:
        self._connection.execute("SAVEPOINT unit")
        outcome = self._unit(unit, bodies)
        if not isinstance(outcome, Committed):
            self._connection.execute("ROLLBACK TO unit")
        self._connection.execute("RELEASE unit")
        return outcome

    def _unit(self, unit: Unit, bodies: _Sealed) -> Outcome:
        name = "body_insert"
        affected: list[int] = []
        rows: list[tuple[Row, ...]] = []
        try:
            for body in bodies:
                self._connection.execute(self._body, body)
            for statement in unit.statements:
                name = statement.name
                count, found = self._statement(write_block(name), statement)
                affected.append(count)
                rows.append(found)
        except (sqlite3.Error, OverflowError, TypeError, ValueError, HubError) as error:
            fault = unit_fault(error, name)
            if fault is None:
                raise
            return fault
        return Committed(tuple(affected), tuple(rows))

    def _statement(self, block: Block, statement: Statement) -> tuple[int, tuple[Row, ...]]:
        affected = 0
        found: tuple[Row, ...] = ()
        params = statement.params
        must_be_text(params.values(), block.name)
        if block.tells_time:
            params = {**params, "store_now": self._now}
        for index, sql in enumerate(block.statements):
            cursor = self._connection.execute(sql, params)
            if cursor.description is not None:
                names = [column[0] for column in cursor.description]
                found = tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())
            if index == block.counted:
                affected = max(cursor.rowcount, 0)
        if statement.expect is not None and affected != statement.expect:
            raise UnitConflict(block.name, expected=statement.expect, got=affected)
        return affected, found

    def _record(
        self,
        unit: Unit,
        outcome: Committed,
        chain: AuditChain,
        totals: Counter[tuple[str, str]],
        *,
        at: int,
    ) -> None:
        if unit.once is not None and not any(outcome.affected[unit.once : unit.once + 1]):
            return
        for interface, name, delta in unit.counts:
            totals[interface, name] += delta
        for entry in unit.audit:
            place = reason_place(self._writer, chain.seq + 1)
            told = msgspec.structs.replace(
                entry, reason=self._keys.seal_reason(place, entry.reason)
            )
            self._connection.execute(self._audit, chain.extend(told, at=at))

    def _seal(self, unit: Unit) -> _Sealed:
        return tuple(
            {
                "body_id": body.body_id,
                "chunk": body.chunk,
                "last": int(body.last),
                "sealed": self._keys.seal(
                    body.data, chunk_place(body.body_id, body.chunk, body.last)
                ),
            }
            for body in unit.bodies
        )

    def _load_chain(self) -> AuditChain:
        sql = read_block("audit_last").statements[0]
        cursor = self._connection.execute(sql, {"writer": self._writer})
        names = [column[0] for column in cursor.description]
        row = cursor.fetchone()
        if row is None:
            return AuditChain(self._writer)
        last = dict(zip(names, row, strict=True))
        return AuditChain(self._writer, seq=last["seq"], last_hash=last["hash"])

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # the next BEGIN says so if it matters
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
