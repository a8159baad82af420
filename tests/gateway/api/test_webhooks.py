"""Webhooks that come in over HTTP: proved, taken once, refused with codes; signed by others' code."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from connectors.webhook import secret_text
from gateway.access import DENIED
from tests.gateway.live import Live, acknowledgement, live_hub, make_root, write

NEW, OLD, STRANGER = (secret_text(mark * 32) for mark in (b"n", b"o", b"x"))
HOOKS = """\
interface: %s
direction: in
connector: webhook
format: json
%s
settings:
  secrets: ["${secret:new}", "${secret:old}"]
  max_bytes: 200000
"""
EVENT = {"specversion": "1.0", "id": "e-1", "source": "//quay", "type": "quay.ack.v1"}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root = make_root(tmp_path_factory.mktemp("hub"))
    write(root, "interfaces/quay.yaml", HOOKS % ("quay", "contract: acknowledgement@^1.0"))
    keys = {"REMITHUB_SECRET_NEW": NEW, "REMITHUB_SECRET_OLD": OLD}
    with live_hub(root, keys) as running:
        yield running


def deliver(
    live: Live,
    body: bytes,
    name: str,
    *,
    secret: str = NEW,
    late: float = 0,
    interface: str = "quay",
    **headers: str,
) -> httpx.Response:
    """Send a webhook as a package of others signs it."""
    moment = datetime.now(UTC) - timedelta(seconds=late)
    sent = {
        "webhook-id": name,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, moment, body.decode()),
        "Content-Type": "application/json",
        **{one.replace("_", "-"): value for one, value in headers.items()},
    }
    path = f"{live.url}/v1/webhooks/{interface}"
    return httpx.post(path, content=body, headers=sent, trust_env=False, timeout=30)


def ack(number: int) -> dict[str, Any]:
    return acknowledgement() | {"ack_id": f"ack-{number}"}


def state_of(live: Live, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    (part,) = live.settled(answer.json()["artifact_id"])["parts"]
    found: dict[str, Any] = part
    return found


@pytest.mark.parametrize("secret", [NEW, OLD])
def test_what_either_of_two_keys_has_signed_becomes_a_message(live: Live, secret: str) -> None:
    body = json.dumps(ack(1 if secret == NEW else 2)).encode()
    answer = deliver(live, body, f"msg-{secret[8:12]}", secret=secret)
    part = state_of(live, answer)
    assert (part["state"], part["contract"]) == ("accepted", "acknowledgement")
    content = live.client.get(f"/v1/artifacts/{answer.json()['artifact_id']}/content")
    assert content.content == body


def test_the_same_id_is_taken_once_and_another_id_again(live: Live) -> None:
    body = json.dumps(ack(3)).encode()
    first = deliver(live, body, "msg-3")
    again = deliver(live, body, "msg-3", secret=OLD)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    other = deliver(live, body, "msg-3b")
    assert other.json()["artifact_id"] != first.json()["artifact_id"]
    assert other.json()["duplicate"] is False


def test_the_same_id_with_other_content_is_refused_and_loses_nothing(live: Live) -> None:
    deliver(live, json.dumps(ack(4)).encode(), "msg-4")
    spaced = deliver(live, json.dumps(ack(4), indent=1).encode(), "msg-4")
    assert spaced.status_code == 202
    changed = deliver(live, json.dumps(ack(5)).encode(), "msg-4", Idempotency_Key="another")
    assert (changed.status_code, changed.json()["code"]) == (422, "idempotency_payload_differs")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"secret": STRANGER}, "webhook_signature_wrong"),
        ({"late": 400}, "webhook_timestamp_too_old"),
        ({"late": -400}, "webhook_timestamp_too_new"),
        ({"webhook_signature": ""}, "webhook_header_missing"),
        ({"interface": "nobody"}, "webhook_signature_wrong"),
        ({"interface": "intake"}, "webhook_signature_wrong"),
    ],
)
def test_what_is_not_proved_is_told_401_and_put_on_record(
    live: Live, more: dict[str, Any], reason: str
) -> None:
    body = json.dumps(ack(6)).encode()
    answer = deliver(live, body, "msg-6", **more)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (401, "webhook_unverified")
    assert reason in problem["detail"]
    assert answer.headers["www-authenticate"].startswith("Standard-Webhooks ")
    for name in ("quay", "intake"):
        asked = {"interface": name, "sha256": hashlib.sha256(body).hexdigest()}
        assert live.run(live.hub.store.fetch("artifact_by_hash", **asked)) == []
    rows = live.run(live.hub.store.fetch("audit_tail", limit=20))
    assert any(row["action"] == DENIED and reason in str(row["detail"]) for row in rows)


def test_what_cannot_be_read_is_told_400_and_what_is_too_large_413(live: Live) -> None:
    body = json.dumps(ack(7)).encode()
    wrong = deliver(live, body, "msg-7", webhook_timestamp="soon")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "webhook_malformed")
    large = deliver(live, b" " * 200_001, "msg-7")
    assert (large.status_code, large.json()["code"]) == (413, "artifact_too_large")


def test_a_breach_of_the_contract_is_taken_and_waits_for_a_person(live: Live) -> None:
    part = state_of(live, deliver(live, b'{"ack_id": 1}', "msg-8"))
    assert (part["state"], part["code"]) == ("dead", "contract_invalid")


def test_the_data_of_an_event_is_the_document(live: Live) -> None:
    event = EVENT | {"data": ack(9)}
    kind: dict[str, Any] = {"Content_Type": "application/cloudevents+json"}
    part = state_of(live, deliver(live, json.dumps(event).encode(), "msg-9", **kind))
    assert part["state"] == "accepted"
    shown = live.get(f"/v1/messages/{part['message_id']}", data="full")
    assert shown["event"]["data"]["ack_id"] == "ack-9"
    broken = json.dumps({**event, "source": ""}).encode()
    answer = deliver(live, broken, "msg-10", **kind)
    assert (answer.status_code, answer.json()["code"]) == (422, "event_invalid")
    assert answer.json()["errors"][0]["pointer"] == "/source"


def test_a_webhook_interface_is_not_polled_and_can_be_checked(live: Live) -> None:
    assert live.post("/v1/interfaces/quay/poll").status_code == 404
    checked = live.post("/v1/interfaces/quay/check").json()
    assert checked["probes"][0]["name"] == "keys"


def test_a_missing_key_stops_the_reload_with_its_place(live: Live) -> None:
    text = HOOKS % ("later", "contract: acknowledgement@^1.0")
    write(live.root, "interfaces/later.yaml", text.replace("secret:new", "secret:gone"))
    try:
        answer = live.post("/v1/reload")
        assert answer.status_code == 422
        assert "'gone' is not set" in answer.json()["detail"]
    finally:
        (live.root / "config/interfaces/later.yaml").unlink()
