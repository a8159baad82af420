"""Journals of the contract journal-entry, and the partner's side of a ledger that takes them."""

import json
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import yaml

from connectors.base import Document
from connectors.conformance import SinkPartner
from gateway.simulators.tcp_proxy import Fault as TcpFault

Accounts = Mapping[str, Any]
"""What a line's `account` and further fields are at the ledger, by role: cash, receivable."""


def example(name: str) -> dict[str, Any]:
    """Return the settings of one of http_api's example interfaces."""
    from importlib import resources

    text = resources.files("connectors.http_api").joinpath(f"examples/{name}").read_text("utf-8")
    return yaml.safe_load(text)["settings"]


def journal(amounts: Sequence[str], memo: str, *, cash, receivable, entity="1710") -> Document:
    """Return a journal with a line for each amount (below zero: a credit) and one that balances."""
    balance = -sum(Decimal(amount) for amount in amounts)
    lines = []
    for number, amount in enumerate([*amounts, str(balance)], start=1):
        value = Decimal(amount)
        account = cash if number <= len(amounts) else receivable
        sides = {"debit": max(value, Decimal(0)), "credit": max(-value, Decimal(0))}
        sides = {name: f"{side:.2f}" for name, side in sides.items()}
        lines.append({"seq": number, **account, **sides, "memo": memo})
    data = {
        "entity": entity,
        "posting_date": "2026-07-16",
        "period": "2026-07",
        "currency": "USD",
        "lines": lines,
    }
    return Document(contract="journal-entry/0.1.0", data=data)


class Ledger(SinkPartner):
    """A ledger behind a proxy. A subclass knows its accounts and reads its books."""

    proxy_fault = TcpFault
    cash: Accounts
    receivable: Accounts
    memo_size: int

    def document(self, mark):
        return journal(["150.00"], mark, cash=self.cash, receivable=self.receivable)

    def different(self, document):
        return journal(["151.00"], "another", cash=self.cash, receivable=self.receivable)

    def refused(self, mark):
        made = self.document(mark)
        data = json.loads(json.dumps(made.data))
        data["lines"][0]["debit"] = "149.00"
        return Document(contract=made.contract, data=data)

    def priced(self, mark, amounts):
        return journal(amounts, mark, cash=self.cash, receivable=self.receivable)

    def worded(self, mark, text):
        made = journal(["1.00"], text, cash=self.cash, receivable=self.receivable)
        return made, text[: self.memo_size]

    async def booked(self, key, document):
        return [amount for amount, _ in await self.lines(key)][:-1]

    async def words(self, key, document):
        return (await self.lines(key))[0][1]

    async def lines(self, key) -> list[tuple[str, str]]:
        """Return amount (credits below zero) and text of each line of the key's only journal."""
        raise NotImplementedError  # each ledger is asked in its own way


@asynccontextmanager
async def told(begin, end):
    """Tell a program of a fault, and to forget it after the block."""
    begin()
    try:
        yield
    finally:
        end()
