"""http_api and its example for SAP pass the conformance kit at mock-sap, a program not ours."""

import base64
import hashlib
from contextlib import asynccontextmanager
from types import MappingProxyType

import httpx
import pytest

from connectors.conformance import Fault, SinkConformance, Wrong
from connectors.http_api import CONNECTOR
from gateway.simulators.tcp_proxy import TcpProxy
from tests.connectors.journals import Ledger, example, told
from tests.connectors.programs import free_port, program, running

CLIENT_SECRET = "a-secret-of-sap-Q7"
RULES = {
    Fault.THROTTLED_SILENT: {"match": "BAPI_ACC", "status": 429},
    Fault.CREDENTIAL_OLD: {"match": "BAPI_ACC", "scenario": "expired-token", "count": 1},
    Fault.CREDENTIAL_WRONG: {"match": "/sap/(opu|bc/rfc)", "scenario": "expired-token"},
    Fault.UNFORESEEN: {"match": "BAPI_ACC", "status": 418},
}


class MockSap:
    """The program's own control plane, and its books by OData."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        self._token = ""

    def tell(self, path: str, body: object = None, method: str = "POST") -> None:
        self._client.request(method, path, json=body).raise_for_status()

    def entries(self, service_set: str, condition: str) -> list[dict]:
        if not self._token:
            form, basic = {"grant_type": "client_credentials"}, ("REMITHUB", CLIENT_SECRET)
            answer = self._client.post("/sap/bc/sec/oauth2/token", data=form, auth=basic)
            self._token = answer.json()["access_token"]
        answer = self._client.get(
            f"/sap/opu/odata/sap/API_JOURNALENTRY_SRV/{service_set}",
            params={"$filter": condition, "$format": "json"},
            headers={"Authorization": f"Bearer {self._token}"},
        )
        return answer.json()["d"]["results"]

    def close(self) -> None:
        self._client.close()


class SapLedger(Ledger):
    """mock-sap as a ledger."""

    cash = MappingProxyType({"account": "0000113100"})
    receivable = MappingProxyType({"account": "0000121000"})
    memo_size = 50
    exchanges_before_effect = 2
    faults = frozenset({*RULES, Fault.REFUSED_IN_SUCCESS})

    def __init__(self, sap: MockSap, proxy: TcpProxy) -> None:
        base = f"http://127.0.0.1:{proxy.port}/sap"
        settings = example("sap-journals.yaml")
        settings["base_url"] = base
        settings["auth"]["token_url"] = f"{base}/bc/sec/oauth2/token"
        self.settings = settings
        self.secrets = {"SAP_CLIENT_SECRET": CLIENT_SECRET}
        self.wrong = (
            Wrong(probe="dns", settings={"base_url": "http://no-such-host.invalid/sap"}),
            Wrong(probe="tcp", settings={"base_url": "http://127.0.0.1:9/sap"}),
            Wrong(probe="answer", settings={"base_url": f"{base}/nothing-here"}),
            Wrong(probe="auth", secrets={"SAP_CLIENT_SECRET": "another-secret-Q7"}),
        )
        self.proxy = proxy
        self._sap = sap

    def fault(self, fault):
        if fault is Fault.REFUSED_IN_SUCCESS:
            rule = {"function": "BAPI_ACC_DOCUMENT_POST", "type": "E", "id": "F5"}
            rule |= {"number": "263", "message": "The difference is too large"}
            return self._told("/_mock/bapi-behaviour", rule)
        if fault in RULES:
            return self._told("/_mock/faults", RULES[fault])
        return super().fault(fault)

    def _told(self, path, rule):
        return told(
            lambda: self._sap.tell(path, rule), lambda: self._sap.tell(path, None, "DELETE")
        )

    async def effects(self, key, document):
        return [number_of(entry) for entry in self._entries(key)]

    async def lines(self, key):
        [entry] = self._entries(key)
        of_entry = f"AccountingDocument eq '{entry['AccountingDocument']}'"
        items = self._sap.entries("A_JournalEntryItem", of_entry)
        items.sort(key=lambda item: int(item["AccountingDocumentItem"]))
        return [(signed(item), item["DocumentItemText"]) for item in items]

    async def state(self):
        return len(self._sap.entries("A_JournalEntry", "CompanyCode eq '1710'"))

    def _entries(self, key: str) -> list[dict]:
        whole = base64.b32encode(hashlib.sha256(key.encode()).digest()).decode()
        return self._sap.entries("A_JournalEntry", f"ReferenceDocument eq '{whole[:16]}'")


def signed(item: dict) -> str:
    """Return an item's amount, below zero for a credit; SAP writes thousandths here."""
    assert item["AmountInTransactionCurrency"].endswith("0")
    sign = "-" if item["DebitCreditCode"] == "H" else ""
    return sign + item["AmountInTransactionCurrency"][:-1]


def number_of(entry: dict) -> str:
    return entry["AccountingDocument"] + entry["CompanyCode"] + entry["FiscalYear"]


@pytest.fixture(scope="module")
def sap(tmp_path_factory):
    port = free_port()
    command = [program("mock-sap"), "--port", str(port), "-q", "--clock", "2026-07-15T10:00"]
    command += ["--oauth", f"REMITHUB:{CLIENT_SECRET}"]
    log = tmp_path_factory.mktemp("sap") / "log"
    with running(command, f"http://127.0.0.1:{port}/_mock/health", log):
        made = MockSap(port)
        yield made
        made.close()


class TestSapJournals(SinkConformance):
    connector = CONNECTOR

    @pytest.fixture
    def partner(self, sap):
        @asynccontextmanager
        async def open_partner():
            async with TcpProxy("127.0.0.1", sap.port) as proxy:
                yield SapLedger(sap, proxy)

        return open_partner
