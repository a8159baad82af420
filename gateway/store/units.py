"""What is written to the store, as data: statements, bodies, counts and audit entries in one unit."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.errors import Conflict, StorageFault, TryAgain

__all__ = [
    "AuditEntry",
    "Body",
    "Committed",
    "Row",
    "Statement",
    "StoreUnavailable",
    "Unit",
    "UnitConflict",
]

Row = dict[str, Any]
"""One result row by column name: cheap to build, `msgspec.convert` takes it, every engine can
make it, and it crosses a process boundary."""


class Statement(msgspec.Struct, frozen=True):
    """A named statement of `gateway/store/sql` with its parameters (int, str, bytes or None).

    `expect` is the number of rows that must be affected; otherwise the whole unit fails, alone,
    with `UnitConflict`.
    """

    name: str
    params: Mapping[str, Any]
    expect: int | None = None


class Body(msgspec.Struct, frozen=True):
    """One chunk of a body in plain text; aim at 1 MiB (`CHUNK_BYTES`), chunks count from 0.

    The store compresses and seals it and ignores a chunk that is there already, so the id must
    come from content or cause. `last` marks the final chunk: a body without one is incomplete.
    """

    body_id: str
    data: bytes
    chunk: int = 0
    last: bool = True


class AuditEntry(msgspec.Struct, frozen=True):
    """Who did what to which object; chained by the writer in the same commit. No PHI but, perhaps,
    in `reason`, a person's own words: the store seals it, `audit_tail` gives it opened."""

    actor: str
    action: str
    object_id: str
    reason: str = ""
    outcome: str = "ok"
    detail: Mapping[str, str] = {}


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that must happen together or not at all.

    `counts` are (interface, counter name, delta), summed per group commit. `once` is the index
    of a statement that affects no row when this unit has run before: `counts` and `audit` are
    then left out, so that the unit may run twice.
    """

    statements: tuple[Statement, ...] = ()
    bodies: tuple[Body, ...] = ()
    counts: tuple[tuple[str, str, int], ...] = ()
    audit: tuple[AuditEntry, ...] = ()
    once: int | None = None


class Committed(msgspec.Struct, frozen=True):
    """The durable outcome of a unit, one entry per statement in order.

    `affected` counts the rows the statement changed; `rows` is what its RETURNING (or its
    closing SELECT) gave, empty for most.
    """

    affected: tuple[int, ...]
    rows: tuple[tuple[Row, ...], ...] = ()


class UnitConflict(Conflict):
    """A unit did not fit the present state and was left out; the others of its group committed.

    `expected` and `got` are rows; both are -1 where a constraint, not a count, refused.
    """

    code = "unit_conflict"

    def __init__(
        self, statement: str, *, expected: int = -1, got: int = -1, reason: str = ""
    ) -> None:
        why = reason or f"{got} rows instead of {expected}"
        super().__init__(f"The store refused {statement}: {why}.")
        self.statement = statement
        self.expected = expected
        self.got = got


class StoreUnavailable(StorageFault, TryAgain):
    """The store cannot take this now (disk full, database busy): nothing was written, try later.

    After `writer_lost` alone it may have been written all the same."""

    code = "store_unavailable"
