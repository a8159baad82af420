"""Drops the words of a schema: nothing a validator asks changes, everything gets smaller."""

from typing import Any

from gateway.governance.subschemas import Place, Schema, rebuild

__all__ = ["pruned"]

_WORDS = frozenset({
    "$comment", "default", "deprecated", "description", "examples", "readOnly", "title",
    "writeOnly",
})  # fmt: skip
_KEPT = "x-extensible"
"""What the reader's profile asks for."""


def pruned(schema: Any) -> Any:
    """Return a 2020-12 schema without its words and without keywords of ours."""
    return rebuild(schema, _bare, Place.CHILD) if isinstance(schema, dict) else schema


def _bare(schema: Schema, _place: Place) -> Schema:
    return {key: value for key, value in schema.items() if not _is_word(key)}


def _is_word(keyword: str) -> bool:
    return keyword in _WORDS or (keyword.startswith("x-") and keyword != _KEPT)
