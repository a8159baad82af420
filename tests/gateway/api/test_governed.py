"""Products and quotas: what a system may do, how much of it, and what it is told."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.access import DENIED
from gateway.api.quota import QuotaExceeded, Quotas
from gateway.api.wire import parse_limits, parse_policies
from gateway.settings import ProductSettings, QuotaSettings, WindowSettings
from gateway.store import StoreUnavailable
from tests.gateway.api.governed_hub import V1, V2, Callers, governed_root, receipt_of
from tests.gateway.live import Live, live_hub


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_hub(governed_root(tmp_path_factory.mktemp("hub"))) as running:
        yield running


@pytest.fixture(scope="module")
def callers(live: Live) -> Iterator[Callers]:
    found = Callers(live)
    yield found
    found.close()


@pytest.mark.parametrize("name", ["nothing", "empty", "by-hand"])
def test_an_empty_list_means_nothing(live: Live, callers: Callers, name: str) -> None:
    caller = callers(name)
    for answer in (caller.send(receipt_of(1)), caller.get("/v1/messages"),
                   caller.get("/v1/feeds/receipt", "application/json; version=1")):  # fmt: skip
        assert answer.status_code == 403
        assert answer.json()["code"] == "product_missing"
    rows = live.run(live.hub.store.fetch("audit_tail", limit=50))
    mine = [row for row in rows if row["actor"] == f"system:{name}" and row["action"] == DENIED]
    assert len(mine) == 3
    assert "product_missing" in mine[0]["detail"]


def test_what_the_api_is_needs_no_product(live: Live, callers: Callers) -> None:
    caller = callers("nothing")
    for path in ("/schema", "/problems/usage", "/v1/contracts", "/v1/contracts/receipt"):
        assert caller.get(path).status_code == 200


def test_a_right_counts_only_through_a_product_that_has_it(live: Live, callers: Callers) -> None:
    caller = callers("wide")
    assert caller.get("/v1/interfaces").json()["code"] == "product_missing"


def test_a_major_that_is_not_granted_is_refused(live: Live, callers: Callers) -> None:
    caller = callers("old-only")
    assert caller.send(receipt_of(2)).status_code == 202
    refused = caller.send(receipt_of(3, 2), V2)
    assert (refused.status_code, refused.json()["code"]) == (403, "product_missing")


def test_a_contract_above_the_ceiling_is_not_there(live: Live, callers: Callers) -> None:
    there = callers("wide").stored(receipt_of(4))
    caller = callers("low")
    assert caller.send(receipt_of(5)).status_code == 403
    assert caller.get(f"/v1/messages/{there}", V1).status_code == 404
    assert caller.get("/v1/messages").json()["messages"] == []
    assert caller.get("/v1/feeds/receipt", "application/json; version=1").status_code == 403


def test_a_used_up_quota_is_told_with_names_and_times(live: Live, callers: Callers) -> None:
    caller = callers("few")
    left = []
    for number in range(5):
        answer = caller.send(receipt_of(100 + number))
        assert answer.status_code == 202
        (policy,) = parse_policies(answer.headers["ratelimit-policy"])
        assert (policy.name, policy.quota, policy.window_seconds) == ("few-requests", 5, 86400)
        (limit,) = parse_limits(answer.headers["ratelimit"])
        left.append(limit.remaining)
    assert left == [4, 3, 2, 1, 0]
    refused = caller.send(receipt_of(106))
    assert refused.status_code == 429
    problem = refused.json()
    assert problem["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert problem["violated-policies"] == ["few-requests"]
    (limit,) = parse_limits(refused.headers["ratelimit"])
    assert limit.remaining == 0
    assert int(refused.headers["retry-after"]) >= (limit.reset_seconds or 0) > 0


def test_the_headers_are_on_every_answer(live: Live, callers: Callers) -> None:
    caller = callers("narrow")
    for answer in (
        caller.get("/v1/messages"),
        caller.get("/v1/messages/msg_none"),
        caller.send(b"{"),
        caller.get("/v1/contracts"),
    ):
        assert parse_policies(answer.headers["ratelimit-policy"])[0].unit == "concurrent-requests"
        assert parse_limits(answer.headers["ratelimit"])[0].name == "narrow-parallel"
    assert "ratelimit" not in live.client.get("/v1/messages").headers


def test_bytes_are_counted_also_where_no_length_is_announced(live: Live, callers: Callers) -> None:
    caller = callers("small")

    def blocks() -> Iterator[bytes]:
        yield b" " * 300

    path, kind = "/v1/messages/receipt", {"Content-Type": V1}
    assert caller.client.post(path, content=blocks(), headers=kind).status_code == 422
    refused = caller.send(receipt_of(110))
    assert refused.status_code == 429
    assert refused.json()["violated-policies"] == ["small-bytes"]


def test_so_many_at_a_time_and_no_more(live: Live, callers: Callers) -> None:
    caller, codes = callers("narrow"), []
    path = "/v1/feeds/receipt?wait=2"
    last = live.client.get("/v1/feeds/receipt", params={"limit": 1000}).json()["next"]

    def wait() -> None:
        codes.append(caller.get(f"{path}&after={last}", V1).status_code)

    both = [threading.Thread(target=wait) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(30)
    assert sorted(codes) == [200, 429]
    assert caller.get("/v1/messages").status_code == 200


def _product(limit: int, seconds: int = 86400) -> ProductSettings:
    window = WindowSettings(limit=limit, per_seconds=seconds)
    return ProductSettings(product="shared", quota=QuotaSettings(requests=window))


def _let_in(live: Live, books: list[Quotas], client: str, limit: int, tries: int) -> int:
    async def ask() -> int:
        taken = 0
        for number in range(tries):
            try:
                admission = await books[number % len(books)].enter(client, _product(limit), 0)
            except QuotaExceeded:
                continue
            admission.leave(0)
            taken += 1
        return taken

    found: int = live.run(ask())
    return found


@pytest.mark.parametrize("limit", [1, 7, 400])
def test_processes_together_give_out_the_quota_and_no_more(live: Live, limit: int) -> None:
    books = [Quotas(live.hub.store, live.hub.ports.clock, lambda: 3) for _ in range(3)]
    client = f"c{limit}"
    assert _let_in(live, books, client, limit, 3 * limit + 30) == limit
    fresh = [Quotas(live.hub.store, live.hub.ports.clock, lambda: 3)]
    assert _let_in(live, fresh, client, limit, 5) == 0, "a restart is no way around it"


def test_a_slice_is_leased_and_not_each_request(live: Live) -> None:
    book = Quotas(live.hub.store, live.hub.ports.clock, lambda: 1)
    before = live.run(live.hub.store.stats()).units
    assert _let_in(live, [book], "sliced", 2000, 1500) == 1500
    assert live.run(live.hub.store.stats()).units - before < 40


def test_a_store_that_cannot_take_it_does_not_close_the_api(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_unit: Any) -> Any:
        raise StoreUnavailable("The store is full.")

    book = Quotas(live.hub.store, live.hub.ports.clock, lambda: 1)
    with monkeypatch.context() as patch:
        patch.setattr(live.hub.store, "commit", full)
        assert _let_in(live, [book], "unlucky", 10, 3) == 3


def test_a_key_is_asked_for_where_the_product_says_so(live: Live, callers: Callers) -> None:
    caller = callers("strict")
    missing = caller.send(receipt_of(120))
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_missing")
    wrong = caller.send(receipt_of(120), Idempotency_Key="a b")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "idempotency_key_invalid")
    first = caller.send(receipt_of(120), Idempotency_Key='"k-120"')
    again = caller.send(dict(reversed(receipt_of(120).items())), Idempotency_Key="k-120")
    assert [first.status_code, again.status_code] == [202, 202]
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    other = caller.send(receipt_of(121), Idempotency_Key="k-120")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_payload_differs")


def test_fields_that_no_contract_knows_are_refused_or_taken_out(
    live: Live, callers: Callers
) -> None:
    given = receipt_of(900) | {"shoe_size": "44"}
    given["lines"][0]["colour"] = "MARIGOLD"
    refused = callers("wide").send(given)
    assert refused.status_code == 422
    assert {one["keyword"] for one in refused.json()["errors"]} == {"unevaluatedProperties"}
    lenient = callers("lenient")
    answer = lenient.send(given)
    assert answer.status_code == 202, answer.text
    part = live.settled(answer.json()["artifact_id"])["parts"][0]
    shown = lenient.get(f"/v1/messages/{part['message_id']}", V1).json()
    assert set(shown) == set(receipt_of(900))
    assert set(shown["lines"][0]) == {"code", "amount"}
    metrics = live.client.get("/metrics").text
    assert 'remithub_fields_stripped_total{interface="tills"} 2.0' in metrics
    # What is wrong otherwise is refused as it is: nothing that is declared is taken out.
    for wrong in ({"amount": 12.5}, {"payer": None}):
        refused = lenient.send(given | wrong)
        assert refused.status_code == 422
    older = lenient.send(receipt_of(901, 2) | {"shoe_size": "44"}, V2)
    assert older.status_code == 202, "also on the way to another major"
