"""`remithub key` and `remithub client`, at a hub that runs and straight at the store."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.cli.exits import Exit
from tests.gateway.cli.live_verbs import Typed
from tests.gateway.live import Live, live_hub, make_root, write

BILLING = """\
client: oakfield-billing
title: Oakfield billing
owner: revenue cycle
interfaces: [intake, drop]
scopes: [message.submit, health.read]
products: [everything]
key_days: 30
"""


def root_with_client(root: Path) -> Path:
    write(make_root(root), "clients/oakfield-billing.yaml", BILLING)
    return root


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_hub(root_with_client(tmp_path_factory.mktemp("hub"))) as running:
        yield running


def as_system(live: Live, key: str) -> httpx.Client:
    return httpx.Client(
        base_url=live.url,
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
        timeout=30,
    )


def test_a_key_is_made_used_rotated_and_revoked(live: Live, typed: Typed) -> None:
    first = typed("key", "create", "oakfield-billing", "--label", "old rack").strip()
    assert "not shown again" in typed.err
    with as_system(live, first) as system:
        assert [one["name"] for one in system.get("/v1/interfaces").json()] == ["drop", "intake"]
        second = typed.json("key", "rotate", "oakfield-billing")["key"]
        assert system.get("/v1/interfaces").status_code == 200
        typed("key", "create", "oakfield-billing", code=Exit.CONFLICT)
        typed("key", "revoke", first, "--reason", "rotated")
        assert first.partition(".")[2] not in typed.out + typed.err
        assert system.get("/v1/interfaces").status_code == 401
    with as_system(live, second) as system:
        assert system.get("/v1/interfaces").status_code == 200
    shown = typed.json("key", "list")
    assert [(key["state"], key["used_at"] > 0) for key in shown] == [
        ("revoked", True),
        ("live", True),
    ]
    assert shown[0]["expires_at"] < shown[1]["expires_at"]
    secrets = {first.partition(".")[2], second.partition(".")[2]}
    assert not any(secret in typed("key", "list") + typed.err for secret in secrets)
    (client,) = typed.json("client", "list")
    assert client["live_keys"] == 1
    assert "Oakfield billing" in typed("client", "list")


def test_a_key_is_never_good_for_more_than_its_client_is_granted(typed: Typed) -> None:
    typed("key", "create", "oakfield-billing", "--scope", "access.manage", code=Exit.CONFLICT)
    assert "scopes" in typed.err
    typed("key", "create", "oakfield-billing", "--days", "366", code=Exit.USAGE)
    typed("key", "create", "nobody-known", code=Exit.NOT_FOUND)
    assert "clients/NAME.yaml" in typed.err
    typed("key", "revoke", "rhk_" + "0" * 32, code=Exit.NOT_FOUND)


def test_keys_are_made_without_a_running_hub_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with live_hub(root_with_client(tmp_path)):
        pass
    typed = Typed(tmp_path, capsys)
    key = typed("key", "create", "oakfield-billing").strip()
    with live_hub(tmp_path) as live, as_system(live, key) as system:
        assert system.get("/v1/interfaces/intake").status_code == 200
        assert system.get("/v1/interfaces/claims").status_code == 404
        assert system.get("/v1/clients").status_code == 403
