"""The security contact is told of an emergency, by a webhook that a package nobody here wrote proves."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.conformance import Fault
from connectors.ssrf import Network
from gateway.access import Pager, Sessions
from gateway.access.codes import code_at, step_at
from gateway.access.emergency import LOCKED_AFTER, LOCKED_SECONDS, Emergency
from gateway.access.paging import SCHEDULE_SECONDS
from gateway.access.passwords import new_password
from gateway.access.refusals import Unauthenticated
from gateway.ports import Ports, SystemClock, SystemIds
from gateway.settings import (
    AccessSettings,
    BreakGlassSettings,
    Config,
    HubSettings,
    PageSettings,
)
from gateway.settings.structs import RoutesFile
from gateway.store import Store
from tests.connectors.webhook.subscriber import SECRET, Subscriber
from tests.gateway.api.hooks_hub import listening
from tests.gateway.live import Live, live_hub, make_root, until, write
from tests.gateway.store.conftest import OpenStore

MADE = new_password(SystemIds())
SECRETS = {"warden": MADE.kept, "pager": SECRET, "odd": "no key"}
REASON = "Rosalind Quillmark cannot be posted"


class HastyClock(SystemClock):
    """The machine's time, which a webhook's receiver compares; waits are noted, not made, unless
    it is told to stand."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.waits: list[float] = []
        self.stands = False

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(3600 if self.stands else 0)


class Site:
    """A local account and its pager."""

    def __init__(self, store: Store, page: PageSettings) -> None:
        self.clock = HastyClock()
        self.store = store
        ports = Ports(clock=self.clock)
        account = BreakGlassSettings(user="warden", secret="warden", page=page)
        config = Config(
            hub=HubSettings(tenant="hilltop", access=AccessSettings(break_glass=account)),
            interfaces={},
            routes=RoutesFile(routes=()),
            files={},
        )
        self.pager = Pager(
            config=lambda: config, store=store, ports=ports, secret=SECRETS.__getitem__
        )
        self.sessions = Sessions(store, ports, lambda: "hilltop")
        self.emergency = Emergency(
            config=lambda: config,
            store=store,
            ports=ports,
            sessions=self.sessions,
            pager=self.pager,
            secret=SECRETS.__getitem__,
        )

    async def begin(self, password: str = MADE.password, source: str = "203.0.113.9") -> None:
        await self.emergency.begin(
            user="warden",
            password=password,
            code=code_at(step_at(self.clock.now().timestamp()), MADE.seed),
            reason=REASON,
            source=source,
        )

    async def shut_out(self, source: str) -> None:
        for _ in range(LOCKED_AFTER):
            with pytest.raises(Unauthenticated):
                await self.begin("guess", source)

    async def records(self, action: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for so many entries of that action; return them, the newest first."""
        async with asyncio.timeout(30):
            while True:
                rows = await self.store.fetch("audit_tail", limit=50)
                found = [dict(row) for row in rows if row["action"] == action]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.01)

    async def counted(self) -> dict[str, int]:
        rows = await self.store.fetch("counters", interface="")
        return {row["name"].removeprefix("break_glass_"): row["value"] for row in rows}


@pytest.fixture
async def contact() -> AsyncIterator[Subscriber]:
    program = Subscriber()
    async with program.open():
        yield program


@pytest.fixture
async def store(open_sqlite: OpenStore) -> Store:
    return await open_sqlite()


def page(
    port: int, *, scheme: str = "http", key: str = "pager", network: str = "internal"
) -> PageSettings:
    return PageSettings(
        url=f"{scheme}://127.0.0.1:{port}/pages",
        secrets=(f"${{secret:{key}}}",),
        network=Network(network),
    )


def told(contact: Subscriber) -> list[dict[str, Any]]:
    return [json.loads(body) for body in contact.events.values()]


async def test_who_when_from_where_and_until_when_is_told_and_not_why(
    store: Store, contact: Subscriber
) -> None:
    site = Site(store, page(contact.port))
    await site.begin()
    (record,) = await site.records("break-glass.page")
    (begun,) = await site.records("break-glass.begin")
    (event,) = told(contact)
    assert event["type"] == "com.remithub.break-glass.begun.v1"
    assert event["source"] == "//hub/hilltop/break-glass"
    data = event["data"]
    assert (data["account"], data["address"]) == ("warden", "203.0.113.9")
    assert data["session"] == begun["object_id"] == record["object_id"]
    (session,) = await site.sessions.list()
    assert session.name == data["session"]
    assert abs(_seconds(data["until"]) - session.expires_at / 1000) < 5
    assert _seconds(data["until"]) - _seconds(data["at"]) == 4 * 3600
    assert "Quillmark" not in str(contact.events)
    assert (record["actor"], record["outcome"]) == ("hub", "told")
    assert await site.counted() == {"begun": 1, "told": 1}


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


async def test_it_is_told_again_until_it_is_taken_under_one_id(
    store: Store, contact: Subscriber
) -> None:
    contact.faults.extend([Fault.CREDENTIAL_WRONG, Fault.REPLY_LOST, Fault.THROTTLED])
    site = Site(store, page(contact.port))
    await site.begin()
    (record,) = await site.records("break-glass.page")
    assert record["outcome"] == "told"
    assert len({one["webhook-id"] for one in contact.requests}) == 1
    assert len(contact.requests) == 4
    assert site.clock.waits == list(SCHEDULE_SECONDS[:4])


@pytest.mark.parametrize(
    ("wrong", "code", "tries"),
    [
        ({"key": "absent"}, "page_unusable", 0),
        ({"key": "odd"}, "page_unusable", 0),
        ({"network": "public"}, "page_unusable", 0),
        ({"network": "public", "scheme": "https"}, "address_refused", len(SCHEDULE_SECONDS)),
        ({}, "refused", len(SCHEDULE_SECONDS)),
    ],
)
async def test_an_emergency_begins_whatever_becomes_of_its_page(
    store: Store,
    caplog: pytest.LogCaptureFixture,
    wrong: dict[str, str],
    code: str,
    tries: int,
) -> None:
    site = Site(store, page(9, **wrong))
    await site.begin()
    (record,) = await site.records("break-glass.page")
    assert record["outcome"] == "failed"
    assert json.loads(record["detail"]) == {"alarm": "begun", "code": code}
    assert len(site.clock.waits) == tries
    assert await site.counted() == {"begun": 1, "failed": 1}
    said = [one.getMessage() for one in caplog.records if one.levelno == logging.CRITICAL]
    assert said[-1] == f"The security contact was not told ({code}): tell them."
    assert "Quillmark" not in caplog.text


async def test_what_is_under_way_when_the_hub_stops_is_on_record_as_that(store: Store) -> None:
    site = Site(store, page(9))
    site.clock.stands = True
    await site.begin()
    while not site.clock.waits:
        await asyncio.sleep(0.01)
    await site.pager.close()
    (record,) = await site.records("break-glass.page")
    assert json.loads(record["detail"])["code"] == "stopped"


async def test_wrong_tries_that_shut_an_address_out_are_told_once_in_a_while(
    store: Store, contact: Subscriber
) -> None:
    site = Site(store, page(contact.port))
    await site.shut_out("203.0.113.9")
    await site.shut_out("203.0.113.10")
    assert len(await site.records("break-glass.lock", 2)) == 2
    await site.records("break-glass.page")
    site.clock.ahead += LOCKED_SECONDS + 1
    await site.shut_out("203.0.113.11")
    await site.records("break-glass.page", 2)
    assert [one["data"]["address"] for one in told(contact)] == ["203.0.113.9", "203.0.113.11"]
    assert {one["type"] for one in told(contact)} == {"com.remithub.break-glass.locked.v1"}
    assert await site.counted() == {"locked": 3, "told": 2}


HUB = """\
tenant: hilltop
api: {port: 0}
access:
  break_glass: {user: warden, secret: warden%s}
"""
PAGE = ', page: {url: "http://127.0.0.1:%d/", network: internal, secrets: ["${secret:pager}"]}'


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    root = make_root(tmp_path)
    write(root, "hub.yaml", HUB % "")
    (root / "var/secrets").mkdir(parents=True, mode=0o700)
    for name, value in SECRETS.items():
        (root / "var/secrets" / name).write_text(value)
    with live_hub(root) as running:
        yield running


def test_a_hub_that_runs_tells_whom_its_configuration_names(live: Live) -> None:
    with listening(live) as contact:
        write(live.root, "hub.yaml", HUB % (PAGE % contact.port))
        assert live.post("/v1/reload").status_code == 200
        order = {
            "user": "warden",
            "password": MADE.password,
            "code": code_at(step_at(SystemClock().now().timestamp()), MADE.seed),
            "reason": REASON,
        }
        answer = httpx.post(
            f"{live.url}/auth/break-glass", json=order, trust_env=False, timeout=60
        )
        assert answer.status_code == 201, answer.text
        until(lambda: contact.events)
        (event,) = told(contact)
        assert event["data"]["address"] == "127.0.0.1"
        figures = until(lambda: _figures(live) if 'told"} 1.0' in _figures(live) else None)
        for outcome, count in {"begun": 1, "locked": 0, "told": 1, "failed": 0}.items():
            assert f'remithub_break_glass_total{{outcome="{outcome}"}} {count}.0' in figures


def _figures(live: Live) -> str:
    return live.client.get("/metrics").text
