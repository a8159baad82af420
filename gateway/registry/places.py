"""Turns a name that a file of somebody's holds into a file that may be read, or into none."""

from collections.abc import Iterable
from pathlib import Path

__all__ = ["file_below"]


def file_below(name: Path, places: Iterable[Path]) -> Path | None:
    """Return the file at `name`, links followed; None where there is none below one of the
    places, or where that can be no name at all: too long, with a NUL, a link to itself."""
    try:
        file = name.resolve()
        ours = any(file.is_relative_to(place.resolve()) for place in places)
        return file if ours and file.is_file() else None
    except (OSError, RuntimeError, ValueError):
        return None
