"""Words for people: dollars with thousands, moments, ages, the headings of tables."""

from collections.abc import Container, Mapping
from datetime import UTC, datetime

from gateway.cli.output import Column

__all__ = ["age", "columns", "dollars", "moment"]

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def dollars(text: str | None) -> str:
    """Write decimal text with thousands: "1234.50" is "$1,234.50"; None is ""."""
    if text is None:
        return ""
    whole, _, cents = text.removeprefix("-").partition(".")
    return f"{'-' if text.startswith('-') else ''}${int(whole):,}.{cents}"


def moment(milliseconds: int) -> str:
    """Write a moment in UTC to the second; 0 is ""."""
    if not milliseconds:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def age(milliseconds: int, now: int) -> str:
    """Write how long ago that was, in the largest unit; 0 is ""."""
    if not milliseconds:
        return ""
    seconds = max((now - milliseconds) // 1000, 0)
    size, unit = next(((s, u) for s, u in _UNITS if seconds >= s), (1, "s"))
    return f"{seconds // size} {unit}"


def columns(titles: Mapping[str, str], figures: Container[str] = ()) -> list[Column]:
    """Return a table's columns from key to heading; `figures` are written to the right."""
    return [Column(key=key, title=title, figures=key in figures) for key, title in titles.items()]
