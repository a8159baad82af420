"""The AsyncAPI document, held to the specification's own schema where npm brought it."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from gateway.governance import EventFacts, Profile, compile_validator, wrap
from gateway.governance.export import Published, asyncapi_document
from tests.gateway.governance.export.invented import PARCEL, later

SPECS = Path(sys.prefix) / "npm/node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"


@pytest.fixture(scope="module")
def document(contracts: list[Published]) -> dict[str, Any]:
    return asyncapi_document(contracts)


def test_the_public_schema_of_asyncapi_accepts_it(document: dict[str, Any]) -> None:
    if not SPECS.is_file():
        pytest.skip("needs the npm package @asyncapi/specs (.ci/make-venv brings it)")
    judge = jsonschema.Draft7Validator(json.loads(SPECS.read_text(encoding="utf-8")))
    for one in (document, asyncapi_document([PARCEL, later()])):
        assert [error.json_path for error in judge.iter_errors(one)] == []
    wrong = document | {"operations": {"x": {"action": "shout", "channel": {}}}}
    assert list(judge.iter_errors(wrong)), "the judge finds what is wrong"


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    wanted = set(re.findall(r'"\$ref": "([^"]*)"', json.dumps(document)))
    assert len(wanted) > 20
    for reference in wanted:
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_the_hub_sends_every_event_and_receives_every_contract(
    document: dict[str, Any], contracts: list[Published]
) -> None:
    actions = [operation["action"] for operation in document["operations"].values()]
    events = {event for contract in contracts for event in contract.events}
    names = {contract.name for contract in contracts}
    assert actions.count("send") == len(events)
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses == events | {f"/v1/messages/{name}" for name in names}


def test_an_event_of_the_hub_satisfies_the_message_that_announces_it(
    document: dict[str, Any], contracts: list[Published]
) -> None:
    (advice,) = [one for one in contracts if one.identity == "remittance-advice/1.0.0"]
    event = advice.events[0]
    facts = EventFacts(
        id="msg_1", type=event, source="//hub/t/i", subject="msg_1",
        dataschema=advice.identity, time="2026-01-01T00:00:00Z", recordedtime="2026-01-01T00:00:00Z",
    )  # fmt: skip
    schema = document["components"]["messages"][event]["payload"]["schema"]
    judge = compile_validator(schema | {"components": document["components"]}, Profile.AS_WRITTEN)
    whole = wrap(facts, advice.examples[0].document)
    assert judge.errors(whole) == []
    broken = whole | {"data": whole["data"] | {"payment": 1}}
    assert [error.pointer for error in judge.errors(broken)] == ["/data/payment"]
    assert [error.pointer for error in judge.errors(whole | {"type": "other"})] == ["/type"]


def test_two_majors_are_two_channels_and_a_retired_one_is_gone() -> None:
    retired = later(version="3.0.0", status="retired", events=("com.example.parcel.sent.v3",))
    second = later(events=("com.example.parcel.sent.v2",))
    channels = asyncapi_document([PARCEL, second, retired])["channels"]
    assert set(channels) == {
        "com.example.parcel.sent.v1",
        "com.example.parcel.sent.v2",
        "messages.parcel.v1",
        "messages.parcel.v2",
    }


def test_the_newest_version_of_a_major_is_what_is_shown() -> None:
    newer = msgspec.structs.replace(PARCEL, version="1.10.0")
    for order in ([PARCEL, newer], [newer, PARCEL]):
        messages = asyncapi_document(order)["components"]["messages"]
        assert messages["parcel.v1"]["x-contract"] == "parcel/1.10.0"
