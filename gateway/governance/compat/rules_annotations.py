"""Names changes of what no validator checks: words, defaults, deprecation, masks, encodings."""

from collections.abc import Iterator
from typing import Any

from gateway.governance.compat.change import Change
from gateway.governance.compat.finding import Level, Severity
from gateway.governance.compat.place import Place

__all__ = ["annotation_changes", "same_annotations"]

_WORDS = ("title", "description", "examples", "$comment", "readOnly", "writeOnly")
_OTHERS = frozenset({
    *_WORDS, "$id", "$schema", "$defs", "default", "deprecated", "contentEncoding",
    "contentMediaType",
})  # fmt: skip
_MASKS = ("keep", "year", "last4", "hash", "full")
"""Masks from the weakest to the strongest."""


def same_annotations(schema: dict[str, Any]) -> bool:
    """Tell whether a reference has nothing beside it but words."""
    return all(key == "$ref" or key in _OTHERS or key.startswith("x-") for key in schema)


def annotation_changes(place: Place) -> Iterator[Change]:
    """Yield the changes of annotations of a pair; a boolean schema has none."""
    if not (isinstance(place.old, dict) and isinstance(place.new, dict)):
        return
    for keyword in _WORDS:
        if place.old.get(keyword) != place.new.get(keyword):
            yield _change(place, "TITLE_DESC_CHANGED", keyword, Severity.INFO)
    for keyword, (code, severity) in _SIMPLE.items():
        if place.old.get(keyword) != place.new.get(keyword):
            yield _change(place, code, keyword, severity)
    for rule in (_deprecation, _phi, _extensible):
        yield from rule(place)


_SIMPLE = {
    "$id": ("ID_CHANGED", Severity.INFO),
    "default": ("DEFAULT_CHANGED", Severity.WARN),
    "contentEncoding": ("CONTENT_ENCODING_CHANGED", Severity.ERR),
    "contentMediaType": ("CONTENT_MEDIA_TYPE_CHANGED", Severity.ERR),
    "x-sunset": ("SUNSET_CHANGED", Severity.INFO),
    "x-money": ("MONEY_CURRENCY_CHANGED", Severity.ERR),
    "x-code-set": ("CODE_SET_CHANGED", Severity.WARN),
}


def _change(
    place: Place, code: str, keyword: str, severity: Severity, message: str = ""
) -> Change:
    return place.change(
        code,
        keyword,
        level=Level.SEMANTIC,
        severity=severity,
        old=place.old.get(keyword),
        new=place.new.get(keyword),
        message=message,
        same=True,
    )


def _deprecation(place: Place) -> Iterator[Change]:
    before, after = (side.get("deprecated") is True for side in (place.old, place.new))
    if after and not before:
        yield place.change(
            "DEPRECATED_SET",
            "deprecated",
            level=Level.SEMANTIC,
            severity=Severity.ERR,
            old=None,
            new={key: place.new[key] for key in _ANNOUNCING if key in place.new},
            message="Say x-successor and an x-sunset that leaves time enough.",
            same=True,
        )
    elif before and not after:
        yield _change(place, "DEPRECATED_UNSET", "deprecated", Severity.INFO)


_ANNOUNCING = ("deprecated", "x-sunset", "x-successor")


def _phi(place: Place) -> Iterator[Change]:
    old, new = (side.get("x-phi") for side in (place.old, place.new))
    if old == new:
        return
    before, after = _strength(old), _strength(new)
    if before > after:
        code, severity = "PHI_REMOVED", Severity.ERR
        message = "What was masked becomes visible: the privacy officer approves."
    elif before < after:
        code, severity, message = "PHI_ADDED", Severity.WARN, "Screens and logs lose the value."
    else:
        code, severity, message = "PHI_CHANGED", Severity.WARN, ""
    yield _change(place, code, "x-phi", severity, message)


def _strength(phi: Any) -> tuple[bool, int]:
    """Return whether something is PHI, and how strong its mask is; nothing said is taken for
    nothing, as in a schema that has never been linted."""
    if not isinstance(phi, dict) or phi.get("class", "none") == "none":
        return False, 0
    mask = phi.get("mask", "full")
    return True, _MASKS.index(mask) if mask in _MASKS else len(_MASKS)


def _extensible(place: Place) -> Iterator[Change]:
    before, after = (side.get("x-extensible") is True for side in (place.old, place.new))
    if before and not after:
        yield _change(place, "EXTENSIBLE_REMOVED", "x-extensible", Severity.ERR)
    elif after and not before:
        yield _change(place, "EXTENSIBLE_ADDED", "x-extensible", Severity.INFO)
