"""A folder of real third-party files goes through the hub and nothing is missing.

Every transaction set ends accepted, held or dead with a reason: once through a local folder, once
over SFTP.
"""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.app import Hub
from gateway.simulators.access import SftpAccess
from gateway.simulators.clearinghouse import Clearinghouse

FEED = """\
interface: feed
direction: in
format: x12-835
mapping: x12-835-to-remittance-advice
production: false
poll_seconds: 0.2
connector: %s
settings: %s
"""
ROUTES = """\
routes:
  - {name: keep, contract: remittance-advice, to: none}
"""


def transaction_sets(samples: Path) -> dict[str, int]:
    """How many 835 transaction sets each file has, by the samples' own account of them."""
    truth = json.loads((samples / "x12/truth.json").read_text())
    found = {}
    for file in truth["files"]:
        sets = [
            transaction
            for interchange in file["interchanges"]
            for group in interchange.get("groups", ())
            for transaction in group["transactions"]
        ]
        of_835 = sum(1 for transaction in sets if transaction["st01"] == "835")
        # A file of many equal interchanges is listed only in part, its count is whole.
        whole = file.get("transaction_types") == ["835"]
        found[Path(file["file"]).name] = file["st_count"] if whole else of_835
    return found


@pytest.fixture
def folder(samples: Path, tmp_path: Path) -> Path:
    there = tmp_path / "incoming"
    there.mkdir()
    for path in sorted((samples / "x12").glob("*/*")):
        shutil.copy(path, there / path.name)
        (there / path.name).chmod(0o600)
    return there


def by_folder(folder: Path) -> Iterator[tuple[str, dict]]:
    yield "folder", {"path": str(folder), "settle_seconds": 0}


def by_sftp(folder: Path) -> Iterator[tuple[str, dict]]:
    house = Clearinghouse(folder.parent / "house", access=SftpAccess(password="open"))
    shutil.copytree(folder, folder.parent / "house/outbound", dirs_exist_ok=True)
    with house:
        yield (
            "sftp",
            {
                "host": "127.0.0.1",
                "port": house.port,
                "user": "remithub",
                "password": "${secret:house}",
                "host_keys": [house.host_key_line],
                "path": "/outbound",
                "settle_seconds": 0,
            },
        )


@pytest.mark.parametrize("way", [by_folder, by_sftp])
async def test_every_transaction_set_of_the_samples_is_accounted_for(
    samples, folder, tmp_path, way
):
    root = tmp_path / "root"
    (root / "config/interfaces").mkdir(parents=True)
    (root / "config/routes.yaml").write_text(ROUTES)
    wanted = transaction_sets(samples)
    for connector, settings in way(folder):
        text = FEED % (connector, json.dumps(settings))
        (root / "config/interfaces/feed.yaml").write_text(text)
        hub = await Hub.open(root, {"REMITHUB_SECRET_HOUSE": "open"})
        await hub.start()
        try:
            async with asyncio.timeout(60):
                while len(await hub.store.fetch("artifacts", limit=1000)) < len(wanted):
                    await asyncio.sleep(0.05)
                assert await hub.drained(within_seconds=30)
            found = await parts_by_file(hub)
        finally:
            await hub.close()
    assert found == wanted
    assert sum(wanted.values()) > 250


async def parts_by_file(hub: Hub) -> dict[str, int]:
    """Count the parts of every artifact by the partner's file name, each with its verdict."""
    counts = {}
    for row in await hub.store.fetch("artifacts", limit=1000):
        artifact = await hub.flow.reading.artifact(row["artifact_id"])
        parts = await hub.store.fetch("parts_of_artifact", artifact_id=artifact.artifact_id)
        for part in parts:
            assert part["state"] in ("accepted", "held", "dead", "ignored")
            assert part["code"] or part["state"] == "accepted"
        of_835 = [
            p for p in parts if p["state"] != "ignored" and p["code"] != "no_transaction_set"
        ]
        counts[artifact.meta["name"]] = len(of_835)
    return counts
