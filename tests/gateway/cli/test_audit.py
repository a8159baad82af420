"""`remithub audit`, at a hub that runs and straight at the store."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.cli.exits import Exit
from tests.gateway.cli.live_verbs import Typed
from tests.gateway.live import live_hub, make_root


def test_the_record_is_read_and_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = Typed(make_root(tmp_path), capsys)
    with live_hub(tmp_path) as hub:
        hub.post("/v1/interfaces/drop/pause", {"reason": "new disk"})
        assert "new disk" in typed("audit", "list")
        (paused,) = typed.json("audit", "list", "--about", "drop")
        assert (paused["actor"], paused["action"]) == ("local", "interface.paused")
        assert "holds" in typed("audit", "verify")
    assert typed.json("audit", "verify")["holds"]
    with closing(sqlite3.connect(tmp_path / "var/hub.db")) as connection, connection:
        connection.execute("DELETE FROM audit WHERE seq = 2")
    assert "does not hold from entry 2 on" in typed("audit", "verify", code=Exit.FAILED)
    assert not typed.json("audit", "verify", code=Exit.FAILED)["holds"]
