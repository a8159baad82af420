"""Quotas, pins, counted calls, feeds and kept answers on a database that processes share."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gateway.api.feed_pages import Cursor, page_after
from gateway.api.quota import QuotaExceeded, Quotas
from gateway.api.versions import Versions, recorded_usage
from gateway.ports import Ports
from gateway.settings import ProductSettings, QuotaSettings, WindowSettings
from gateway.store import KeyRing, PostgresSettings, Statement, Store, Unit, open_store

PORTS = Ports()
LIMIT = 50


@asynccontextmanager
async def opened(postgres: Any) -> AsyncIterator[Store]:
    name = os.urandom(8)
    keys = KeyRing({name: os.urandom(32)}, active=name, index=os.urandom(32))
    store = await open_store(PostgresSettings(url=postgres.fresh(), unsafe=True), keys, PORTS)
    try:
        yield store
    finally:
        await store.close()


async def test_processes_that_ask_at_once_share_one_quota(postgres: Any) -> None:
    window = WindowSettings(limit=LIMIT, per_seconds=31 * 86400)
    product = ProductSettings(product="p", quota=QuotaSettings(requests=window))
    async with opened(postgres) as store:
        books = [Quotas(store, PORTS.clock, lambda: 1) for _ in range(3)]
        asked = [book.enter("oakfield", product, 0) for book in books for _ in range(LIMIT)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        refused = [one for one in found if isinstance(one, QuotaExceeded)]
        assert len(found) - len(refused) == LIMIT
        assert len(refused) == 2 * LIMIT


async def test_pins_and_calls_are_kept(postgres: Any) -> None:
    async with opened(postgres) as store:
        one, other = Versions(store, PORTS.clock), Versions(store, PORTS.clock)
        await one.pin("oakfield", "receipt", "1.2.0")
        await other.pin("oakfield", "receipt", "1.3.0")
        await other.pin("oakfield", "receipt", "2.0.0")
        pins = await one.pins("oakfield", "receipt")
        assert sorted(pin.version for pin in pins)[0] == "1.2.0"
        assert [pin.version for pin in await other.pins("oakfield", "receipt")] == [
            "1.2.0",
            "2.0.0",
        ]
        for book in (one, other, one):
            await book.called("receipt", "1.2.0", "oakfield")
        await one.write()
        usage = await recorded_usage(store, "receipt", PORTS.clock.now())
        assert [call.count for call in usage.last_calls("receipt", "1.2.0")] == [3]
        assert len(await store.fetch("contract_pins_of", contract="receipt")) == 2


async def test_an_answer_is_kept_by_whoever_holds_the_key(postgres: Any) -> None:
    key = {"scope": "s", "idem_key": "k", "at": 5}
    row = {**key, "fingerprint": "f", "reference": "", "status": 0, "expires_at": 9}
    settle = {**key, "reference": "ans", "status": 200}
    async with opened(postgres) as store:
        await store.commit(Unit(statements=(Statement("idempotency_insert", row, expect=1),)))
        late = Statement("idempotency_settle", {**settle, "at": 4}, expect=0)
        await store.commit(Unit(statements=(late,)))
        await store.commit(Unit(statements=(Statement("idempotency_settle", settle, expect=1),)))
        await store.commit(Unit(statements=(Statement("idempotency_release", key, expect=0),)))
        page = await page_after(store, "receipt", Cursor(5, "msg_a", 0, 0), 3)
        assert page.rows == []


async def test_a_subscription_is_kept_once_and_its_keys_by_revision(postgres: Any) -> None:
    row = {
        "name": "sub-1",
        "client": "quay",
        "contract": "receipt",
        "major": 1,
        "url": "https://hooks.example/",
        "title": "",
        "network": "public",
        "keys": "sealed",
        "at": 5,
        "created_by": "system:quay",
        "most": 2,
    }

    async def made(store: Store, **more: Any) -> int:
        unit = Unit(statements=(Statement("subscription_insert", row | more),))
        return (await store.commit(unit)).affected[0]

    async with opened(postgres) as store:
        assert await made(store) == 1
        assert await made(store, name="sub-2") == 0  # to the same URL
        assert await made(store, name="sub-2", url="https://b.example/") == 1
        assert await made(store, name="sub-3", url="https://c.example/") == 0
        turn = {"name": "sub-1", "keys": "again", "revision": 1}
        turned = Unit(statements=(Statement("subscription_rotate", turn),))
        assert (await store.commit(turned)).affected == (1,)
        assert (await store.commit(turned)).affected == (0,)
        end = Statement("subscription_end", {"name": "sub-1", "keys": "", "at": 9})
        assert (await store.commit(Unit(statements=(end,)))).affected == (1,)
        one, _ = await store.fetch("subscriptions")
        assert (one["revision"], one["keys"], one["ended_at"]) == (2, "", 9)
