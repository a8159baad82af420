"""`remithub status`, and how every verb finds the hub."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from gateway.cli.exits import Exit
from gateway.cli.status import _reason
from gateway.cli.wording import age, dollars, moment
from tests.gateway.cli.live_verbs import Typed
from tests.gateway.live import Live, advice, live_hub, make_root, until


def test_status_shows_every_interface_with_counts_and_money(live: Live, typed: Typed) -> None:
    live.settled(live.hand_over(advice(1)))
    live.settled(live.hand_over({**advice(1), "remittance_id": f"rem_{'e' * 32}"}))
    until(lambda: live.get("/v1/interfaces/drop")["counters"].get("deliveries_done"))
    lines = typed("status").splitlines()
    assert len(lines) == 6
    intake = next(line.split() for line in lines if line.startswith("intake"))
    assert intake[:5] == ["intake", "in", "up", "2", "0"]
    assert intake[6:8] == ["1", "$6,490.00"]


def test_status_is_json_for_programs(live: Live, typed: Typed) -> None:
    assert typed.json("status") == live.get("/v1/interfaces")


def test_without_a_hub_verbs_read_the_store_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = Typed(make_root(tmp_path), capsys)
    typed("status", code=Exit.NOT_FOUND)
    assert "remithub run" in typed.err
    assert not (tmp_path / "var").exists()
    with live_hub(tmp_path) as live:
        live.settled(live.hand_over(b"not an interchange", "claims"))
    assert "No hub runs here" in (typed("status") and typed.err)
    assert {one["name"] for one in typed.json("status")} >= {"intake", "drop"}
    (one,) = typed.json("dlq", "list")["set_aside"]
    assert typed.json("dlq", "replay", one["id"])["count"] == 1
    typed("dlq", "replay", one["id"])
    assert "goes on when one is started" in typed.err
    with live_hub(tmp_path) as live:
        until(lambda: [o["state"] for o in live.get("/v1/set-aside")["set_aside"]] == ["dead"])


def test_an_address_left_behind_by_a_killed_hub_is_no_hub(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = Typed(make_root(tmp_path), capsys)
    with live_hub(tmp_path):
        left = (tmp_path / "var/hub.address").read_bytes()
    (tmp_path / "var/hub.address").write_bytes(left)
    typed("status")
    typed("reload", code=Exit.UNAVAILABLE)
    assert "remithub run --root" in typed.err


def test_an_address_that_is_another_programs_by_now_is_no_hub(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[bytes] = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers.as_bytes())
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"hi")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    typed = Typed(make_root(tmp_path), capsys)
    with live_hub(tmp_path):
        address = json.loads((tmp_path / "var/hub.address").read_bytes())
    with HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.handle_request, daemon=True).start()
        address["url"] = f"http://127.0.0.1:{other.server_port}"
        (tmp_path / "var/hub.address").write_text(json.dumps(address))
        typed("reload", code=Exit.UNAVAILABLE)
    assert len(heard) == 1
    assert b"Bearer" not in heard[0]


def test_a_changed_token_ends_with_not_allowed(live: Live, typed: Typed) -> None:
    file = live.root / "var/api.token"
    kept = file.read_text()
    file.write_text("tok_" + "0" * 32 + "\n")
    try:
        typed("status", code=Exit.NOT_ALLOWED)
    finally:
        file.write_text(kept)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.00", "$0.00"),
        ("1234567.50", "$1,234,567.50"),
        ("-0.05", "-$0.05"),
        ("-1000.00", "-$1,000.00"),
        (None, ""),
    ],
)
def test_money_is_written_with_thousands(text: str | None, words: str) -> None:
    assert dollars(text) == words


def test_moments_and_ages_are_words() -> None:
    assert moment(0) == age(0, 5) == ""
    assert moment(1_775_044_800_000) == "2026-04-01 12:00:00Z"
    spans = {999: "0 s", 59_000: "59 s", 60_000: "1 min", 7_200_000: "2 h", 172_800_000: "2 d"}
    assert {span: age(1, 1 + span) for span in spans} == spans


def test_a_reason_tells_the_rate_and_since_when_something_is_not_final() -> None:
    one = {"reason": "", "destination": None, "confirming_since": 0}
    assert _reason(one, 10_000) == ""
    there = {"per_second": 20.0}
    slow = {"reason": "breaker open", "destination": there, "confirming_since": 3_000}
    assert _reason(slow, 10_000) == "breaker open, 20 calls/s, not final for 7 s"
