"""Deprecation (RFC 9745), Sunset (RFC 8594) and Retry-After (RFC 9110, 10.2.3), read and written."""

import re
from datetime import UTC, datetime

from gateway.api.wire.structured import Malformed, Moment, parse_item

__all__ = [
    "deprecation_header",
    "http_date",
    "parse_deprecation",
    "parse_http_date",
    "parse_retry_after",
]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONG_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLOCK = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_IMF = re.compile(
    rf"(?P<name>[A-Z][a-z]{{2}}), (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_CLOCK} GMT"
)
_RFC850 = re.compile(
    rf"(?P<name>[A-Z][a-z]+), (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_CLOCK} GMT"
)
_ASCTIME = re.compile(
    rf"(?P<name>[A-Z][a-z]{{2}}) {_MONTH} (?P<day>[0-9 ][0-9]) {_CLOCK} (?P<year>[0-9]{{4}})"
)
_DELAY = re.compile(r"[0-9]{1,15}")
_HALF_CENTURY = 50


def parse_deprecation(text: str) -> int:
    """Return when it was or will be deprecated, in seconds since the epoch. Raises Malformed, also
    for `true` of the drafts before RFC 9745."""
    item = parse_item(text)
    if not isinstance(item.value, Moment):
        raise Malformed("Deprecation is a date like @1688169599.")
    return item.value.unix


def deprecation_header(at: datetime) -> str:
    """Write a Deprecation header: "@1688169599"."""
    return f"@{int(at.timestamp())}"


def parse_http_date(text: str, this_year: int = 2000) -> int:
    """Return an HTTP-date (RFC 9110, 5.6.7; the two obsolete forms too) in seconds since the epoch.

    `this_year` decides the century of a year of two digits. Raises Malformed.
    """
    found = _IMF.fullmatch(text) or _RFC850.fullmatch(text) or _ASCTIME.fullmatch(text)
    if found is None:
        raise Malformed("The date is no HTTP-date.")
    year = int(found["year"])
    if len(found["year"]) == 2:
        year += this_year - this_year % 100
        year -= 100 if year > this_year + _HALF_CENTURY else 0
    try:
        at = datetime(
            year,
            _MONTHS.index(found["month"]) + 1,
            int(found["day"]),
            int(found["hour"]),
            int(found["minute"]),
            min(int(found["second"]), 59),
            tzinfo=UTC,
        )
    except ValueError:
        raise Malformed("There is no such day or time.") from None
    if int(found["second"]) > 60:
        raise Malformed("There is no such day or time.")
    if found["name"] not in (_DAYS[at.weekday()], _LONG_DAYS[at.weekday()]):
        raise Malformed("That day is another day of the week.")
    return int(at.timestamp())


def http_date(at: datetime) -> str:
    """Write an IMF-fixdate: "Sun, 30 Jun 2024 23:59:59 GMT", whatever the locale is."""
    moment = at.astimezone(UTC)
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02d} {month} {moment.year:04d} {moment:%H:%M:%S} GMT"


def parse_retry_after(text: str, now: datetime) -> int:
    """Return the seconds to wait, from a number or an HTTP-date; never below 0. Raises Malformed."""
    given = text.strip()
    if _DELAY.fullmatch(given):
        return int(given)
    return max(0, parse_http_date(given, now.year) - int(now.timestamp()))
