"""Changes with the verdicts they must get, one or more for each rule of the guide; all invented.

What a case is stands in `object_cases`.
"""

from typing import Any

from tests.gateway.governance.compat.object_cases import (
    ACH,
    BACKWARD,
    BILL,
    CARD,
    CENTS,
    CHECK,
    FINER,
    FORWARD,
    FULL,
    NONE,
    OBJECTS,
    TEXT,
    WHOLE,
    Case,
    closed,
    field,
    record,
)


def value(code: str, old: Any, new: Any, strict: str, rw: str | None = None) -> Case:
    return code, field(old), field(new), strict, rw or strict


def text(code: str, old: dict[str, Any], new: dict[str, Any], safe: str) -> Case:
    return value(code, TEXT | old, TEXT | new, safe)


def whole(code: str, old: dict[str, Any], new: dict[str, Any], safe: str) -> Case:
    return value(code, WHOLE | old, WHOLE | new, safe)


def array(code: str, old: dict[str, Any], new: dict[str, Any], safe: str) -> Case:
    return value(code, {"type": "array"} | old, {"type": "array"} | new, safe)


ENUM = {"enum": ["CO", "PR"]}
MORE = {"enum": ["CO", "PR", "PI"]}
OPEN = {"type": "string", "x-extensible": True}
DIGITS = {"pattern": "^[0-9]{8}$"}

VALUES: list[Case] = [
    value("PROP_TYPE_CHANGED", TEXT, {"type": "number"}, NONE),
    value("PROP_NULLABLE_ADDED", TEXT, {"type": ["string", "null"]}, BACKWARD),
    value("PROP_NULLABLE_REMOVED", {"type": ["string", "null"]}, TEXT, FORWARD),
    value("TYPE_WIDENED", TEXT, {"type": ["string", "boolean"]}, BACKWARD),
    value("TYPE_NARROWED", {"type": ["string", "boolean"]}, TEXT, FORWARD),
    value("SCALAR_TO_ARRAY", TEXT, {"type": "array", "items": TEXT}, NONE),
    value("ENUM_WIDENED", ENUM, MORE, BACKWARD),
    value("ENUM_NARROWED", MORE, ENUM, FORWARD),
    value("ENUM_CHANGED", ENUM, {"enum": ["CO", "PI"]}, NONE),
    value("ENUM_EXTENSIBLE_WIDENED", OPEN | ENUM, OPEN | MORE, BACKWARD, FULL),
    value("ENUM_ADDED", TEXT, ENUM, FORWARD),
    value("ENUM_REMOVED", ENUM, TEXT, BACKWARD),
    value("CONST_CHANGED", {"const": "USD"}, {"const": "CAD"}, NONE),
    value("CONST_TO_ENUM", {"const": "CO"}, ENUM, BACKWARD),
    value("ENUM_TO_CONST", ENUM, {"const": "CO"}, FORWARD),
    value("CONST_CHANGED", {"const": 1}, {"const": True}, NONE),
    text("MAX_LENGTH_RAISED", {"maxLength": 20}, {"maxLength": 21}, BACKWARD),
    text("MAX_LENGTH_LOWERED", {"maxLength": 21}, {"maxLength": 20}, FORWARD),
    text("MAX_LENGTH_ADDED", {}, {"maxLength": 300}, FORWARD),
    text("MAX_LENGTH_REMOVED", {"maxLength": 300}, {}, BACKWARD),
    text("MAX_LENGTH_LOWERED", {"maxLength": 12, **DIGITS}, {"maxLength": 8, **DIGITS}, FULL),
    text("MIN_LENGTH_ADDED", {}, {"minLength": 2}, FORWARD),
    text("MIN_LENGTH_RAISED", {"minLength": 2}, {"minLength": 5}, FORWARD),
    text("MIN_LENGTH_LOWERED", {"minLength": 5}, {"minLength": 2}, BACKWARD),
    text("MIN_LENGTH_REMOVED", {"minLength": 5}, {}, BACKWARD),
    text("PATTERN_ADDED", {}, DIGITS, FORWARD),
    text("PATTERN_REMOVED", DIGITS, {}, BACKWARD),
    text("PATTERN_CHANGED", DIGITS, {"pattern": "^[0-9]{7}$"}, NONE),
    text("PATTERN_WIDENED", DIGITS, {"pattern": "^[0-9]{8,9}$"}, BACKWARD),
    text("PATTERN_NARROWED", {"pattern": "^[0-9]+$"}, DIGITS, FORWARD),
    text("PATTERN_EQUIVALENT", {"pattern": "^(a|b)+$"}, {"pattern": "^[ab][ab]*$"}, FULL),
    text("PATTERN_EQUIVALENT", {"pattern": "x*"}, {"pattern": "y?"}, FULL),
    text("MONEY_SCALE_WIDENED", {"pattern": CENTS}, {"pattern": FINER}, BACKWARD),
    text("FORMAT_ADDED", {}, {"format": "date"}, FORWARD),
    text("FORMAT_REMOVED", {"format": "date"}, {}, BACKWARD),
    text("FORMAT_CHANGED", {"format": "date"}, {"format": "date-time"}, NONE),
    text("FORMAT_CHANGED", {"format": "uuid"}, {"format": "email"}, NONE),
    text(
        "CONTENT_ENCODING_CHANGED",
        {"contentEncoding": "base64"},
        {"contentEncoding": "base32"},
        FULL,
    ),
    value("MONEY_NUMBER_TO_STRING", {"type": "number"}, TEXT | {"pattern": CENTS}, NONE),
    value("TYPE_INTEGER_TO_NUMBER", WHOLE, {"type": "number"}, BACKWARD),
    value("TYPE_NUMBER_TO_INTEGER", {"type": "number"}, WHOLE, FORWARD),
    whole("MINIMUM_ADDED", {}, {"minimum": 0}, FORWARD),
    whole("MINIMUM_REMOVED", {"minimum": 0}, {}, BACKWARD),
    whole("MINIMUM_RAISED", {"minimum": 0}, {"minimum": 3}, FORWARD),
    whole("MINIMUM_LOWERED", {"minimum": 0}, {"minimum": -3}, BACKWARD),
    whole("MAXIMUM_RAISED", {"maximum": 9}, {"maximum": 10}, BACKWARD),
    whole("MAXIMUM_LOWERED", {"maximum": 10}, {"maximum": 9}, FORWARD),
    whole("MAXIMUM_LOWERED", {"maximum": 10.9}, {"maximum": 10}, FULL),
    whole("MIN_TO_EXCLUSIVE", {"minimum": 4}, {"exclusiveMinimum": 4}, FORWARD),
    whole("MIN_EQUIV_EXCLUSIVE_INT", {"exclusiveMinimum": 4}, {"minimum": 5}, FULL),
    whole("MULTIPLE_OF_REDUCED", {"multipleOf": 12}, {"multipleOf": 4}, BACKWARD),
    whole("MULTIPLE_OF_RAISED", {"multipleOf": 4}, {"multipleOf": 12}, FORWARD),
    whole("MULTIPLE_OF_CHANGED", {"multipleOf": 4}, {"multipleOf": 6}, NONE),
    whole("MULTIPLE_OF_ADDED", {}, {"multipleOf": 0.5}, FULL),
]

PREFIX = {"prefixItems": [TEXT]}
TWO = {"prefixItems": [TEXT, WHOLE]}
LINE = record({"code": TEXT, "paid": TEXT}, "code")

ARRAYS: list[Case] = [
    array("ITEMS_TYPED", {}, {"items": TEXT}, FORWARD),
    array("ITEMS_UNTYPED", {"items": TEXT}, {}, BACKWARD),
    array("ITEMS_CHANGED", {"items": TEXT}, {"items": WHOLE}, NONE),
    array(
        "REQUIRED_ADDED",
        {"items": LINE},
        {"items": LINE | {"required": ["code", "paid"]}},
        FORWARD,
    ),
    array("MAX_ITEMS_ADDED", {"items": TEXT}, {"items": TEXT, "maxItems": 3}, FORWARD),
    array("MAX_ITEMS_RAISED", {"maxItems": 3}, {"maxItems": 4}, BACKWARD),
    array("MAX_ITEMS_LOWERED", {"maxItems": 4}, {"maxItems": 3}, FORWARD),
    array("MIN_ITEMS_ADDED", {"items": TEXT}, {"items": TEXT, "minItems": 2}, FORWARD),
    array("MIN_ITEMS_LOWERED", {"minItems": 2}, {"minItems": 1}, BACKWARD),
    array("UNIQUE_ADDED", {"items": TEXT}, {"items": TEXT, "uniqueItems": True}, FORWARD),
    array("UNIQUE_REMOVED", {"items": WHOLE, "uniqueItems": True}, {"items": WHOLE}, BACKWARD),
    array("UNIQUE_ADDED", {"maxItems": 1}, {"maxItems": 1, "uniqueItems": True}, FULL),
    array("PREFIX_ADDED_CLOSED", PREFIX | {"items": False}, TWO | {"items": False}, BACKWARD),
    array("PREFIX_REMOVED_CLOSED", TWO | {"items": False}, PREFIX | {"items": False}, FORWARD),
    array("PREFIX_ADDED_OPEN", PREFIX, TWO, FORWARD),
    array("PREFIX_REMOVED_OPEN", TWO, PREFIX, BACKWARD),
    array(
        "CONTAINS_ADDED", {"items": TEXT}, {"items": TEXT, "contains": {"const": "HE"}}, FORWARD
    ),
    array(
        "CONTAINS_REMOVED", {"items": TEXT, "contains": {"const": "HE"}}, {"items": TEXT}, BACKWARD
    ),
    array(
        "MIN_CONTAINS_RAISED",
        {"contains": WHOLE, "minContains": 1},
        {"contains": WHOLE, "minContains": 3},
        FORWARD,
    ),
    array(
        "MAX_CONTAINS_RAISED",
        {"contains": WHOLE, "maxContains": 1},
        {"contains": WHOLE, "maxContains": 3},
        BACKWARD,
    ),
    array("UNEVALUATED_ITEMS_CLOSED", PREFIX, PREFIX | {"unevaluatedItems": False}, FORWARD),
    array("UNEVALUATED_ITEMS_OPENED", PREFIX | {"unevaluatedItems": False}, PREFIX, BACKWARD),
]

SHORT = {"maxLength": 4}
IF_ACH = {
    "if": {"properties": {"way": {"const": "ach"}}, "required": ["way"]},
    "then": {"required": ["trace"]},
}
WAY = {"way": TEXT, "trace": TEXT}

COMPOSED: list[Case] = [
    (
        "ONEOF_BRANCH_ADDED_DISJOINT",
        {"oneOf": [ACH, CHECK]},
        {"oneOf": [ACH, CHECK, CARD]},
        BACKWARD,
        BACKWARD,
    ),
    (
        "ONEOF_BRANCH_ADDED_OVERLAP",
        {"oneOf": [TEXT, WHOLE]},
        {"oneOf": [TEXT, WHOLE, {"minLength": 2}]},
        NONE,
        NONE,
    ),
    (
        "ONEOF_BRANCH_REMOVED",
        {"oneOf": [ACH, CHECK, CARD]},
        {"oneOf": [ACH, CHECK]},
        FORWARD,
        FORWARD,
    ),
    ("ONEOF_TO_ANYOF", {"oneOf": [TEXT, SHORT]}, {"anyOf": [TEXT, SHORT]}, BACKWARD, BACKWARD),
    ("ANYOF_TO_ONEOF", {"anyOf": [TEXT, SHORT]}, {"oneOf": [TEXT, SHORT]}, FORWARD, FORWARD),
    ("REWRITTEN", {"oneOf": [TEXT, WHOLE]}, {"anyOf": [TEXT, WHOLE]}, FULL, FULL),
    (
        "ANYOF_BRANCH_ADDED",
        {"anyOf": [TEXT, WHOLE]},
        {"anyOf": [TEXT, WHOLE, {"type": "null"}]},
        BACKWARD,
        BACKWARD,
    ),
    (
        "ANYOF_BRANCH_REMOVED",
        {"anyOf": [TEXT, WHOLE, {"type": "null"}]},
        {"anyOf": [TEXT, WHOLE]},
        FORWARD,
        FORWARD,
    ),
    ("ANYOF_REORDERED", {"anyOf": [TEXT, WHOLE]}, {"anyOf": [WHOLE, TEXT]}, FULL, FULL),
    ("SINGLE_TO_ANYOF", TEXT, {"anyOf": [TEXT, {"type": "null"}]}, BACKWARD, BACKWARD),
    ("ALLOF_MEMBER_ADDED", {"allOf": [TEXT]}, {"allOf": [TEXT, SHORT]}, FORWARD, FORWARD),
    ("ALLOF_MEMBER_REMOVED", {"allOf": [TEXT, SHORT]}, {"allOf": [TEXT]}, BACKWARD, BACKWARD),
    ("ALLOF_INLINED", {"allOf": [TEXT, SHORT]}, TEXT | SHORT, FULL, FULL),
    ("NOT_WIDENED", {"not": {"type": ["string", "null"]}}, {"not": TEXT}, BACKWARD, BACKWARD),
    ("NOT_NARROWED", {"not": TEXT}, {"not": {"type": ["string", "null"]}}, FORWARD, FORWARD),
    ("IF_THEN_ADDED", record(WAY), record(WAY, **IF_ACH), FORWARD, FORWARD),
    ("IF_THEN_REMOVED", record(WAY, **IF_ACH), record(WAY), BACKWARD, BACKWARD),
    (
        "REF_EXTRACTED",
        field(TEXT | SHORT),
        field({"$ref": "#/$defs/short"}) | {"$defs": {"short": TEXT | SHORT}},
        FULL,
        FULL,
    ),
    (
        "MAX_LENGTH_LOWERED",
        field({"$ref": "#/$defs/s"}) | {"$defs": {"s": TEXT | SHORT}},
        field({"$ref": "#/$defs/s"}) | {"$defs": {"s": TEXT | {"maxLength": 3}}},
        FORWARD,
        FORWARD,
    ),
    (
        "REQUIRED_ADDED",
        {"$defs": {"n": record({"id": TEXT, "next": {"$ref": "#/$defs/n"}})}, "$ref": "#/$defs/n"},
        {
            "$defs": {"n": record({"id": TEXT, "next": {"$ref": "#/$defs/n"}}, "id")},
            "$ref": "#/$defs/n",
        },
        FORWARD,
        FORWARD,
    ),
    (
        "DEFS_UNUSED_CHANGED",
        field(TEXT) | {"$defs": {"s": TEXT}},
        field(TEXT) | {"$defs": {"s": WHOLE}},
        FULL,
        FULL,
    ),
]

WORDS: list[Case] = [
    value("TITLE_DESC_CHANGED", TEXT | {"title": "A"}, TEXT | {"title": "B"}, FULL),
    (
        "ID_CHANGED",
        record(BILL) | {"$id": "https://e.example/1"},
        record(BILL) | {"$id": "https://e.example/2"},
        FULL,
        FULL,
    ),
    value("DEFAULT_CHANGED", TEXT | {"default": "a"}, TEXT | {"default": "b"}, FULL),
    value("DEPRECATED_SET", TEXT, TEXT | {"deprecated": True}, FULL),
    value("PHI_ADDED", TEXT, TEXT | {"x-phi": {"class": "mrn", "mask": "full"}}, FULL),
    value("PHI_REMOVED", TEXT | {"x-phi": {"class": "mrn", "mask": "full"}}, TEXT, FULL),
    value(
        "PHI_REMOVED",
        TEXT | {"x-phi": {"class": "mrn", "mask": "full"}},
        TEXT | {"x-phi": {"class": "mrn", "mask": "last4"}},
        FULL,
    ),
]

CASES = [*OBJECTS, *VALUES, *ARRAYS, *COMPOSED, *WORDS]


def _with_defs(schema: Any, wrap: Any) -> Any:
    inner = {key: part for key, part in schema.items() if key not in {"$defs", "$id"}}
    rest = {key: schema[key] for key in ("$defs", "$id") if key in schema}
    return wrap(inner) | rest


def _defined(schema: Any) -> Any:
    inner = {key: part for key, part in schema.items() if key not in {"$defs", "$id"}}
    rest = {key: schema[key] for key in ("$id",) if key in schema}
    return (
        record({"a": {"$ref": "#/$defs/it"}}, "a")
        | rest
        | {"$defs": {**schema.get("$defs", {}), "it": inner}}
    )


WRAPPERS = {
    "alone": lambda schema: schema,
    "in a property": lambda schema: _with_defs(schema, lambda s: record({"inner": s}, "inner")),
    "in items": lambda schema: _with_defs(schema, lambda s: {"type": "array", "items": s}),
    "in a definition": _defined,
    "in an all-of": lambda schema: _with_defs(schema, lambda s: {"allOf": [s]}),
    "in a closed object": lambda schema: _with_defs(schema, lambda s: closed({"inner": s})),
}
