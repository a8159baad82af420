"""Guesses documents that might tell two schemas apart, where the prover found none itself."""

from collections.abc import Iterator
from typing import Any

__all__ = ["guesses"]


def guesses(writer: Any, reader: Any) -> Iterator[Any]:
    """Yield documents; nothing is promised of them."""
    yield from ()
