"""Validates documents on the hot path, with jsonschema-rs: fast, offline, linear patterns."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import jsonschema_rs

from gateway.errors import ConfigError
from gateway.governance.abridged import MOST_ITEMS, Words, abridged, in_the_whole, words_of
from gateway.governance.formats import FORMATS
from gateway.governance.profiles import Profile, apply_profile
from gateway.governance.quicker import quicker
from gateway.governance.subschemas import Schema, Step, pointer
from gateway.governance.violation import Violation, code_of
from gateway.translation.patterns import LINEAR

__all__ = ["RustValidator", "compile_validator"]

MASK = "[redacted]"
_KINDS = jsonschema_rs.ValidationErrorKind
_NO_RESOURCES: Mapping[str, Any] = {}


class RustValidator:
    """A compiled contract. Safe to share between threads."""

    def __init__(
        self,
        schema: Schema,
        resources: Mapping[str, Any] = _NO_RESOURCES,
        *,
        most_items: int = MOST_ITEMS,
    ) -> None:
        self._schema = schema
        self._most_items = most_items
        self._engine = _compiled(schema, FORMATS, resources)
        self._quick = self._engine if resources else _compiled(*quicker(schema), resources)

    def valid(self, document: Any) -> bool:
        """Tell whether the document satisfies the contract."""
        return self._quick.is_valid(document)

    def errors(self, document: Any, limit: int = 100) -> list[Violation]:
        """Return up to `limit` violations, in document order of the engine.

        Of a document with many items: those near the first one that is found.
        """
        small, cut = abridged(document, self._words.names, self._most_items)
        if not cut:
            return [_violation(one) for one in islice(self._engine.iter_errors(document), limit)]
        found = self._found_in(small) or self._near_the_first(document)
        return found[:limit]

    @cached_property
    def _bearing(self) -> jsonschema_rs.Draft202012Validator:
        """The contract as who bears unknown fields reads it."""
        return _compiled(apply_profile(self._schema, Profile.READER), FORMATS, _NO_RESOURCES)

    @cached_property
    def _words(self) -> Words:
        return words_of(self._schema)

    def _found_in(self, small: Any, start: Sequence[Step] = ()) -> list[Violation]:
        """Return what is wrong in an abridged document and in the whole as well."""
        if not self._words.blind:
            return []
        return [
            _violation(fault, start)
            for fault in self._engine.iter_errors(small)
            if not _may_be_of_the_cut(fault)
        ]

    def _near_the_first(self, document: Any) -> list[Violation]:
        try:
            self._engine.validate(document)
        except jsonschema_rs.ValidationError as fault:
            start = fault.instance_path
            small, _ = abridged(document, self._words.names, self._most_items, start)
            return self._found_in(small, start) or [_violation(fault)]
        return []

    def strip(self, document: Any) -> int:
        """Take out, in place, what the contract does not know; return how many fields that were.

        Where anything else is wrong nothing is taken out: a declared field that is wrong would
        count as unknown too.
        """
        if self._words.blind and not self._bearing.is_valid(document):
            return 0  # before all that is wrong is made, which may be much
        unknown: list[tuple[list[str | int], list[str]]] = []
        for fault in self._engine.iter_errors(document):
            match fault.kind:
                case _KINDS.AdditionalProperties(names) | _KINDS.UnevaluatedProperties(names):
                    unknown.append((fault.instance_path, names))
                case _:
                    return 0
        for path, names in unknown:
            place = document
            for step in path:
                place = place[step]
            for name in names:
                del place[name]
        return sum(len(names) for _, names in unknown)


def _compiled(
    schema: Schema, formats: dict[str, Callable[[str], bool]], resources: Mapping[str, Any]
) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        schema,
        formats=formats,
        validate_formats=True,
        ignore_unknown_formats=False,
        pattern_options=LINEAR,
        registry=jsonschema_rs.Registry(list(resources.items())) if resources else None,
        offline=True,
        mask=MASK,
    )


def compile_validator(schema: Schema, profile: Profile) -> RustValidator:
    """Compile a schema that stands alone (see `Registry.bundled_schema`) for one profile.

    Raises ConfigError where it is no valid 2020-12 schema, has a reference to elsewhere, an
    unknown format or a pattern that a linear engine cannot run, or not in a short time.
    """
    try:
        return RustValidator(apply_profile(schema, profile))
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as fault:
        place = pointer(getattr(fault, "instance_path", []))
        raise ConfigError(
            f"the schema does not compile at '{place}': {_reason(fault)}",
            file=str(schema.get("$id", "")),
        ) from None


def _reason(fault: Exception) -> str:
    return str(getattr(fault, "message", fault)).splitlines()[0]


def _may_be_of_the_cut(fault: jsonschema_rs.ValidationError) -> bool:
    """Tell whether something is wrong only because a part of the document is left out."""
    whole = fault.schema_path[-1] in ("const", "enum", "minItems")
    return whole and isinstance(fault.instance, (dict, list))


def _violation(fault: jsonschema_rs.ValidationError, start: Sequence[Step] = ()) -> Violation:
    """Return a fault as it is told; `start` is where what was looked at begins (`abridged`)."""
    kind = fault.kind
    is_false = isinstance(kind, jsonschema_rs.ValidationErrorKind.FalseSchema)
    keyword = "falseSchema" if is_false else str(fault.schema_path[-1])
    return Violation(
        pointer=pointer(in_the_whole(fault.instance_path, start)),
        keyword=keyword,
        schema_pointer=pointer(fault.schema_path),
        code=code_of(keyword),
        expected=_expected(kind),
    )


def _expected(kind: jsonschema_rs.ValidationErrorKind) -> str:
    kinds = jsonschema_rs.ValidationErrorKind
    match kind:
        case kinds.Required(name) | kinds.Pattern(name) | kinds.Format(name):
            return name
        case kinds.Type(types):
            return " or ".join(types)
        case kinds.MaxLength(limit) | kinds.MinLength(limit) | kinds.MaxItems(limit):
            return str(limit)
        case kinds.Minimum(limit) | kinds.Maximum(limit) | kinds.MinItems(limit):
            return str(limit)
        case _:
            return ""
