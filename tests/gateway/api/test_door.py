"""The door and the audit record: who is let in, what is written down, and what a flood cannot do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.access import COOKIE, DENIED, Duty, Sessions
from gateway.store import StoreUnavailable
from tests.gateway.live import SECRET_NAMES, Live, advice, live_hub, make_root, write

CLIENT = """\
client: billing
interfaces: [intake]
scopes: [message.submit, message.read]
products: [everything]
"""
STRANGER = CLIENT.replace("billing", "stranger").replace("[intake]", "[]")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root: Path = make_root(tmp_path_factory.mktemp("hub"))
    write(root, "clients/billing.yaml", CLIENT)
    write(root, "clients/stranger.yaml", STRANGER)
    write(
        root,
        "clients/blind.yaml",
        STRANGER.replace("stranger", "blind").replace(", message.read", ""),
    )
    with live_hub(root) as running:
        yield running


def key_of(live: Live, client: str = "billing") -> str:
    made = live.post(f"/v1/clients/{client}/keys")
    if made.status_code == 409:
        for key in live.get("/v1/keys", client=client):
            live.post(f"/v1/keys/{key['key_id']}/revoke")
        made = live.post(f"/v1/clients/{client}/keys")
    key: str = made.json()["key"]
    return key


def ask(live: Live, path: str, token: str = "", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        named["Authorization"] = f"Bearer {token}"
    return httpx.get(live.url + path, headers=named, trust_env=False, timeout=30)


def audited(live: Live, action: str) -> list[dict[str, Any]]:
    rows = live.run(live.hub.store.fetch("audit_tail", limit=1000))
    return [row for row in rows if row["action"] == action]


@pytest.mark.parametrize(
    "token",
    [
        "wrong",
        "rhk_" + "0" * 32 + "." + "0" * 64,
        "rhk_" + "0" * 32,
        "a.b.c",
        "é",
        "x" * 10_000,
    ],
)
def test_what_is_no_good_credential_gets_the_same_answer(live: Live, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}".encode()}
    answer = httpx.get(live.url + "/v1/interfaces", headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="remithub", error="invalid_token"'
    assert answer.json()["detail"] == "The credential is not good."
    assert token[:20] not in answer.text


def test_a_missing_or_foreign_scheme_is_told_no_error(live: Live) -> None:
    for headers in ({}, {"Authorization": "Basic YTpi"}):
        answer = httpx.get(live.url + "/v1/interfaces", headers=headers, trust_env=False)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="remithub"'
    twice = [("Authorization", f"Bearer {live.token}"), ("Authorization", f"Bearer {live.token}")]
    assert (
        httpx.get(live.url + "/v1/interfaces", headers=twice, trust_env=False).status_code == 401
    )


def test_the_local_token_is_no_good_through_a_proxy(live: Live) -> None:
    assert ask(live, "/v1/interfaces", live.token).status_code == 200
    for header in ("X_Forwarded_For", "Forwarded", "X_Real_IP"):
        assert ask(live, "/v1/interfaces", live.token, **{header: "::1"}).status_code == 401


def test_a_key_with_one_figure_changed_is_no_good(live: Live) -> None:
    key = key_of(live)
    assert ask(live, "/v1/messages", key).status_code == 200
    for changed in (key[:-1] + ("0" if key[-1] != "0" else "1"), key + "0", key.upper()):
        assert ask(live, "/v1/messages", changed).status_code == 401


def test_a_missing_scope_is_named(live: Live) -> None:
    answer = ask(live, "/v1/interfaces", key_of(live))
    assert answer.status_code == 403
    assert answer.json()["code"] == "insufficient_scope"
    assert 'error="insufficient_scope", scope="health.read"' in answer.headers["www-authenticate"]


def test_two_systems_may_use_the_same_idempotency_key(live: Live) -> None:
    answers = []
    for token in (key_of(live), live.token):
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "same"}
        answers.append(
            httpx.post(
                live.url + "/v1/interfaces/intake/files",
                json=advice(len(answers) + 70),
                headers=headers,
                trust_env=False,
            )
        )
    assert [answer.status_code for answer in answers] == [202, 202]


def session(live: Live, duty: Duty, **more: Any) -> dict[str, str]:
    sessions = Sessions(live.hub.store, live.hub.ports, lambda: "hilltop")
    begun = live.run(sessions.begin("ada", [duty], **more))
    return {"Cookie": f"{COOKIE}={begun.session}", "X-CSRF-Token": begun.csrf}


def test_an_unsafe_request_of_a_session_needs_its_own_token(live: Live) -> None:
    mine, other = session(live, Duty.OPERATOR), session(live, Duty.OPERATOR)
    path = live.url + "/v1/interfaces/drop/resume"
    for token in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": other["X-CSRF-Token"]}):
        headers = {"Cookie": mine["Cookie"], **token}
        assert httpx.post(path, headers=headers, trust_env=False).status_code == 401
    known = {**mine, "If-Match": "*"}
    assert httpx.post(path, headers=known, trust_env=False).status_code == 200
    assert ask(live, "/v1/interfaces", Cookie=mine["Cookie"]).status_code == 200
    both = f"{mine['Cookie']}; {other['Cookie']}"
    assert ask(live, "/v1/interfaces", Cookie=both).status_code == 401


def test_a_read_of_phi_is_on_record_with_who_and_why(live: Live) -> None:
    artifact = live.hand_over(advice(31))
    headers = session(live, Duty.AUDITOR)
    path = f"/v1/artifacts/{artifact}/content"
    assert ask(live, path, **headers).json()["code"] == "reason_required"
    assert not [row for row in audited(live, "artifact.read") if row["object_id"] == artifact]
    answer = ask(live, path, Hub_Reason="payer%20%C3%BC called", **headers)
    assert answer.status_code == 200
    (row,) = [row for row in audited(live, "artifact.read") if row["object_id"] == artifact]
    assert (row["actor"], row["reason"]) == ("person:ada", "payer ü called")


def test_no_audit_no_data(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = live.hand_over(advice(32))

    async def full(_unit: Any) -> Any:
        raise StoreUnavailable("The store is full.")

    with monkeypatch.context() as patch:
        patch.setattr(live.hub.store, "commit", full)
        answer = ask(live, f"/v1/artifacts/{artifact}/content", live.token)
    assert answer.status_code == 503
    assert not any(name in answer.text for name in SECRET_NAMES)


def test_a_denial_is_on_record_without_what_was_typed(live: Live) -> None:
    key = key_of(live, "stranger")
    assert ask(live, "/v1/messages/Mary-Poppins", key).status_code == 404
    assert ask(live, f"/v1/artifacts/{live.hand_over(advice(33))}", key).status_code == 404
    rows = [row for row in audited(live, DENIED) if row["actor"] == "system:stranger"]
    assert len(rows) == 1
    assert rows[0]["object_id"].startswith("art_")
    assert '"verdict":"foreign"' in rows[0]["detail"]
    assert key.partition(".")[0] in rows[0]["detail"]
    assert key.partition(".")[2] not in rows[0]["detail"]


def test_a_missing_scope_does_not_tell_what_there_is(live: Live) -> None:
    key = key_of(live, "blind")
    there = live.hand_over(advice(34))
    for name in (there, "art_" + "0" * 32):
        assert ask(live, f"/v1/artifacts/{name}", key).status_code == 403


def test_a_flood_of_denials_is_bounded_and_hides_nobody_else(live: Live) -> None:
    before = len(audited(live, DENIED))
    with httpx.Client(base_url=live.url, trust_env=False) as client:
        for _ in range(120):
            assert client.get("/v1/interfaces").status_code == 401
    assert len(audited(live, DENIED)) - before <= 20
    headers = session(live, Duty.BILLER)
    path = live.url + "/v1/interfaces/drop/pause"
    assert httpx.post(path, headers=headers, trust_env=False).status_code == 403
    newest = audited(live, DENIED)[0]
    assert (newest["actor"], newest["object_id"]) == ("person:ada", "drop")


def test_denials_not_written_yet_are_counted_when_the_hub_stops(tmp_path: Path) -> None:
    root = make_root(tmp_path)
    with live_hub(root) as short:
        for _ in range(30):
            assert ask(short, "/v1/interfaces", "wrong").status_code == 401
    with live_hub(root) as again:
        (counted,) = [row for row in audited(again, DENIED) if row["outcome"] == "summary"]
    assert counted["detail"] == '{"unwritten":"10"}'
