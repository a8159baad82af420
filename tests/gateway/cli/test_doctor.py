"""`remithub doctor`."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.examination import GOOD_SQLITE
from gateway.cli.exits import Exit
from tests.gateway.cli.live_verbs import Typed
from tests.gateway.live import Live, live_hub, make_root, write
from tests.postgres import Postgres

OLD_SQLITE = sqlite3.sqlite_version_info < GOOD_SQLITE


def looked(typed: Typed, code: int) -> dict[str, dict[str, Any]]:
    return {one["about"]: one for one in typed.json("doctor", code=code)}


def test_a_running_hub_is_found_well(live: Live, typed: Typed) -> None:
    seen = looked(typed, Exit.PARTIAL if OLD_SQLITE else Exit.OK)
    odd = {about for about, one in seen.items() if one["mark"] != "ok"}
    assert odd == ({"sqlite"} if OLD_SQLITE else set())
    assert "Without a backup of the key file" in seen["key file"]["next"]
    assert "has the store" in seen["lock"]["found"]
    assert seen["hub"]["found"] == "it takes and delivers"
    assert seen["interface drop"]["found"].startswith("up (")


def test_a_destination_that_is_gone_is_found_broken(live: Live, typed: Typed) -> None:
    (live.root / "out").rmdir()
    try:
        assert looked(typed, Exit.FAILED)["interface drop"]["mark"] == "broken"
    finally:
        (live.root / "out").mkdir()


def test_a_folder_no_hub_has_run_on_is_only_odd(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = looked(Typed(make_root(tmp_path), capsys), Exit.PARTIAL)
    odd = {about for about, one in seen.items() if one["mark"] == "odd"}
    assert odd - {"sqlite"} == {"key file", "token file", "database", "hub"}
    assert not (tmp_path / "var").exists()


def test_what_is_broken_is_named_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = Typed(make_root(tmp_path), capsys)
    write(tmp_path, "hub.yaml", "tenannt: x\n")
    (tmp_path / "var").mkdir()
    (tmp_path / "var/hub.key").write_text("{}")
    (tmp_path / "var/hub.key").chmod(0o644)
    (tmp_path / "var/hub.db").write_bytes(b"not a database" * 100)
    seen = looked(typed, Exit.FAILED)
    broken = {about: one["next"] for about, one in seen.items() if one["mark"] == "broken"}
    assert set(broken) == {"configuration", "key file", "database"}
    assert all(broken.values())
    assert "hub.yaml:1" in seen["configuration"]["found"]


def test_a_disk_is_too_full_where_the_hub_itself_finds_it_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = Typed(make_root(tmp_path), capsys)
    write(tmp_path, "hub.yaml", f"store: {{free_bytes_low: {1 << 60}}}\n")
    seen = looked(typed, Exit.FAILED)["disk"]
    assert (seen["mark"], "less than" in seen["found"]) == ("broken", True)


def test_how_the_api_is_reached_is_said(live: Live, typed: Typed) -> None:
    seen = looked(typed, Exit.PARTIAL if OLD_SQLITE else Exit.OK)
    assert "plain HTTP on 127.0.0.1; nobody signs in" in seen["access"]["found"]
    assert "token file" in seen["access"]["found"]


def test_a_secret_others_may_read_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_root(tmp_path) / "var/secrets"
    folder.mkdir(parents=True)
    for name, mode in (("open-one", 0o644), ("own-one", 0o600)):
        (folder / name).write_text("Quillmark")
        (folder / name).chmod(mode)
    seen = looked(Typed(tmp_path, capsys), Exit.PARTIAL)
    assert "chmod 600" in seen["secret open-one"]["next"]
    assert "secret own-one" not in seen
    assert "Quillmark" not in f"{seen}"


def test_a_shared_database_is_asked_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], postgres: Postgres
) -> None:
    typed = Typed(make_root(tmp_path), capsys)
    write(tmp_path, "hub.yaml", f"store: {{postgres: '{postgres.migrated()}'}}\n")
    seen = looked(typed, Exit.PARTIAL)
    assert seen["database"]["mark"] == "ok"
    assert "PostgreSQL" in seen["database"]["found"]
    write(tmp_path, "hub.yaml", "store: {postgres: 'postgresql://nobody@127.0.0.1:1/none'}\n")
    seen = looked(typed, Exit.FAILED)
    assert "cannot be reached" in seen["database"]["found"]


def test_a_changed_audit_record_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with live_hub(make_root(tmp_path)) as hub:
        hub.post("/v1/interfaces/drop/pause")
    typed = Typed(tmp_path, capsys)
    assert looked(typed, Exit.PARTIAL)["audit record"]["mark"] == "ok"
    with closing(sqlite3.connect(tmp_path / "var/hub.db")) as connection, connection:
        connection.execute("UPDATE audit SET actor = 'somebody' WHERE action = 'interface.paused'")
    seen = looked(typed, Exit.FAILED)["audit record"]
    assert (seen["mark"], "from entry" in seen["found"]) == ("broken", True)
