"""Kinds of values the language knows, and what the compiler knows about one value."""

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from gateway.translation.shapes import Shape

__all__ = ["NO_READS", "Kind", "Origin", "Repeat", "Type", "Value"]


class Kind(StrEnum):
    """What a value is. There is no float: a decimal is exact, an integer is an integer."""

    DECIMAL = "decimal"
    """Money, rate or quantity: a decimal string in documents, an exact decimal inside."""
    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    LIST = "list"
    OBJECT = "object"
    ANY = "any"
    """The source says nothing; it takes the kind of what it meets, checked at run time."""


class Repeat(msgspec.Struct, frozen=True):
    """An array index inside a pointer: which local variables say how far a loop has come."""

    items: str
    """Variable holding the array."""
    item: str = ""
    """Variable holding the current item; empty where the index is the number of rows so far."""


Origin = tuple[str | Repeat, ...]
"""A JSON Pointer whose array indexes are known only while the mapping runs."""

NO_READS: Final[frozenset[Origin]] = frozenset()


class Type(msgspec.Struct, frozen=True, kw_only=True):
    """What is known at load about a value."""

    kind: Kind
    optional: bool = False
    """May be absent (None inside)."""
    scale: int | None = None
    """Decimals: digits after the point at most; None where unknown."""
    phi: frozenset[str] = frozenset()
    """PHI classes of everything it was made from; empty is class none."""
    reads: frozenset[Origin] = NO_READS
    """Places of the input it was made from."""
    shape: "Shape | None" = None
    """Objects and lists: the schema, where there is one."""

    @property
    def numeric(self) -> bool:
        """Whether arithmetic is possible without a conversion."""
        return self.kind in {Kind.DECIMAL, Kind.INTEGER}


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A compiled expression: Python text without side effects, and its type."""

    code: str
    type: Type
    constant: str | bool | int | Decimal | None = None
    """Set for a literal."""
    origin: Origin | None = None
    """Where it lies in the input, for a plain path."""
