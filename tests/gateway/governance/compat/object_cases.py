"""Changes of objects with the verdicts they must get, for each rule of the guide; all invented.

A case is (code, old, new, safe directions as written, safe directions of writer against reader);
FULL is both, NONE neither. The code is one of those the walk has to name.
"""

from typing import Any

FULL, BACKWARD, FORWARD, NONE = "FULL", "BACKWARD", "FORWARD", "NONE"

TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer"}
CENTS = "^(0|[1-9][0-9]{0,9})\\.[0-9]{2}$"
FINER = "^(0|[1-9][0-9]{0,9})\\.[0-9]{2,3}$"


def record(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    must = {"required": list(required)} if required else {}
    return {"type": "object", "properties": properties, **must, **more}


def closed(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    return record(properties, *required, additionalProperties=False, **more)


def field(schema: Any) -> dict[str, Any]:
    return record({"value": schema})


BILL = {"number": TEXT, "total": {"type": "string", "pattern": CENTS}}
NOTED = BILL | {"note": TEXT}
ACH = record({"way": {"const": "ach"}, "trace": TEXT}, "way", "trace")
CHECK = record({"way": {"const": "check"}, "serial": TEXT}, "way", "serial")
CARD = record({"way": {"const": "card"}}, "way")
MUST = ("number", "total")

Case = tuple[str, Any, Any, str, str]

OBJECTS: list[Case] = [
    ("PROP_OPTIONAL_ADDED", record(BILL, *MUST), record(NOTED, *MUST), FORWARD, FULL),
    ("PROP_OPTIONAL_ADDED", closed(BILL, *MUST), closed(NOTED, *MUST), BACKWARD, FULL),
    (
        "PROP_OPTIONAL_ADDED",
        record(BILL, unevaluatedProperties=False),
        record(NOTED, unevaluatedProperties=False),
        BACKWARD,
        FULL,
    ),
    ("PROP_OPTIONAL_ADDED_ANY", record(BILL), record(BILL | {"note": True}), FULL, FULL),
    ("PROP_REQUIRED_ADDED", record(BILL), record(NOTED, "note"), FORWARD, FORWARD),
    ("PROP_REQUIRED_ADDED", closed(BILL), closed(NOTED, "note"), NONE, FORWARD),
    (
        "PROP_REQUIRED_ADDED_DEFAULT",
        closed(BILL),
        closed(BILL | {"unit": {"type": "string", "default": "USD"}}, "unit"),
        NONE,
        FORWARD,
    ),
    ("REQUIRED_UNDECLARED_ADDED", record(BILL), record(BILL, "note"), FORWARD, "VOID"),
    ("PROP_OPTIONAL_REMOVED", record(NOTED), record(BILL), BACKWARD, FULL),
    ("PROP_OPTIONAL_REMOVED", closed(NOTED), closed(BILL), FORWARD, FULL),
    ("PROP_REQUIRED_REMOVED", record(NOTED, "note"), record(BILL), BACKWARD, BACKWARD),
    ("PROP_REQUIRED_REMOVED", closed(NOTED, "note"), closed(BILL), NONE, BACKWARD),
    ("PROP_RENAMED", closed(BILL | {"icn": TEXT}), closed(BILL | {"control": TEXT}), NONE, FULL),
    (
        "PROP_RENAMED",
        record(BILL | {"icn": TEXT}, "icn"),
        record(BILL | {"control": TEXT}, "control"),
        NONE,
        NONE,
    ),
    ("REQUIRED_REMOVED", record(BILL, *MUST), record(BILL, "total"), BACKWARD, BACKWARD),
    ("REQUIRED_ADDED", record(BILL, "total"), record(BILL, *MUST), FORWARD, FORWARD),
    ("REQUIRED_SWAPPED", record(BILL, "total"), record(BILL, "number"), NONE, NONE),
    ("ADDITIONAL_CLOSED", record(BILL), closed(BILL), FORWARD, FULL),
    ("ADDITIONAL_OPENED", closed(BILL), record(BILL), BACKWARD, FULL),
    ("ADDITIONAL_NARROWED", record(BILL), record(BILL, additionalProperties=TEXT), FORWARD, FULL),
    ("ADDITIONAL_WIDENED", record(BILL, additionalProperties=TEXT), record(BILL), BACKWARD, FULL),
    (
        "ADDITIONAL_CHANGED",
        record(BILL, additionalProperties=TEXT),
        record(BILL, additionalProperties=WHOLE),
        NONE,
        NONE,
    ),
    ("UNEVALUATED_CLOSED", record(BILL), record(BILL, unevaluatedProperties=False), FORWARD, FULL),
    (
        "UNEVALUATED_OPENED",
        record(BILL, unevaluatedProperties=False),
        record(BILL),
        BACKWARD,
        FULL,
    ),
    (
        "UNEVALUATED_EQ_ADDITIONAL",
        closed(BILL),
        record(BILL, unevaluatedProperties=False),
        FULL,
        FULL,
    ),
    (
        "PATTERN_PROPS_EXT",
        closed(BILL),
        closed(BILL, patternProperties={"^x-": True}),
        BACKWARD,
        FULL,
    ),
    (
        "PATTERN_PROPS_EXT",
        closed(BILL, patternProperties={"^x-": True}),
        closed(BILL),
        FORWARD,
        FULL,
    ),
    (
        "PROP_COVERED_BY_PATTERN",
        closed(BILL, patternProperties={"^x-": TEXT}),
        closed(BILL | {"x-site": TEXT}, patternProperties={"^x-": TEXT}),
        FULL,
        FULL,
    ),
    (
        "PROP_NOT_COVERED_BY_PATTERN",
        closed(BILL, patternProperties={"^x-": TEXT}),
        closed(BILL | {"x-site": WHOLE}, patternProperties={"^x-": TEXT}),
        FORWARD,
        FORWARD,
    ),
    (
        "MIN_PROPERTIES",
        record(BILL, minProperties=1),
        record(BILL, minProperties=2),
        FORWARD,
        FORWARD,
    ),
    (
        "MAX_PROPERTIES",
        record(NOTED, maxProperties=3),
        record(NOTED, maxProperties=2),
        FORWARD,
        FORWARD,
    ),
    (
        "PROPERTY_NAMES",
        record({"ab": TEXT, "Ab": TEXT}),
        record({"ab": TEXT, "Ab": TEXT}, propertyNames={"pattern": "^[a-z]+$"}),
        FORWARD,
        FORWARD,
    ),
    (
        "DEPENDENT_REQUIRED_ADDED",
        record(BILL),
        record(BILL, dependentRequired={"total": ["number"]}),
        FORWARD,
        FORWARD,
    ),
    (
        "DEPENDENT_REQUIRED_REMOVED",
        record(BILL, dependentRequired={"total": ["number"]}),
        record(BILL),
        BACKWARD,
        BACKWARD,
    ),
    (
        "DEPENDENT_REQUIRED_EXTENDED",
        record(NOTED, dependentRequired={"note": ["number"]}),
        record(NOTED, dependentRequired={"note": ["number", "total"]}),
        FORWARD,
        FORWARD,
    ),
    (
        "DEPENDENT_REQUIRED_REDUCED",
        record(NOTED, dependentRequired={"note": ["number", "total"]}),
        record(NOTED, dependentRequired={"note": ["number"]}),
        BACKWARD,
        BACKWARD,
    ),
    (
        "DEPENDENT_SCHEMA_ADDED",
        record(BILL),
        record(BILL, dependentSchemas={"total": {"required": ["number"]}}),
        FORWARD,
        FORWARD,
    ),
    (
        "DEPENDENT_SCHEMA_REMOVED",
        record(BILL, dependentSchemas={"total": {"required": ["number"]}}),
        record(BILL),
        BACKWARD,
        BACKWARD,
    ),
    ("BOOLEAN_FALSE_PROP", record(BILL), record(BILL | {"number": False}), FORWARD, FORWARD),
]
