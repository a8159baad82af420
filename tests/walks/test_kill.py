"""Kill -9 of the hub while money flows: after the restart every effect is there once, none lost.

The hub, the clearinghouse, billing and the ERP are processes of their own; the files come over
SFTP, the partners keep their effects in files that no kill of the hub can touch.
"""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import pytest

from gateway.simulators.access import Access, SftpAccess
from gateway.simulators.books import effects_in
from gateway.simulators.partners import (
    BillingConfig,
    ClearinghouseConfig,
    ErpConfig,
    PartnersConfig,
    Ready,
    spawn_partners,
)
from gateway.simulators.remittances import generate_835

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = 200
SEED = 20261125
MAIN = "import sys; from gateway.cli import main; sys.exit(main())"


def environment(ready: Ready) -> dict[str, str]:
    return {
        **os.environ,
        "REMITHUB_API_PORT": "0",
        "REMITHUB_DEMO_SFTP_PORT": str(ready.sftp_port),
        "REMITHUB_DEMO_SFTP_HOST_KEY": ready.sftp_host_key,
        "REMITHUB_DEMO_BILLING_URL": ready.billing_url,
        "REMITHUB_DEMO_ERP_URL": ready.erp_url,
        "REMITHUB_SECRET_CLEARINGHOUSE_PASSWORD": "sftp-secret",
        "REMITHUB_SECRET_BILLING_CLIENT_SECRET": "billing-secret",
        "REMITHUB_SECRET_ERP_TOKEN": "erp-secret",
    }


def partners(tmp_path: Path) -> PartnersConfig:
    return PartnersConfig(
        clearinghouse=ClearinghouseConfig(
            root=str(tmp_path / "house"), access=SftpAccess(password="sftp-secret")
        ),
        billing=BillingConfig(
            journal=str(tmp_path / "billing.jsonl"),
            unknown_one_in=0,
            access=Access(client_id="remithub", client_secret="billing-secret"),
        ),
        erp=ErpConfig(
            journal=str(tmp_path / "erp.jsonl"), access=Access(bearer_token="erp-secret")
        ),
    )


def write_root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    shutil.copytree(REPOSITORY / "config/demo", root / "config")
    feed = root / "config/interfaces/clearinghouse-remits.yaml"
    impatient = feed.read_text().replace("settle_seconds: 1 ", "settle_seconds: 0 ")
    feed.write_text(impatient.replace("poll_seconds: 1", "poll_seconds: 0.1"))
    return root


def put_files(outbound: Path) -> None:
    """Put the files as a clearinghouse does, whole at once."""
    outbound.mkdir(parents=True, exist_ok=True)
    for number in range(FILES):
        raw = b"".join(
            generate_835(payments=1, seed=SEED + number, claims_per_payment=3, usage="T")
        )
        part = outbound / f"remit_{number:04d}.835.part"
        part.write_bytes(raw)
        part.rename(part.with_suffix(""))


@contextlib.asynccontextmanager
async def running(root: Path, env: dict[str, str]) -> AsyncIterator[None]:
    """Run a hub from the moment it listens; it ends with the block by kill -9, its store's
    process too: nothing of the hub may say goodbye."""
    address = root / "var/hub.address"
    address.unlink(missing_ok=True)
    with (root / "hub.log").open("ab") as log:
        hub = await _spawn(root, env, log)
    try:
        async with asyncio.timeout(30):
            while not address.exists():
                assert hub.returncode is None, (root / "hub.log").read_text()[-2000:]
                await asyncio.sleep(0.01)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(hub.pid, signal.SIGKILL)
        await hub.wait()


async def _spawn(root: Path, env: dict[str, str], log: BinaryIO) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", MAIN, "run", "--root", str(root)),
        env=env,
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=log,
        start_new_session=True,
    )


def effects(path: Path) -> dict[str, int]:
    return effects_in(path) if path.exists() else {}


async def flown(tmp_path: Path, wanted: int) -> None:
    """Wait until the partners have that many effects: the kills spread over the whole flow."""
    async with asyncio.timeout(30):
        while True:
            postings = effects(tmp_path / "billing.jsonl")
            journals = effects(tmp_path / "erp.jsonl")
            if len(postings) + len(journals) >= wanted:
                return
            await asyncio.sleep(0.02)


async def killed_at_random(kills: int, tmp_path: Path) -> None:
    root = write_root(tmp_path)
    randomness = random.Random(SEED)
    async with spawn_partners(partners(tmp_path)) as spawned:
        env = environment(spawned.ready)
        put_files(tmp_path / "house" / "outbound")
        for number in range(kills):
            async with running(root, env):
                await flown(tmp_path, 2 * FILES * number // (kills + 1))
                await asyncio.sleep(randomness.uniform(0, 0.15))
        assert len(effects(tmp_path / "erp.jsonl")) < FILES, "every kill must hit flowing money"
        async with running(root, env), asyncio.timeout(90):
            while len(effects(tmp_path / "erp.jsonl")) < FILES:
                await asyncio.sleep(0.2)
            await asyncio.sleep(1)  # what would come twice comes now
    billing = effects_in(tmp_path / "billing.jsonl")
    erp = effects_in(tmp_path / "erp.jsonl")
    assert Counter(billing.values()).keys() == {1}, "a posting came twice"
    assert Counter(erp.values()).keys() == {1}, "a journal came twice"
    assert (len(billing), len(erp)) == (FILES, FILES)


@pytest.mark.slow
async def test_a_hub_killed_again_and_again_loses_nothing_and_doubles_nothing(tmp_path):
    await killed_at_random(8, tmp_path)


@pytest.mark.soak
async def test_twenty_kills_while_two_hundred_files_flow(tmp_path):
    await killed_at_random(20, tmp_path)
