"""Reads structured header fields (RFC 9651) as far as our headers need: items, parameters, lists."""

import base64
import binascii
import re
from collections.abc import Callable

import msgspec

__all__ = ["Bare", "Item", "Malformed", "Moment", "parse_item", "parse_list"]


class Moment(msgspec.Struct, frozen=True):
    """A date of a structured field: seconds since the epoch."""

    unix: int


Bare = str | int | bool | bytes | Moment | tuple[str]
"""A string, integer, boolean, byte sequence, date; a token is a tuple of its one word."""


class Item(msgspec.Struct, frozen=True):
    """A bare value with its parameters."""

    value: Bare
    parameters: dict[str, Bare]


class Malformed(ValueError):
    """The header does not have the form its specification asks for. Never quotes the value."""


_STRING = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_ESCAPE = re.compile(r'\\(["\\])')
_DECIMAL = re.compile(r"-?[0-9]{1,12}\.[0-9]{1,3}(?![0-9.])")
_INTEGER = re.compile(r"-?[0-9]{1,15}(?![0-9.])")
_TOKEN = re.compile(r"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*")
_BYTES = re.compile(r":([A-Za-z0-9+/=]*):")
_DATE = re.compile(r"@(-?[0-9]{1,15})(?![0-9.])")
_BOOLEAN = re.compile(r"\?([01])")
_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*")
_SPACES = re.compile(r" *")
_OWS = re.compile(r"[ \t]*")


class _Reader:
    """A position in a field's text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def ended(self) -> bool:
        """Tell whether nothing is left."""
        return self.at == len(self.text)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Return what fits here and go past it; None where nothing does."""
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def next_is(self, character: str) -> bool:
        """Go past a character where it is the next one."""
        if self.text.startswith(character, self.at):
            self.at += 1
            return True
        return False


_Made = Callable[[re.Match[str]], Bare]


def _bytes(found: re.Match[str]) -> bytes:
    try:
        return base64.b64decode(found[1], validate=True)
    except binascii.Error:
        raise Malformed("A byte sequence is no base64.") from None


_KINDS: tuple[tuple[re.Pattern[str], _Made], ...] = (
    (_STRING, lambda found: _ESCAPE.sub(r"\1", found[1])),
    (_INTEGER, lambda found: int(found[0])),
    (_DATE, lambda found: Moment(int(found[1]))),
    (_BOOLEAN, lambda found: found[1] == "1"),
    (_BYTES, _bytes),
    (_TOKEN, lambda found: (found[0],)),
    (_DECIMAL, lambda found: (found[0],)),  # none of our headers has one: its text is enough
)


def parse_item(text: str) -> Item:
    """Read a field that is one item. Raises Malformed."""
    reader = _Reader(text.strip(" "))
    item = _item(reader)
    if not reader.ended():
        raise Malformed("Something follows the value.")
    return item


def parse_list(text: str) -> list[Item]:
    """Read a field that is a list of items; an empty one is an empty list. Raises Malformed."""
    reader = _Reader(text.strip(" "))
    found: list[Item] = []
    while not reader.ended():
        found.append(_item(reader))
        reader.take(_OWS)
        if reader.ended():
            break
        if not reader.next_is(","):
            raise Malformed("Members of a list are separated by commas.")
        reader.take(_OWS)
        if reader.ended():
            raise Malformed("The list ends with a comma.")
    return found


def _item(reader: _Reader) -> Item:
    value = _bare(reader)
    parameters: dict[str, Bare] = {}
    while reader.next_is(";"):
        reader.take(_SPACES)
        key = reader.take(_KEY)
        if key is None:
            raise Malformed("A parameter has no name of lower-case letters.")
        given: Bare = True
        if reader.next_is("="):
            given = _bare(reader)
        parameters[key[0]] = given
    return Item(value, parameters)


def _bare(reader: _Reader) -> Bare:
    for pattern, made in _KINDS:
        found = reader.take(pattern)
        if found is not None:
            return made(found)
    raise Malformed("The value is no structured field.")
