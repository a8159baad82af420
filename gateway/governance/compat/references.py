"""Turns every `$ref` of a schema into a pointer from its root, so that one rule resolves all."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from gateway.governance.subschemas import children
from gateway.governance.subschemas import pointer as pointed

__all__ = ["OUTSIDE", "absolute", "resolve"]

OUTSIDE = "outside:"
"""What a reference begins with that leads out of the schema: nobody can look into it."""

_DATA = frozenset({"const", "default", "enum", "examples"})


def absolute(schema: Any) -> Any:
    """Return the schema with references that are "#/pointer" or begin with OUTSIDE."""
    if not isinstance(schema, dict) or _is_absolute(json.dumps(schema, default=str)):
        return schema
    index: dict[str, str] = {"": ""}
    dynamic: Counter[str] = Counter()
    for base, steps, inner in _walk(schema, "", ""):
        if steps == "" or "$id" in inner:
            index.setdefault(base, steps)
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(inner.get(keyword), str):
                index.setdefault(f"{base}#{inner[keyword]}", steps)
        dynamic[str(inner.get("$dynamicAnchor"))] += 1
    several = frozenset(name for name, count in dynamic.items() if count > 1)
    return _Rewriter(schema, index, several).rewritten(schema, "")


def _is_absolute(text: str) -> bool:
    """Tell at a glance that every reference is a pointer from the root already."""
    plain = text.count('"$id"') <= 1 and '"$anchor"' not in text and '"$dynamic' not in text
    return plain and "%" not in text and text.count('"$ref": ') == text.count('"$ref": "#/')


def _base(schema: dict[str, Any], base: str) -> str:
    identity = schema.get("$id")
    return urldefrag(urljoin(base, identity))[0] if isinstance(identity, str) else base


def _walk(node: Any, base: str, steps: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every schema with its base and place; what an unknown keyword holds is none."""
    if not isinstance(node, dict):
        return
    base = _base(node, base)
    yield base, steps, node
    for more, child, _ in children(node):
        yield from _walk(child, base, steps + pointed(more))
    for name, child in node.get("definitions", {}).items():
        yield from _walk(child, base, steps + pointed(("definitions", name)))


class _Rewriter:
    """Writes references anew. `index` has the place of each base and anchor; the anchors in
    `several` are dynamic ones that stand in more than one place."""

    def __init__(
        self, root: dict[str, Any], index: dict[str, str], several: frozenset[str]
    ) -> None:
        self.root = root
        self.index = index
        self.several = several

    def rewritten(self, node: Any, base: str) -> Any:
        """Return a copy of a part of the root whose references are pointers."""
        if isinstance(node, list):
            return [self.rewritten(item, base) for item in node]
        if not isinstance(node, dict):
            return node
        base = _base(node, base)
        copy = {
            key: value if key in _DATA else self.rewritten(value, base)
            for key, value in node.items()
        }
        for keyword in ("$ref", "$dynamicRef"):
            if isinstance(node.get(keyword), str):
                copy[keyword] = self._target(node[keyword], base)
        if "$ref" not in node and self._is_static(str(node.get("$dynamicRef", ""))):
            copy["$ref"] = copy.pop("$dynamicRef")
        return copy

    def _is_static(self, reference: str) -> bool:
        """Tell whether a `$dynamicRef` can lead to one place only, so that it is a `$ref`."""
        return bool(reference) and unquote(urldefrag(reference)[1]) not in self.several

    def _target(self, reference: str, base: str) -> str:
        inside = reference.startswith("#") or not reference
        place, fragment = urldefrag(base + reference if inside else urljoin(base, reference))
        fragment = unquote(fragment)
        if fragment and not fragment.startswith("/"):
            pointer = self.index.get(f"{place}#{fragment}")
        else:
            start = self.index.get(place)
            pointer = None if start is None else start + fragment
        if pointer is None or resolve(self.root, pointer) is None:
            return OUTSIDE + reference
        return "#" + pointer


def resolve(root: Any, pointer: str) -> Any:
    """Return what a pointer ("/$defs/money") leads to; None where there is nothing."""
    found = root
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found
