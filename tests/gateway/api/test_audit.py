"""`/v1/audit`: the record page by page, and its verification."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.live import Live, live_hub, make_root


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_hub(make_root(tmp_path_factory.mktemp("hub"))) as running:
        for number in range(6):
            running.post("/v1/interfaces/drop/pause", {"reason": f"maintenance {number}"})
            running.post("/v1/interfaces/drop/resume")
        yield running


def pages(live: Live, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    before = ""
    while True:
        page = live.get("/v1/audit", limit=limit, before=before)
        assert len(page["entries"]) <= limit
        found += page["entries"]
        before = page["next"]
        if not before:
            return found


def test_the_record_is_read_page_by_page_the_newest_first(busy: Live) -> None:
    found = pages(busy, 3)
    seqs = [entry["seq"] for entry in found]
    assert seqs == list(range(seqs[0], 0, -1))
    reasons = [entry["reason"] for entry in found if entry["action"] == "interface.paused"]
    assert reasons == [f"maintenance {number}" for number in reversed(range(6))]


def test_that_it_was_read_is_on_the_record_too(busy: Live) -> None:
    busy.get("/v1/audit", limit=1)
    (newest,) = busy.get("/v1/audit", limit=1)["entries"]
    assert (newest["action"], newest["actor"]) == ("audit.read", "local")


def test_what_was_done_to_one_thing_is_found_by_its_name(busy: Live) -> None:
    found = busy.get("/v1/audit", object="drop")["entries"]
    assert len(found) == 12
    assert {entry["object_id"] for entry in found} == {"drop"}


def test_a_place_that_is_none_of_ours_is_refused(busy: Live) -> None:
    for wrong in ("x", "%00", "bnVsbA", "e30x", "\u00e9"):
        answer = busy.client.get("/v1/audit", params={"before": wrong})
        assert answer.status_code == 400, wrong
        assert wrong not in answer.text or wrong == "x"


def test_a_changed_entry_is_found(busy: Live) -> None:
    verdict = busy.get("/v1/audit/verification")
    assert verdict["holds"]
    (chain,) = verdict["chains"]
    assert chain["rows"] > 12
    assert chain["broken_at"] == 0
    file: Path = busy.root / "var/hub.db"
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE audit SET actor = 'somebody' WHERE seq = 7")
    connection.close()
    verdict = busy.get("/v1/audit/verification")
    assert not verdict["holds"]
    assert [one["broken_at"] for one in verdict["chains"]] == [7]
