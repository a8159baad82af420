"""Compares two documents place by place, for the cases beside a mapping (invented data only)."""

from collections.abc import Iterator
from typing import Any

import msgspec

__all__ = ["Difference", "differences"]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One place where documents differ; `expected` or `found` is JSON text, "" where absent."""

    pointer: str
    expected: str
    found: str


def _text(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _same_kind(expected: Any, found: Any) -> bool:
    return isinstance(expected, bool) == isinstance(found, bool)


def differences(expected: Any, found: Any, pointer: str = "") -> Iterator[Difference]:
    """Yield every difference, in the order of the expected document.

    `true` is not 1 here; "1.0" is not "1.00". Holds values: only for data that is invented.
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        yield from _objects(expected, found, pointer)
    elif isinstance(expected, list) and isinstance(found, list):
        yield from _lists(expected, found, pointer)
    elif expected != found or not _same_kind(expected, found):
        yield Difference(pointer=pointer, expected=_text(expected), found=_text(found))


def _objects(
    expected: dict[str, Any], found: dict[str, Any], pointer: str
) -> Iterator[Difference]:
    for name in [*expected, *(name for name in found if name not in expected)]:
        below = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        if name not in found:
            yield Difference(pointer=below, expected=_text(expected[name]), found="")
        elif name not in expected:
            yield Difference(pointer=below, expected="", found=_text(found[name]))
        else:
            yield from differences(expected[name], found[name], below)


def _lists(expected: list[Any], found: list[Any], pointer: str) -> Iterator[Difference]:
    for index in range(max(len(expected), len(found))):
        below = f"{pointer}/{index}"
        if index >= len(found):
            yield Difference(pointer=below, expected=_text(expected[index]), found="")
        elif index >= len(expected):
            yield Difference(pointer=below, expected="", found=_text(found[index]))
        else:
            yield from differences(expected[index], found[index], below)
