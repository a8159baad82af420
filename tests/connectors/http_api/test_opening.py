"""Settings, samples, probes, and what is left after closing."""

import asyncio
import threading
from pathlib import Path

import httpx
import msgspec
import pytest

from connectors.base import (
    Document,
)
from connectors.http_api import CONNECTOR, Settings

DOCUMENT = Document(contract="journal-entry/0.1.0", data={"ref": "R-1", "amount": "12.50"})


async def test_the_check_names_the_layer_that_fails(
    opened, scripted, http_answer, unused_tcp_port, tls
):
    async def failing(url, settings=None):
        async with opened(url, settings) as sink:
            report = await sink.check()
        return report.probes[-1].name if not report.passed else "none"

    assert await failing("http://no-such-host.invalid") == "dns"
    assert await failing(f"http://127.0.0.1:{unused_tcp_port}") == "tcp"
    async with scripted(lambda _: http_answer(), ssl=tls.server()) as partner:
        assert await failing(f"https://127.0.0.1:{partner.port}") == "tls"
    async with scripted(lambda _: http_answer(401)) as partner:
        assert await failing(partner.url, {"check": {"path": "/me"}}) == "auth"
    async with scripted(lambda _: http_answer(500)) as partner:
        assert await failing(partner.url, {"check": {"path": "/me"}}) == "answer"
    async with scripted(lambda _: http_answer()) as partner:
        assert await failing(partner.url, {"check": {"path": "/me"}}) == "none"
        assert [request.method for request in partner.requests] == ["GET"]


@pytest.mark.parametrize(
    "settings",
    [
        {"idempotency": {"mode": "lookup"}},
        {"deliver": {"steps": [{"id": "a", "request": {"path": "x?y=1"}}]}},
        {"deliver": {"steps": [{"id": "a", "request": {"path": "${in.a|eval}"}}]}},
        {"deliver": {"steps": [{"id": "a", "request": {"path": "a"}}] * 2}},
        {"deliver": {"steps": [{"id": "a", "request": {"path": "", "body": {"$code": 1}}}]}},
    ],
)
async def test_settings_that_cannot_work_are_refused_when_opened(opened, settings):
    with pytest.raises(ValueError):  # noqa: PT011 - the text is the connector's own
        async with opened("http://x.test", settings):
            pass


async def test_the_samples_open(make_context):
    import yaml

    context = make_context(ERP_TOKEN="x", BILLING_CLIENT_SECRET="x")
    assert CONNECTOR.samples
    for text in CONNECTOR.samples.values():
        sink = CONNECTOR.sink(msgspec.convert(yaml.safe_load(text), Settings), context)
        await sink.close()


async def test_opening_and_closing_twenty_times_leaks_nothing(opened, scripted, http_answer):
    def held():
        return sum(1 for _ in Path("/proc/self/fd").iterdir()), threading.active_count()

    async with scripted(lambda _: http_answer()) as partner:

        async def once():
            async with opened(partner.url) as sink:
                await sink.deliver(sink.call(), DOCUMENT)
            await asyncio.sleep(0)

        await once()
        await asyncio.sleep(0.05)
        files, threads = held()
        for _ in range(20):
            await once()
        await asyncio.sleep(0.05)
        assert held()[0] <= files
        assert held()[1] <= threads


async def test_the_check_fails_where_documents_would_go_in_the_clear(make_context):
    class Net(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            return httpx.Response(200)

    context = msgspec.structs.replace(make_context(), transport=lambda **_: Net())
    for url, failed in (("http://erp.test", "encryption"), ("https://erp.test", "none")):
        sink = CONNECTOR.sink(msgspec.convert({"base_url": url}, Settings), context)
        report = await sink.check()
        assert (report.probes[-1].name if not report.passed else "none") == failed
        await sink.close()
