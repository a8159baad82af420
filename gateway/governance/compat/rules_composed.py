"""Names changes of compositions: all-of, any-of, one-of, not, conditions, references."""

from collections.abc import Iterator
from typing import Any

from gateway.governance.compat.change import Change
from gateway.governance.compat.pair import Direction
from gateway.governance.compat.place import Place

__all__ = ["COMPOSED", "composition_changes"]

COMPOSED = ("$ref", "allOf", "anyOf", "oneOf", "not", "if")


def composition_changes(place: Place) -> Iterator[Change | Place]:
    """Yield the changes of one schema's compositions, and the pairs of branches inside."""
    yield from _switched(place)
    for keyword, stem in (("allOf", "ALLOF_MEMBER"), ("anyOf", "ANYOF_BRANCH")):
        yield from _members(place, keyword, stem)
    yield from _members(place, "oneOf", "ONEOF_BRANCH")
    yield from _not(place)
    yield from _conditional(place)
    if place.old.get("$ref") != place.new.get("$ref"):
        yield place.keyword("REF_CHANGED", "$ref")


def _alternatives(schema: Any) -> str:
    return next((keyword for keyword in ("anyOf", "oneOf") if keyword in schema), "")


def _switched(place: Place) -> Iterator[Change]:
    before, after = _alternatives(place.old), _alternatives(place.new)
    if before == after:
        return
    code = {
        ("oneOf", "anyOf"): "ONEOF_TO_ANYOF",
        ("anyOf", "oneOf"): "ANYOF_TO_ONEOF",
        ("", "anyOf"): "SINGLE_TO_ANYOF",
        ("", "oneOf"): "SINGLE_TO_ONEOF",
        ("anyOf", ""): "ANYOF_TO_SINGLE",
        ("oneOf", ""): "ONEOF_TO_SINGLE",
    }[before, after]
    whole = not (before and after)
    old = place.old if whole else {before: place.old[before]}
    new = place.new if whole else {after: place.new[after]}
    yield place.change(
        code,
        after or before,
        breaks=place.effect(old, new),
        old=place.old.get(before),
        new=place.new.get(after),
    )


def _members(place: Place, keyword: str, stem: str) -> Iterator[Change | Place]:
    old, new = place.old.get(keyword), place.new.get(keyword)
    if keyword != "allOf" and (old is None or new is None):
        return
    old, new = old or [], new or []
    lost = [index for index, part in enumerate(old) if part not in new]
    gained = [index for index, part in enumerate(new) if part not in old]
    if len(lost) == len(gained):
        if not lost and old != new:
            yield place.keyword(f"{keyword.upper()}_REORDERED", keyword, same=True)
        for before, after in zip(lost, gained, strict=True):
            yield place.inner(keyword, before, new_steps=(keyword, after))
        return
    change = place.keyword(f"{stem}_{'ADDED' if len(gained) > len(lost) else 'REMOVED'}", keyword)
    if change.code == "ONEOF_BRANCH_ADDED":
        overlaps = Direction.BACKWARD in change.breaks
        ending = "OVERLAP" if overlaps else "DISJOINT"
        change = place.keyword(f"ONEOF_BRANCH_ADDED_{ending}", keyword)
    yield change


def _not(place: Place) -> Iterator[Change]:
    if place.old.get("not") == place.new.get("not") and "not" in place.old:
        return
    match place.has("not"):
        case (False, True):
            yield place.keyword("NOT_ADDED", "not")
        case (True, False):
            yield place.keyword("NOT_REMOVED", "not")
        case (True, True):
            breaks = place.effect({"not": place.old["not"]}, {"not": place.new["not"]})
            name = {
                (): "SAME",
                (Direction.BACKWARD,): "NARROWED",
                (Direction.FORWARD,): "WIDENED",
            }.get(breaks, "CHANGED")
            yield place.keyword(f"NOT_{name}", "not", same=name == "SAME")
        case _:
            pass


def _conditional(place: Place) -> Iterator[Change]:
    keywords = ("if", "then", "else")
    if all(place.old.get(key) == place.new.get(key) for key in keywords):
        return
    match place.has("if"):
        case (False, True):
            name = "ADDED"
        case (True, False):
            name = "REMOVED"
        case _:
            name = "CHANGED"
    yield place.keyword(f"IF_THEN_{name}", *keywords)
