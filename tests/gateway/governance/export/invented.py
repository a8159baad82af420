"""A contract made for the tests, with versions that tell a story."""

from typing import Any

import msgspec

from gateway.governance.export.published import Example, Moments, Published

PARCEL = Published(
    name="parcel",
    version="1.0.0",
    title="Parcel",
    id="com.example.parcel",
    owner="mail-room",
    support="mail-desk",
    status="deprecated",
    compatibility="FULL_TRANSITIVE",
    classification="confidential",
    regulation="HIPAA",
    retention_days=30,
    events=("com.example.parcel.sent.v1",),
    service={"latency_seconds": 900, "frequency": "daily"},
    moments=Moments(
        active_at="2026-01-05T00:00:00Z",
        deprecated_at="2026-06-01T00:00:00Z",
        sunset_at="2027-01-31T00:00:00Z",
    ),
    successor="2.0.0",
    schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://contracts.example/parcel/1.0.0/schema.json",
        "type": "object",
        "description": "One parcel <and> what is in it.",
        "required": ["weight"],
        "properties": {
            "weight": {"$ref": "#/$defs/grams"},
            "kind": {"enum": ["letter", "box"], "description": "Kind.", "x-code-set": "ours"},
            "to": {"type": "string", "description": "Who gets it.", "x-phi": {"class": "name", "mask": "full"}},
            "inside": {"type": "array", "items": {"$ref": "#/$defs/thing"}, "description": "Things."},
        },
        "$defs": {
            "grams": {"type": "integer", "description": "Weight in grams."},
            "thing": {
                "type": "object",
                "description": "A thing, which may hold things.",
                "properties": {
                    "name": {"type": "string", "description": "Its name."},
                    "inside": {"type": "array", "items": {"$ref": "#/$defs/thing"}},
                },
            },
        },
    },
    examples=(Example("a_letter", {"weight": 20, "kind": "letter", "to": "</script><b>&"}),),
)  # fmt: skip


def later(**changes: Any) -> Published:
    """The parcel's 2.0.0: `to` is gone, `size` is new, `kind` is wanted."""
    properties: dict[str, Any] = dict(PARCEL.schema["properties"])
    del properties["to"]
    properties["size"] = {"type": "string", "description": "How big."}
    properties["weight"] = {"type": "string", "description": "Weight in words."}
    schema = PARCEL.schema | {"properties": properties, "required": ["kind"]}
    fresh = {"version": "2.0.0", "status": "active", "schema": schema, "successor": ""}
    return msgspec.structs.replace(PARCEL, **(fresh | {"moments": Moments()} | changes))
