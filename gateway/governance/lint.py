"""Checks the text of a contract against our rules for schemas, one function per rule."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from gateway.errors import ConfigError
from gateway.governance.compat.regex import nests_repetition
from gateway.governance.finding import LintFinding
from gateway.governance.formats import FORMATS
from gateway.governance.masking import PHI_CLASSES, Mask
from gateway.governance.profiles import Profile
from gateway.governance.reference import authoring_errors
from gateway.governance.subschemas import Place, Schema, Step, children, pointer
from gateway.governance.validator import compile_validator

__all__ = ["DIALECT", "RULES", "lint_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_OURS = frozenset(
    {"x-phi", "x-money", "x-decimal", "x-extensible", "x-code-set", "x-sunset", "x-successor"}
)
_FORBIDDEN = frozenset(
    {"$dynamicRef", "$dynamicAnchor", "$anchor", "$recursiveRef", "$vocabulary", "definitions"}
)
_KNOWN = frozenset({
    "$comment", "$defs", "$id", "$ref", "$schema", "additionalProperties", "allOf", "anyOf",
    "const", "contains", "default", "dependentRequired", "dependentSchemas", "deprecated",
    "description", "else", "enum", "examples", "exclusiveMaximum", "exclusiveMinimum", "format",
    "if", "items", "maxContains", "maxItems", "maxLength", "maxProperties", "maximum",
    "minContains", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "not",
    "oneOf", "pattern", "patternProperties", "prefixItems", "properties", "propertyNames",
    "readOnly", "required", "then", "title", "type", "unevaluatedItems", "unevaluatedProperties",
    "uniqueItems", "writeOnly",
})  # fmt: skip
_LEAF_TYPES = frozenset({"string", "integer", "boolean", "number", "null"})
_SHAPES = frozenset({"$ref", "allOf", "anyOf", "oneOf", "const", "enum", "type", "properties"})
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_TYPE_REFERENCE = re.compile(r"((\.\./)*[a-z0-9_./-]+\.json)?#/\$defs/[a-z0-9_]+")
_UNPORTABLE = re.compile(r"\\[^.\-\[\](){}*+?|^$\\/]|\(\?|[^\x20-\x7e]")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One schema inside a file, as a rule sees it."""

    steps: tuple[Step, ...]
    schema: Schema
    place: Place = Place.DEFINITION
    types: Schema = {}
    """The file's own `$defs`."""

    @property
    def kinds(self) -> set[str]:
        """Return the types it allows; empty where it names none."""
        named = self.schema.get("type", [])
        return {named} if isinstance(named, str) else set(named)

    @property
    def leaf(self) -> bool:
        """Tell whether its instances are plain values."""
        return bool(self.kinds & _LEAF_TYPES) or "const" in self.schema or "enum" in self.schema


Rule = Callable[[Part], Iterator[str]]


def lint_schema(schema: Schema, *, file: str, root: bool = True) -> list[LintFinding]:
    """Return every broken rule in one schema file.

    `file` is its path below `contracts/` ("remittance-advice/1.0.0/schema.json"); `root` is False
    for a file of shared types, which has `$defs` only. References are not followed: each type is
    judged where it is defined.
    """
    found = [
        LintFinding(file=file, pointer=fault.pointer, rule="meta_schema", text=fault.keyword)
        for fault in authoring_errors(schema)
    ]
    if found:
        return found
    found += _file_rules(schema, file, root=root)
    top = Part(steps=(), schema=schema, place=Place.CHILD, types=schema.get("$defs", {}))
    for part in _parts(top):
        if part is top and not root:
            continue
        for name, rule in RULES.items():
            place = pointer(part.steps)
            found += (
                LintFinding(file=file, pointer=place, rule=name, text=text) for text in rule(part)
            )
    return found


def _parts(part: Part) -> Iterator[Part]:
    yield part
    for steps, child, place in children(part.schema):
        inner = Part(steps=part.steps + steps, schema=child, place=place, types=part.types)
        yield from _parts(inner)


def _file_rules(schema: Schema, file: str, *, root: bool) -> Iterator[LintFinding]:
    def broken(rule: str, place: str, text: str) -> LintFinding:
        return LintFinding(file=file, pointer=place, rule=rule, text=text)

    if schema.get("$schema") != DIALECT:
        yield broken("dialect", "/$schema", f"must be {DIALECT}.")
    if not str(schema.get("$id", "")).endswith("/" + file):
        yield broken("identity", "/$id", f"must be a URL that ends in /{file}.")
    if root and schema.get("type") != "object":
        yield broken("root_object", "/type", "a contract is an object.")
    if not root and set(schema) - {"$schema", "$id", "$defs", "title", "description"}:
        yield broken("types_only", "", "a file of shared types holds $defs only.")


def _unknown_keyword(part: Part) -> Iterator[str]:
    for keyword in sorted(set(part.schema) - _KNOWN - _OURS - _FORBIDDEN):
        yield f"'{keyword}' is no keyword; a misspelt one is silently ignored."


def _forbidden_keyword(part: Part) -> Iterator[str]:
    for keyword in sorted(set(part.schema) & _FORBIDDEN):
        yield f"'{keyword}' is not used in contracts."


def _reference(part: Part) -> Iterator[str]:
    reference = part.schema.get("$ref")
    if reference is not None and not _TYPE_REFERENCE.fullmatch(reference):
        yield "a $ref names a type of this file or of a file beside it, never a URL."
    own = str(reference).removeprefix("#/$defs/")
    if str(reference).startswith("#") and own not in part.types:
        yield f"there is no type '{own}' in this file."


def _shape(part: Part) -> Iterator[str]:
    if not _SHAPES & set(part.schema) and part.place is not Place.IN_PLACE:
        yield "says nothing about its type: anything would pass."
    if "array" in part.kinds and "items" not in part.schema:
        yield "an array says what its items are."
    if "object" in part.kinds and "properties" not in part.schema:
        yield "an object lists its properties."


def _boolean_schema(part: Part) -> Iterator[str]:
    for keyword in ("properties", "patternProperties"):
        for name, child in part.schema.get(keyword, {}).items():
            if isinstance(child, bool):
                yield f"'{name}' is true or false instead of a schema."
    if isinstance(part.schema.get("items"), bool):
        yield "items is true or false instead of a schema."


def _required_declared(part: Part) -> Iterator[str]:
    if part.place is Place.IN_PLACE:
        return
    for name in part.schema.get("required", []):
        if name not in part.schema.get("properties", {}):
            yield f"'{name}' is required but not declared: no writer could satisfy it."


def _open_object(part: Part) -> Iterator[str]:
    for keyword in ("additionalProperties", "unevaluatedProperties"):
        if part.schema.get(keyword) is True:
            yield f"{keyword} true lets undeclared PHI through."


def _composed_closed_type(part: Part) -> Iterator[str]:
    if part.place is Place.IN_PLACE and "$ref" in part.schema:
        yield "a type inside a composition is closed by itself and refuses its siblings."
    if "$ref" in part.schema and "properties" in part.schema:
        yield "properties beside a $ref are refused by the type's closure."


def _description(part: Part) -> Iterator[str]:
    if part.leaf and not str(part.schema.get("description", "")).strip():
        yield "a value has a description."


def _phi(part: Part) -> Iterator[str]:
    phi = part.schema.get("x-phi")
    if phi is None:
        if part.leaf and part.place is not Place.IN_PLACE:
            yield "a value has x-phi; use class none where it is no PHI."
        return
    if not isinstance(phi, dict) or set(phi) - {"class", "mask", "purpose"}:
        yield "x-phi is {class, mask, purpose}."
        return
    if phi.get("class") not in PHI_CLASSES:
        yield "x-phi names a class that is not known."
    if phi.get("class") != "none" and phi.get("mask") not in set(Mask):
        yield f"x-phi names a mask: {', '.join(Mask)}."


def _enum(part: Part) -> Iterator[str]:
    extensible = part.schema.get("x-extensible") is True
    sourced = bool(str(part.schema.get("x-code-set", "")).strip())
    if "enum" in part.schema and not (extensible or sourced):
        yield "an enum is x-extensible, or names in x-code-set why it is closed."


def _bounds(part: Part) -> Iterator[str]:
    if "string" in part.kinds and "maxLength" not in part.schema:
        yield "a text has maxLength."
    if "array" in part.kinds and "maxItems" not in part.schema:
        yield "an array has maxItems."
    if "integer" in part.kinds and not {"minimum", "maximum"} <= set(part.schema):
        yield "an integer has minimum and maximum."


def _number(part: Part) -> Iterator[str]:
    if "number" in part.kinds:
        yield "number becomes a float somewhere; use a decimal string."


def _pattern(part: Part) -> Iterator[str]:
    of_names: dict[str, Schema] = part.schema.get("patternProperties", {})
    for text in (part.schema.get("pattern", "^$"), *of_names):
        if not (text.startswith("^") and text.endswith("$")):
            yield "a pattern is anchored with ^ and $."
        if _UNPORTABLE.search(text):
            yield "a pattern has ASCII classes like [0-9] only, no \\d, look-around or back-reference."
        if nests_repetition(text):
            yield "a pattern repeats nothing that repeats: other engines than ours can be stalled."
        try:
            compile_validator({"type": "string", "pattern": text}, Profile.AS_WRITTEN)
        except ConfigError:
            yield "a pattern is one, and small: how long a text may be is for maxLength to say."


def _format(part: Part) -> Iterator[str]:
    if part.schema.get("format", "date") not in FORMATS:
        yield f"format is one of {', '.join(FORMATS)}."


def _names(part: Part) -> Iterator[str]:
    for name in part.schema.get("properties", {}):
        if not _NAME.fullmatch(name):
            yield f"'{name}' is not snake_case."


def _dates(part: Part) -> Iterator[str]:
    for name, child in part.schema.get("properties", {}).items():
        wanted = _format_by_name(name)
        own = isinstance(child, dict) and "$ref" not in child
        if wanted and own and child.get("format") != wanted:
            yield f"'{name}' has format {wanted}."


def _format_by_name(name: str) -> str:
    return "date" if name.endswith("_date") else "date-time" if name.endswith("_at") else ""


def _one_of(part: Part) -> Iterator[str]:
    branches: list[Any] = part.schema.get("oneOf", [])
    if branches and not _discriminators(branches):
        yield "oneOf branches differ by a const of one property."


def _discriminators(branches: list[Any]) -> set[str]:
    """Return the properties that are a const in every branch, a different one in each."""
    names = [
        {
            (name, str(child["const"]))
            for name, child in branch.get("properties", {}).items()
            if isinstance(child, dict) and "const" in child
        }
        for branch in branches
        if isinstance(branch, dict)
    ]
    return {
        name
        for name, _ in names[0]
        if len({value for found in names for key, value in found if key == name}) == len(branches)
    }


RULES: dict[str, Rule] = {
    "unknown_keyword": _unknown_keyword,
    "forbidden_keyword": _forbidden_keyword,
    "reference": _reference,
    "shape": _shape,
    "boolean_schema": _boolean_schema,
    "required_declared": _required_declared,
    "open_object": _open_object,
    "composed_closed_type": _composed_closed_type,
    "description": _description,
    "phi": _phi,
    "enum": _enum,
    "bounds": _bounds,
    "number": _number,
    "pattern": _pattern,
    "format": _format,
    "name": _names,
    "date_format": _dates,
    "one_of": _one_of,
}
"""Every rule that looks at one schema, by the name its findings carry."""
