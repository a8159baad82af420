"""Entity tags: If-Match and If-None-Match read, strong tags made and compared (RFC 9110, 8.8, 13.1)."""

import hashlib
import re

import msgspec

from gateway.api.wire.structured import Malformed

__all__ = ["EntityTag", "TagList", "parse_tags", "strong_tag"]

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_HEX_DIGITS = 32


class EntityTag(msgspec.Struct, frozen=True):
    """One tag, without its quotes. A weak one never matches where something is to be changed."""

    opaque: str
    weak: bool = False

    def __str__(self) -> str:
        return f'{"W/" if self.weak else ""}"{self.opaque}"'


class TagList(msgspec.Struct, frozen=True):
    """What If-Match or If-None-Match names; `anything` is the asterisk."""

    tags: tuple[EntityTag, ...] = ()
    anything: bool = False

    def match(self, current: EntityTag | None) -> bool:
        """Tell whether the present tag is named, by strong comparison (RFC 9110, 8.8.3.2); None:
        there is nothing, which no list and no asterisk matches."""
        if current is None:
            return False
        return self.anything or (not current.weak and current in self.tags)


def parse_tags(text: str) -> TagList:
    """Read If-Match or If-None-Match. Raises Malformed; empty members are passed over."""
    given = text.strip(" \t")
    if given == "*":
        return TagList(anything=True)
    found: list[EntityTag] = []
    at = 0
    while at < len(given):
        tag = _TAG.match(given, at)
        if tag is None:
            raise Malformed("An entity tag stands in quotes.")
        found.append(EntityTag(tag[2], weak=tag[1] is not None))
        at = tag.end()
        comma = _COMMA.match(given, at)
        if at < len(given) and comma is None:
            raise Malformed("Entity tags are separated by commas.")
        at = comma.end() if comma else at
    if not found:
        raise Malformed("There is no entity tag.")
    return TagList(tuple(found))


def strong_tag(representation: bytes) -> EntityTag:
    """Return the tag of exactly these bytes: half of their SHA-256."""
    return EntityTag(hashlib.sha256(representation).hexdigest()[:_HEX_DIGITS])
