"""What waits for a person, and what a person may do with it."""

import shutil
from typing import Any

import pytest

from tests.gateway.live import SECRET_NAMES, Live, advice, until


def aside(live: Live, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = live.get("/v1/set-aside", **query)["set_aside"]
    return found


def act(live: Live, action: str, **order: Any) -> dict[str, Any]:
    answer = live.post(f"/v1/set-aside/{action}", order)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def held(live: Live, number: int) -> str:
    """Hand over one payment twice, in different bytes: the second waits for a person."""
    live.settled(live.hand_over(advice(number)))
    second = live.settled(live.hand_over({**advice(number), "remittance_id": f"rem_{'e' * 32}"}))
    name: str = second["parts"][0]["set_aside_id"]
    return name


def dead(live: Live, text: bytes) -> str:
    name: str = live.settled(live.hand_over(text, "claims"))["parts"][0]["set_aside_id"]
    return name


@pytest.fixture(autouse=True)
def nothing_left(live: Live) -> Any:
    yield
    act(live, "discard", everything=True, reason="end of a test")


def test_a_payment_seen_before_is_held_until_it_is_released(live: Live) -> None:
    name = held(live, 201)
    (one,) = aside(live)
    assert (one["id"], one["state"], one["interface"]) == (name, "held", "intake")
    assert one["code"] == "payment_key_seen"
    assert one["amount"] == "6490.00"
    assert live.get(f"/v1/set-aside/{name}")["part"]["amount"] == "6490.00"
    report = act(live, "release", ids=[name])
    assert report == {
        "action": "release",
        "dry_run": False,
        "count": 1,
        "amount": "6490.00",
        "ids": [name],
        "order": "",
        "cancelled": False,
    }
    until(lambda: not aside(live))
    found = live.get("/v1/messages", correlation=f"{201:064x}")["messages"]
    assert len(found) == 2


def test_a_dry_run_only_counts(live: Live) -> None:
    name = held(live, 202)
    report = act(live, "discard", state="held", dry_run=True)
    assert (report["count"], report["amount"], report["dry_run"]) == (1, "6490.00", True)
    assert [one["id"] for one in aside(live)] == [name]


def test_a_discard_needs_a_reason_and_stays_on_record(live: Live) -> None:
    name = held(live, 203)
    refused = live.post("/v1/set-aside/discard", {"ids": [name]})
    assert refused.status_code == 400
    act(live, "discard", ids=[name], reason="sent by paper")
    assert aside(live) == []
    rows = live.run(live.hub.store.fetch("audit_tail", object_id=name, limit=5))
    assert [(row["action"], row["reason"]) for row in rows] == [
        ("set_aside.discard", "sent by paper")
    ]


def test_the_state_must_allow_the_action(live: Live) -> None:
    name = held(live, 204)
    answer = live.post("/v1/set-aside/replay", {"ids": [name]})
    assert answer.status_code == 409
    assert answer.json()["code"] == "conflict"


def test_a_dead_letter_comes_back_dead_when_nothing_was_repaired(live: Live) -> None:
    name = dead(live, b"not an interchange 205")
    before = live.get(f"/v1/set-aside/{name}")
    assert before["set_aside"]["state"] == "dead"
    assert act(live, "replay", ids=[name])["count"] == 1

    def tried_again() -> bool:
        answer = live.client.get(f"/v1/set-aside/{name}")
        if answer.status_code != 200:
            return False
        now = answer.json()["set_aside"]
        return now["state"] == "dead" and now["since"] >= before["set_aside"]["since"]

    until(tried_again)


def test_a_dead_delivery_goes_through_after_the_repair(live: Live) -> None:
    out = live.root / "out"
    shutil.rmtree(out)
    try:
        live.hand_over(advice(206))
        until(lambda: aside(live, state="dead", interface="drop"))
    finally:
        out.mkdir()
    (one,) = aside(live, state="dead")
    assert (one["kind"], one["amount"], one["attempts"]) == ("deliver", "6490.00", 2)
    detail = live.get(f"/v1/set-aside/{one['id']}")
    assert [tried["outcome"] for tried in detail["attempts"]] == ["failed", "failed"]
    report = act(live, "replay", group=one["group"])
    assert report["count"] == 1
    until(lambda: not aside(live))
    until(lambda: live.get(f"/v1/deliveries/{one['id']}")["state"] == "done")


def test_a_parked_delivery_is_not_tried_until_it_is_replayed(live: Live) -> None:
    name = dead(live, b"not an interchange 207")
    act(live, "park", ids=[name])
    assert [(one["id"], one["state"]) for one in aside(live)] == [(name, "parked")]
    assert act(live, "replay", state="parked")["count"] == 1
    until(lambda: [one["state"] for one in aside(live)] == ["dead"])


def test_the_same_reason_is_one_group_with_its_money(live: Live) -> None:
    held(live, 208)
    held(live, 209)
    dead(live, b"not an interchange 209")
    groups = {one["code"]: one for one in live.get("/v1/set-aside/groups")}
    assert groups["payment_key_seen"]["count"] == 2
    assert groups["payment_key_seen"]["amount"] == "12980.00"
    (only,) = live.get("/v1/set-aside/groups", state="dead")
    assert (only["interface"], only["count"]) == ("claims", 1)
    group = groups["payment_key_seen"]["group"]
    assert len(aside(live, group=group)) == 2
    assert act(live, "discard", group=group, reason="x", dry_run=True)["count"] == 2


def test_the_list_goes_on_page_by_page(live: Live) -> None:
    names = [dead(live, b"not an interchange %d" % number) for number in range(5)]
    pages: list[str] = []
    after = ""
    while True:
        page = live.get("/v1/set-aside", limit=2, after=after)
        pages += [one["id"] for one in page["set_aside"]]
        after = page["next"]
        if not after:
            break
    assert pages == names


def test_nothing_selected_is_a_fault_not_everything(live: Live) -> None:
    held(live, 210)
    answer = live.post("/v1/set-aside/discard", {"reason": "x"})
    assert answer.status_code == 400
    assert len(aside(live)) == 1


@pytest.mark.parametrize(
    "order",
    [
        {"state": SECRET_NAMES[0]},
        {"ids": SECRET_NAMES[0]},
        {SECRET_NAMES[0]: True},
        {"dry_run": SECRET_NAMES[0]},
    ],
)
def test_a_wrong_order_is_named_without_its_value(live: Live, order: dict[str, Any]) -> None:
    answer = live.post("/v1/set-aside/replay", order)
    assert answer.status_code == 400
    assert answer.json()["code"] == "request_invalid"
    assert SECRET_NAMES[0] not in answer.text


def test_an_unknown_state_or_cursor_is_a_problem(live: Live) -> None:
    assert live.client.get("/v1/set-aside?state=lost").status_code == 400
    assert live.client.get("/v1/set-aside?after=dlv_none").status_code == 404


def test_the_same_order_again_does_nothing_and_another_order_cannot_have_its_id(
    live: Live,
) -> None:
    names = [held(live, number) for number in (231, 232)]
    first = act(live, "park", ids=names, order="desk-17")
    again = act(live, "park", ids=names, order="desk-17")
    assert (first["count"], first["order"]) == (2, "desk-17")
    assert again == first
    other = live.post("/v1/set-aside/park", {"everything": True, "order": "desk-17"})
    assert other.status_code == 409
    assert live.post("/v1/set-aside/orders/desk-17/cancel", {}).status_code == 404
