"""A change says what it was decided on, and an order with a key is carried out once."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.access import COOKIE, Duty, Sessions
from gateway.api.once import ABANDONED_MS
from gateway.model.ids import text_id
from gateway.store import Statement, Unit
from tests.gateway.live import Live, live_hub, make_root, until


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_hub(make_root(tmp_path_factory.mktemp("hub"))) as running:
        yield running


@pytest.fixture(scope="module")
def operator(live: Live) -> Iterator[httpx.Client]:
    sessions = Sessions(live.hub.store, live.hub.ports, lambda: "hilltop")
    begun = live.run(sessions.begin("ada", [Duty.OPERATOR]))
    headers = {"Cookie": f"{COOKIE}={begun.session}", "X-CSRF-Token": begun.csrf}
    with httpx.Client(base_url=live.url, headers=headers, trust_env=False, timeout=30) as client:
        yield client


PAUSE, RESUME = "/v1/interfaces/drop/pause", "/v1/interfaces/drop/resume"


def test_a_person_changes_only_what_the_person_has_seen(
    live: Live, operator: httpx.Client
) -> None:
    seen = operator.get("/v1/interfaces/drop").headers["etag"]
    blind = operator.post(PAUSE, json={})
    assert (blind.status_code, blind.json()["code"]) == (428, "precondition_required")
    done = operator.post(PAUSE, json={"reason": "rack"}, headers={"If-Match": seen})
    assert done.status_code == 200
    assert done.headers["etag"] != seen
    late = operator.post(RESUME, headers={"If-Match": seen})
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert late.headers["etag"] == done.headers["etag"]
    weak = operator.post(RESUME, headers={"If-Match": f"W/{done.headers['etag']}"})
    assert weak.status_code == 412
    assert operator.post(RESUME, headers={"If-Match": "1"}).status_code == 400
    two = {"If-Match": f'"x", {done.headers["etag"]}'}
    assert operator.post(RESUME, headers=two).status_code == 200
    assert operator.get("/v1/interfaces/drop").headers["etag"] == seen


def test_the_own_machine_need_not_say_it_but_is_held_to_what_it_says(live: Live) -> None:
    assert live.post(PAUSE, {"reason": "x"}).status_code == 200
    assert live.post(RESUME, If_Match='"old"').status_code == 412
    assert live.post(RESUME).status_code == 200


def dead_one(live: Live, number: int) -> str:
    live.settled(live.hand_over(b"{}" + b" " * number))
    found = until(lambda: live.get("/v1/set-aside", interface="intake")["set_aside"])
    name: str = found[-1]["id"]
    return name


def test_an_order_over_one_thing_says_what_it_was(live: Live, operator: httpx.Client) -> None:
    name = dead_one(live, 1)
    tag = operator.get(f"/v1/set-aside/{name}").headers["etag"]
    order = {"ids": [name], "reason": "again"}
    assert operator.post("/v1/set-aside/replay", json=order).status_code == 428
    changed = operator.post("/v1/set-aside/replay", json=order, headers={"If-Match": '"other"'})
    assert changed.status_code == 412
    done = operator.post("/v1/set-aside/replay", json=order, headers={"If-Match": tag})
    assert (done.status_code, done.json()["count"]) == (200, 1)


def order(live: Live, key: str, body: Any) -> httpx.Response:
    return live.post("/v1/set-aside/replay", body, Idempotency_Key=key)


def test_an_order_with_a_key_is_carried_out_once(live: Live) -> None:
    name = dead_one(live, 2)
    body = {"ids": [name], "reason": "once"}
    first = order(live, "o-1", body)
    assert first.status_code == 200
    again = order(live, '"o-1"', dict(reversed(body.items())))
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    rows = live.run(live.hub.store.fetch("audit_tail", limit=200))
    made = [row for row in rows if row["reason"] == "once" and row["object_id"] == name]
    assert len(made) <= 1
    other = order(live, "o-1", {"ids": [name], "reason": "twice"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_payload_differs")
    assert order(live, "a b", body).json()["code"] == "idempotency_key_invalid"


def test_an_order_that_made_nothing_leaves_its_key_free(live: Live) -> None:
    assert order(live, "o-2", {"ids": ["dlv_none"]}).status_code == 404
    assert order(live, "o-2", {"ids": [dead_one(live, 3)]}).status_code == 200


def test_while_the_first_one_runs_the_second_is_told_to_wait(live: Live) -> None:
    now = int(live.hub.ports.clock.now().timestamp() * 1000)
    scope = "local POST /v1/set-aside/replay"
    for key, at, status in (("o-3", now, 409), ("o-4", now - ABANDONED_MS - 1000, 409)):
        row = {
            "scope": scope,
            "idem_key": text_id("idk", scope, key),
            # of the canonical body {}
            "fingerprint": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "reference": "",
            "status": 0,
            "at": at,
            "expires_at": now + 10**9,
        }
        live.run(live.hub.store.commit(Unit(statements=(Statement("idempotency_insert", row),))))
        answer = order(live, key, {})
        assert (answer.status_code, answer.json()["code"]) == (status, "idempotency_in_flight")
    assert order(live, "o-3", {}).status_code == 409
    assert order(live, "o-4", {}).status_code == 400, "its process is gone: the key serves again"


def test_two_at_once_make_one(live: Live) -> None:
    body = {"ids": [dead_one(live, 4)], "reason": "race"}
    answers: list[httpx.Response] = []

    def ask() -> None:
        answers.append(order(live, "o-5", body))

    both = [threading.Thread(target=ask) for _ in range(4)]
    for one in both:
        one.start()
    for one in both:
        one.join(30)
    fresh = [
        a for a in answers if a.status_code == 200 and "idempotency-replayed" not in a.headers
    ]
    assert len(fresh) == 1
    assert {a.status_code for a in answers} <= {200, 409}
