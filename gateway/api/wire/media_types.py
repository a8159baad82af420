"""Media types: those of contracts with their version, Content-Type and Accept (RFC 9110, 8.3, 12.5.1)."""

import re
from decimal import Decimal
from functools import lru_cache

import msgspec

from gateway.api.wire.structured import Malformed

__all__ = [
    "ANYTHING",
    "JSON",
    "MediaType",
    "contract_media_type",
    "parse_accept",
    "parse_media_type",
]

JSON = "application/json"
ANYTHING = "*/*"

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - what RFC 9110 calls a token
_TYPE = re.compile(rf"({_TOKEN})/({_TOKEN})")
_PARAMETER = re.compile(
    rf'[ \t]*;[ \t]*(?:({_TOKEN})=(?:({_TOKEN})|"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\.)*)"))?'
)
_ESCAPE = re.compile(r"\\(.)")
_OURS = re.compile(r"application/vnd\.remithub\.([a-z][a-z0-9-]{0,62})\+json")
_VERSION = re.compile(r"(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5}))?")
_WEIGHT = re.compile(r"(0(\.[0-9]{0,3})?|1(\.0{0,3})?)")
_SPLIT = re.compile(r'(?:"(?:[^"\\]|\\.)*"?|[^",])+')
"""A quote that is not closed goes on to the end: looked for again from each place, its other end
took time that grew with the square of the header."""


class MediaType(msgspec.Struct, frozen=True):
    """A media type in lower case with its parameters; a weight is taken out of them."""

    name: str
    parameters: dict[str, str] = {}
    weight: Decimal = Decimal(1)

    @property
    def contract(self) -> str:
        """The contract whose documents it means; empty where it is none of ours."""
        found = _OURS.fullmatch(self.name)
        return found[1] if found else ""

    @property
    def version(self) -> str:
        """The version asked for: "1", "1.4.0"; empty where none is. Raises Malformed."""
        given = self.parameters.get("version", "")
        if given and not _VERSION.fullmatch(given):
            raise Malformed("A version is a major number, such as 1, or three numbers.")
        return given

    def covers(self, name: str) -> bool:
        """Tell whether an answer of that type is acceptable."""
        kind = name.partition("/")[0]
        return self.weight > 0 and self.name in (name, f"{kind}/*", ANYTHING)


def contract_media_type(contract: str, version: str = "") -> str:
    """Write the media type of a contract's documents."""
    more = f"; version={version}" if version else ""
    return f"application/vnd.remithub.{contract}+json{more}"


@lru_cache(maxsize=1024)  # a client sends the same one again and again
def parse_media_type(text: str) -> MediaType:
    """Read a Content-Type. Raises Malformed, also for a parameter that comes twice."""
    given = text.strip(" \t")
    kind = _TYPE.match(given)
    if kind is None:
        raise Malformed("A media type reads type/subtype.")
    parameters: dict[str, str] = {}
    at = kind.end()
    while at < len(given):
        found = _PARAMETER.match(given, at)
        if found is None:
            raise Malformed("A parameter reads name=value.")
        at = found.end()
        if found[1]:
            name = found[1].lower()
            if name in parameters:
                raise Malformed("A parameter of a media type comes twice.")
            quoted = found[3]
            parameters[name] = found[2] if quoted is None else _ESCAPE.sub(r"\1", quoted)
    return MediaType(kind[0].lower(), parameters)


def parse_accept(text: str) -> list[MediaType]:
    """Read an Accept header: what is liked best first, as written among equals. An empty one
    accepts anything. Raises Malformed."""
    parts = [part for part in _SPLIT.findall(text) if part.strip()]
    found = [_weighed(parse_media_type(part)) for part in parts] or [MediaType(ANYTHING)]
    return sorted(found, key=lambda one: (-one.weight, one.name.count("*")))


def _weighed(given: MediaType) -> MediaType:
    text = given.parameters.get("q")
    if text is None:
        return given
    if not _WEIGHT.fullmatch(text):
        raise Malformed("A weight q is from 0 to 1 with three digits at most.")
    rest = {name: value for name, value in given.parameters.items() if name != "q"}
    return MediaType(given.name, rest, Decimal(text))
