"""Contract messages in, and messages, deliveries and artifacts as they are shown."""

import json
from typing import Any

import pytest

from gateway.governance.masking import MASKED
from tests.gateway.live import SECRET_NAMES, Live, acknowledgement, advice, until

ADVICES = "/v1/messages/remittance-advice"


def message_of(live: Live, artifact: str) -> str:
    name: str = live.settled(artifact)["parts"][0]["message_id"]
    return name


def delivered(live: Live, message: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = live.get(f"/v1/messages/{message}")
        states = [one["state"] for one in found["deliveries"]]
        return found if states == ["done"] else None

    return until(look)


def test_a_message_that_satisfies_its_contract_is_taken_and_delivered(live: Live) -> None:
    answer = live.post(ADVICES, advice(101))
    assert answer.status_code == 202
    found = delivered(live, message_of(live, answer.json()["artifact_id"]))
    assert found["message"]["contract"] == "remittance-advice"
    assert found["message"]["amount"] == "6490.00"
    (delivery,) = found["deliveries"]
    assert delivery["interface"] == "drop"
    assert [one["outcome"] for one in delivery["attempts"]] == ["done"]
    assert live.get(f"/v1/deliveries/{delivery['delivery_id']}") == delivery


def test_what_breaks_the_contract_is_named_by_place_and_never_by_value(live: Live) -> None:
    document = advice(102)
    document["payer"]["name"] = [SECRET_NAMES[0]]
    document[SECRET_NAMES[1]] = SECRET_NAMES[1]
    answer = live.post(ADVICES, document)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "contract_violated"
    assert problem["contract"] == "remittance-advice/1.0.0"
    assert "/payer/name" in {one["pointer"] for one in problem["errors"]}
    assert all("schema_pointer" in one for one in problem["errors"])
    for name in SECRET_NAMES:
        assert name not in answer.text


def test_only_so_many_errors_are_listed(live: Live) -> None:
    document = advice(103)
    document["claims"] = [{"status": n} for n in range(150)]
    problem = live.post(ADVICES, document).json()
    assert len(problem["errors"]) == 100
    assert problem["errors_truncated"] is True


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"a": 1, "a": 2}', "property_repeated"),
        (b"{" * 70 + b"}" * 70, "document_too_deep"),
        (b"\xff{}", "document_not_utf8"),
        (b"[1]", "document_not_an_object"),
        (b'{"a": NaN}', "number_not_finite"),
        (b"MARIGOLD", "document_not_json"),
    ],
)
def test_what_is_no_plain_json_object_is_refused(live: Live, raw: bytes, code: str) -> None:
    answer = live.post(ADVICES, raw)
    assert answer.status_code == 422
    assert answer.json()["code"] == code
    assert SECRET_NAMES[0] not in answer.text


def test_a_message_keeps_its_idempotency_key(live: Live) -> None:
    first = live.post(ADVICES, advice(104), Idempotency_Key="message-104")
    again = live.post(ADVICES, advice(104), Idempotency_Key="message-104")
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"


def test_an_interface_is_named_where_several_take_the_contract(live: Live) -> None:
    path = "/v1/messages/acknowledgement"
    vague = live.post(path, acknowledgement())
    assert vague.status_code == 400
    assert "acks-a, acks-b" in vague.json()["detail"]
    assert live.post(f"{path}?interface=acks-b", acknowledgement()).status_code == 202
    assert live.post(f"{path}?interface=intake", acknowledgement()).status_code == 404
    assert live.post("/v1/messages/posting-request", {}).status_code == 404


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "multipart/form-data; boundary=b"]
)
def test_a_message_comes_as_json(live: Live, kind: str) -> None:
    answer = live.post(ADVICES, advice(105), Content_Type=kind)
    assert answer.status_code == 415
    assert answer.json()["code"] == "media_type_unsupported"


def test_data_is_masked_until_it_is_asked_for_in_full(live: Live) -> None:
    document = advice(106)
    document["claims"][0]["patient"]["last_name"] = SECRET_NAMES[0]
    message = message_of(live, live.hand_over(document))
    masked = live.client.get(f"/v1/messages/{message}")
    assert masked.json()["masked"] is True
    assert SECRET_NAMES[0] not in masked.text
    assert MASKED in masked.text
    full = live.get(f"/v1/messages/{message}", data="full")
    assert full["event"]["data"] == document
    rows = live.run(live.hub.store.fetch("audit_tail", object_id=message, limit=5))
    assert [row["action"] for row in rows] == ["message.read"]


def test_a_message_is_shown_as_a_cloud_event(live: Live) -> None:
    artifact = live.hand_over(advice(107))
    message = message_of(live, artifact)
    event = live.get(f"/v1/messages/{message}")["event"]
    assert event["specversion"] == "1.0"
    assert event["id"] == message
    assert event["type"] == "com.remithub.remittance.received.v1"
    assert event["dataschema"].endswith("/remittance-advice/1.0.0/schema.json")
    assert event["datacategory"] == "phi"
    assert event["causationid"] == artifact


def test_messages_are_found_by_artifact_correlation_and_contract(live: Live) -> None:
    artifact = live.hand_over(advice(108))
    message = message_of(live, artifact)
    for query in (
        {"artifact": artifact},
        {"correlation": f"{108:064x}"},
        {"contract": "remittance-advice", "limit": 1},
    ):
        found = live.get("/v1/messages", **query)["messages"]
        assert [one["message_id"] for one in found] == [message], query
    assert live.get("/v1/messages", contract="journal-entry") == {"messages": [], "next": ""}


def test_the_list_goes_on_page_by_page_without_gaps(live: Live) -> None:
    for number in range(109, 114):
        live.settled(live.hand_over(advice(number)))
    everything = [one["message_id"] for one in live.get("/v1/messages", limit=1000)["messages"]]
    pages: list[str] = []
    before = ""
    while True:
        page = live.get("/v1/messages", limit=2, before=before)
        pages += [one["message_id"] for one in page["messages"]]
        before = page["next"]
        if not before:
            break
    assert pages == everything
    assert len(set(pages)) == len(pages) >= 5


def test_the_bytes_of_an_artifact_come_back_untouched_and_on_record(live: Live) -> None:
    raw = b" \r\n" + json.dumps(advice(114)).encode() + b"\n"
    artifact = live.hand_over(raw)
    answer = live.client.get(f"/v1/artifacts/{artifact}/content")
    assert answer.content == raw
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["cache-control"] == "no-store"
    rows = live.run(live.hub.store.fetch("audit_tail", object_id=artifact, limit=5))
    assert [row["action"] for row in rows] == ["artifact.read"]


def test_a_part_that_cannot_be_read_is_shown_with_findings_and_no_bytes(live: Live) -> None:
    artifact = live.hand_over(f"ISA*{SECRET_NAMES[0]}".encode(), "claims")
    (part,) = live.settled(artifact)["parts"]
    assert part["state"] == "dead"
    assert part["code"]
    assert part["findings"]
    assert part["set_aside_id"].endswith(f"@{part['offset']}")
    assert SECRET_NAMES[0] not in json.dumps(part)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/artifacts/art_none",
        "/v1/artifacts/art_none/content",
        "/v1/messages/msg_none",
        "/v1/deliveries/dlv_none",
        "/v1/set-aside/dlv_none",
        "/v1/interfaces/none",
        "/nowhere",
    ],
)
def test_what_is_not_there_is_a_problem(live: Live, path: str) -> None:
    answer = live.client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


def test_a_parameter_of_the_wrong_form_is_named_without_its_value(live: Live) -> None:
    beside = {"before": "\u0663", "correlation": "c"}
    far = {"before": "9" * 19}
    for query in ({"limit": SECRET_NAMES[0]}, {"before": SECRET_NAMES[0]}, beside, far):
        answer = live.client.get("/v1/messages", params=query)
        assert answer.status_code == 400
        assert next(iter(query)) in answer.json()["detail"]
        assert SECRET_NAMES[0] not in answer.text


def test_options_tells_a_contract_from_a_message(live: Live) -> None:
    for name, allow in (("remittance-advice", "OPTIONS, POST"), ("msg_0", "GET, OPTIONS")):
        answer = live.client.options(f"/v1/messages/{name}")
        assert (answer.status_code, answer.headers["allow"]) == (204, allow)
