"""CloudEvents are read and written as the standard says, and everything else is refused."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from gateway.errors import Reject
from gateway.governance.cloudevent_rules import attribute_violations
from gateway.governance.cloudevents import (
    Event,
    EventInvalid,
    Mode,
    decode,
    encode_binary,
    encode_structured,
    mode_of,
)
from gateway.governance.envelope import EventFacts, event_attributes, wrap

CORE = {"specversion": "1.0", "id": "e-1", "source": "/lockbox/7", "type": "a.b"}
JSON = [("Content-Type", "application/cloudevents+json; charset=utf-8")]
CANARY = "Q7CANARY"


def structured(**members: Any) -> Event:
    return decode(JSON, json.dumps({**CORE, **members}).encode())


def binary(headers: dict[str, str] | list[tuple[str, str]], body: bytes = b"") -> Event:
    more = list(headers.items()) if isinstance(headers, dict) else headers
    core = [(f"ce-{name}", value) for name, value in CORE.items()]
    return decode([*core, *more], body)


def codes(caught: pytest.ExceptionInfo[EventInvalid]) -> list[tuple[str, str]]:
    return [(one.pointer, one.code) for one in caught.value.violations]


def test_every_vector_ends_as_expected(samples: Path) -> None:
    file = samples / "conformance/cloudevents/events.json"
    cases = json.loads(file.read_text("utf-8"))["cases"]
    judged = {}
    for case in cases:
        try:
            if case["mode"] == "structured":
                event = decode(JSON, json.dumps(case["event"]).encode())
            else:
                event = decode(case["headers"].items(), b"")
        except EventInvalid:
            judged[case["id"]] = False
        else:
            judged[case["id"]] = True
            wanted = case.get("attributes", {})
            assert {name: event.attributes[name] for name in wanted} == wanted
    assert judged == {case["id"]: case["valid"] for case in cases}
    assert len(judged) >= 13


def test_what_we_write_satisfies_the_official_schema(samples: Path) -> None:
    file = samples / "conformance/cloudevents/cloudevents.schema.json"
    schema = jsonschema.Draft7Validator(
        json.loads(file.read_text("utf-8")), format_checker=jsonschema.FormatChecker()
    )
    facts = EventFacts(
        id="msg_1",
        type="com.remithub.remittance.received.v1",
        source="//hub/riverside/era",
        subject="msg_1",
        dataschema="https://contracts.remithub.example/remittance-advice/1.0.0/schema.json",
        time="2026-04-01T12:00:00.000Z",
        recordedtime="2026-04-01T12:00:01.000Z",
        payment_key="ab" * 32,
        sequence=7,
        traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01",
        regulation="HIPAA",
        phi=True,
    )
    for event in (wrap(facts, {"a": "1.00"}), wrap(facts, dataref="/v1/messages/msg_1")):
        assert list(schema.iter_errors(event)) == []
        members = {name: value for name, value in event.items() if name != "data"}
        assert attribute_violations(members) == []
    assert attribute_violations(event_attributes(facts)) == []


@pytest.mark.parametrize(
    ("content_type", "mode"),
    [
        ("application/cloudevents+json", Mode.STRUCTURED),
        ("Application/CloudEvents+JSON; charset=UTF-8", Mode.STRUCTURED),
        ("application/cloudevents-batch+json", Mode.BATCHED),
        ("application/json", Mode.NONE),
    ],
)
def test_the_content_type_says_how_an_event_lies(content_type: str, mode: Mode) -> None:
    assert mode_of([("content-TYPE", content_type)]) is mode


def test_a_message_without_an_event_is_told_so() -> None:
    for headers, code in (
        ([("Content-Type", "application/json")], "event_missing"),
        ([("Content-Type", "application/cloudevents-batch+json")], "event_batch"),
        ([("Content-Type", "application/cloudevents+avro")], "event_format"),
    ):
        with pytest.raises(Reject) as caught:
            decode(headers, b"{}")
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("members", "pointer", "code"),
    [
        ({"id": ""}, "/id", "text_too_short"),
        ({"id": 7}, "/id", "type_wrong"),
        ({"source": "not a reference"}, "/source", "format_wrong"),
        ({"source": "/a%zz"}, "/source", "format_wrong"),
        ({"specversion": "1.1"}, "/specversion", "format_wrong"),
        ({"time": "2026-05-20T10:11:12"}, "/time", "format_wrong"),
        ({"recordedtime": "yesterday"}, "/recordedtime", "format_wrong"),
        ({"dataschema": "/relative"}, "/dataschema", "format_wrong"),
        ({"datacontenttype": "json"}, "/datacontenttype", "format_wrong"),
        ({"dataref": "a b"}, "/dataref", "format_wrong"),
        ({"subject": ""}, "/subject", "text_too_short"),
        ({"subject": "a\nb"}, "/subject", "pattern_not_met"),
        ({"correlationid": ""}, "/correlationid", "text_too_short"),
        ({"traceparent": "00-0-0-01"}, "/traceparent", "format_wrong"),
        ({"deprecated": "true"}, "/deprecated", "type_wrong"),
        ({"datacategory": "phi"}, "", "property_missing"),
        ({"dataregulation": "HIPAA"}, "", "property_missing"),
        ({"deprecationsunset": "2026-05-20T10:11:12Z"}, "", "property_missing"),
        ({"tracestate": "a=b"}, "", "property_missing"),
        ({"myExt": "x"}, "", "attribute_name_wrong"),
        ({"a" * 21: "x"}, "", "attribute_name_wrong"),
        ({"mine": 1.5}, "", "type_wrong"),
        ({"mine": 2**31}, "", "type_wrong"),
        ({"mine": ["x"]}, "", "type_wrong"),
        ({"data_base64": "%%"}, "/data_base64", "format_wrong"),
        ({"data_base64": "YQ==", "data": 1}, "/data_base64", "value_not_allowed"),
    ],
)
def test_an_attribute_that_is_wrong_is_named_by_place_and_code(
    members: dict[str, Any], pointer: str, code: str
) -> None:
    with pytest.raises(EventInvalid) as caught:
        structured(**members)
    assert codes(caught) == [(pointer, code)]


def test_every_violation_is_told_at_once_and_no_value() -> None:
    body = {"id": CANARY + "\n", "type": 1, CANARY: CANARY, "time": CANARY}
    with pytest.raises(EventInvalid) as caught:
        decode(JSON, json.dumps(body).encode())
    assert len(caught.value.violations) == 6
    shown = msgspec.json.encode(caught.value.violations).decode() + str(caught.value)
    assert CANARY not in shown


@pytest.mark.parametrize("version", ["00", "01", "fe"])
def test_a_trace_parent_of_a_version_to_come_may_be_longer(version: str) -> None:
    short = f"{version}-{'1' * 32}-{'2' * 16}-01"
    assert structured(traceparent=short).text("traceparent") == short
    longer = short + "-more"
    if version == "00":
        with pytest.raises(EventInvalid):
            structured(traceparent=longer)
    else:
        assert structured(traceparent=longer).text("traceparent") == longer


def test_a_member_that_is_null_is_absent_and_data_that_is_null_is_there() -> None:
    event = structured(subject=None, data=None)
    assert "subject" not in event.attributes
    assert event.data is None
    assert structured().data is UNSET


def test_numbers_in_data_stay_exact() -> None:
    body = b'{"specversion":"1.0","id":"1","source":"/x","type":"a","data":{"n":19.990}}'
    event = decode(JSON, body)
    assert event.data == {"n": Decimal("19.990")}
    assert b'"n":19.990' in encode_structured(event)


def test_an_equal_key_twice_is_refused() -> None:
    with pytest.raises(Reject) as caught:
        decode(JSON, b'{"id":"1","id":"2"}')
    assert caught.value.code == "property_repeated"


def test_a_larger_event_than_allowed_is_refused_in_every_mode() -> None:
    headers = [("ce-id", "1"), ("ce-specversion", "1.0"), ("ce-type", "a"), ("ce-source", "/x")]
    for pairs, body in (
        (JSON, b'{"a":"' + b"x" * 100 + b'"}'),
        ([*headers, ("content-type", "application/json")], b'{"a":"' + b"x" * 100 + b'"}'),
        ([*headers, ("content-type", "application/edi-x12")], b"x" * 100),
    ):
        with pytest.raises(Reject) as caught:
            decode(pairs, body, 50)
        assert caught.value.code == "document_too_large"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("Caf%C3%A9%20%25", "Café %"),
        ("caf%c3%a9", "café"),
        ("%61bc", "abc"),
        ('"two words"', "two words"),
        (r'"a \"b\" c"', 'a "b" c'),
        ("a b", "a b"),
        ("%2525", "%25"),
    ],
)
def test_a_header_is_decoded_once(value: str, text: str) -> None:
    assert binary({"ce-subject": value}).text("subject") == text


@pytest.mark.parametrize("value", ["%C0%A0", "%", "%4", "%zz", "%ED%A0%80", "caf\u00e9", "%00"])
def test_a_header_that_stands_for_no_text_is_refused(value: str) -> None:
    with pytest.raises(EventInvalid):
        binary({"ce-subject": value})


def test_a_header_that_is_there_twice_is_refused() -> None:
    with pytest.raises(EventInvalid) as caught:
        binary([("ce-subject", "a"), ("CE-Subject", "b")])
    assert codes(caught) == [("", "property_repeated")]
    with pytest.raises(EventInvalid):
        binary({"ce-datacontenttype": "application/json"})


def test_a_binary_event_carries_json_other_bytes_or_nothing() -> None:
    assert binary({"Content-Type": "application/json"}, b'{"a":1}').data == {"a": 1}
    assert binary({"Content-Type": "application/edi-x12"}, b"ISA*").data == b"ISA*"
    assert binary({"Content-Type": "application/json"}).data is UNSET
    assert binary({"ce-deprecated": "true"}).attributes["deprecated"] is True


def test_an_invalid_event_is_not_written() -> None:
    bad = Event(attributes={**CORE, "id": ""}, data={})
    for write in (encode_structured, encode_binary):
        with pytest.raises(EventInvalid):
            write(bad)


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=30)


@given(
    subject=TEXT,
    mine=TEXT | st.booleans() | st.integers(-(2**31), 2**31 - 1),
    data=st.dictionaries(TEXT, TEXT | st.integers(-100, 100)) | st.binary(min_size=1),
)
def test_what_is_written_is_read_the_same_in_both_modes(
    subject: str, mine: Any, data: Any
) -> None:
    attributes = {**CORE, "subject": subject, "mine": mine, "deprecated": True}
    if isinstance(data, bytes):
        attributes["datacontenttype"] = "application/octet-stream"
    else:
        attributes["datacontenttype"] = "application/json"
    event = Event(attributes=attributes, data=data)
    assert decode(JSON, encode_structured(event)) == event
    headers, body = encode_binary(event)
    again = decode(headers.items(), body)
    assert all(value.isascii() and " " not in value for value in headers.values())
    assert again.data == data
    assert {name: again.text(name) for name in attributes} == {
        name: event.text(name) for name in attributes
    }


@given(
    st.dictionaries(st.text(max_size=22), st.none() | st.text(max_size=8) | st.integers()),
    st.text(max_size=20),
)
def test_nothing_breaks_the_reader(members: dict[str, Any], value: str) -> None:
    with pytest.raises(Reject):
        decode(JSON, json.dumps({**members, "id": 1}).encode())
    with pytest.raises(Reject):
        decode([("ce-id", value), ("ce-x", value)], b"")
