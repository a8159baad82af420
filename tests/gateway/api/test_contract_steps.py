"""The steps of a version's life over HTTP: If-Match, two people, gates, the record, the audit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.access import COOKIE, Duty, Sessions
from gateway.registry import Registry, VersionRecord, starter_root
from tests.gateway.api.governed_hub import V1, Callers, governed_root, receipt_of
from tests.gateway.live import Live, live_hub

VERSION = "/v1/contracts/receipt/versions/1.0.0"
ENDS = {"successor": "2.0.0", "sunset_at": "2199-01-01", "reason": "2.0 is there"}


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with live_hub(governed_root(tmp_path, at_work="^2")) as running:
        yield running


class Person:
    """Somebody with a session, who has read what is to be changed."""

    def __init__(self, live: Live, name: str, *duties: Duty) -> None:
        sessions = Sessions(live.hub.store, live.hub.ports, lambda: "hilltop")
        begun = live.run(sessions.begin(name, duties))
        self._url = live.url
        self._headers = {"Cookie": f"{COOKIE}={begun.session}", "X-CSRF-Token": begun.csrf}

    def __call__(self, path: str, body: Any, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(
            self._url + path,
            json=body,
            headers=self._headers | named,
            trust_env=False,
            timeout=30,
        )

    def tag(self) -> str:
        answer = httpx.get(self._url + VERSION, headers=self._headers, trust_env=False, timeout=30)
        return answer.headers["etag"]


def record(live: Live, version: str = "1.0.0") -> VersionRecord:
    return Registry(starter_root(), live.root).contract("receipt", version).record


def test_one_proposes_and_another_carries_it_out(live: Live) -> None:
    ada, cleo = Person(live, "ada", Duty.ENGINEER), Person(live, "cleo", Duty.ADMIN)
    step = f"{VERSION}/deprecate"
    callers = Callers(live)
    before = [callers("wide").send(receipt_of(n), V1) for n in (1, 2)]
    assert [(one.status_code, "sunset" in one.headers) for one in before] == [(202, False)] * 2
    tag = ada.tag()
    refused = ada(step, ENDS, If_Match=tag)
    assert (refused.status_code, refused.json()["code"]) == (403, "approval_required")
    alone = cleo(step, ENDS, If_Match=tag)
    assert (alone.status_code, alone.json()["code"]) == (403, "approval_required")
    kept = ada(step, ENDS, Hub_Proposal="new")
    assert kept.status_code == 202
    name = kept.json()["proposal_id"]
    assert ada(step, ENDS, If_Match=tag, Hub_Proposal=name).status_code == 403
    done = cleo(step, ENDS, If_Match=tag, Hub_Proposal=name)
    assert done.status_code == 200, done.text
    assert done.json()["status"] == "deprecated"
    assert done.headers["etag"] == ada.tag() != tag
    found = record(live)
    assert (found.author, found.approved_by) == ("person:ada", "person:cleo")
    assert found.sunset_at == "2199-01-01T00:00:00Z"
    # From now on, without a reload, every answer says so.
    assert "sunset" in callers("wide").send(receipt_of(3), V1).headers
    callers.close()
    rows = live.run(live.hub.store.fetch("audit_tail", object_id="receipt/1.0.0", limit=5))
    assert [(row["actor"], row["action"]) for row in rows] == [
        ("person:cleo", "contract.deprecated")
    ]
    assert live.post("/v1/reload").status_code == 200


def test_a_step_is_decided_on_what_was_seen(live: Live) -> None:
    ada, cleo = Person(live, "ada", Duty.ENGINEER), Person(live, "cleo", Duty.ADMIN)
    step = f"{VERSION}/deprecate"

    def carried_out(**headers: str) -> httpx.Response:
        name = ada(step, ENDS, Hub_Proposal="new").json()["proposal_id"]
        return cleo(step, ENDS, Hub_Proposal=name, **headers)

    assert carried_out().status_code == 428
    stale = carried_out(If_Match='"another"')
    assert (stale.status_code, stale.headers["etag"]) == (412, ada.tag())
    assert record(live).status == "active"


@pytest.mark.parametrize(
    ("step", "body", "gate"),
    [
        ("deprecate", ENDS | {"successor": "3.0.0"}, "[successor]"),
        ("deprecate", ENDS | {"sunset_at": "2026-01-01"}, "[grace]"),
        ("sunset", {}, "[order]"),
        ("activate", {}, "[order]"),
    ],
)
def test_a_closed_gate_is_named_and_nothing_changes(
    live: Live, step: str, body: Any, gate: str
) -> None:
    before = record(live)
    refused = live.post(f"{VERSION}/{step}", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "contract_gate_closed")
    assert gate in refused.json()["detail"]
    assert record(live) == before


def test_the_one_token_of_the_machine_only_proposes(live: Live) -> None:
    proposed = live.post(f"{VERSION}/deprecate", ENDS)
    assert (proposed.status_code, proposed.json()["status"]) == (200, "active")
    assert record(live).proposed is not None
    assert record(live).proposed.by == "local"
    assert live.post(f"{VERSION}/deprecate", ENDS).json()["status"] == "active"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"sunset_at": "soon"}, "sunset_at"),
        ({"waiver": {"reason": "", "until": "2199-01-01"}}, "waiver.reason"),
        ({"by": "anna"}, ""),
    ],
)
def test_a_wrong_body_is_named_by_its_place(live: Live, body: Any, place: str) -> None:
    refused = live.post(f"{VERSION}/retire", body)
    assert (refused.status_code, refused.json()["code"]) == (400, "request_invalid")
    assert place in refused.json()["detail"]


def test_what_came_with_the_program_is_not_changed(live: Live) -> None:
    refused = live.post("/v1/contracts/work-item/versions/0.1.0/withdraw")
    assert refused.status_code == 409
    assert "came with the program" in refused.json()["detail"]
    unknown = live.post("/v1/contracts/receipt/versions/7.0.0/deprecate", ENDS)
    assert unknown.json()["code"] == "contract_version_not_found"
