"""`remithub run`, as a process of its own: it starts, says where it listens, and ends in order."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.gateway.live import advice, make_root, until

START = "import sys; from gateway.cli import main; sys.exit(main())"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    make_root(tmp_path)
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-c", START, "run", "--json", "--root", str(tmp_path)],
        stdout=log,
        stderr=log,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()
    log.close()


def client(root: Path) -> httpx.Client:
    file = root / "var/hub.address"
    until(file.exists, 30)
    address = json.loads(file.read_bytes())
    token = (root / address["token_file"]).read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=address["url"], headers=headers, trust_env=False)


def test_a_hub_runs_until_sigterm_and_ends_with_nothing_open(
    hub: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    with client(tmp_path) as there:
        body = json.dumps(advice(1)).encode()
        assert there.post("/v1/interfaces/intake/files", content=body).status_code == 202
        until(lambda: list((tmp_path / "out").glob("*.json")))
    hub.send_signal(signal.SIGTERM)
    assert hub.wait(30) == 0
    text = (tmp_path / "log").read_text()
    (line,) = [one for one in text.splitlines() if one.startswith("{")]
    assert json.loads(line)["pid"] == hub.pid
    assert "RemitHub listens on http://127.0.0.1:" in text
    assert "Without a backup of the key file" in text
    assert "Traceback" not in text
    assert "/v1/interfaces" not in text
    assert not (tmp_path / "var/hub.address").exists()
    log = tmp_path / "var/hub.db-wal"
    assert not log.exists() or not log.stat().st_size


def test_a_wrong_configuration_ends_with_file_and_line(tmp_path: Path) -> None:
    make_root(tmp_path)
    (tmp_path / "config/hub.yaml").write_text("api: {porrt: 1}\n")
    ended = subprocess.run(
        [sys.executable, "-c", START, "run", "--root", str(tmp_path)],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert b"hub.yaml:1: unknown field `porrt`" in ended.stderr
