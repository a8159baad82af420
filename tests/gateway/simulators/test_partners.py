"""The partners together, in this process and in one of their own that is killed."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from gateway.errors import TryAgain, UsageFault
from gateway.simulators.access import Access, SftpAccess
from gateway.simulators.books import effects_in
from gateway.simulators.faults import Fault, FaultKind
from gateway.simulators.partners import (
    BillingConfig,
    ClearinghouseConfig,
    ErpConfig,
    PartnersConfig,
    Ready,
    run_partners,
    spawn_partners,
)

TOKEN = {"Authorization": "Bearer t0ken"}


async def test_all_three_run_in_this_process(tmp_path: Path, client: httpx.AsyncClient) -> None:
    config = PartnersConfig(
        clearinghouse=ClearinghouseConfig(root=str(tmp_path)),
        billing=BillingConfig(),
        erp=ErpConfig(faults=(Fault(kind=FaultKind.DOWN, count=1),)),
    )
    async with run_partners(config) as partners:
        assert partners.clearinghouse
        assert partners.billing
        assert partners.erp
        assert partners.clearinghouse.port
        assert (await client.get(f"{partners.billing.url}/v1/postings/k")).status_code == 404
        lookup = f"{partners.erp.url}/v1/journals?externalId=x"
        assert (await client.get(lookup)).status_code == 503
        assert (await client.get(lookup)).status_code == 200


async def test_a_partner_that_is_not_named_does_not_run() -> None:
    async with run_partners(PartnersConfig(erp=ErpConfig())) as partners:
        assert partners.erp
        assert partners.billing is None
        assert partners.clearinghouse is None


async def test_the_journal_survives_a_kill_and_the_next_process_knows_its_keys(
    tmp_path: Path, client: httpx.AsyncClient, posting_request: dict[str, Any]
) -> None:
    journal = tmp_path / "billing.jsonl"
    access = Access(bearer_token="t0ken")
    config = PartnersConfig(billing=BillingConfig(journal=str(journal), access=access))

    async def book(url: str, key: str) -> bytes:
        headers = TOKEN | {"Idempotency-Key": key}
        answer = await client.post(
            f"{url}/v1/postings", json=posting_request | {"request_id": key}, headers=headers
        )
        assert answer.status_code == 200
        return answer.content

    async with spawn_partners(config) as spawned:
        url = spawned.ready.billing_url
        answers = {f"k{n}": await book(url, f"k{n}") for n in range(20)}
        await spawned.kill()
        assert spawned.process.returncode == -signal.SIGKILL
    assert effects_in(journal) == dict.fromkeys(answers, 1)
    async with spawn_partners(config) as spawned:
        url = spawned.ready.billing_url
        assert {key: await book(url, key) for key in answers} == answers
        counted = (await client.get(f"{url}/_effects")).json()
    assert counted["effects"] == dict.fromkeys(answers, 1)
    assert counted["totals"]["payment"] == 20 * 12000


async def test_a_kill_in_the_middle_loses_no_answered_effect(
    tmp_path: Path, client: httpx.AsyncClient, erp_journal: dict[str, Any]
) -> None:
    journal = tmp_path / "erp.jsonl"
    answered: list[str] = []

    async def send(url: str, lane: int) -> None:
        for number in range(10_000):
            key = f"je:{lane}:{number}"
            document = erp_journal | {"externalId": key}
            await client.post(f"{url}/v1/journals", json=document)
            answered.append(key)

    async with spawn_partners(PartnersConfig(erp=ErpConfig(journal=str(journal)))) as spawned:
        lanes = [asyncio.create_task(send(spawned.ready.erp_url, lane)) for lane in range(4)]
        while len(answered) < 100:
            await asyncio.sleep(0.005)
        await spawned.kill()
        ended = await asyncio.gather(*lanes, return_exceptions=True)
    assert all(isinstance(error, httpx.HTTPError) for error in ended)
    effects = effects_in(journal)
    assert set(answered) <= set(effects)
    assert len(effects) <= len(answered) + 4
    assert set(effects.values()) == {1}


async def test_spawned_partners_end_with_the_block(tmp_path: Path) -> None:
    house = ClearinghouseConfig(root=str(tmp_path), access=SftpAccess(password="p4ss"))
    async with spawn_partners(PartnersConfig(clearinghouse=house)) as spawned:
        assert spawned.ready.sftp_port
        assert spawned.ready.sftp_host_key.startswith("ssh-ed25519 ")
    assert spawned.process.returncode == 0


async def test_a_house_of_its_own_needs_a_login(tmp_path: Path) -> None:
    config = PartnersConfig(clearinghouse=ClearinghouseConfig(root=str(tmp_path)))
    with pytest.raises(UsageFault):
        async with spawn_partners(config):
            pass


async def test_a_taken_port_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with run_partners(PartnersConfig(erp=ErpConfig())) as partners:
        assert partners.erp
        config = PartnersConfig(erp=ErpConfig(port=partners.erp.port))
        with pytest.raises(TryAgain):
            async with spawn_partners(config):
                pass
    assert "address already in use" in capfd.readouterr().err.lower()


@pytest.mark.parametrize("partner", ["billing", "erp", "clearinghouse"])
async def test_a_partner_starts_from_the_command_line(
    root: Path, tmp_path: Path, partner: str, client: httpx.AsyncClient
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.simulators", partner),
        *("--fault", '{"kind": "bad_credentials"}', "--root", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        cwd=root,
        env=os.environ | {"REMITHUB_SIMULATOR_TOKEN": "t0ken", "REMITHUB_SIMULATOR_PASSWORD": "p"},
    )
    assert process.stdout
    ready = msgspec.json.decode(await process.stdout.readline(), type=Ready)
    assert ready.pid == process.pid
    if url := ready.billing_url or ready.erp_url:
        path = "/v1/postings/k" if ready.billing_url else "/v1/journals"
        assert (await client.get(url + path, headers=TOKEN)).status_code == 401
        await client.delete(f"{url}/_faults")
        assert (await client.get(url + path)).status_code == 401
        assert (await client.get(url + path, headers=TOKEN)).status_code in (200, 404)
    else:
        assert ready.sftp_port
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


@pytest.mark.parametrize(
    "arguments", [[], ["billing", "--config", "x"], ["erp", "--fault", "{}"], ["--config", "none"]]
)
async def test_a_wrong_command_line_is_refused(root: Path, arguments: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.simulators", *arguments),
        cwd=root,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"Traceback" not in said
