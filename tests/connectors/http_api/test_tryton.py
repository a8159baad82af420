"""http_api and its example for Tryton pass the conformance kit at Tryton on PostgreSQL."""

from contextlib import asynccontextmanager

import pytest

from connectors.conformance import Fault, SinkConformance, Wrong
from connectors.http_api import CONNECTOR
from gateway.simulators.tcp_proxy import TcpProxy
from tests.connectors.journals import Ledger, example
from tests.tryton import Books, Tryton


class TrytonLedger(Ledger):
    """Tryton as a ledger. A delivery asks for the key, then the period, makes a draft, posts it."""

    memo_size = 80
    exchanges_before_effect = 3

    def __init__(self, tryton: Tryton, books: Books, proxy: TcpProxy) -> None:
        path = tryton.rest.removeprefix(tryton.url)
        self.cash = {"account": str(books.cash)}
        self.receivable = {"account": str(books.receivable), "party": books.party}
        base = f"http://127.0.0.1:{proxy.port}{path}"
        self.settings = {**example("tryton-journals.yaml"), "base_url": base}
        self.secrets = {"TRYTON_APPLICATION_KEY": books.key}
        self.wrong = (
            Wrong(probe="dns", settings={"base_url": f"http://no-such-host.invalid{path}"}),
            Wrong(probe="tcp", settings={"base_url": f"http://127.0.0.1:9{path}"}),
            Wrong(probe="answer", settings={"base_url": f"{base}/nothing"}),
            Wrong(probe="auth", secrets={"TRYTON_APPLICATION_KEY": "another-key-Q7"}),
        )
        self.proxy = proxy
        self._tryton = tryton

    def possible(self, fault):
        return fault is Fault.STOPPED_HALFWAY or super().possible(fault)

    def fault(self, fault):
        if fault is Fault.STOPPED_HALFWAY:
            return self._halfway()
        return super().fault(fault)

    @asynccontextmanager
    async def _halfway(self):
        """The draft is made; the request that posts it is cut off."""
        self.proxy.script.extend([None, None, None, self.proxy_fault.RST_MID_REQUEST])
        try:
            yield
        finally:
            self.proxy.script.clear()

    async def effects(self, key, document):
        moves = self._tryton.moves(key, "number", "state")
        return [move["number"] for move in moves if move["state"] == "posted"]

    async def leftovers(self, key):
        moves = self._tryton.moves(key, "number", "state")
        return [move["id"] for move in moves if move["state"] != "posted"]

    async def lines(self, key):
        [move] = self._tryton.moves(key, "number")
        return [
            (signed(line), line["description"] or "") for line in self._tryton.lines(move["id"])
        ]

    async def state(self):
        return self._tryton.moves("", "number", "state", "description")


def signed(line: dict) -> str:
    """Return a line's amount, below zero for a credit."""
    debit, credit = line["debit"]["decimal"], line["credit"]["decimal"]
    return f"-{credit}" if debit in ("0", "0.00") else debit


class TestTrytonJournals(SinkConformance):
    connector = CONNECTOR

    @pytest.fixture
    def partner(self, tryton):
        running, books = tryton

        @asynccontextmanager
        async def open_partner():
            async with TcpProxy("127.0.0.1", running.port) as proxy:
                yield TrytonLedger(running, books, proxy)

        return open_partner
