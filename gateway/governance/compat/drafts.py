"""Rewrites schemas of drafts 04, 06, 07 and 2019-09 as 2020-12 schemas of the same meaning.

Sources: the migration notes of draft-wright-json-schema-00/01, draft-handrews-json-schema-01/02
and draft-bhutton-json-schema-01 (sections "ChangeLog").
"""

import json
from collections.abc import Callable
from enum import IntEnum
from typing import Any

__all__ = ["Draft", "Untranslatable", "draft_named", "draft_of", "translate"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Untranslatable(Exception):
    """The schema uses what has no counterpart in 2020-12; the text names the keyword."""


class Draft(IntEnum):
    """The drafts, oldest first."""

    D4 = 4
    D6 = 6
    D7 = 7
    D2019 = 8
    D2020 = 9


BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$"
"""What base64 looks like (RFC 4648 section 4), padded, without bits that mean nothing."""

_NAMES = {
    "draft-03": Draft.D4,
    "draft-04": Draft.D4,
    "draft-06": Draft.D6,
    "draft-07": Draft.D7,
    "2019-09": Draft.D2019,
    "2020-12": Draft.D2020,
}
_SINCE = {
    "const": Draft.D6,
    "contains": Draft.D6,
    "propertyNames": Draft.D6,
    "if": Draft.D7,
    "then": Draft.D7,
    "else": Draft.D7,
    "$anchor": Draft.D2019,
    "dependentRequired": Draft.D2019,
    "dependentSchemas": Draft.D2019,
    "maxContains": Draft.D2019,
    "minContains": Draft.D2019,
    "unevaluatedItems": Draft.D2019,
    "unevaluatedProperties": Draft.D2019,
    "$dynamicRef": Draft.D2020,
    "prefixItems": Draft.D2020,
}
"""A keyword means nothing in a draft older than the one that brought it."""

_FORMATS_SINCE = {
    "duration": Draft.D2019,
    "idn-hostname": Draft.D7,
    "iri": Draft.D7,
    "iri-reference": Draft.D7,
    "json-pointer": Draft.D6,
    "relative-json-pointer": Draft.D7,
    "uri-reference": Draft.D6,
    "uri-template": Draft.D6,
    "uuid": Draft.D2019,
}
"""So does a format, as far as the validator keeps the drafts apart."""

_ONE = frozenset({
    "additionalProperties", "contains", "contentSchema", "else", "if", "not", "propertyNames",
    "then", "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip
_LISTS = frozenset({"allOf", "anyOf", "oneOf"})
_MAPS = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})


def draft_of(schema: Any, default: Draft = Draft.D2020) -> Draft:
    """Return the draft that `$schema` names, or `default`."""
    if isinstance(schema, dict) and isinstance(schema.get("$schema"), str):
        for name, draft in _NAMES.items():
            if name in schema["$schema"]:
                return draft
    return default


def draft_named(uri: str | None) -> Draft | None:
    """Return the draft that a `$schema` URI names; None where it names none."""
    return next((draft for name, draft in _NAMES.items() if name in (uri or "")), None)


def translate(schema: Any, draft: Draft | None = None) -> Any:
    """Return the schema in terms of 2020-12; raises Untranslatable. The one given stays.

    `draft` is the one of a schema that names none.
    """
    dialect = draft_of(schema, draft if draft is not None else Draft.D2020)
    if dialect is Draft.D2020 or not isinstance(schema, dict):
        return schema
    if dialect is Draft.D2019 and '"$recursiveAnchor": true' in json.dumps(schema, default=str):
        raise Untranslatable("$recursiveAnchor")
    return _schema(schema, dialect) | {"$schema": DIALECT}


def _schema(schema: Any, draft: Draft) -> Any:
    if not isinstance(schema, dict):
        return schema
    alone = draft <= Draft.D7 and isinstance(schema.get("$ref"), str)
    new: dict[str, Any] = {}
    for keyword, value in schema.items():
        if alone and keyword not in {"$ref", "definitions", "$defs"}:
            continue
        if _SINCE.get(keyword, draft) > draft:
            continue
        _keyword(new, keyword, value, draft)
    _bounds(new)
    _items(new, schema, draft)
    _content(new, draft)
    return new


def _keyword(new: dict[str, Any], keyword: str, value: Any, draft: Draft) -> None:
    if keyword in _ONE:
        new[keyword] = _schema(value, draft)
    elif keyword in _LISTS and isinstance(value, list):
        new[keyword] = [_schema(item, draft) for item in value]
    elif keyword in _MAPS and isinstance(value, dict):
        name = "$defs" if keyword == "definitions" else keyword
        new.setdefault(name, {}).update({key: _schema(item, draft) for key, item in value.items()})
    elif keyword in _SPECIAL:
        _SPECIAL[keyword](new, value, draft)
    elif keyword != "format" or _FORMATS_SINCE.get(value, draft) <= draft:
        new[keyword] = value


def _identity(new: dict[str, Any], value: Any, _draft: Draft) -> None:
    if isinstance(value, str) and value.startswith("#"):
        if len(value) > 1:
            new["$anchor"] = value[1:]
    else:
        new["$id"] = value


def _old_identity(new: dict[str, Any], value: Any, draft: Draft) -> None:
    if draft is Draft.D4:
        _identity(new, value, draft)


def _reference(new: dict[str, Any], value: Any, _draft: Draft) -> None:
    place, mark, pointer = str(value).partition("#")
    if mark and pointer.startswith("/"):
        pointer = "/".join(_steps(pointer.split("/")))
    new["$ref"] = place + mark + pointer


def _steps(steps: list[str]) -> list[str]:
    """Rename what moved: definitions, items with an index, additionalItems, dependencies."""
    found: list[str] = []
    for at, step in enumerate(steps):
        names = found[-1:] and found[-1] in {"properties", "patternProperties", "$defs"}
        follows = steps[at + 1] if at + 1 < len(steps) else ""
        if names:
            found.append(step)
        elif step == "items" and follows.isdigit():
            found.append("prefixItems")
        else:
            found.append(_MOVED.get(step, step))
    return found


_MOVED = {
    "definitions": "$defs",
    "additionalItems": "items",
    "dependencies": "dependentSchemas",
}


def _recursive(new: dict[str, Any], value: Any, draft: Draft) -> None:
    """Without a recursive anchor it is a `$ref`; the dynamic one may stand beside another."""
    if draft is Draft.D2019:
        new["$dynamicRef"] = value


def _dependencies(new: dict[str, Any], value: Any, draft: Draft) -> None:
    for name, needed in value.items():
        if isinstance(needed, list):
            new.setdefault("dependentRequired", {})[name] = needed
        elif isinstance(needed, str):
            new.setdefault("dependentRequired", {})[name] = [needed]
        else:
            new.setdefault("dependentSchemas", {})[name] = _schema(needed, draft)


def _later(_new: dict[str, Any], _value: Any, _draft: Draft) -> None:
    """Left to `_items`, which sees the two keywords together."""


_SPECIAL: dict[str, Callable[[dict[str, Any], Any, Draft], None]] = {
    "$id": _identity,
    "id": _old_identity,
    "$recursiveRef": _recursive,
    "$ref": _reference,
    "$schema": _later,
    "additionalItems": _later,
    "dependencies": _dependencies,
    "items": _later,
}


def _bounds(new: dict[str, Any]) -> None:
    """Turn draft 04's `exclusiveMinimum: true` into the bound itself."""
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if not isinstance(new.get(exclusive), bool):
            continue
        if new.pop(exclusive) and bound in new:
            new[exclusive] = new.pop(bound)


def _items(new: dict[str, Any], schema: dict[str, Any], draft: Draft) -> None:
    if "items" not in schema or ("$ref" in new and draft <= Draft.D7):
        return
    items = schema["items"]
    if isinstance(items, list):
        if items:
            new["prefixItems"] = [_schema(item, draft) for item in items]
        if "additionalItems" in schema:
            new["items"] = _schema(schema["additionalItems"], draft)
    else:
        new["items"] = _schema(items, draft)


def _content(new: dict[str, Any], draft: Draft) -> None:
    """Make an assertion of what drafts 06 and 07 assert and later ones only note: base64, JSON."""
    if draft not in {Draft.D6, Draft.D7}:
        return
    in_base64 = new.get("contentEncoding") == "base64"
    in_json = new.get("contentMediaType") == "application/json"
    asserted = [{"pattern": BASE64}] if in_base64 else []
    if in_json:
        asserted.append({"format": "base64-json" if in_base64 else "json-text"})
    if asserted:
        new["allOf"] = [*new.get("allOf", ()), *asserted]
