"""The life of a contract, told from both sides: 1.0 at work, 1.1, 2.0, the sunset of 1.x, its end.

Two clients follow receipts, a third hands them in, two systems are owed them. People use the
command line; nothing reaches into the hub but the hand on its clock.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.api.wire import parse_deprecation, parse_http_date
from gateway.ports import SystemClock
from tests.gateway.api.governed_hub import CLIENT, INTERFACE, PRODUCT, V1, V2, Callers, receipt_of
from tests.gateway.cli.live_verbs import Typed
from tests.gateway.governance.sites import (
    DOWN,
    HEADER,
    UP,
    fields,
    receipt,
    text,
    write_version,
)
from tests.gateway.live import Live, live_hub, until, write

LEDGER = """\
interface: ledger
direction: out
connector: folder
accepts: receipt@%s
settings: {path: %s}
"""
SHOP = """\
interface: shop
direction: out
connector: http_api
accepts: receipt@%s
settings:
  base_url: %s
  idempotency: {mode: key}
  deliver:
    steps: [{id: send, request: {path: /receipts, headers: {X-Reference: "${key}"}}}]
"""
ROUTES = """\
routes:
  - {name: to-ledger, contract: receipt@^1, when: amount > 0.00, to: ledger}
  - {name: to-shop, contract: receipt, to: shop}
"""
CONSUMER = """\
consumer: quay-warehouse
reads:
  - {contract: receipt, version: ^1.0, paths: [amount, "lines[].code"]}
"""
OLD = ("id", "amount", "payer")
NEW = ("id", "total", "payer")
FEED = "/v1/feeds/receipt"
VERSIONS = "/v1/contracts/receipt/versions"
CLIENTS = ("tills", "quay", "oakfield", "late")


class Clock:
    """The one thing that is moved from outside."""

    def __init__(self) -> None:
        self.days = 0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self.days)


class Shop:
    """A system that reads 2.0 only; it keeps what it took."""

    def __init__(self) -> None:
        self.taken: dict[str, dict[str, Any]] = {}
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if "total" in document:
                    shop.taken[document["id"]] = document
                self.send_response(200 if "total" in document else 422)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Story:
    """A root folder, the people who type, and, while it runs, the hub and its clients."""

    live: Live
    callers: Callers

    def __init__(self, root: Path, shop: Shop, typed: Typed, clock: Clock) -> None:
        self.root = root
        self.shop = shop
        self.typed = typed
        self.clock = clock

    @contextmanager
    def running(self, *, days: int = 0) -> Iterator[None]:
        """Run the hub, so many days after it ran last."""
        self.clock.days += days
        with live_hub(self.root) as self.live:
            self.callers = Callers(self.live)
            yield
            self.callers.close()

    def step(self, *words: str) -> None:
        """A step that anna proposes and ben approves; the hub then follows."""
        self.typed("contract", *words, "--by", "anna")
        self.typed("contract", "approve", "receipt", words[2], "--by", "ben")
        self.typed("reload")

    def refused(self, *words: str) -> str:
        """A step that is refused: what is said of it."""
        self.typed("contract", *words, "--by", "anna", code=5)
        return self.typed.err

    def follows(self, client: str, kind: str) -> tuple[dict[str, Any], httpx.Response]:
        """What a client reads from its feed, by the document's id."""
        answer = self.callers(client).get(FEED, f"application/json; version={kind[-1]}")
        assert answer.status_code == 200, answer.text
        found = [event["data"] for event in answer.json()["events"]]
        return {document["id"]: document for document in found}, answer

    def handed_in(self, number: int, **more: Any) -> dict[str, Any]:
        """A receipt that the tills send as they always have, in 1.x; what became of it."""
        answer = self.callers("tills").send(receipt_of(number) | more, V1)
        assert answer.status_code == 202, answer.text
        part: dict[str, Any] = self.live.settled(answer.json()["artifact_id"])["parts"][0]
        return part

    def ledger(self, document: str) -> list[dict[str, Any]]:
        """What the ledger was handed over under that id."""
        files = (self.root / "ledger").glob("*.json")
        there = [json.loads(file.read_bytes()) for file in files]
        return [one for one in there if one["id"] == document]

    def aside(self, state: str) -> list[dict[str, Any]]:
        """What waits for a person."""
        found: list[dict[str, Any]] = self.typed.json("dlq", "list", "--state", state)["set_aside"]
        return found

    def calls(self, version: str) -> list[str]:
        """The clients that called a version, the last one first."""
        told = self.typed.json("contract", "uses", f"receipt/{version}")
        return [call["client"] for call in told["calls"]]

    def named_by(self, version: str) -> set[str]:
        told = self.typed.json("contract", "uses", f"receipt/{version}")
        return {one["by"] for one in told["named_by"]}


@pytest.fixture
def story(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Story]:
    """Only 1.0.0 is there, active and locked; the shop reads something else already."""
    clock, shop = Clock(), Shop()
    monkeypatch.setattr(SystemClock, "now", lambda _self: clock.now())
    write_version(tmp_path, "1.0.0", fields(1), required=OLD, examples=(receipt(),))
    header = HEADER.replace("retention_days", "index: {identity: id}\nretention_days")
    (tmp_path / "contracts/receipt/contract.yaml").write_text(header)
    (tmp_path / "ledger").mkdir()
    files = {
        "hub.yaml": "api: {port: 0}\n",
        "routes.yaml": ROUTES,
        "consumers/quay-warehouse.yaml": CONSUMER,
        "interfaces/tills.yaml": INTERFACE % "^1",
        "interfaces/ledger.yaml": LEDGER % ("^1", tmp_path / "ledger"),
        "interfaces/shop.yaml": SHOP % ("^1", shop.url),
        "products/receipts.yaml": (PRODUCT % "receipts").replace("[1, 2]", "[1]"),
        **{f"clients/{name}.yaml": CLIENT % (name, "receipts") for name in CLIENTS},
    }
    for name, body in files.items():
        write(tmp_path, name, body)
    typed = Typed(tmp_path, capsys)
    typed("contract", "lock")
    typed("check")
    yield Story(tmp_path, shop, typed, clock)
    shop.close()


def test_a_contract_lives_and_ends_and_nobody_is_broken_by_surprise(story: Story) -> None:
    with story.running():
        one_version_is_at_work(story)
        a_minor_version_is_published(story)
        a_breaking_change_is_refused(story)
        it_is_accepted_with_migrations(story)
        one_consumer_moves_and_the_other_is_still_served(story)
        what_was_stored_before_is_replayed_as_the_new_version(story)
        the_end_is_announced(story)
    with story.running(days=181):
        after_the_sunset_nobody_new_gets_it(story)
        it_is_not_retired_while_somebody_is_there(story)
    with story.running(days=31):
        it_is_retired_when_the_last_has_left(story)


def one_version_is_at_work(story: Story) -> None:
    assert story.handed_in(1)["state"] == "accepted"
    again = story.handed_in(1, note="the same once more")
    assert (again["state"], again["code"]) == ("held", "payment_key_seen")
    for consumer in ("quay", "oakfield"):
        documents, answer = story.follows(consumer, V1)
        assert documents["r-1"]["amount"] == "12.50"
        assert answer.headers["hub-contract"] == "receipt/1.0.0"
    until(lambda: story.ledger("r-1") == [receipt_of(1)])
    assert until(lambda: story.aside("dead"))[0]["interface"] == "shop", "it reads 2.0 already"


def a_minor_version_is_published(story: Story) -> None:
    with_till = fields(1) | {"till": text()}
    example = receipt() | {"till": "7"}
    write_version(story.root, "1.1.0", with_till, required=OLD, examples=(example,))
    story.typed("contract", "propose", "receipt", "1.1.0", "--by", "anna")
    story.typed("contract", "approve", "receipt", "1.1.0", "--by", "anna", code=5)
    assert "[four_eyes]" in story.typed.err
    story.typed("contract", "approve", "receipt", "1.1.0", "--by", "ben")
    story.typed("reload")
    assert story.handed_in(2, till="7")["state"] == "accepted"
    for consumer in ("quay", "oakfield"):
        documents, _ = story.follows(consumer, V1)
        assert documents["r-1"]["amount"] == documents["r-2"]["amount"] == "12.50"


def a_breaking_change_is_refused(story: Story) -> None:
    new = receipt_of(3, 2)
    write_version(story.root, "1.2.0", fields(2), required=NEW, examples=(new,))
    told = story.refused("propose", "receipt", "1.2.0")
    assert "incompatible with receipt/1.1.0" in told
    assert "breaks consumer quay-warehouse, which reads /amount" in told
    assert "breaks route to-ledger, which reads /amount" in told
    story.typed("contract", "withdraw", "receipt", "1.2.0", "--by", "anna")
    story.typed("contract", "approve", "receipt", "1.2.0", "--by", "ben")
    write_version(story.root, "2.0.0", fields(2), required=NEW, examples=(new,))
    told = story.refused("propose", "receipt", "2.0.0")
    assert "1-to-2.yaml is missing" in told
    assert "2-to-1.yaml is missing" in told


def it_is_accepted_with_migrations(story: Story) -> None:
    folder = story.root / "contracts/receipt/migrations"
    folder.mkdir()
    (folder / "1-to-2.yaml").write_text(UP)
    (folder / "2-to-1.yaml").write_text(DOWN)
    write(story.root, "routes.yaml", ROUTES.replace("receipt@^1", "receipt"))
    told = story.refused("propose", "receipt", "2.0.0")
    assert "breaks route to-ledger, which names no major and reads /amount (PATH_LOST)" in told
    assert "at /till does not survive the way back" in told
    write(story.root, "routes.yaml", ROUTES)
    (folder / "2-to-1.yaml").write_text(DOWN.replace("drop: [total, till]", "drop: [total]"))
    story.step("propose", "receipt", "2.0.0")
    refused = story.callers("quay").get(FEED, "application/json; version=2")
    assert (refused.status_code, refused.json()["code"]) == (403, "product_missing")
    write(story.root, "products/receipts.yaml", PRODUCT % "receipts")
    story.typed("reload")
    story.typed("check")


def one_consumer_moves_and_the_other_is_still_served(story: Story) -> None:
    write(story.root, "interfaces/tills.yaml", INTERFACE % "^2")
    story.typed("reload")
    part = story.handed_in(3)  # still sent in 1.x
    assert part["state"] == "accepted"
    shown = story.callers("quay").get(
        f"/v1/messages/{part['message_id']}", "application/json; version=2"
    )
    assert shown.json()["message"]["version"] == "2.0.0"
    moved, answer = story.follows("quay", V2)
    assert {one["total"] for one in moved.values()} == {"12.50"}
    assert (set(moved), answer.headers["hub-contract"]) == ({"r-1", "r-2", "r-3"}, "receipt/2.0.0")
    assert "deprecation" not in answer.headers
    still, answer = story.follows("oakfield", V1)
    assert {one["amount"] for one in still.values()} == {"12.50"}
    assert set(still) == {"r-1", "r-2", "r-3"}
    until(lambda: story.ledger("r-3") == [receipt_of(3)])  # a system is served 1.x as well


def what_was_stored_before_is_replayed_as_the_new_version(story: Story) -> None:
    until(lambda: len(story.aside("dead")) == 3)
    assert not story.shop.taken
    write(story.root, "interfaces/shop.yaml", SHOP % ("^2", story.shop.url))
    story.typed("reload")
    story.typed("dlq", "replay", "--state", "dead", "--yes")
    until(lambda: len(story.shop.taken) == 3)
    for document in story.shop.taken.values():
        assert (document["total"], document["payer"]["name"]) == ("12.50", "Wren Tallow")
        assert "amount" not in document
    (held,) = story.aside("held")
    story.typed("dlq", "release", held["id"], "--reason", "another receipt of that number")
    until(lambda: len(story.ledger("r-1")) == 2)
    rows = story.live.get("/v1/messages", contract="receipt")["messages"]
    assert rows[0]["version"] == "2.0.0", "taken as 1.0.0, a message in what is in force now"
    assert receipt_of(1) | {"note": "the same once more"} in story.ledger("r-1")


def the_end_is_announced(story: Story) -> None:
    soon = story.clock.now() + timedelta(days=30)
    day = ("--successor", "2.0.0", "--sunset-at", soon.date().isoformat())
    assert "[grace]" in story.refused("deprecate", "receipt", "1.1.0", *day)
    sunset = (story.clock.now() + timedelta(days=181)).date()
    day = (*day[:3], sunset.isoformat())
    for version in ("1.0.0", "1.1.0"):
        story.step("deprecate", "receipt", version, *day)
    _, answer = story.follows("oakfield", V1)
    said = answer.headers
    assert parse_deprecation(said["deprecation"]) <= story.clock.now().timestamp()
    assert datetime.fromtimestamp(parse_http_date(said["sunset"]), UTC).date() == sunset
    assert f'<{VERSIONS}/2.0.0>; rel="successor-version"' in said["link"]
    assert "sunset" in story.callers("tills").send(receipt_of(4), V1).headers
    _, answer = story.follows("quay", V2)
    assert "sunset" not in answer.headers


def after_the_sunset_nobody_new_gets_it(story: Story) -> None:
    refused = story.callers("late").get(FEED, "application/json; version=1")
    assert (refused.status_code, refused.json()["code"]) == (410, "contract_version_retired")
    assert "successor-version" in refused.headers["link"]
    for version in ("1.0.0", "1.1.0"):
        story.step("sunset", "receipt", version)
    documents, answer = story.follows("oakfield", V1)
    assert (len(documents), "sunset" in answer.headers) == (4, True), "it was there before"
    story.callers("tills").send(receipt_of(5, 2), V2)


def it_is_not_retired_while_somebody_is_there(story: Story) -> None:
    assert story.calls("1.1.0")[0] == "oakfield", "who called last is named"
    told = story.refused("retire", "receipt", "1.1.0")
    assert "oakfield last" in told
    for one in (
        "client oakfield",
        "consumer quay-warehouse",
        "interface ledger",
        "route to-ledger",
    ):
        assert one in told
        assert one in story.named_by("1.1.0")
    assert "client quay" not in told, "it has moved"
    assert "client tills" not in told, "it has moved"
    # They leave, one after the other.
    write(story.root, "interfaces/ledger.yaml", LEDGER % ("^2", story.root / "ledger"))
    write(story.root, "routes.yaml", ROUTES.replace("@^1, when: amount", "@^2, when: total"))
    by_two = CONSUMER.replace("^1.0", "^2.0").replace("amount", "total")
    write(story.root, "consumers/quay-warehouse.yaml", by_two)
    story.typed("reload")
    assert "[references] still named by client oakfield." in story.refused(
        "retire", "receipt", "1.1.0"
    )
    story.follows("oakfield", V2)
    told = story.refused("retire", "receipt", "1.1.0")
    assert "[references]" not in told
    assert "[calls]" in told, "30 days of silence are waited for"


def it_is_retired_when_the_last_has_left(story: Story) -> None:
    for version in ("1.0.0", "1.1.0"):
        story.step("retire", "receipt", version)
    told = story.typed("check")
    assert "products/receipts.yaml:3: warning: receipt 1.x is given up: nobody gets it" in told
    for client in ("oakfield", "late"):
        gone = story.callers(client).get(FEED, "application/json; version=1")
        assert (gone.status_code, gone.json()["code"]) == (410, "contract_version_retired")
    assert story.callers("tills").send(receipt_of(6), V1).status_code == 410
    documents, _ = story.follows("oakfield", V2)
    assert {"r-1", "r-2", "r-3", "r-5"} <= set(documents), "what was stored is still read, as 2.0"
