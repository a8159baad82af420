"""Turns every `$ref` of a schema into a pointer from its root, so that one rule resolves all."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

__all__ = ["OUTSIDE", "absolute", "resolve"]

OUTSIDE = "outside:"
"""What a reference begins with that leads out of the schema: nobody can look into it."""

_DATA = frozenset({"const", "default", "enum", "examples"})


def absolute(schema: Any) -> Any:
    """Return the schema with references that are "#/pointer" or begin with OUTSIDE."""
    if not isinstance(schema, dict) or _is_absolute(json.dumps(schema, default=str)):
        return schema
    index: dict[str, str] = {"": ""}
    for base, steps, inner in _walk(schema, "", ""):
        if steps == "" or "$id" in inner:
            index.setdefault(base, steps)
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(inner.get(keyword), str):
                index.setdefault(f"{base}#{inner[keyword]}", steps)
    return _rewritten(schema, "", schema, index)


def _is_absolute(text: str) -> bool:
    """Tell at a glance that every reference is a pointer from the root already."""
    plain = text.count('"$id"') <= 1 and '"$anchor"' not in text and '"$dynamic' not in text
    return plain and "%" not in text and text.count('"$ref": ') == text.count('"$ref": "#/')


def _base(schema: dict[str, Any], base: str) -> str:
    identity = schema.get("$id")
    return urldefrag(urljoin(base, identity))[0] if isinstance(identity, str) else base


def _walk(node: Any, base: str, steps: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if isinstance(node, dict):
        base = _base(node, base)
        yield base, steps, node
        pairs: Iterator[tuple[Any, Any]] = (p for p in node.items() if p[0] not in _DATA)
    elif isinstance(node, list):
        pairs = iter(enumerate(node))
    else:
        return
    for key, value in pairs:
        step = str(key).replace("~", "~0").replace("/", "~1")
        yield from _walk(value, base, f"{steps}/{step}")


def _rewritten(node: Any, base: str, root: dict[str, Any], index: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_rewritten(item, base, root, index) for item in node]
    if not isinstance(node, dict):
        return node
    base = _base(node, base)
    copy = {
        key: value if key in _DATA else _rewritten(value, base, root, index)
        for key, value in node.items()
    }
    for keyword in ("$ref", "$dynamicRef"):
        if isinstance(node.get(keyword), str):
            copy[keyword] = _target(node[keyword], base, root, index)
    return copy


def _target(reference: str, base: str, root: dict[str, Any], index: dict[str, str]) -> str:
    place, fragment = urldefrag(urljoin(base, reference) if reference else base)
    fragment = unquote(fragment)
    if fragment and not fragment.startswith("/"):
        pointer = index.get(f"{place}#{fragment}")
    else:
        start = index.get(place)
        pointer = None if start is None else start + fragment
    if pointer is None or resolve(root, pointer) is None:
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
