"""Walks two schemas together and names what changed, where.

References are followed on both sides; a pair met again inside of itself is left alone. Changes
inside of `not` break the other direction, those inside of `if` may break both.
"""

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from gateway.governance.compat.change import Change
from gateway.governance.compat.effects import Effects
from gateway.governance.compat.finding import Level
from gateway.governance.compat.modes import CompatProfile
from gateway.governance.compat.place import Place
from gateway.governance.compat.pruning import pruned
from gateway.governance.compat.references import absolute, resolve
from gateway.governance.compat.rules_annotations import annotation_changes, same_annotations
from gateway.governance.compat.rules_composed import COMPOSED, composition_changes
from gateway.governance.compat.rules_objects import object_changes
from gateway.governance.compat.rules_values import value_changes
from gateway.governance.compat.universe import Root

__all__ = ["changes"]

_MAX_DEPTH = 60


def changes(old: Any, new: Any, profile: CompatProfile) -> list[Change]:
    """Return every change between two 2020-12 schemas."""
    walk = _Walk(absolute(old), absolute(new), profile)
    return [*walk.pair(walk.top()), *walk.unused()]


class _Walk:
    def __init__(self, old: Any, new: Any, profile: CompatProfile) -> None:
        self.old = old
        self.new = new
        self.effects = Effects(pruned(old), pruned(new), profile)
        self.seen: set[tuple[int, int, bool, bool]] = set()
        self.used: set[str] = set()
        self.root = Root(old)
        self.differing: dict[str, bool] = {}

    def top(self) -> Place:
        return Place(old=self.old, new=self.new, effects=self.effects)

    def pair(self, place: Place) -> Iterator[Change]:
        """Yield the changes of a pair of schemas and of what is inside of them."""
        first, place = place, self._followed(place)
        if _refers_alone(first.old) != _refers_alone(first.new):
            yield first.change("REF_EXTRACTED", level=Level.SOURCE, same=True)
        key = (id(place.old), id(place.new), place.swapped, place.loose)
        if key in self.seen or place.depth > _MAX_DEPTH:
            return
        self.seen.add(key)
        if _same(place.old, place.new) and not self._touched(place.old):
            return
        yield from annotation_changes(place)
        if not (isinstance(place.old, dict) and isinstance(place.new, dict)):
            yield from _whole(place)
        elif self._rewritten(place):
            code = "ALLOF_INLINED" if "allOf" in {*place.old, *place.new} else "REWRITTEN"
            yield place.change(code, same=True, message="Both mean the same.")
        else:
            yield from self._inside(place)

    def _inside(self, place: Place) -> Iterator[Change]:
        for rule in (value_changes, object_changes, composition_changes):
            for found in rule(place):
                if isinstance(found, Change):
                    yield found
                else:
                    yield from self.pair(found)

    def _rewritten(self, place: Place) -> bool:
        """Tell whether a schema was put in other words: composed otherwise, and proved equal."""
        old, new = ([key for key in COMPOSED if key in side] for side in (place.old, place.new))
        return old != new and self.effects.equal(place.old, place.new)

    def _touched(self, node: Any) -> bool:
        """Tell whether a part refers to something that is not the same on both sides."""
        return any(self._differs(pointer) for pointer in self.root.references(node))

    def _differs(self, pointer: str) -> bool:
        if pointer not in self.differing:
            ways = self.root.closure(pointer)
            self.differing[pointer] = not all(
                _same(resolve(self.old, way[1:]), resolve(self.new, way[1:])) for way in ways
            )
        return self.differing[pointer]

    def _followed(self, place: Place) -> Place:
        """Follow references that stand alone, on each side."""
        for _ in range(20):
            old, pointer_old = self._target(self.old, place.old, place.pointer_old)
            new, pointer_new = self._target(self.new, place.new, place.pointer_new)
            if old is place.old and new is place.new:
                break
            place = place.at(old, new, pointer_old, pointer_new)
        return place

    def _target(self, root: Any, schema: Any, pointer: str) -> tuple[Any, str]:
        if not isinstance(schema, dict) or not str(schema.get("$ref", "")).startswith("#"):
            return schema, pointer
        place = schema["$ref"][1:]
        if not same_annotations(schema):
            return schema, pointer
        self.used.add(place)
        return resolve(root, place), place

    @cached_property
    def text(self) -> str:
        """Both schemas, to look for a reference."""
        return json.dumps([self.old, self.new])

    def unused(self) -> Iterator[Change]:
        """Yield the definitions that changed and that nothing refers to."""
        olds, news = _definitions(self.old), _definitions(self.new)
        differing = [
            name for name in olds.keys() | news.keys() if olds.get(name) != news.get(name)
        ]
        for name in sorted(differing):
            if f'"#/$defs/{name}' in self.text:
                continue
            yield Change(
                code="DEFS_UNUSED_CHANGED",
                level=Level.SOURCE,
                pointer_old=f"/$defs/{name}",
                pointer_new=f"/$defs/{name}",
                same=True,
            )


def _definitions(schema: Any) -> dict[str, Any]:
    found = schema.get("$defs", {}) if isinstance(schema, dict) else {}
    return found if isinstance(found, dict) else {}


def _same(old: Any, new: Any) -> bool:
    """Compare as JSON: 1 is not true."""
    return bool(old == new) and json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)


def _refers_alone(schema: Any) -> bool:
    return isinstance(schema, dict) and "$ref" in schema and same_annotations(schema)


def _whole(place: Place) -> Iterator[Change]:
    """A boolean schema on one side at least."""
    if _same(place.old, place.new):
        return
    if place.new is False:
        code = "BOOLEAN_FALSE_PROP"
    elif place.new is True or place.new == {}:
        code = "SCHEMA_OPENED"
    elif place.old is False:
        code = "SCHEMA_ALLOWED"
    else:
        code = "SCHEMA_ADDED"
    yield place.change(code, breaks=place.effect(place.old, place.new))
