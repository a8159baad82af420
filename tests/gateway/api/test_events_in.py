"""CloudEvents that come in with a contract's document: structured, binary, once, in any major."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.governance.cloudevents import Event as OneEvent
from gateway.governance.cloudevents import encode_binary
from tests.gateway.api.governed_hub import Callers, governed_root, receipt_of
from tests.gateway.live import Live, live_hub

EVENTS = "application/cloudevents+json"
VECTORS = (
    Path(__file__).resolve().parents[4] / "shared/samples/conformance/cloudevents/events.json"
)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_hub(governed_root(tmp_path_factory.mktemp("hub"))) as running:
        yield running


@pytest.fixture(scope="module")
def callers(live: Live) -> Iterator[Callers]:
    found = Callers(live)
    yield found
    found.close()


def event_of(name: str, document: Any, **more: Any) -> dict[str, Any]:
    told = {"id": name, "source": "//quay/till", "type": "com.remithub.receipt.taken.v1"}
    return {"specversion": "1.0", **told, **more, "data": document}


def stored(live: Live, answer: httpx.Response) -> dict[str, Any]:
    """The message that what was taken became: its data in full, and its row."""
    assert answer.status_code == 202, answer.text
    part = live.settled(answer.json()["artifact_id"])["parts"][0]
    assert part["state"] == "accepted", part
    found: dict[str, Any] = live.get(f"/v1/messages/{part['message_id']}", data="full")
    return found


def test_the_data_of_a_structured_event_is_the_document(live: Live, callers: Callers) -> None:
    document = receipt_of(1)
    answer = callers("wide").send(event_of("e-1", document), EVENTS)
    assert answer.headers["hub-contract"].startswith("receipt/1.")
    assert stored(live, answer)["event"]["data"] == document


def test_an_event_in_headers_carries_the_bare_document(live: Live, callers: Callers) -> None:
    document = receipt_of(2)
    attributes = {k: v for k, v in event_of("e-2", None).items() if k != "data"}
    headers, body = encode_binary(OneEvent(attributes=attributes, data=document))
    kind = headers.pop("content-type")
    answer = callers("wide").send(body, kind, **headers)
    assert stored(live, answer)["event"]["data"] == document


def test_money_in_an_event_stays_exact(live: Live, callers: Callers) -> None:
    raw = json.dumps(event_of("e-3", receipt_of(3))).encode()
    taken = stored(live, callers("wide").send(raw, EVENTS))
    assert taken["event"]["data"]["amount"] == receipt_of(3)["amount"]


@pytest.mark.parametrize(
    "more",
    [
        {"dataschema": "https://contracts.example/receipt/2.0.0/schema.json"},
        {"datacontenttype": "application/vnd.remithub.receipt+json; version=2"},
        {"type": "com.remithub.receipt.taken.v2"},
    ],
)
def test_an_event_says_the_version_of_its_data_itself(
    live: Live, callers: Callers, more: dict[str, str]
) -> None:
    number = 10 + len(next(iter(more)))
    event = event_of(f"e-{number}", receipt_of(number, 2)) | more
    answer = callers("wide").send(event, EVENTS)
    assert answer.headers["hub-contract"] == "receipt/2.0.0"
    assert stored(live, answer)["message"]["version"].startswith("1.")


def test_a_major_that_is_not_granted_is_refused_in_an_event_too(callers: Callers) -> None:
    event = event_of("e-20", receipt_of(20, 2), type="com.remithub.receipt.taken.v2")
    answer = callers("old-only").send(event, EVENTS)
    assert (answer.status_code, answer.json()["code"]) == (403, "product_missing")


def test_source_and_id_are_taken_once(live: Live, callers: Callers) -> None:
    caller, event = callers("wide"), event_of("e-30", receipt_of(30))
    first = caller.send(event, EVENTS)
    again = caller.send(json.dumps(event, indent=2).encode(), EVENTS)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    changed = caller.send(event | {"data": receipt_of(31)}, EVENTS)
    assert (changed.status_code, changed.json()["code"]) == (422, "idempotency_payload_differs")
    elsewhere = caller.send(event | {"source": "//wharf/till"}, EVENTS)
    assert elsewhere.json()["artifact_id"] != first.json()["artifact_id"]


def test_an_event_is_a_key_where_the_product_asks_for_one(callers: Callers) -> None:
    assert callers("strict").send(receipt_of(40)).status_code == 400
    assert callers("strict").send(event_of("e-40", receipt_of(40)), EVENTS).status_code == 202


@pytest.mark.parametrize(
    ("kind", "event", "status", "code"),
    [
        ("application/cloudevents-batch+json", [], 415, "event_batch"),
        ("application/cloudevents+avro", {}, 415, "event_format"),
        (EVENTS, {"dataschema": "https://x.example/acknowledgement/1.0.0"}, 415,
         "media_type_unsupported"),
        (EVENTS, {"data": "text"}, 422, "document_not_an_object"),
        (EVENTS, {"data": None, "data_base64": "AAAA"}, 422, "event_invalid"),
        (EVENTS, {"time": "yesterday"}, 422, "event_invalid"),
        (EVENTS, {"data": {"id": 5}}, 422, "contract_violated"),
    ],
)  # fmt: skip
def test_what_is_no_event_of_the_contract_is_refused_with_its_code(
    callers: Callers, kind: str, event: Any, status: int, code: str
) -> None:
    sent = event_of("e-50", receipt_of(50)) | event if isinstance(event, dict) else event
    answer = callers("wide").send(sent, kind)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_reference_to_data_is_not_followed(callers: Callers) -> None:
    event = event_of("e-60", None, dataref="https://10.0.0.1/secret")
    del event["data"]
    answer = callers("wide").send(event, EVENTS)
    assert (answer.status_code, answer.json()["code"]) == (422, "event_without_data")


def test_a_violation_names_the_attribute_and_never_its_value(callers: Callers) -> None:
    answer = callers("wide").send(event_of("e-70", receipt_of(70), time="MARIGOLD"), EVENTS)
    assert answer.json()["errors"][0]["pointer"] == "/time"
    assert "MARIGOLD" not in answer.text


@pytest.mark.skipif(not VECTORS.is_file(), reason="the shared samples are not here")
def test_every_vector_is_judged_at_the_door_as_it_should_be(callers: Callers) -> None:
    wrong = []
    for case in json.loads(VECTORS.read_text())["cases"]:
        if case["mode"] == "structured":
            answer = callers("wide").send(case["event"], EVENTS)
        else:
            headers = {name.lower(): value for name, value in case["headers"].items()}
            kind = headers.pop("content-type", "application/json")
            body = case.get("body", "")
            raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            answer = callers("wide").send(raw, kind, **headers)
        # The data of the vectors is no receipt: an event that is good is refused for that.
        refused = answer.status_code == 422 and answer.json()["code"] == "event_invalid"
        if refused is case["valid"]:
            wrong.append((case["id"], answer.status_code, answer.json()["code"]))
    assert wrong == []
