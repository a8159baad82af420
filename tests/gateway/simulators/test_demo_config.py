"""The demo's interface files, through the real connectors, against the real simulators."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import connectors
from connectors.base import (
    Absent,
    Call,
    Context,
    Delivered,
    Document,
    Failed,
    Failure,
    Found,
    Offer,
    Outcome,
    Sink,
    SourceFault,
    Unknown,
    Verdict,
)
from connectors.http import AiohttpTransport
from gateway.pipeline import compile_bundle
from gateway.ports import SystemClock, no_fail_point
from gateway.registry import Registry, starter_root
from gateway.settings import Config, Secrets, decode, read_config
from gateway.simulators.access import Access, SftpAccess
from gateway.simulators.clearinghouse import Clearinghouse
from gateway.simulators.faults import Fault, FaultKind
from gateway.simulators.http_partner import HttpPartner
from gateway.simulators.partners import BillingConfig, ErpConfig, PartnersConfig, run_partners

CLIENT_SECRET = "only for this test"
PASSWORD = "as is this"
TOKEN = "also only for this test"
DEMO = Path(__file__).resolve().parents[3] / "config" / "demo"


def demo_config(**places: str) -> Config:
    environment = {
        "REMITHUB_DEMO_BILLING_URL": "http://127.0.0.1:1",
        "REMITHUB_DEMO_ERP_URL": "http://127.0.0.1:1",
        "REMITHUB_DEMO_SFTP_PORT": "22",
        "REMITHUB_DEMO_SFTP_HOST_KEY": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA",
    }
    return read_config(DEMO, environment | places)


def secrets(tmp_path: Path) -> Secrets:
    environment = {
        "REMITHUB_SECRET_BILLING_CLIENT_SECRET": CLIENT_SECRET,
        "REMITHUB_SECRET_ERP_TOKEN": TOKEN,
        "REMITHUB_SECRET_CLEARINGHOUSE_PASSWORD": PASSWORD,
    }
    return Secrets(tmp_path, environment)


@contextlib.asynccontextmanager
async def open_port(config: Config, name: str, tmp_path: Path) -> AsyncIterator[Any]:
    """Open the source or sink of one of the demo's interfaces as the hub does."""
    settings = config.interfaces[name]
    spec = connectors.find(settings.connector)
    tree = config.files[f"interfaces/{name}.yaml"].tree
    options = decode(tree, spec.settings, at="$.settings", data=settings.settings)

    def executor(size: int) -> Executor:
        return ThreadPoolExecutor(size)

    context = Context(
        interface=name,
        clock=SystemClock(),
        secret=secrets(tmp_path),
        transport=AiohttpTransport,
        executor=executor,
        fail_point=no_fail_point,
    )
    make = spec.source if settings in config.sources() else spec.sink
    assert make
    port = make(options, context)
    try:
        yield port
    finally:
        await port.close()


class Partner:
    """A simulator and the sink that the demo's file makes for it."""

    def __init__(self, simulator: HttpPartner, sink: Sink, document: Document) -> None:
        self.simulator = simulator
        self.sink = sink
        self.document = document

    def call(self, key: str = "dlv_7001-0") -> Call:
        return Call(key=key, attempt=1, deadline=SystemClock().monotonic() + 10)

    async def deliver(self, fault: Fault | None = None, key: str = "dlv_7001-0") -> Outcome:
        if fault:
            self.simulator.faults.set(fault)
        async with asyncio.timeout(10):
            return await self.sink.deliver(self.call(key), self.document)


@pytest.fixture
async def billing(tmp_path: Path, posting_request: dict[str, Any]) -> AsyncIterator[Partner]:
    access = Access(client_id="remithub", client_secret=CLIENT_SECRET)
    wanted = PartnersConfig(billing=BillingConfig(access=access, unknown_one_in=0))
    async with run_partners(wanted) as partners:
        assert partners.billing
        config = demo_config(REMITHUB_DEMO_BILLING_URL=partners.billing.url)
        async with open_port(config, "billing", tmp_path) as sink:
            document = Document(contract="posting-request/0.1.0", data=posting_request)
            yield Partner(partners.billing, sink, document)


@pytest.fixture
async def erp(tmp_path: Path, erp_journal: dict[str, Any]) -> AsyncIterator[Partner]:
    wanted = PartnersConfig(erp=ErpConfig(access=Access(bearer_token=TOKEN)))
    async with run_partners(wanted) as partners:
        assert partners.erp
        config = demo_config(REMITHUB_DEMO_ERP_URL=partners.erp.url)
        async with open_port(config, "erp", tmp_path) as sink:
            yield Partner(partners.erp, sink, Document(contract="journal", data=erp_journal))


@pytest.fixture(params=["billing", "erp"])
def target(request: pytest.FixtureRequest, billing: Partner, erp: Partner) -> Partner:
    return {"billing": billing, "erp": erp}[request.param]


def test_the_demo_is_three_ordinary_interfaces_and_two_routes() -> None:
    config = demo_config()
    assert set(config.interfaces) == {"clearinghouse-remits", "billing", "erp"}
    assert [route.to for route in config.routes.routes] == ["billing", "erp"]


def test_every_interface_file_is_shorter_than_40_lines() -> None:
    files = DEMO.glob("interfaces/*.yaml")
    lengths = {file.name: len(file.read_text().splitlines()) for file in files}
    assert len(lengths) == 3
    assert max(lengths.values()) < 40


def test_the_demo_compiles_with_the_shipped_contracts_and_mappings() -> None:
    bundle = compile_bundle(demo_config(), Registry(starter_root()))
    assert bundle.sinks["billing"].reply
    assert bundle.sinks["erp"].mapping
    assert {name for lane in bundle.lanes() if (name := lane[3])} == {"billing", "erp"}


async def test_the_clearinghouses_file_is_taken_and_archived(tmp_path: Path) -> None:
    access = SftpAccess(password=PASSWORD)
    with Clearinghouse(tmp_path, access=access) as house:
        house.put("morning.835", b"ISA*00*")
        config = demo_config(
            REMITHUB_DEMO_SFTP_PORT=str(house.port),
            REMITHUB_DEMO_SFTP_HOST_KEY=house.host_key_line,
        )
        async with open_port(config, "clearinghouse-remits", tmp_path) as source:
            offers: list[Offer] = []
            while not offers:
                offers = [offer async for offer in source.discover()]
            assert b"".join([block async for block in source.fetch(offers[0])]) == b"ISA*00*"
            assert house.waiting() == ["morning.835"]
            await source.settle(offers[0], Verdict.ACCEPTED)
            assert (house.waiting(), house.archived()) == ([], ["morning.835"])


async def test_another_host_key_gets_no_password(tmp_path: Path) -> None:
    with Clearinghouse(tmp_path, access=SftpAccess(password=PASSWORD)) as house:
        pinned = house.host_key_line
        house.change_host_key()
        config = demo_config(
            REMITHUB_DEMO_SFTP_PORT=str(house.port), REMITHUB_DEMO_SFTP_HOST_KEY=pinned
        )
        async with open_port(config, "clearinghouse-remits", tmp_path) as source:
            with pytest.raises(SourceFault) as caught:
                _ = [offer async for offer in source.discover()]
        assert caught.value.failure is Failure.CREDENTIAL
        assert house.logins_refused == 0


async def test_billing_answers_with_its_confirmation(billing: Partner) -> None:
    outcome = await billing.deliver()
    assert isinstance(outcome, Delivered)
    assert outcome.external_id == "B00000001"
    assert outcome.reply["result"] == "posted"
    assert outcome.reply["totals"]["payment"] == "120.00"


async def test_billing_sent_again_after_a_lost_reply_books_once(billing: Partner) -> None:
    lost = await billing.deliver(Fault(kind=FaultKind.REPLY_LOST_AFTER_COMMIT, count=1))
    assert isinstance(lost, Unknown)
    assert isinstance(await billing.deliver(), Delivered)
    assert billing.simulator.effects().effects == {"dlv_7001-0": 1}
    assert billing.simulator.effects().duplicates == 1


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (Fault(kind=FaultKind.DOWN), Failure.DESTINATION),
        (Fault(kind=FaultKind.THROTTLED, retry_after_seconds=9), Failure.THROTTLED),
        (Fault(kind=FaultKind.BAD_CREDENTIALS), Failure.CREDENTIAL),
        (Fault(kind=FaultKind.BUSINESS_REFUSAL), Failure.MESSAGE),
    ],
)
async def test_a_definite_failure_is_told_as_what_it_is(
    target: Partner, fault: Fault, failure: Failure
) -> None:
    outcome = await target.deliver(fault)
    assert isinstance(outcome, Failed)
    assert outcome.failure == failure
    assert target.simulator.effects().effects == {}
    if fault.retry_after_seconds:
        assert outcome.retry_after_seconds == 9
    target.simulator.faults.clear()
    assert isinstance(await target.deliver(key="dlv_7001-1"), Delivered)


@pytest.mark.parametrize(
    ("kind", "effect"),
    [
        (FaultKind.RESET, 0),
        (FaultKind.HTML_500, 0),
        (FaultKind.REPLY_LOST_AFTER_COMMIT, 1),
        (FaultKind.TRUNCATED_JSON, 1),
        (FaultKind.TRUNCATED_BODY, 1),
    ],
)
async def test_an_unreadable_outcome_is_unknown(
    target: Partner, kind: FaultKind, effect: int
) -> None:
    outcome = await target.deliver(Fault(kind=kind, count=1))
    assert isinstance(outcome, Unknown)
    assert sum(target.simulator.effects().effects.values()) == effect


async def test_a_token_that_ended_is_renewed_once(billing: Partner) -> None:
    assert isinstance(await billing.deliver(), Delivered)
    billing.simulator.revoke_tokens()
    assert isinstance(await billing.deliver(key="dlv_7002-0"), Delivered)
    assert len(billing.simulator.effects().effects) == 2


async def test_the_erp_is_asked_before_it_is_sent_again(erp: Partner) -> None:
    assert isinstance(await erp.sink.lookup(erp.call(), erp.document), Absent)
    lost = await erp.deliver(Fault(kind=FaultKind.REPLY_LOST_AFTER_COMMIT, count=1))
    assert isinstance(lost, Unknown)
    found = await erp.sink.lookup(erp.call(), erp.document)
    assert isinstance(found, Found)
    assert found.external_id == "1900000001"
    assert erp.simulator.effects().effects == {"je:7001": 1}


async def test_the_erps_refusal_in_a_200_carries_its_code(erp: Partner) -> None:
    outcome = await erp.deliver(Fault(kind=FaultKind.BUSINESS_REFUSAL))
    assert isinstance(outcome, Failed)
    assert "PERIOD_CLOSED" in f"{outcome.code} {outcome.detail}"
