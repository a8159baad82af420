"""Makes a small document of a large one that breaks its contract, for the engine to say where.

The engine makes all its errors before it gives the first, each with a copy of the part that is
wrong: 200 KB of claims that are `{}` took 5 s and 900 MB.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any

import msgspec

from gateway.governance.subschemas import Schema, Step, walk

__all__ = ["MOST_ITEMS", "Words", "abridged", "in_the_whole", "words_of"]

MOST_ITEMS = 1000
"""So many items of arrays, and fields that no contract knows, are looked at together."""

_BLIND = frozenset(
    {
        *(
            "$anchor",
            "$comment",
            "$defs",
            "$id",
            "$ref",
            "$schema",
            "additionalProperties",
            "allOf",
        ),
        *("const", "default", "deprecated", "description", "enum", "examples", "exclusiveMaximum"),
        *("exclusiveMinimum", "format", "items", "maxItems", "maxLength", "maximum", "minItems"),
        *("minLength", "minimum", "multipleOf", "pattern", "properties", "readOnly", "required"),
        *("title", "type", "unevaluatedProperties", "writeOnly"),
    }
)
"""Keywords that judge every item by itself, and no place by whether another one is right."""


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What a contract calls its fields; `blind`: what is wrong in a part of a document is wrong in
    the whole, but for what `const`, `enum` and `minItems` say of what was cut."""

    names: frozenset[str]
    blind: bool


def words_of(schema: Schema) -> Words:
    """Return the words of a schema that stands alone."""
    parts = [part for _, part in walk(schema)]
    used = {word for part in parts for word in part if not word.startswith("x-")}
    names = {name for part in parts for name in (*part.get("properties", ()), *_needed(part))}
    return Words(names=frozenset(names), blind=used <= _BLIND)


def _needed(part: Schema) -> Sequence[str]:
    needed: Sequence[str] = part.get("required", ())
    return needed


def abridged(
    document: Any, names: frozenset[str], most: int, start: Sequence[Step] = ()
) -> tuple[Any, bool]:
    """Return a copy with `most` items and unknown fields, and whether that leaves something out.

    Of the arrays on the way to `start`, a place in the document, the items before it are left out.
    """
    scissors = _Scissors(names, most)
    return scissors.value(document, start), scissors.cut


def in_the_whole(path: Sequence[Step], start: Sequence[Step]) -> list[Step]:
    """Return where in the document a place is that was found in what `abridged` made of it."""
    found = list(path)
    for at, (step, there) in enumerate(zip(path, start, strict=False)):
        if isinstance(step, int) and isinstance(there, int):
            found[at] = step + there
        if found[at] != there:
            break
    return found


class _Scissors:
    def __init__(self, names: frozenset[str], left: int) -> None:
        self._names = names
        self._left = left
        self.cut = False

    def value(self, value: Any, start: Sequence[Step]) -> Any:
        if isinstance(value, dict):
            return self._fields(value, start)
        return self._items(value, start) if isinstance(value, list) else value

    def _fields(self, value: dict[str, Any], start: Sequence[Step]) -> dict[str, Any]:
        ahead = start[0] if start else None
        # First of all: what stands before it in the text may use up what is left.
        kept = {ahead: self.value(value[ahead], start[1:])} if ahead in value else {}
        for name, inner in value.items():
            if name != ahead and (name in self._names or self._may_keep()):
                kept[name] = self.value(inner, ())
        return kept

    def _items(self, value: list[Any], start: Sequence[Step]) -> list[Any]:
        first = int(start[0]) if start else 0
        self.cut |= first > 0
        kept: list[Any] = []
        for inner in islice(value, first, None):
            if not self._may_keep():
                break
            kept.append(self.value(inner, () if kept else start[1:]))
        return kept

    def _may_keep(self) -> bool:
        self._left -= 1
        self.cut |= self._left < 0
        return self._left >= 0
