"""Asks whether a text fits the `pattern` of a contract, on an engine that cannot be stalled."""

from functools import lru_cache
from typing import Final

import jsonschema_rs

__all__ = ["LINEAR", "accepts"]

_MAX_COMPILED_BYTES: Final = 56_000
"""A compiled pattern's. A linear engine's time is length times size: at the engine's own bound, of
10 MB, counts within counts took 2 s over 10 kB of text; at this one nothing took 50 ms. It holds
400 repetitions of an ASCII class; how long a text may be is for `maxLength` to say."""

LINEAR: Final = jsonschema_rs.RegexOptions(size_limit=_MAX_COMPILED_BYTES)
"""The options with which every contract's patterns are compiled."""


def accepts(pattern: str, text: str) -> bool:
    """Tell whether `pattern` finds something in the text; False, too, where it is no pattern."""
    compiled = _compiled(pattern)
    return compiled is not None and compiled.is_valid(text)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> jsonschema_rs.Draft202012Validator | None:
    try:
        return jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=LINEAR)
    except (jsonschema_rs.ValidationError, ValueError):
        return None
