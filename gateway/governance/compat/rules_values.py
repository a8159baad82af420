"""Names changes of what a single value may be: type, enum, texts, numbers, arrays."""

from collections.abc import Iterator
from typing import Any

from gateway.governance.compat.change import Change
from gateway.governance.compat.finding import Severity
from gateway.governance.compat.pair import Direction
from gateway.governance.compat.place import Place
from gateway.governance.compat.values import canonical

__all__ = ["value_changes"]

_BOUNDS = {
    "minLength": "MIN_LENGTH",
    "maxLength": "MAX_LENGTH",
    "minimum": "MINIMUM",
    "maximum": "MAXIMUM",
    "exclusiveMinimum": "EXCLUSIVE_MINIMUM",
    "exclusiveMaximum": "EXCLUSIVE_MAXIMUM",
    "minItems": "MIN_ITEMS",
    "maxItems": "MAX_ITEMS",
    "minContains": "MIN_CONTAINS",
    "maxContains": "MAX_CONTAINS",
}


def value_changes(place: Place) -> Iterator[Change | Place]:
    """Yield the changes of one value's keywords, and the pairs of schemas inside."""
    yield from _type(place)
    yield from _fixed(place)
    yield from _bounds(place)
    yield from _multiple(place)
    yield from _pattern(place)
    yield from _format(place)
    yield from _array(place)


def _differs(place: Place, keyword: str) -> bool:
    old, new = place.has(keyword)
    return old != new or (old and place.old[keyword] != place.new[keyword])


def _types(schema: Any) -> set[str]:
    types = schema.get("type", ())
    return {types} if isinstance(types, str) else set(types)


def _type(place: Place) -> Iterator[Change]:
    old, new = _types(place.old), _types(place.new)
    if old == new or ("type" not in place.old and "enum" in place.old):
        return
    yield place.keyword(_type_code(old, new, place.new), "type")


_TYPE_CODES = {
    ("integer", "number"): "TYPE_INTEGER_TO_NUMBER",
    ("number", "integer"): "TYPE_NUMBER_TO_INTEGER",
}


def _type_code(old: set[str], new: set[str], schema: Any) -> str:
    lost, gained = sorted(old - new), sorted(new - old)
    if not old or not new:
        return "TYPE_REMOVED" if old else "TYPE_ADDED"
    if not lost:
        return "PROP_NULLABLE_ADDED" if gained == ["null"] else "TYPE_WIDENED"
    if not gained:
        return "PROP_NULLABLE_REMOVED" if lost == ["null"] else "TYPE_NARROWED"
    if lost == ["number"] and gained == ["string"] and "pattern" in schema:
        return "MONEY_NUMBER_TO_STRING"
    if gained == ["array"] and len(lost) == 1:
        return "SCALAR_TO_ARRAY"
    return _TYPE_CODES.get((lost[0], gained[0]), "PROP_TYPE_CHANGED")


def _values(schema: Any) -> list[Any] | None:
    if "enum" in schema:
        return [canonical(value) for value in schema["enum"]]
    return [canonical(schema["const"])] if "const" in schema else None


def _fixed(place: Place) -> Iterator[Change]:
    old, new = _values(place.old), _values(place.new)
    if old == new and place.has("const")[0] == place.has("const")[1]:
        return
    yield place.keyword(
        _fixed_code(place, old, new), "enum", "const", "type", "x-extensible", "maxLength"
    )


def _fixed_code(place: Place, old: list[Any] | None, new: list[Any] | None) -> str:
    consts = place.has("const")
    if old is None:
        return "CONST_ADDED" if consts[1] else "ENUM_ADDED"
    if new is None:
        return "CONST_REMOVED" if consts[0] else "ENUM_REMOVED"
    if consts == (True, True):
        return "CONST_CHANGED"
    gained = [value for value in new if value not in old]
    lost = [value for value in old if value not in new]
    if consts == (True, False) and not lost:
        return "CONST_TO_ENUM"
    if consts == (False, True) and not gained:
        return "ENUM_TO_CONST"
    if place.new.get("x-extensible") is True and not lost:
        return "ENUM_EXTENSIBLE_WIDENED"
    if not gained and not lost:
        return "ENUM_REORDERED"
    return "ENUM_CHANGED" if gained and lost else "ENUM_WIDENED" if gained else "ENUM_NARROWED"


def _bounds(place: Place) -> Iterator[Change]:
    yielded: set[str] = set()
    for plain, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if place.has(plain) == (True, False) and place.has(exclusive) == (False, True):
            code = "MIN_TO_EXCLUSIVE" if plain == "minimum" else "MAX_TO_EXCLUSIVE"
        elif place.has(plain) == (False, True) and place.has(exclusive) == (True, False):
            code = "MIN_EQUIV_EXCLUSIVE_INT" if plain == "minimum" else "MAX_EQUIV_EXCLUSIVE_INT"
        else:
            continue
        yielded |= {plain, exclusive}
        yield place.keyword(code, plain, exclusive, "type")
    for keyword, code in _BOUNDS.items():
        if keyword not in yielded and _differs(place, keyword):
            context = ("contains",) if keyword.endswith("Contains") else ("type",)
            yield place.keyword(f"{code}_{_moved(place, keyword)}", keyword, *context)


def _moved(place: Place, keyword: str) -> str:
    old, new = place.has(keyword)
    if not old:
        return "ADDED"
    if not new:
        return "REMOVED"
    return "RAISED" if place.new[keyword] > place.old[keyword] else "LOWERED"


def _multiple(place: Place) -> Iterator[Change]:
    if not _differs(place, "multipleOf"):
        return
    change = place.keyword("MULTIPLE_OF", "multipleOf")
    names = {
        (): "CHANGED",
        (Direction.BACKWARD,): "RAISED",
        (Direction.FORWARD,): "REDUCED",
    }
    ways = change.breaks if not place.swapped else ()
    moved = _moved(place, "multipleOf")
    name = moved if moved in {"ADDED", "REMOVED"} else names.get(ways, "CHANGED")
    yield place.keyword(f"MULTIPLE_OF_{name}", "multipleOf")


def _pattern(place: Place) -> Iterator[Change]:
    if not _differs(place, "pattern"):
        return
    old, new = place.has("pattern")
    if old and new:
        ways = place.effect({"pattern": place.old["pattern"]}, {"pattern": place.new["pattern"]})
        name = {
            (): "EQUIVALENT",
            (Direction.BACKWARD,): "NARROWED",
            (Direction.FORWARD,): "WIDENED",
        }.get(ways, "CHANGED")
    else:
        name = "ADDED" if new else "REMOVED"
    yield place.keyword(f"PATTERN_{name}", "pattern", same=name == "EQUIVALENT")
    if name == "WIDENED" and _is_money(place):
        yield place.keyword("MONEY_SCALE_WIDENED", "pattern", severity=Severity.ERR)


def _is_money(place: Place) -> bool:
    """Tell an amount by its annotation, or by a pattern that ends in decimals."""
    text = place.old["pattern"]
    decimals = any(point in text for point in ("\\.[0-9]{", "[.][0-9]{"))
    return "x-money" in place.old or decimals


def _format(place: Place) -> Iterator[Change]:
    if _differs(place, "format"):
        old, new = place.has("format")
        name = "CHANGED" if old and new else "ADDED" if new else "REMOVED"
        yield place.keyword(f"FORMAT_{name}", "format")


def _array(place: Place) -> Iterator[Change | Place]:
    if _differs(place, "uniqueItems"):
        name = "ADDED" if place.new.get("uniqueItems") else "REMOVED"
        yield place.keyword(f"UNIQUE_{name}", "uniqueItems")
    yield from _items(place)
    yield from _prefix(place)
    yield from _one_schema(place, "contains", "CONTAINS", "ADDED", "REMOVED")
    yield from _one_schema(
        place, "unevaluatedItems", "UNEVALUATED_ITEMS", "CLOSED", "OPENED", "prefixItems"
    )


def _one_schema(
    place: Place, keyword: str, code: str, added: str, removed: str, *context: str
) -> Iterator[Change | Place]:
    match place.has(keyword):
        case (False, True):
            yield place.keyword(f"{code}_{added}", keyword, *context)
        case (True, False):
            yield place.keyword(f"{code}_{removed}", keyword, *context)
        case (True, True):
            yield place.inner(keyword)
        case _:
            pass


def _items(place: Place) -> Iterator[Change | Place]:
    match place.has("items"):
        case (False, True):
            yield place.keyword("ITEMS_TYPED", "items", "prefixItems")
        case (True, False):
            yield place.keyword("ITEMS_UNTYPED", "items", "prefixItems")
        case (True, True):
            old, new = place.old["items"], place.new["items"]
            if old != new:
                yield place.keyword("ITEMS_CHANGED", "items", "prefixItems")
            yield place.inner("items")
        case _:
            pass


def _prefix(place: Place) -> Iterator[Change | Place]:
    old, new = (side.get("prefixItems", []) for side in (place.old, place.new))
    for index in range(min(len(old), len(new))):
        yield place.inner("prefixItems", index)
    if len(old) == len(new):
        return
    closed = any(
        side.get(keyword) is False
        for side in (place.old, place.new)
        for keyword in ("items", "unevaluatedItems")
    )
    name = "ADDED" if len(new) > len(old) else "REMOVED"
    ending = "CLOSED" if closed else "OPEN"
    yield place.keyword(f"PREFIX_{name}_{ending}", "prefixItems", "items", "unevaluatedItems")
