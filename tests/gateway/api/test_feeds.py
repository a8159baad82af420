"""Following a contract: a stable order, each message at least once, late ones too, bounded streams."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.api.feed_pages import Cursor, page_after
from gateway.api.feeds import STREAMS
from gateway.errors import UsageFault
from gateway.governance.masking import MASKED
from gateway.store import Body, Statement, Unit
from tests.gateway.api.governed_hub import V1, Callers, governed_root, receipt_of
from tests.gateway.live import Live, live_hub, until

FEED = "/v1/feeds/receipt"
JSON_1 = "application/json; version=1"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_hub(governed_root(tmp_path_factory.mktemp("hub"))) as running:
        yield running


@pytest.fixture(scope="module")
def callers(live: Live) -> Iterator[Callers]:
    found = Callers(live)
    yield found
    found.close()


def read(callers: Callers, after: str = "", limit: int = 100, name: str = "wide") -> Any:
    answer = callers(name).get(f"{FEED}?after={after}&limit={limit}", JSON_1)
    assert answer.status_code == 200, answer.text
    assert answer.headers["hub-contract"] == "receipt/1.0.0"
    return answer.json()


def end_of(callers: Callers) -> str:
    after = ""
    while page := read(callers, after)["events"]:
        after = read(callers, after)["next"]
        assert page
    return after


def test_a_feed_is_read_page_by_page_in_one_order(callers: Callers) -> None:
    made = [callers("wide").stored(receipt_of(number)) for number in range(5)]
    whole = read(callers)
    assert [event["id"] for event in whole["events"]] == made
    assert read(callers, whole["next"]) == {
        "events": [],
        "next": read(callers, whole["next"])["next"],
    }
    found, after = [], ""
    while page := read(callers, after, limit=2):
        if not page["events"]:
            break
        found += [event["id"] for event in page["events"]]
        after = page["next"]
    assert found == made
    event = whole["events"][0]
    assert event["specversion"] == "1.0"
    assert event["type"] == "com.remithub.receipt.stored.v1"
    assert event["data"]["payer"] == MASKED
    full = read(callers, name="open")["events"][0]
    assert full["data"]["payer"] == "P:Wren Tallow"


def test_a_reader_waits_for_the_next_message(live: Live, callers: Callers) -> None:
    after = end_of(callers)
    there = callers("wide").stored(receipt_of(50))
    answer = callers("wide").get(f"{FEED}?after={after}&wait=20", JSON_1)
    assert [event["id"] for event in answer.json()["events"]] == [there]


def _late(live: Live, number: int, at: int) -> str:
    """Commit a message that was made some time ago, as a slow process would."""
    name = f"msg_{number:032x}"
    row = {
        "message_id": name,
        "contract": "receipt",
        "version": "1.0.0",
        "revision": 0,
        "artifact_id": None,
        "part_offset": None,
        "cause_id": None,
        "interface": "tills",
        "correlation": None,
        "amount_cents": None,
        "created_at": at,
        "routed": 0,
        "bundle": live.hub.bundles.current.hash,
        "trace": None,
    }
    body = Body(name, json.dumps(receipt_of(number)).encode())
    live.run(
        live.hub.store.commit(Unit(statements=(Statement("message_insert", row),), bodies=(body,)))
    )
    return name


def test_what_is_committed_late_is_given_all_the_same(live: Live, callers: Callers) -> None:
    first = callers("wide").stored(receipt_of(60))
    after = end_of(callers)
    (row,) = live.run(live.hub.store.fetch("message_by_id", message_id=first))
    late = _late(live, 61, row["created_at"] - 5)
    again = read(callers, after)
    found = [event["id"] for event in again["events"]]
    assert late in found
    assert found.index(late) < found.index(first)
    assert read(callers, again["next"])["events"] == []


def test_a_late_one_beside_a_page_that_is_read_is_not_lost(live: Live, callers: Callers) -> None:
    """Between two pages, at every place: whatever was committed is given in the end."""
    store = live.hub.store
    for number in range(70, 74):
        callers("wide").stored(receipt_of(number))
    (row,) = live.run(store.fetch("message_page", contract="receipt", limit=1))
    given: set[str] = set()
    late: list[str] = []
    cursor = Cursor()
    for turn in range(40):
        page = live.run(page_after(store, "receipt", cursor, 3))
        given |= {found["message_id"] for found, _ in page.rows}
        cursor = Cursor.parse(str(page.next))
        if turn < 12:
            late.append(_late(live, 1000 + turn, row["created_at"] - 1000 + 80 * turn))
        elif not page.rows:
            break
    everything = live.run(store.fetch("message_page", contract="receipt", limit=1000))
    assert given == {found["message_id"] for found in everything}
    assert set(late) <= given


@pytest.mark.parametrize("text", ["x", "AAAA", "é", "!" * 5, "kwAAAA", "lAGh_wAA"])
def test_a_cursor_of_somebody_else_is_refused(live: Live, text: str) -> None:
    with pytest.raises(UsageFault):
        Cursor.parse(text)
    answer = live.client.get(FEED, params={"after": text})
    assert (answer.status_code, answer.json()["code"]) == (400, "request_invalid")


def test_a_feed_is_asked_for_in_a_version(callers: Callers) -> None:
    refused = callers("small").get(FEED)
    assert (refused.status_code, refused.json()["code"]) == (406, "version_not_acceptable")
    assert callers("wide").get("/v1/feeds/nothing", JSON_1).status_code == 404


def _events(lines: Iterator[str], count: int) -> list[tuple[str, Any]]:
    found, place = [], ""
    for line in lines:
        if line.startswith("id: "):
            place = line[4:]
        elif line.startswith("data: "):
            found.append((place, json.loads(line[6:])))
            if len(found) == count:
                break
    return found


def test_a_stream_goes_on_where_it_was_left(live: Live, callers: Callers) -> None:
    caller = callers("wide")
    after = end_of(callers)
    made = [caller.stored(receipt_of(number)) for number in range(80, 83)]
    kind = {"Accept": V1}
    with caller.client.stream("GET", f"{FEED}/events?after={after}", headers=kind) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        found = _events(answer.iter_lines(), 2)
    assert [event["id"] for _, event in found] == made[:2]
    kind["Last-Event-ID"] = found[-1][0]
    with caller.client.stream("GET", f"{FEED}/events", headers=kind) as answer:
        lines = answer.iter_lines()
        assert [event["id"] for _, event in _events(lines, 1)] == made[2:]
        there = caller.stored(receipt_of(84))
        assert [event["id"] for _, event in _events(lines, 1)] == [there]


def test_a_client_has_so_many_streams_and_no_more(live: Live, callers: Callers) -> None:
    headers = {"Accept": V1, "Authorization": callers("open").client.headers["Authorization"]}
    path = f"{live.url}{FEED}/events"
    with contextlib.ExitStack() as opened:
        for _ in range(STREAMS):
            streamed = httpx.stream("GET", path, headers=headers, trust_env=False, timeout=30)
            answer = opened.enter_context(streamed)
            lines: Any = answer.iter_lines()
            assert next(lines) == "retry: 1000"
            opened.callback(lines.close)
        refused = callers("open").get(f"{FEED}/events", V1)
        assert (refused.status_code, refused.json()["violated-policies"]) == (429, ["streams"])

    def free() -> bool:
        with httpx.stream("GET", path, headers=headers, trust_env=False, timeout=30) as again:
            return again.status_code == 200

    until(free)
