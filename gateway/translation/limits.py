"""Bounds of the language: what a mapping, an expression and one run may cost."""

from collections.abc import Callable
from typing import Final

import msgspec

__all__ = [
    "DEFAULT_LIMITS",
    "MAX_EXPRESSION_CHARACTERS",
    "MAX_EXPRESSION_DEPTH",
    "MAX_EXPRESSION_HEIGHT",
    "MAX_EXPRESSION_TOKENS",
    "MAX_INTEGER",
    "MAX_LITERAL_CHARACTERS",
    "MAX_LOOP_DEPTH",
    "MAX_MAPPING_BYTES",
    "MAX_NAME_CHARACTERS",
    "MAX_NUMBER_DIGITS",
    "MAX_STRUCTURE_DEPTH",
    "MAX_TABLE_ROWS",
    "MAX_TEXT_CHARACTERS",
    "Limits",
]

MAX_MAPPING_BYTES: Final = 256 * 1024
MAX_EXPRESSION_CHARACTERS: Final = 4_000
MAX_EXPRESSION_TOKENS: Final = 1_000
MAX_EXPRESSION_DEPTH: Final = 24
"""Parentheses, calls, conditions and signs within each other."""
MAX_EXPRESSION_HEIGHT: Final = 60
"""Operations that wait for each other, so that `a + b + c` counts 2."""
MAX_INTEGER: Final = 10**24
"""A product of integers beyond this is refused; as long as the longest literal."""
MAX_LITERAL_CHARACTERS: Final = 1_000
MAX_NAME_CHARACTERS: Final = 100
MAX_NUMBER_DIGITS: Final = 24
MAX_LOOP_DEPTH: Final = 8
"""Loops within loops, `each` and comprehensions together; Python itself allows 20."""
MAX_STRUCTURE_DEPTH: Final = 16
"""Objects and arrays within each other in `fields`."""
MAX_TEXT_CHARACTERS: Final = 64 * 1024
"""Of one text a function makes; texts copied from the input are not counted."""
MAX_TABLE_ROWS: Final = 100_000


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one run may cost. `monotonic` gives seconds; without it time is not watched."""

    steps: int = 20_000_000
    """Items visited by all loops together; one with much to do for each counts more than once."""
    free_steps: int = 100_000
    """So many whatever the document, and as many more as it holds items times `steps_per_item`: a
    loop that runs away over a small document is stopped at once."""
    steps_per_item: int = 1_000
    rows: int = 100_000
    """Rows of one output array."""
    output_bytes: int = 64 * 1024 * 1024
    """Estimated size of the output as JSON."""
    seconds: float = 10.0
    monotonic: Callable[[], float] | None = None


DEFAULT_LIMITS: Final = Limits()
