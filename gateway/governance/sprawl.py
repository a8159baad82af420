"""Finds what is built twice: interfaces that do the same work, one mapping under two names. Pure."""

import json
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

import msgspec
import yaml

__all__ = [
    "Link",
    "Sprawl",
    "SprawlKind",
    "interface_sprawl",
    "mapping_sprawl",
    "normal_form",
    "system_of",
]

_TOKEN = re.compile(r'"[^"]*"|\'[^\']*\'|[A-Za-z0-9_.]+|[^\sA-Za-z0-9_.]')
_BOUND = re.compile(r"(?:^|\bfor\s+)([A-Za-z_]\w*)\s+in\b")
_NAMES = ("mapping", "version", "description", "tests", "cases")
"""What a mapping says of itself, not of the documents."""

_PORTS = {"http": 80, "https": 443}


class SprawlKind(StrEnum):
    """What is there twice."""

    INTERFACE = "interface"
    MAPPING = "mapping"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """What one interface connects: a system, with a contract, in a direction (`in` or `out`)."""

    interface: str
    system: str
    contract: str
    direction: str


class Sprawl(msgspec.Struct, frozen=True, kw_only=True):
    """Two names for one job; `words` are the sentence a person reads."""

    kind: SprawlKind
    first: str
    second: str
    words: str


def system_of(options: Mapping[str, Any]) -> str:
    """Return which system a connector's options lead to: host and port, or a folder's path.

    Empty where they do not say; what is not known to be the same is never called the same.
    """
    address = str(options.get("base_url") or options.get("url") or "")
    if address:
        try:
            parts = urlsplit(address)
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            return ""
        return f"{parts.hostname}:{port}" if parts.hostname else ""
    if options.get("host"):
        return f"{options['host']}:{options.get('port', '')}".rstrip(":").lower()
    return str(options.get("path", "")).rstrip("/")


def interface_sprawl(links: Iterable[Link]) -> list[Sprawl]:
    """Return every pair of interfaces with the same system, contract and direction, by name."""
    known = sorted((one for one in links if one.system), key=lambda one: one.interface)
    return [
        Sprawl(
            kind=SprawlKind.INTERFACE,
            first=one.interface,
            second=other.interface,
            words=f"interfaces '{one.interface}' and '{other.interface}' both carry "
            f"{one.contract} {one.direction} at {one.system}",
        )
        for one, other in combinations(known, 2)
        if (one.system, one.contract, one.direction)
        == (other.system, other.contract, other.direction)
    ]


def mapping_sprawl(texts: Mapping[str, str]) -> list[Sprawl]:
    """Return every pair of mappings, given as YAML by name, that have the same normal form."""
    forms = {name: normal_form(text) for name, text in sorted(texts.items())}
    return [
        Sprawl(
            kind=SprawlKind.MAPPING,
            first=one,
            second=other,
            words=f"mappings '{one}' and '{other}' are the same mapping under two names",
        )
        for one, other in combinations(forms, 2)
        if forms[one] == forms[other]
    ]


def normal_form(text: str) -> str:
    """Return what a mapping does, without how it is written: no names of itself, no comments, no
    order of fields, no spacing, and bound variables by number. Raises yaml.YAMLError."""
    body = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - builds text only
    if not isinstance(body, dict):
        return text
    rest = {key: _side(key, value) for key, value in body.items() if key not in _NAMES}
    names: dict[str, str] = {}
    form = _normal(rest, names)
    return json.dumps(form, sort_keys=True)


def _side(key: str, value: Any) -> Any:
    """A side counts by what it is; which versions it takes is not what the mapping does."""
    if key not in ("source", "target") or not isinstance(value, dict):
        return value
    return {name: part for name, part in value.items() if name != "version"}


def _normal(node: Any, names: dict[str, str]) -> Any:
    """Normalise depth first, in the order of the keys' names, so that numbers do not depend on how
    the file is ordered. `names` are the variables bound so far."""
    if isinstance(node, dict):
        first = sorted(node, key=lambda key: (key != "each", key))
        return {key: _normal(node[key], names) for key in first}
    if isinstance(node, list):
        return [_normal(item, names) for item in node]
    for name in _BOUND.findall(str(node)):
        names[name] = f"${len(names) + 1}" if name not in names else names[name]
    return [_renamed(token, names) for token in _TOKEN.findall(str(node))]


def _renamed(token: str, names: Mapping[str, str]) -> str:
    head, dot, tail = token.partition(".")
    return names.get(head, head) + dot + tail
