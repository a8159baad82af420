"""Listening: where, from when, until when."""

import json
import socket
import time
from pathlib import Path

import httpx
import pytest

from gateway.app.server import ADDRESS_FILE
from gateway.errors import ConfigError, StorageFault, TryAgain
from tests.gateway.live import advice, live_hub, make_root, until, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_root(tmp_path)


@pytest.mark.parametrize("host", ["0.0.0.0", "example.test"])
def test_it_listens_on_loopback_only(root: Path, host: str) -> None:
    write(root, "hub.yaml", f"api: {{port: 0, host: '{host}'}}\n")
    with pytest.raises(ConfigError, match="loopback"), live_hub(root):
        pass


def test_the_address_file_is_there_exactly_while_it_listens(root: Path) -> None:
    file = root / ADDRESS_FILE
    with live_hub(root) as live:
        address = json.loads(file.read_bytes())
        assert address["url"] == live.url
        assert httpx.get(address["url"] + "/readyz", trust_env=False).status_code == 200
    assert not file.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(address["url"] + "/readyz", trust_env=False)


def test_the_token_is_made_once_and_is_nobody_elses(root: Path) -> None:
    with live_hub(root) as live:
        first = live.token
    file = root / "var/api.token"
    assert file.stat().st_mode & 0o777 == 0o600
    with live_hub(root) as live:
        assert live.token == first
    file.chmod(0o644)
    with pytest.raises(StorageFault) as caught, live_hub(root):
        pass
    assert caught.value.code == "token_file_mode"


def test_a_port_that_is_taken_is_an_error_of_ours_and_lets_the_store_go(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        write(root, "hub.yaml", f"api: {{port: {other.getsockname()[1]}}}\n")
        with pytest.raises(TryAgain) as caught, live_hub(root):
            pass
    assert caught.value.code == "port_unavailable"
    write(root, "hub.yaml", "api: {port: 0}\n")
    with live_hub(root):
        pass


def test_an_idle_connection_does_not_hold_up_the_end(root: Path) -> None:
    with live_hub(root) as live:
        host, port = live.url.removeprefix("http://").split(":")
        idle = socket.create_connection((host, int(port)))
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in idle.recv(1000)
        began = time.monotonic()
    assert time.monotonic() - began < 4
    idle.close()


def test_what_was_accepted_before_the_end_is_done_after_the_next_start(root: Path) -> None:
    with live_hub(root) as live:
        live.post("/v1/interfaces/drop/pause")
        live.settled(live.hand_over(advice(1)))
    with live_hub(root) as live:
        assert live.get("/v1/interfaces/drop")["state"] == "paused"
        assert live.get("/v1/interfaces/drop")["backlog"] == 1
        live.post("/v1/interfaces/drop/resume")
        until(lambda: list((root / "out").glob("*.json")))
