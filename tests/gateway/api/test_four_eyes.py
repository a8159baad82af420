"""Four eyes, at a hub that listens: proposed by one, approved by another, carried out once."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.access import COOKIE, Duty, Sessions
from tests.gateway.live import Live, live_hub, make_root, until

DISCARD = "/v1/set-aside/discard"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_hub(make_root(tmp_path_factory.mktemp("hub"))) as running:
        yield running


class Person:
    """Somebody with a session."""

    def __init__(self, live: Live, name: str, *duties: Duty) -> None:
        sessions = Sessions(live.hub.store, live.hub.ports, lambda: "hilltop")
        begun = live.run(sessions.begin(name, duties))
        self._url = live.url
        self._headers = {
            "Cookie": f"{COOKIE}={begun.session}",
            "X-CSRF-Token": begun.csrf,
            "Hub-Reason": "four eyes",
            "If-Match": "*",
        }

    def __call__(self, path: str, body: Any, proposal: str = "") -> httpx.Response:
        headers = self._headers | ({"Hub-Proposal": proposal} if proposal else {})
        return httpx.post(
            self._url + path, json=body, headers=headers, trust_env=False, timeout=30
        )

    def decides(self, proposal: str, *, approve: bool = True) -> httpx.Response:
        return self(f"/v1/proposals/{proposal}/decide", {"approve": approve, "reason": "seen"})


def dead(live: Live, number: int) -> str:
    """Hand over what cannot be read, and return what is set aside of it."""
    bad = live.hand_over(b"{}%d" % number, "claims")

    def found() -> str:
        asides = live.get("/v1/set-aside", interface="claims", state="dead", limit=1000)
        return next((one["id"] for one in asides["set_aside"] if one["item_id"] == bad), "")

    name: str = until(found)
    return name


def order(*ids: str) -> dict[str, Any]:
    return {"ids": list(ids), "reason": "sent by paper"}


def test_a_discard_takes_two_people(live: Live) -> None:
    ada, bob = Person(live, "ada", Duty.OPERATOR), Person(live, "bob", Duty.OPERATOR)
    wanted = order(dead(live, 1))
    assert ada(DISCARD, wanted).json()["code"] == "approval_required"
    kept = ada(DISCARD, wanted, "new")
    assert kept.status_code == 202
    name = kept.json()["proposal_id"]
    assert name in {one["proposal_id"] for one in live.get("/v1/proposals")}
    assert ada(DISCARD, wanted, name).json()["code"] == "approval_required"
    assert ada.decides(name).json()["code"] == "approval_required"
    assert bob.decides(name).json()["decided_by"] == "person:bob"
    assert bob(DISCARD, wanted, name).json()["code"] == "approval_required"
    done = ada(DISCARD, wanted, name)
    assert (done.status_code, done.json()["count"]) == (200, 1)
    assert ada(DISCARD, wanted, name).status_code in (404, 409)
    rows = live.run(live.hub.store.fetch("audit_tail", object_id=name, limit=10))
    assert [(row["actor"], row["action"]) for row in reversed(rows)] == [
        ("person:ada", "proposal.make"),
        ("person:bob", "proposal.approve"),
        ("person:ada", "proposal.use"),
    ]


def test_a_proposal_is_about_one_request_and_no_other(live: Live) -> None:
    ada, bob = Person(live, "ada", Duty.OPERATOR), Person(live, "bob", Duty.OPERATOR)
    first, second = dead(live, 2), dead(live, 3)
    name = ada(DISCARD, order(first), "new").json()["proposal_id"]
    bob.decides(name)
    assert ada(DISCARD, order(second), name).json()["code"] == "proposal_differs"
    assert ada(DISCARD, order(first, second), name).json()["code"] == "proposal_differs"
    assert ada(DISCARD + "?x=1", order(first), name).json()["code"] == "proposal_differs"
    assert ada(DISCARD, order(first), "prp_none").status_code == 404
    assert ada(DISCARD, order(first), name).status_code == 200


def test_a_rejected_proposal_allows_nothing(live: Live) -> None:
    ada, bob = Person(live, "ada", Duty.OPERATOR), Person(live, "bob", Duty.OPERATOR)
    wanted = order(dead(live, 4))
    name = ada(DISCARD, wanted, "new").json()["proposal_id"]
    assert bob.decides(name, approve=False).json()["state"] == "rejected"
    assert bob.decides(name).json()["code"] == "proposal_over"
    assert ada(DISCARD, wanted, name).status_code in (403, 409)


def test_only_who_has_a_say_in_the_right_decides(live: Live) -> None:
    ada = Person(live, "ada", Duty.OPERATOR)
    name = ada(DISCARD, order(dead(live, 5)), "new").json()["proposal_id"]
    for duty in (Duty.FINANCE, Duty.ADMIN):
        assert Person(live, "eve", duty).decides(name).json()["code"] == "approval_required"
    for duty in (Duty.BILLER, Duty.AUDITOR):
        assert Person(live, "eve", duty).decides(name).json()["code"] == "forbidden"
    assert live.post(f"/v1/proposals/{name}/decide", {"approve": True}).status_code == 200


def test_a_biller_proposes_and_finance_carries_it_out(live: Live) -> None:
    biller, finance = Person(live, "ada", Duty.BILLER), Person(live, "bob", Duty.FINANCE)
    both = Person(live, "ada", Duty.FINANCE)
    wanted = order(dead(live, 6))
    name = biller("/v1/set-aside/confirm", wanted, "new").json()["proposal_id"]
    assert biller("/v1/set-aside/confirm", wanted, name).status_code == 403
    assert both("/v1/set-aside/confirm", wanted, name).json()["code"] == "approval_required"
    done = finance("/v1/set-aside/confirm", wanted, name)
    # A part that was never delivered cannot be confirmed, which is said by the operator's rules.
    assert done.status_code != 403, done.text
    assert finance("/v1/set-aside/confirm", wanted, name).json()["code"] == "proposal_over"
