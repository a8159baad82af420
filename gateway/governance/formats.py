"""The formats a contract may use, decided in one place for both engines.

jsonschema-rs has checks of its own for them, but takes "-024-04-01" and "1-00-04-01" for days.
"""

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache

__all__ = ["FORMATS"]

_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?"
    r"([Zz]|[+-]([0-9]{2}):([0-9]{2}))"
)


@lru_cache(maxsize=8192)
def _is_date(value: str) -> bool:
    """RFC 3339 full-date from year 1 on. Days recur in every document, hence the memory."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_date_time(value: str) -> bool:
    """RFC 3339; second 60 only where the minute is 23:59 in UTC."""
    found = _DATE_TIME.fullmatch(value)
    if not found or not _is_date(found[1]):
        return False
    hour, minute, second = int(found[2]), int(found[3]), int(found[4])
    offset_hour, offset_minute = int(found[7] or 0), int(found[8] or 0)
    if hour > 23 or minute > 59 or second > 60 or offset_hour > 23 or offset_minute > 59:
        return False
    sign = -1 if found[6].startswith("+") else 1
    in_utc = hour * 60 + minute + sign * (offset_hour * 60 + offset_minute)
    return second < 60 or in_utc % 1440 == 1439


def _is_uuid(value: str) -> bool:
    return bool(re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", value))


FORMATS: dict[str, Callable[[str], bool]] = {
    "date": _is_date,
    "date-time": _is_date_time,
    "uuid": _is_uuid,
}
"""Format by name; each is asked about texts only."""
