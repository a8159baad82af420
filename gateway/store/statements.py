"""Loads the named statements of `sql/*.sql`; none is built by string concatenation."""

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Any

import msgspec

from gateway.errors import StorageFault, UsageFault

__all__ = ["Block", "Pace", "all_blocks", "must_be_text", "read_block", "write_block"]

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_MARK = re.compile(r"^-- (counts|optional|read): (.+)$", re.MULTILINE)
_VARIANT = re.compile(r"^-- engine: postgresql$", re.MULTILINE)
_COMMENT = re.compile(r"--[^\n]*")


class Pace(StrEnum):
    """How a block is used."""

    WRITE = "write"
    POINT = "point"
    """A read of few indexed rows, bounded: runs on the caller's thread, cheaper than a hop."""

    SCAN = "scan"
    """Any other read: runs on a reader thread."""


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """One named block: its statements in order, and whose row count is reported (from 0)."""

    name: str
    pace: Pace
    statements: tuple[str, ...]
    counted: int = 0
    optional: tuple[str, ...] = ()
    tells_time: bool = False
    """It uses `:store_now`, milliseconds since the epoch by the store's own clock, which the
    engine fills in: on a shared database no process's clock counts."""

    postgresql: str = ""
    """The one statement for PostgreSQL where the portable ones cannot be right there: parameters
    are arrays, one element an execution, and it gives `unit`, from 1, of each that had effect."""


def write_block(name: str) -> Block:
    """Return the writing block of that name; `UsageFault` when there is none."""
    block = all_blocks().get(name)
    if block is None or block.pace is not Pace.WRITE:
        raise UsageFault(f"The store has no write statement {name!r}.")
    return block


def read_block(name: str) -> Block:
    """Return the read query of that name; `UsageFault` when there is none."""
    block = all_blocks().get(name)
    if block is None or block.pace is Pace.WRITE:
        raise UsageFault(f"The store has no read query {name!r}.")
    return block


def must_be_text(params: Iterable[Any], statement: str) -> None:
    """Raise UsageFault (`text_with_nul`) where text holds NUL: PostgreSQL takes none, so no engine
    does."""
    for value in params:
        if isinstance(value, str) and "\0" in value:
            raise UsageFault(
                f"The parameters of {statement} do not fit: text with a NUL character.",
                code="text_with_nul",
                next_step="have the sender remove it: text cannot hold that character.",
            )


@lru_cache(maxsize=1)
def all_blocks() -> dict[str, Block]:
    """Return every block by name."""
    found: dict[str, Block] = {}
    for file in sorted(files("gateway.store").joinpath("sql").iterdir(), key=lambda f: f.name):
        pieces = _NAME.split(file.read_text("utf-8"))
        for name, text in zip(pieces[1::2], pieces[2::2], strict=True):
            if name in found:
                raise StorageFault(f"Two statements of the store are named {name!r}.")
            found[name] = _block(name, text)
    return found


def _block(name: str, text: str) -> Block:
    marks = dict(_MARK.findall(text))
    portable, *variants = (_pieces(part) for part in _VARIANT.split(text))
    return Block(
        name=name,
        pace=Pace(marks.get("read", "write")),
        statements=portable,
        counted=int(marks.get("counts", "1")) - 1,
        optional=tuple(marks.get("optional", "").split()),
        tells_time=any(":store_now" in piece for piece in portable),
        postgresql=variants[0][0] if variants else "",
    )


def _pieces(text: str) -> tuple[str, ...]:
    pieces = (" ".join(piece.split()) for piece in _COMMENT.sub("", text).split(";"))
    return tuple(piece for piece in pieces if piece)
