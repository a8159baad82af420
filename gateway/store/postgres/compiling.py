"""Compiles the named statements for asyncpg: `:name` becomes `$1`, once per block."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from gateway.errors import UsageFault
from gateway.store.statements import Block, Pace, must_be_text, read_block, write_block

__all__ = ["Piece", "Prepared", "compiled", "compiled_read", "transposed"]

_PARAMETER = re.compile(r"(?<![:\w]):([a-z]\w*)")
_GIVES_ROWS = re.compile(r"\bRETURNING\b")


_PLAIN = (str, int, bytes, type(None), bytearray, memoryview)


class Piece(msgspec.Struct, frozen=True):
    """One statement with the names of its parameters in the order of `$1`, `$2`, ..."""

    sql: str
    names: tuple[str, ...]

    def values(self, params: Mapping[str, Any], statement: str) -> tuple[Any, ...]:
        """Return the values in order; UsageFault where one is missing or text holds a NUL."""
        try:
            values = tuple([params[name] for name in self.names])
        except KeyError:
            raise _does_not_fit(statement, "a parameter is missing") from None
        for value in values:
            if not isinstance(value, _PLAIN):  # the driver would cut 12.5 to 12
                raise _does_not_fit(statement, type(value).__name__)
        must_be_text(values, statement)
        return values


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """One block as it runs here.

    `together` is the form in which many executions go in one batch and tell which of them had
    effect; None where a block must run by itself, in its unit's own order.
    """

    block: Block
    pieces: tuple[Piece, ...]
    together: Piece | None
    arrays: bool
    """The parameters of `together` are arrays."""


@lru_cache(maxsize=1024)
def compiled(name: str) -> Prepared:
    """Return a writing block; UsageFault when there is none of that name."""
    block = write_block(name)
    if block.postgresql:
        piece = _compile(block.postgresql)
        return Prepared(block=block, pieces=(piece,), together=piece, arrays=True)
    pieces = tuple(_compile(sql) for sql in block.statements)
    by_itself = len(pieces) > 1 or block.tells_time or _GIVES_ROWS.search(block.statements[0])
    return Prepared(
        block=block,
        pieces=pieces,
        together=None if by_itself else _telling(pieces[0]),
        arrays=False,
    )


@lru_cache(maxsize=1024)
def compiled_read(name: str) -> tuple[Block, Piece]:
    """Return a read query; UsageFault when there is none of that name."""
    block = read_block(name)
    assert block.pace is not Pace.WRITE  # noqa: S101  read_block has seen to it
    return block, _compile(block.statements[0])


def transposed(rows: Sequence[Sequence[Any]]) -> tuple[list[Any], ...]:
    """Return one array per parameter of several executions."""
    return tuple(list(column) for column in zip(*rows, strict=True))


def _compile(sql: str) -> Piece:
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return Piece(_PARAMETER.sub(number, sql), tuple(names))


def _telling(piece: Piece) -> Piece:
    """Return it with one more parameter, which every affected row gives back."""
    number = len(piece.names) + 1
    return Piece(f"{piece.sql} RETURNING CAST(${number} AS BIGINT) AS unit", piece.names)


def _does_not_fit(statement: str, why: str) -> UsageFault:
    return UsageFault(
        f"The parameters of {statement} do not fit: {why}.", code="statement_parameters"
    )
