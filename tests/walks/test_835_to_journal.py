"""The walk of one 835: a file over SFTP, a posting at billing, a balanced journal in the ERP."""

import asyncio
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.app import Hub
from gateway.simulators.access import Access, SftpAccess
from gateway.simulators.partners import (
    BillingConfig,
    ClearinghouseConfig,
    ErpConfig,
    Partners,
    PartnersConfig,
    run_partners,
)
from gateway.simulators.remittances import generate_835

DEMO = Path(__file__).resolve().parents[2] / "config/demo"
SECRETS = {
    "REMITHUB_SECRET_CLEARINGHOUSE_PASSWORD": "sftp-secret",
    "REMITHUB_SECRET_BILLING_CLIENT_SECRET": "billing-secret",
    "REMITHUB_SECRET_ERP_TOKEN": "erp-secret",
}


@pytest.fixture
async def partners(tmp_path):
    config = PartnersConfig(
        clearinghouse=ClearinghouseConfig(
            root=str(tmp_path / "house"), access=SftpAccess(password="sftp-secret")
        ),
        billing=BillingConfig(access=Access(client_id="remithub", client_secret="billing-secret")),
        erp=ErpConfig(access=Access(bearer_token="erp-secret")),
    )
    async with run_partners(config) as there:
        yield there


@pytest.fixture
async def hub(tmp_path, partners: Partners):
    root = tmp_path / "root"
    shutil.copytree(DEMO, root / "config")
    environment = {
        **SECRETS,
        "REMITHUB_DEMO_SFTP_PORT": str(partners.clearinghouse.port),
        "REMITHUB_DEMO_SFTP_HOST_KEY": partners.clearinghouse.host_key_line,
        "REMITHUB_DEMO_BILLING_URL": partners.billing.url,
        "REMITHUB_DEMO_ERP_URL": partners.erp.url,
    }
    hub = await Hub.open(root, environment)
    await hub.start()
    yield hub
    await hub.close()


async def data_of(hub: Hub, contract: str) -> list[dict]:
    rows = await hub.store.fetch("messages_of_contract", contract=contract, limit=1000)
    return [(await hub.flow.reading.message(row["message_id"])).data for row in rows]


async def test_a_remittance_file_becomes_postings_and_balanced_journals(hub, partners):
    raw = b"".join(generate_835(payments=12, seed=4, usage="T"))
    partners.clearinghouse.put("remits_0001.835", raw)
    async with asyncio.timeout(30):
        while len(await data_of(hub, "journal-entry")) < 12:
            await asyncio.sleep(0.05)
        assert await hub.drained(within_seconds=20)

    advices = await data_of(hub, "remittance-advice")
    confirmations = await data_of(hub, "posting-confirmation")
    journals = await data_of(hub, "journal-entry")
    assert len(advices) == len(confirmations) == len(journals) == 12
    paid = sum(Decimal(a["balance"]["claims_paid_total"]) for a in advices)
    adjusted = sum(Decimal(a["balance"]["plb_total"]) for a in advices)
    assert paid - adjusted == sum(Decimal(a["payment"]["amount"]) for a in advices)
    confirmed = [c["totals"] for c in confirmations]
    assert paid == sum(Decimal(t["posted"]) + Decimal(t["rejected"]) for t in confirmed)
    for journal in journals:
        debit = sum(Decimal(line["debit"]) for line in journal["lines"])
        credit = sum(Decimal(line["credit"]) for line in journal["lines"])
        assert debit == credit == Decimal(journal["totals"]["debit"])
    assert await hub.store.fetch("retries", limit=1) == []
