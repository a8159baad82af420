"""A posting request, an ERP journal, a clock that stands: what the simulators' tests share."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from gateway.simulators.http_partner import HttpPartner

PAYMENT_KEY = "3f" * 32


class StandingClock:
    """A clock that moves only when somebody waits on it or sets it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 4, 1, 12, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


def claim(number: int, account_ref: str, paid: str) -> dict[str, Any]:
    return {
        "claim_payment_id": f"clm_{number:032x}",
        "account_ref": account_ref,
        "status_code": "1",
        "charge": "300.00",
        "paid": paid,
        "reversal": False,
        "transactions": [{"type": "payment", "amount": paid}],
    }


@pytest.fixture
def posting_request() -> dict[str, Any]:
    """Two claims of 100.00 and 20.50, 0.50 kept back by the payer: a payment of 120.00."""
    return {
        "request_id": "prq_7001",
        "remittance_id": f"rem_{PAYMENT_KEY[:32]}",
        "payment_key": PAYMENT_KEY,
        "tenant_id": "hilltop",
        "currency": "USD",
        "payment": {"amount": "120.00", "method": "ACH", "trace_number": "HT0420"},
        "payer": {"name": "MERIDIAN HEALTH PLAN"},
        "payee": {"name": "HILLTOP CLINIC"},
        "claims": [claim(1, "HT-1001", "100.00"), claim(2, "HT-1002", "20.50")],
        "provider_adjustments": [{"reason_code": "L6", "amount": "0.50"}],
        "totals": {"claims_paid": "120.50", "provider_adjustments": "0.50", "payment": "120.00"},
    }


@pytest.fixture
def erp_journal() -> dict[str, Any]:
    return {
        "externalId": "je:7001",
        "ledger": "MAIN",
        "postingDate": "2026-04-01",
        "currency": "USD",
        "lines": [
            {"account": "1010", "debit": "120.00", "credit": "0.00", "memo": "cash clearing"},
            {"account": "1200", "debit": "0.00", "credit": "120.00"},
        ],
    }


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=10, trust_env=False) as plain:
        yield plain


Post = Callable[..., Any]


@pytest.fixture
def post(client: httpx.AsyncClient) -> Post:
    """Post a document to a partner's write path: `await post(partner, path, document, key="")`."""

    async def send(
        partner: HttpPartner, path: str, document: Any, key: str = "", token: str = ""
    ) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        body = msgspec.json.encode(document)
        return await client.post(partner.url + path, content=body, headers=headers)

    return send
