"""Validates with `jsonschema`: the reference for the fast engine, and errors for authors.

Patterns keep ECMA-262 semantics (`$` is the very end, classes are ASCII), formats are our own,
and no reference is ever fetched from elsewhere.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from gateway.governance.formats import FORMATS
from gateway.governance.profiles import Profile, apply_profile
from gateway.governance.subschemas import Schema, pointer
from gateway.governance.violation import Validator, Violation, code_of

__all__ = ["authoring_errors", "compile_reference"]

_NO_RESOURCES: Mapping[str, Any] = {}
_ECMA_CLASSES = {
    "d": "0-9",
    "w": "A-Za-z0-9_",
    "s": r"\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff",
}


class ReferenceValidator:
    """A contract on the reference engine: about 240 times slower than the fast one."""

    def __init__(self, schema: Schema, resources: Mapping[str, Any] = _NO_RESOURCES) -> None:
        known = [
            (uri, Resource.from_contents(body, DRAFT202012)) for uri, body in resources.items()
        ]
        self._engine = _Engine(
            schema, registry=Registry().with_resources(known), format_checker=_formats()
        )

    def valid(self, document: Any) -> bool:
        """Tell whether the document satisfies the contract."""
        return bool(self._engine.is_valid(document))

    def errors(self, document: Any, limit: int = 100) -> list[Violation]:
        """Return up to `limit` violations, in the engine's order."""
        return [_violation(fault) for fault in islice(self._engine.iter_errors(document), limit)]


def compile_reference(schema: Schema, profile: Profile) -> Validator:
    """Compile a schema that stands alone for the reference engine."""
    return ReferenceValidator(apply_profile(schema, profile))


def authoring_errors(schema: Schema) -> list[Violation]:
    """Return where the text of a contract is no valid JSON Schema 2020-12 (its meta-schema)."""
    meta = Draft202012Validator(Draft202012Validator.META_SCHEMA, registry=Registry())
    return [_violation(fault) for fault in meta.iter_errors(schema)]


def _violation(fault: ValidationError) -> Violation:
    keyword = str(fault.validator) if fault.validator else "falseSchema"
    return Violation(
        pointer=pointer(list(fault.absolute_path)),
        keyword=keyword,
        schema_pointer=pointer(list(fault.absolute_schema_path)),
        code=code_of(keyword),
    )


@lru_cache(maxsize=4096)
def ecma_pattern(text: str) -> re.Pattern[str]:
    """Translate a pattern of ECMA-262 to Python's: `$` is the very end, classes are ASCII."""
    out: list[str] = []
    in_class = False
    rest = iter(text)
    for char in rest:
        if char == "\\":
            out.append(_escape(next(rest, ""), in_class=in_class))
            continue
        in_class = char == "[" or (in_class and char != "]")
        out.append(r"\Z" if char == "$" and not in_class else char)
    return re.compile("".join(out))


def _escape(char: str, *, in_class: bool) -> str:
    if char in _ECMA_CLASSES:
        return _ECMA_CLASSES[char] if in_class else f"[{_ECMA_CLASSES[char]}]"
    if char.lower() in _ECMA_CLASSES and not in_class:
        return f"[^{_ECMA_CLASSES[char.lower()]}]"
    return "/" if char == "/" else "\\" + char


def _pattern(_engine: Any, text: str, value: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not ecma_pattern(text).search(value):
        yield ValidationError("the pattern is not met")


def _pattern_properties(
    engine: Any, patterns: Mapping[str, Any], value: Any, _schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        return
    for text, subschema in patterns.items():
        for name, item in value.items():
            if ecma_pattern(text).search(name):
                yield from engine.descend(item, subschema, path=name, schema_path=text)


_Engine = extend(  # type: ignore[no-untyped-call]  # the stubs leave it bare
    Draft202012Validator, {"pattern": _pattern, "patternProperties": _pattern_properties}
)


@lru_cache(maxsize=1)
def _formats() -> FormatChecker:
    checker = FormatChecker(formats=())
    for name, test in FORMATS.items():
        checker.checkers[name] = (_for_texts(test), ())
    return checker


def _for_texts(test: Callable[[str], bool]) -> Callable[[object], bool]:
    return lambda value: not isinstance(value, str) or test(value)
