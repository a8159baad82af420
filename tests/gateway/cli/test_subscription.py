"""What clients subscribed to at the API, as the command line sees it: at a hub, and without one."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.cli.exits import Exit
from gateway.store.migrations import HEAD_REVISION
from tests.gateway.api.hooks_hub import hooks_root
from tests.gateway.cli.live_verbs import Typed
from tests.gateway.governance.sites import fields, receipt, write_version
from tests.gateway.live import Live, live_hub, make_root, write
from tests.postgres import Postgres

URL = "http://127.0.0.1:9/hooks/Quillmark"
ACTIVE = "    status: active\n    author: anna\n"
SUNSET = """\
    status: sunset
    author: anna
    successor: '2.0.0'
    deprecated_at: '2025-01-01'
    sunset_at: '2025-12-01'
"""
WAIVED = ("--waive", "its calls are over", "--until", "2199-01-01")


def subscribe(live: Live, client: str) -> str:
    order = {"contract": "receipt", "version": 1, "url": URL, "client": client}
    answer = live.post("/v1/subscriptions", order)
    assert answer.status_code == 201, answer.text
    name: str = answer.json()["facts"]["subscription"]
    return name


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root = hooks_root(tmp_path_factory.mktemp("hub"), at_work="^2")
    with live_hub(root) as running:
        yield running


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder whose hub has stopped, and the subscription of `quay` that was made there."""
    root = hooks_root(tmp_path_factory.mktemp("stopped"), at_work="^2")
    with live_hub(root) as running:
        return root, subscribe(running, "quay")


@pytest.fixture
def left(
    stopped: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[Typed, str]:
    """A copy of it of the test's own."""
    root, name = stopped
    shutil.copytree(root, tmp_path / "hub")
    return Typed(tmp_path / "hub", capsys), name


def to_sunset(root: Path) -> None:
    file = root / "contracts/receipt/contract.yaml"
    assert ACTIVE in file.read_text()
    file.write_text(file.read_text().replace(ACTIVE, SUNSET, 1))


def test_a_subscription_is_listed_stopped_resumed_and_ended(live: Live, typed: Typed) -> None:
    assert typed("subscription", "list") == ""
    assert "No client has subscribed" in typed.err
    name, other = subscribe(live, "quay"), subscribe(live, "wharf")
    shown = {one["subscription"]: one for one in typed.json("subscription", "list")}
    assert set(shown) == {name, other}
    assert (shown[name]["client"], shown[name]["host"]) == ("quay", "127.0.0.1:9")
    [row] = [one for one in typed("subscription", "list").splitlines() if name in one]
    for words in ("quay", "receipt@^1", "127.0.0.1:9", "active"):
        assert words in row
    assert "Quillmark" not in typed.out + json.dumps(shown)
    assert other in typed("subscription", "list", "--client", "wharf")
    assert name not in typed.out
    assert URL in typed("subscription", "show", name)
    named = [one["by"] for one in typed.json("contract", "uses", "receipt/1.0.0")["named_by"]]
    assert sorted(by for by in named if "sub-" in by) == sorted(
        f"interface {one}" for one in (name, other)
    )
    assert "is disabled" in typed("subscription", "disable", name, "--reason", "they move")
    assert typed.json("subscription", "show", name)["state"] == "disabled"
    assert "is active" in typed("subscription", "enable", name)
    typed("subscription", "end", name)
    typed("subscription", "end", other)
    typed("subscription", "show", name, code=Exit.NOT_FOUND)
    assert typed.json("subscription", "list") == []


def test_without_a_running_hub_it_is_shown_but_not_changed(left: tuple[Typed, str]) -> None:
    typed, name = left
    assert name in typed("subscription", "list")
    assert typed.json("subscription", "show", name)["state"] == "active"
    for verb in ("disable", "enable", "end"):
        typed("subscription", verb, name, code=Exit.UNAVAILABLE)
        assert "No hub runs on this folder" in typed.err


def test_without_a_running_hub_it_is_named_among_who_uses_a_contract(
    left: tuple[Typed, str],
) -> None:
    typed, name = left
    before = files(typed.root)
    found = typed.json("contract", "uses", "receipt/1.0.0")
    assert {"by": f"interface {name}", "version": "^1", "reads": [""]} in found["named_by"]
    assert [call["client"] for call in found["calls"]] == ["local"], "it was made from there"
    assert name not in str(typed.json("contract", "uses", "receipt/2.0.0"))
    assert files(typed.root) == before, "it was only read"


def files(root: Path) -> dict[str, bytes]:
    """What the hub has left, but for the index and the log, empty, that SQLite makes to read."""
    found = {one.name: one.read_bytes() for one in (root / "var").iterdir() if one.is_file()}
    return {name: body for name, body in found.items() if body and not name.endswith("-shm")}


def test_who_has_used_a_contract_is_known_without_a_running_hub(
    left: tuple[Typed, str],
) -> None:
    typed, _ = left
    with live_hub(typed.root) as live:
        made = live.post("/v1/clients/wide/keys").json()["key"]
        headers = {"Authorization": f"Bearer {made}", "Accept": "application/json; version=1"}
        assert live.client.get("/v1/feeds/receipt", headers=headers).status_code == 200
    found = typed.json("contract", "uses", "receipt/1.0.0")
    assert "client wide" in {one["by"] for one in found["named_by"]}
    assert {one["client"]: one["calls"] for one in found["calls"]} == {"local": 1, "wide": 1}
    to_sunset(typed.root)
    typed("contract", "retire", "receipt", "1.0.0", code=Exit.CONFLICT)
    assert "client wide" in typed.err
    assert "[calls]" in typed.err


def test_a_version_is_not_retired_while_it_follows_it(left: tuple[Typed, str]) -> None:
    typed, name = left
    to_sunset(typed.root)
    words = ("receipt", "1.0.0", "--by", "anna", *WAIVED)
    typed("contract", "retire", *words, code=Exit.CONFLICT)
    assert f"[references] still named by interface {name}." in typed.err
    with live_hub(typed.root):
        typed("subscription", "end", name)
    typed("contract", "retire", *words)


def test_a_retired_version_that_it_still_gets_is_found(left: tuple[Typed, str]) -> None:
    typed, name = left
    to_sunset(typed.root)
    file = typed.root / "contracts/receipt/contract.yaml"
    file.write_text(file.read_text().replace("status: sunset", "status: retired"))
    told = f"interface {name} gets receipt/1.0.0, which is retired"
    assert told in typed("contract", "check", code=Exit.FAILED)
    assert told in typed("check", code=Exit.FAILED)
    broken = looked(typed, Exit.FAILED)["subscriptions"]
    assert (broken["mark"], "1.0.0 is retired" in broken["found"]) == ("broken", True)


def test_a_change_that_takes_what_it_is_sent_is_refused_with_its_name(
    left: tuple[Typed, str],
) -> None:
    typed, name = left
    without = {key: value for key, value in fields(1).items() if key != "note"}
    needed = ("id", "amount", "payer")
    write_version(typed.root, "1.1.0", without, required=needed, examples=(receipt(),))
    words = f"breaks interface {name}, which reads"
    typed("contract", "propose", "receipt", "1.1.0", "--by", "anna", code=Exit.CONFLICT)
    assert words in typed.err
    with live_hub(typed.root) as live:
        path = "/v1/contracts/receipt/versions/1.1.0"
        tag = live.client.get(path).headers["etag"]
        refused = live.post(f"{path}/activate", If_Match=tag)
    assert words in refused.text


def looked(typed: Typed, code: int) -> dict[str, dict[str, Any]]:
    return {one["about"]: one for one in typed.json("doctor", code=code)}


def test_the_doctor_says_which_are_granted_by_no_product_any_more(
    left: tuple[Typed, str],
) -> None:
    typed, name = left
    assert looked(typed, Exit.PARTIAL)["subscriptions"]["mark"] == "ok"
    write(typed.root, "clients/quay.yaml", "client: quay\nproducts: []\n")
    found = looked(typed, Exit.PARTIAL)["subscriptions"]
    assert (found["mark"], name in found["next"]) == ("odd", True)


def test_on_a_shared_database_it_is_seen_as_well(
    left: tuple[Typed, str], postgres: Postgres
) -> None:
    typed, _ = left
    address = postgres.migrated()
    asyncio.run(put(address))
    write(typed.root, "hub.yaml", f"store: {{postgres: '{address}'}}\n")
    shutil.rmtree(typed.root / "var")
    named = {one["by"] for one in typed.json("contract", "uses", "receipt/1.0.0")["named_by"]}
    assert "interface sub-shared" in named
    assert "interface sub-over" not in named
    write(typed.root, "hub.yaml", f"store: {{postgres: '{postgres.fresh()}'}}\n")
    assert typed.json("contract", "uses", "receipt")["calls"] is None, "no hub has run there"


async def put(address: str) -> None:
    connection = await asyncpg.connect(address)
    row = ("quay", "receipt", 1, "https://hooks.example.org/", "", "public", "", 1, 0, "")
    sql = (
        "INSERT INTO subscription (name, client, contract, major, url, title, network, keys,"
        " revision, created_at, created_by, ended_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    )
    await connection.execute(sql, "sub-shared", *row, 0)
    await connection.execute(sql, "sub-over", *row, 1)
    await connection.close()


def test_a_store_that_cannot_be_read_closes_the_gate_and_leaves_a_check_a_warning(
    left: tuple[Typed, str],
) -> None:
    typed, _ = left
    to_sunset(typed.root)
    write(typed.root, "hub.yaml", "store: {postgres: 'postgresql://nobody@127.0.0.1:1/none'}\n")
    words = ("receipt", "1.0.0", "--by", "anna", *WAIVED)
    typed("contract", "retire", *words, code=Exit.UNAVAILABLE)
    typed("contract", "uses", "receipt", code=Exit.UNAVAILABLE)
    assert "warning: subscriptions are not looked at" in typed("check", code=Exit.FAILED)
    typed("contract", "check")
    assert "Subscriptions are not looked at" in typed.err


def test_a_database_of_another_version_of_the_program_is_not_read(
    left: tuple[Typed, str], postgres: Postgres
) -> None:
    typed, _ = left
    address = postgres.migrated()
    asyncio.run(age(address))
    write(typed.root, "hub.yaml", f"store: {{postgres: '{address}'}}\n")
    typed("contract", "uses", "receipt", code=Exit.FAILED)
    assert f"this program reads {HEAD_REVISION}" in typed.err


async def age(address: str) -> None:
    connection = await asyncpg.connect(address)
    await connection.execute("UPDATE alembic_version SET version_num = '0001'")
    await connection.close()


def test_where_no_hub_has_run_there_is_nothing_to_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Typed(make_root(tmp_path), capsys)("subscription", "list", code=Exit.NOT_FOUND)
