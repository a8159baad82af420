"""RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10), read and written."""

from collections.abc import Iterable

import msgspec

from gateway.api.wire.structured import Bare, Item, Malformed, parse_list

__all__ = [
    "BYTES",
    "Limit",
    "Policy",
    "format_limits",
    "format_policies",
    "parse_limits",
    "parse_policies",
]

BYTES = "content-bytes"
"""The unit of a quota of bytes; a quota without a unit counts requests."""

REQUESTS = "requests"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What a client may do: `quota` units, `window_seconds` 0 where none is said."""

    name: str
    quota: int
    window_seconds: int = 0
    unit: str = REQUESTS


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a policy, and in how many seconds there is more; None: it is not said."""

    name: str
    remaining: int
    reset_seconds: int | None = None


def parse_policies(text: str) -> list[Policy]:
    """Read RateLimit-Policy. Raises Malformed."""
    return [
        Policy(
            name=_name(item),
            quota=_must(item, "q"),
            window_seconds=_window(item),
            unit=_unit(item.parameters.get("qu", REQUESTS)),
        )
        for item in _some(text)
    ]


def parse_limits(text: str) -> list[Limit]:
    """Read RateLimit. Raises Malformed."""
    return [
        Limit(name=_name(item), remaining=_must(item, "r"), reset_seconds=_number(item, "t"))
        for item in _some(text)
    ]


def format_policies(policies: Iterable[Policy]) -> str:
    """Write RateLimit-Policy. Names are those of our settings: nothing to escape."""
    return ", ".join(_policy(one) for one in policies)


def format_limits(limits: Iterable[Limit]) -> str:
    """Write RateLimit."""
    return ", ".join(
        f'"{one.name}";r={one.remaining}'
        + ("" if one.reset_seconds is None else f";t={one.reset_seconds}")
        for one in limits
    )


def _policy(one: Policy) -> str:
    window = f";w={one.window_seconds}" if one.window_seconds else ""
    unit = "" if one.unit == REQUESTS else f';qu="{one.unit}"'
    return f'"{one.name}";q={one.quota}{unit}{window}'


def _some(text: str) -> list[Item]:
    found = parse_list(text)
    if not found:
        raise Malformed("There is no member.")
    return found


def _name(item: Item) -> str:
    if not isinstance(item.value, str):
        raise Malformed("The name of a policy is a string.")
    return item.value


def _number(item: Item, name: str) -> int | None:
    value = item.parameters.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Malformed(f"The parameter {name} is a number from 0.")
    return value


def _must(item: Item, name: str) -> int:
    value = _number(item, name)
    if value is None:
        raise Malformed(f"The parameter {name} is missing.")
    return value


def _window(item: Item) -> int:
    value = _number(item, "w")
    if value == 0:
        raise Malformed("The window w is 1 second or more.")
    return value or 0


def _unit(value: Bare) -> str:
    if not isinstance(value, str):
        raise Malformed("The unit qu is a string.")
    return value
