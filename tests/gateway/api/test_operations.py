"""Interfaces, reload, health, metrics, and problems that every route shares."""

import json
import re

import httpx
import pytest

from gateway.api.problems import PROBLEMS
from gateway.health import METRICS
from tests.gateway.live import SECRET_NAMES, Live, acknowledgement, advice, until, write

NEW_FEED = """\
interface: late-feed
direction: in
format: json
contract: acknowledgement@^1.0
"""


def test_every_interface_says_how_it_is(live: Live) -> None:
    live.settled(live.hand_over(advice(301)))
    until(lambda: live.get("/v1/interfaces/drop")["counters"].get("deliveries_done"))
    found = {one["name"]: one for one in live.get("/v1/interfaces")}
    assert set(found) == {"intake", "claims", "acks-a", "acks-b", "drop"}
    assert found["intake"]["direction"] == "in"
    assert found["intake"]["title"] == "Advices as JSON"
    assert found["intake"]["counters"]["artifacts"] == 1
    assert found["intake"]["last_file_at"] > 0
    assert found["drop"]["counters"]["cents_done"] == 649000
    assert {one["state"] for one in found.values()} == {"up"}
    assert {one["backlog"] for one in found.values()} == {0}


def test_a_paused_destination_keeps_what_it_owes_until_it_is_resumed(live: Live) -> None:
    paused = live.post("/v1/interfaces/drop/pause", {"reason": "month end"}).json()
    assert (paused["state"], paused["reason"]) == ("paused", "paused by a person")
    live.settled(live.hand_over(advice(302)))
    until(lambda: live.get("/v1/interfaces/drop")["backlog"] == 1)
    assert live.get("/v1/interfaces/drop")["oldest_at"] > 0
    assert live.post("/v1/interfaces/drop/resume").json()["state"] == "up"
    until(lambda: live.get("/v1/interfaces/drop")["backlog"] == 0)
    rows = live.run(live.hub.store.fetch("audit_tail", object_id="drop", limit=2))
    assert [(row["action"], row["reason"]) for row in rows] == [
        ("interface.run", ""),
        ("interface.paused", "month end"),
    ]


def test_a_source_is_polled_when_asked_and_not_while_paused(live: Live) -> None:
    (live.root / "inbox" / "one.json").write_text(json.dumps(acknowledgement()))
    path = "/v1/interfaces/acks-b"
    assert live.post(f"{path}/pause").json()["state"] == "paused"
    assert live.post(f"{path}/poll").json()["taken"] == 0
    live.post(f"{path}/resume")
    until(lambda: live.post(f"{path}/poll").json()["taken"] == 1)
    assert live.get(path)["last_success_at"] > 0
    assert not (live.root / "inbox" / "one.json").exists()


@pytest.mark.parametrize("action", ["poll", "pause", "resume"])
def test_what_is_only_handed_files_is_neither_polled_nor_paused(live: Live, action: str) -> None:
    answer = live.post(f"/v1/interfaces/intake/{action}")
    assert answer.status_code == 404


def test_the_other_side_is_probed(live: Live) -> None:
    probes = live.post("/v1/interfaces/drop/check").json()["probes"]
    assert probes
    assert all(probe["passed"] for probe in probes)


def test_a_new_interface_is_followed_on_reload(live: Live) -> None:
    write(live.root, "interfaces/late-feed.yaml", NEW_FEED)
    dry = live.post("/v1/reload", {"dry_run": True}).json()
    assert dry["changed"] is True
    assert live.client.get("/v1/interfaces/late-feed").status_code == 404
    report = live.post("/v1/reload").json()
    assert "late-feed" in report["interfaces"]
    artifact = live.hand_over(acknowledgement(), "late-feed")
    assert live.settled(artifact)["parts"][0]["state"] == "accepted"
    (live.root / "config/interfaces/late-feed.yaml").unlink()
    assert "late-feed" not in live.post("/v1/reload").json()["interfaces"]


def test_a_broken_configuration_is_refused_with_its_line_and_the_old_stays(live: Live) -> None:
    before = live.post("/v1/reload").json()["bundle"]
    write(live.root, "interfaces/late-feed.yaml", f"{NEW_FEED}pol_seconds: 3\n")
    try:
        answer = live.post("/v1/reload")
    finally:
        (live.root / "config/interfaces/late-feed.yaml").unlink()
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "config_invalid"
    assert (problem["file"], problem["line"]) == ("interfaces/late-feed.yaml", 5)
    assert "pol_seconds" in problem["detail"]
    assert live.hub.bundles.current.hash == before
    assert live.settled(live.hand_over(advice(303)))["parts"][0]["state"] == "accepted"


def test_health_answers_without_a_token_and_nothing_else_does(live: Live) -> None:
    for path in ("/healthz", "/readyz"):
        assert httpx.get(live.url + path, trust_env=False).status_code == 200
    for path in ("/metrics", "/schema", "/v1/interfaces", "/problems/usage", "/nowhere"):
        answer = httpx.get(live.url + path, trust_env=False)
        assert answer.status_code == 401, path


def test_ready_is_no_while_the_hub_stops(live: Live) -> None:
    live.hub.ready = False
    try:
        answer = live.client.get("/readyz")
        refused = live.post("/v1/interfaces/intake/files", advice(304))
    finally:
        live.hub.ready = True
    assert (answer.status_code, refused.status_code) == (503, 503)
    assert answer.json()["code"] == "not_ready"
    assert refused.headers["retry-after"] == "5"


def test_metrics_are_those_of_the_table_with_labels_from_the_configuration(live: Live) -> None:
    live.settled(live.hand_over(advice(305)))
    text = live.client.get("/metrics").text
    assert re.search(r'remithub_artifacts_total\{interface="intake"\} [1-9]', text)
    assert 'remithub_interface_state{interface="drop",state="up"} 1.0' in text
    assert re.search(r"remithub_store_units_total [1-9]", text)
    known = {metric.name for metric in METRICS}
    assert set(re.findall(r"^# TYPE (\S+)", text, re.M)) == known
    shown = set(re.findall(r"^(\w+)(?:\{| )", text, re.M))
    assert shown <= known
    labels = set(re.findall(r'interface="([^"]*)"', text))
    assert labels <= {"intake", "claims", "acks-a", "acks-b", "drop"}


def test_every_problem_code_can_be_looked_up(live: Live) -> None:
    for code, row in PROBLEMS.items():
        found = live.get(f"/problems/{code}")
        assert (found["status"], found["title"]) == (row.status, row.title)


def test_a_method_that_is_not_there_says_which_are(live: Live) -> None:
    answer = live.client.delete("/v1/interfaces")
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
    assert "GET" in answer.headers["allow"]


def test_a_bug_is_a_problem_that_says_nothing_of_the_payload(
    live: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError(SECRET_NAMES[0])

    monkeypatch.setattr(live.hub.operator, "find", broken)
    answer = live.client.get("/v1/set-aside", headers={"X-Request-Id": "bug-306"})
    assert answer.status_code == 500
    problem = answer.json()
    assert (problem["code"], problem["request_id"]) == ("internal_error", "bug-306")
    assert "ValueError" in caplog.text
    assert "bug-306" in caplog.text
    assert SECRET_NAMES[0] not in answer.text + caplog.text
