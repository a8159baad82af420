"""Masks a document by the `x-phi` annotations of its contract, failing closed.

The plan is compiled once per contract; a document is then masked without looking at the schema.
"""

import hmac
import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Any

from gateway.errors import ConfigError
from gateway.governance.subschemas import Place, Schema, children, walk

__all__ = [
    "MASKED",
    "PHI_CLASSES",
    "Mask",
    "MaskPlan",
    "compile_mask",
    "phi_classes",
    "shown_in_full",
]

MASKED = "[masked]"
PHI_CLASSES = frozenset({
    "none", "name", "geo", "date", "phone", "email", "ssn", "mrn", "member-id", "account-number",
    "claim-id", "device", "url-ip", "biometric", "photo", "other-id", "clinical", "free-text",
})  # fmt: skip
"""The 18 identifiers of Safe Harbor, grouped (45 CFR 164.514(b)(2)), and two of our own."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.Z+-]*)?")
_KEY_BYTES = 16
_PROBE = "probe"
_SHORTEST_WITH_LAST4 = 8


class Mask(StrEnum):
    """What remains visible of a value, the least hiding first."""

    KEEP = "keep"
    YEAR = "year"
    LAST4 = "last4"
    HASH = "hash"
    """HMAC-SHA256 under the tenant's key: masked values still join."""
    FULL = "full"


_STRENGTH = {mask: rank for rank, mask in enumerate(Mask)}


class _Node:
    """One place of the plan: a mask for a value, or the places below it."""

    def __init__(self) -> None:
        self.masks: list[Mask] = []
        self.properties: dict[str, _Node] = {}
        self.items: list[_Node] = []

    @cached_property
    def mask(self) -> Mask:
        """Return the strongest of the masks that apply; without one, everything is hidden."""
        return max(self.masks, key=_STRENGTH.__getitem__, default=Mask.FULL)


class MaskPlan:
    """How to mask the documents of one contract."""

    def __init__(self, root: _Node, key: bytes) -> None:
        self._root = root
        self._key = key

    def mask(self, document: Any) -> Any:
        """Return a masked copy. Undeclared names and values of the wrong shape are hidden too."""
        return self._masked(document, self._root)

    def _masked(self, value: Any, node: _Node) -> Any:
        if value is None:
            return None
        if isinstance(value, dict):
            return self._object(value, node) if node.properties else MASKED
        if isinstance(value, list):
            return [self._masked(item, node.items[0]) for item in value] if node.items else MASKED
        return self._scalar(value, node.mask)

    def _object(self, value: dict[str, Any], node: _Node) -> dict[str, Any]:
        masked = {
            name: self._masked(item, node.properties[name])
            for name, item in value.items()
            if name in node.properties
        }
        undeclared = len(value) - len(masked)
        return masked | {f"[undeclared {i + 1}]": MASKED for i in range(undeclared)}

    def _scalar(self, value: Any, mask: Mask) -> Any:
        text = str(value)
        match mask:
            case Mask.KEEP:
                return value
            case Mask.YEAR:
                return text[:4] if _DAY.fullmatch(text) else MASKED
            case Mask.LAST4:
                return f"***{text[-4:]}" if len(text) >= _SHORTEST_WITH_LAST4 else MASKED
            case Mask.HASH:
                return (
                    "hmac:"
                    + hmac.new(
                        self._key, text.encode("utf-8", "surrogatepass"), sha256
                    ).hexdigest()[:32]
                )
            case Mask.FULL:
                return MASKED


def compile_mask(schema: Schema, key: bytes) -> MaskPlan:
    """Compile the plan of a schema that stands alone.

    `key` is the tenant's, at least 16 bytes. Raises ConfigError for a shorter key, an unknown
    class or mask.
    """
    if len(key) < _KEY_BYTES:
        raise ConfigError(f"a mask key needs at least {_KEY_BYTES} bytes.")
    return MaskPlan(_Compiler(schema).node([schema]), key)


def shown_in_full(schema: Schema, path: str) -> bool:
    """Tell whether a masked document still shows the value at a dotted path: it is no PHI, so it
    may stand in a column in clear. Raises ConfigError as `compile_mask` does."""
    probe: Any = _PROBE
    for name in reversed(path.split(".")):
        probe = {name: probe}
    return bool(compile_mask(schema, bytes(_KEY_BYTES)).mask(probe) == probe)


def phi_classes(schema: Schema) -> frozenset[str]:
    """Return the classes of PHI a document of this schema may hold; empty where there is none."""
    found = (part["x-phi"]["class"] for _, part in walk(schema) if "x-phi" in part)
    return frozenset(found) - {"none"}


class _Compiler:
    """Turns the schemas that apply to one place into one node; recursive types end in a loop."""

    def __init__(self, root: Schema) -> None:
        self._types: dict[str, Schema] = root.get("$defs", {})
        self._known: dict[tuple[int, ...], _Node] = {}

    def node(self, schemas: list[Schema]) -> _Node:
        parts = [part for schema in schemas for part in self._in_place(schema, ())]
        name = tuple(id(part) for part in parts)
        if name in self._known:
            return self._known[name]
        node = self._known[name] = _Node()
        node.masks = [_annotation(part["x-phi"]) for part in parts if "x-phi" in part]
        properties: dict[str, list[Schema]] = {}
        for part in parts:
            for key, child in part.get("properties", {}).items():
                properties.setdefault(key, []).extend(_schemas(child))
        node.properties = {key: self.node(found) for key, found in properties.items()}
        items = [child for part in parts for child in _schemas(part.get("items"))]
        node.items = [self.node(items)] if items else []
        return node

    def _in_place(self, schema: Schema, seen: tuple[str, ...]) -> Iterator[Schema]:
        """Yield every schema that applies to the same value: targets of `$ref`, compositions."""
        yield schema
        for _, child, place in children(schema):
            if place is Place.IN_PLACE:
                yield from self._in_place(child, seen)
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        if name in self._types and name not in seen:
            yield from self._in_place(self._types[name], (*seen, name))


def _schemas(value: Any) -> list[Schema]:
    """Return the schema in a list; a boolean schema says nothing about masks."""
    return [value] if isinstance(value, dict) else []


def _annotation(phi: dict[str, Any]) -> Mask:
    group, mask = (
        phi.get("class"),
        phi.get("mask", Mask.KEEP if phi.get("class") == "none" else ""),
    )
    if group not in PHI_CLASSES or mask not in _STRENGTH:
        raise ConfigError(f"x-phi of class '{group}' with mask '{mask}' is not known.")
    return Mask(mask)
