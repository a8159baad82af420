"""Names changes of objects: which properties there are, must be, and what others may be."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from gateway.governance.compat.change import Change
from gateway.governance.compat.engine import pattern_found
from gateway.governance.compat.finding import Level, Severity
from gateway.governance.compat.modes import CompatProfile
from gateway.governance.compat.place import Place

__all__ = ["object_changes"]

_OTHERS = ("additionalProperties", "unevaluatedProperties")
Rest = dict[str, Any]


def object_changes(place: Place) -> Iterator[Change | Place]:
    """Yield the changes of one object's keywords, and the pairs of schemas inside."""
    yield from _properties(place)
    yield from _required(place)
    yield from _others(place)
    yield from _patterns(place)
    yield from _counts(place)
    yield from _dependent(place)


def _part(place: Place, side: Any, more: Rest, *without: str) -> Rest:
    """Return an object schema with the side's names, nothing said of their values, and `more`."""
    names = {name: True for name in side.get("properties", {}) if name not in without}
    found: Rest = {"type": "object", "properties": names}
    for keyword in ("additionalProperties", "unevaluatedProperties", "patternProperties"):
        if keyword in place.old and place.old.get(keyword) == place.new.get(keyword):
            found[keyword] = side[keyword]
    if "properties" in more:
        found["properties"] = names | more.pop("properties")
    if not found["properties"] and not any("properties" in s for s in (place.old, place.new)):
        del found["properties"]
    return found | more


def _properties(place: Place) -> Iterator[Change | Place]:
    old, new = (side.get("properties", {}) for side in (place.old, place.new))
    gone = [name for name in old if name not in new]
    come = [name for name in new if name not in old]
    renamed = _renamed(place, gone, come)
    if renamed:
        yield _rename(place, *renamed)
    for name in come:
        if name not in renamed:
            yield _added(place, name)
    for name in gone:
        if name not in renamed:
            yield _removed(place, name)
    for name in old:
        if name in new:
            yield place.inner("properties", name)


def _renamed(place: Place, gone: list[str], come: list[str]) -> tuple[str, ...]:
    if len(gone) != 1 or len(come) != 1:
        return ()
    old, new = place.old["properties"][gone[0]], place.new["properties"][come[0]]
    alike = _bare(old) == _bare(new) and old not in ({}, True)
    must = [
        n in side.get("required", ())
        for n, side in zip((gone[0], come[0]), (place.old, place.new), strict=True)
    ]
    return (gone[0], come[0]) if alike and must[0] == must[1] else ()


def _bare(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    words = {"title", "description", "examples", "$comment", "deprecated", "x-sunset"}
    return {key: value for key, value in schema.items() if key not in words}


def _must(side: Any, name: str) -> Rest:
    return {"required": [name]} if name in side.get("required", ()) else {}


def _rename(place: Place, before: str, after: str) -> Change:
    old, new = place.old["properties"][before], place.new["properties"][after]
    breaks = place.effect(
        _part(place, place.old, {"properties": {before: old}, **_must(place.old, before)}),
        _part(place, place.new, {"properties": {after: new}, **_must(place.new, after)}),
    )
    change = place.change(
        "PROP_RENAMED",
        "properties",
        before,
        breaks=breaks,
        level=Level.SOURCE,
        severity=_loss(place),
        old=old,
        new=new,
        message=f"'{before}' is '{after}' now.",
    )
    return _moved(change, place.pointer_new, after)


def _moved(change: Change, base: str, name: str) -> Change:
    step = name.replace("~", "~0").replace("/", "~1")
    return msgspec.structs.replace(change, pointer_new=f"{base}/properties/{step}")


def _loss(place: Place) -> Severity:
    """What goes is lost in silence by readers that bear anything."""
    rw = place.effects.profile is CompatProfile.RW
    return Severity.ERR if rw else Severity.WARN


def _added(place: Place, name: str) -> Change:
    schema = place.new["properties"][name]
    more = {"properties": {name: schema}, **_must(place.new, name)}
    breaks = place.effect(
        _part(place, place.old, {}), _part(place, place.new, more, *_only(place, name, "new"))
    )
    code = _added_code(place, name, schema)
    return place.change(code, "properties", name, breaks=breaks, new=schema)


def _only(place: Place, name: str, side: str) -> Iterable[str]:
    """Return the other names that stand on one side only: they are changes of their own."""
    here, there = (place.new, place.old) if side == "new" else (place.old, place.new)
    others = there.get("properties", {})
    return [n for n in here.get("properties", {}) if n not in others and n != name]


def _added_code(place: Place, name: str, schema: Any) -> str:
    covering = [
        part
        for pattern, part in place.old.get("patternProperties", {}).items()
        if pattern_found(pattern, name)
    ]
    if covering:
        covered = all(not place.effect(part, schema) for part in covering)
        return "PROP_COVERED_BY_PATTERN" if covered else "PROP_NOT_COVERED_BY_PATTERN"
    if name in place.new.get("required", ()):
        has_default = isinstance(schema, dict) and "default" in schema
        return "PROP_REQUIRED_ADDED_DEFAULT" if has_default else "PROP_REQUIRED_ADDED"
    return "PROP_OPTIONAL_ADDED_ANY" if schema in ({}, True) else "PROP_OPTIONAL_ADDED"


def _removed(place: Place, name: str) -> Change:
    schema = place.old["properties"][name]
    more = {"properties": {name: schema}, **_must(place.old, name)}
    breaks = place.effect(
        _part(place, place.old, more, *_only(place, name, "old")), _part(place, place.new, {})
    )
    must = name in place.old.get("required", ())
    return place.change(
        "PROP_REQUIRED_REMOVED" if must else "PROP_OPTIONAL_REMOVED",
        "properties",
        name,
        breaks=breaks,
        level=Level.SOURCE,
        severity=_loss(place),
        old=schema,
    )


def _required(place: Place) -> Iterator[Change]:
    old, new = (side.get("required", ()) for side in (place.old, place.new))
    names_old, names_new = (side.get("properties", {}) for side in (place.old, place.new))
    gained = [n for n in new if n not in old and (n in names_old) == (n in names_new)]
    lost = [n for n in old if n not in new and (n in names_old) == (n in names_new)]
    if gained and lost:
        yield _demand(place, "REQUIRED_SWAPPED", lost, gained)
        return
    for name in gained:
        known = name in names_new
        yield _demand(
            place, "REQUIRED_ADDED" if known else "REQUIRED_UNDECLARED_ADDED", [], [name]
        )
    for name in lost:
        yield _demand(place, "REQUIRED_REMOVED", [name], [])


def _demand(place: Place, code: str, old: list[str], new: list[str]) -> Change:
    breaks = place.effect(
        _part(place, place.old, {"required": old}), _part(place, place.new, {"required": new})
    )
    return place.change(code, "required", breaks=breaks, old=old, new=new)


def _others(place: Place) -> Iterator[Change | Place]:
    """What is said of properties that are not listed."""
    old = {key: place.old[key] for key in _OTHERS if key in place.old}
    new = {key: place.new[key] for key in _OTHERS if key in place.new}
    if list(old) == list(new) and all(isinstance(v, dict) for v in (*old.values(), *new.values())):
        yield from (place.inner(key) for key in old)
    if old == new:
        return
    breaks = place.effect(_part(place, place.old, old), _part(place, place.new, new))
    keyword = next(iter({**new, **old}))
    yield place.change(
        _others_code(old, new),
        keyword,
        breaks=breaks,
        old=old.get(keyword),
        new=new.get(keyword),
        same=_others_code(old, new) == "UNEVALUATED_EQ_ADDITIONAL",
    )


def _others_code(old: Rest, new: Rest) -> str:
    if old.keys() != new.keys() and list(old.values()) == list(new.values()) == [False]:
        return "UNEVALUATED_EQ_ADDITIONAL"
    stem = "UNEVALUATED" if "unevaluatedProperties" in {**old, **new} else "ADDITIONAL"
    before, after = _openness(old), _openness(new)
    if before == after:
        return f"{stem}_CHANGED" if before else f"{stem}_OPEN"
    if after == _CLOSED:
        return f"{stem}_CLOSED"
    if before == _CLOSED and after == _OPEN:
        return f"{stem}_OPENED"
    return f"{stem}_WIDENED" if after < before else f"{stem}_NARROWED"


_OPEN, _TYPED, _CLOSED = 0, 1, 2


def _openness(others: Rest) -> int:
    if any(value is False for value in others.values()):
        return _CLOSED
    return _TYPED if any(value not in ({}, True) for value in others.values()) else _OPEN


def _patterns(place: Place) -> Iterator[Change | Place]:
    old, new = (side.get("patternProperties", {}) for side in (place.old, place.new))
    for pattern in old.keys() | new.keys():
        if pattern in old and pattern in new:
            yield place.inner("patternProperties", pattern)
    if old.keys() == new.keys():
        return
    closing = {key: place.old[key] for key in _OTHERS if key in place.old}
    breaks = place.effect(
        _part(place, place.old, {"patternProperties": old, **closing}),
        _part(place, place.new, {"patternProperties": new, **closing}),
    )
    yield place.change("PATTERN_PROPS_EXT", "patternProperties", breaks=breaks, old=old, new=new)


_COUNTS = {
    "minProperties": "MIN_PROPERTIES",
    "maxProperties": "MAX_PROPERTIES",
    "propertyNames": "PROPERTY_NAMES",
}


def _counts(place: Place) -> Iterator[Change]:
    for keyword, code in _COUNTS.items():
        old, new = place.old.get(keyword), place.new.get(keyword)
        if old != new:
            breaks = place.effect(
                {"type": "object"} | ({keyword: old} if keyword in place.old else {}),
                {"type": "object"} | ({keyword: new} if keyword in place.new else {}),
            )
            yield place.change(code, keyword, breaks=breaks, old=old, new=new)


def _dependent(place: Place) -> Iterator[Change | Place]:
    old, new = (side.get("dependentRequired", {}) for side in (place.old, place.new))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield _depends(place, name, old.get(name), new.get(name))
    old, new = (side.get("dependentSchemas", {}) for side in (place.old, place.new))
    for name in sorted(old.keys() | new.keys()):
        if name in old and name in new:
            yield place.inner("dependentSchemas", name)
            continue
        word = "ADDED" if name in new else "REMOVED"
        yield place.keyword(f"DEPENDENT_SCHEMA_{word}", "dependentSchemas")


def _depends(place: Place, name: str, old: list[str] | None, new: list[str] | None) -> Change:
    if old is None or new is None:
        word = "ADDED" if old is None else "REMOVED"
    elif set(old) == set(new):
        word = "REORDERED"
    else:
        gained = set(new) - set(old)
        word = "CHANGED" if gained and set(old) - set(new) else "EXTENDED" if gained else "REDUCED"
    breaks = place.effect(
        _part(place, place.old, {"dependentRequired": {name: old or []}}),
        _part(place, place.new, {"dependentRequired": {name: new or []}}),
    )
    code = f"DEPENDENT_REQUIRED_{word}"
    return place.change(code, "dependentRequired", name, breaks=breaks, old=old, new=new)
