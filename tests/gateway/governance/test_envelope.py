"""The envelope: a CloudEvent that any reader of the standard takes."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import UsageFault
from gateway.governance import EventFacts, Profile, compile_validator, wrap
from gateway.governance.validator import RustValidator

FACTS = EventFacts(
    id="msg_1",
    type="com.remithub.remittance.received.v1",
    source="//hub/riverside/riverside-era",
    subject="rem_1",
    dataschema="https://contracts.remithub.example/remittance-advice/1.0.0/schema.json",
    time="2026-04-01T12:00:00.000Z",
    recordedtime="2026-04-01T12:00:01.000Z",
    payment_key="ab" * 32,
    sequence=7,
    regulation="HIPAA",
    phi=True,
)


def test_the_event_carries_the_document_whole() -> None:
    event = wrap(FACTS, {"a": "1.00"})
    assert event["data"] == {"a": "1.00"}
    assert event["specversion"] == "1.0"
    assert event["correlationid"] == "ab" * 16
    assert event["partitionkey"] == "ab" * 32
    assert event["sequence"] == "00000000000000000007"
    assert (event["dataclassification"], event["dataregulation"], event["datacategory"]) == (
        "restricted",
        "HIPAA",
        "phi",
    )
    assert "causationid" not in event
    assert "dataref" not in event


def test_a_thin_event_carries_a_reference_only() -> None:
    event = wrap(FACTS, dataref="/v1/messages/msg_1/document")
    assert event["dataref"] == "/v1/messages/msg_1/document"
    assert "data" not in event


def test_neither_or_both_is_refused() -> None:
    with pytest.raises(UsageFault):
        wrap(FACTS)
    with pytest.raises(UsageFault):
        wrap(FACTS, {}, dataref="/v1/x")


def test_attribute_names_are_of_the_standard() -> None:
    name = {"type": "string", "pattern": "^[a-z0-9]{1,20}$"}
    validator = compile_validator({"propertyNames": name}, Profile.AS_WRITTEN)
    assert validator.errors(wrap(FACTS, {})) == []


def test_the_official_schema_accepts_the_event(conformance: Callable[[str], Any]) -> None:
    schema = conformance("cloudevents/cloudevents.schema.json")
    for part in schema["definitions"].values():
        part.pop("format", None)  # uri and uri-reference are no formats of our contracts
    validator = RustValidator(schema)
    assert validator.errors(wrap(FACTS, {"a": 1})) == []
    assert validator.errors({**wrap(FACTS, {}), "id": ""}) != []
