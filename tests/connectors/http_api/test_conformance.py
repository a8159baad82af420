"""http_api passes the conformance kit at a till that fails in every way, with and without keys."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from connectors.conformance import SinkConformance
from connectors.http_api import CONNECTOR
from gateway.simulators.tcp_proxy import TcpProxy
from tests.connectors.till import Till, TillPartner

REFUSED = {
    "when": {"status_range": [200, 299], "body": {"path": "state", "equals": "refused"}},
    "class": "message",
    "code_path": "reason.code",
}
RESULT = {
    "external_id": "${steps.send.body.id}",
    "pending": {"path": "steps.send.body.state", "equals": "pending"},
}
SEND = {"id": "send", "request": {"path": "payments"}}
ASK = {"id": "ask", "request": {"method": "GET", "path": "payments", "query": {"key": "${key}"}}}
BY_KEY = {
    "idempotency": {"mode": "key"},
    "errors": [REFUSED],
    "deliver": {"steps": [SEND], "result": RESULT},
    "lookup": {
        "steps": [ASK],
        "found": {"path": "steps.ask.body.found.0.state", "in": ["done", "pending"]},
        "result": {
            "external_id": "${steps.ask.body.found.0.id}",
            "pending": {"path": "steps.ask.body.found.0.state", "equals": "pending"},
        },
    },
}
WITHOUT = {"errors": [REFUSED], "deliver": {"steps": [SEND], "result": RESULT}}


def hang_up(_reader, writer):
    writer.close()


def opener(settings, tls, *, honours_keys):
    @asynccontextmanager
    async def open_partner():
        async with (
            Till(honours_keys=honours_keys).open() as till,
            TcpProxy("127.0.0.1", till.port) as proxy,
            await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=tls.server()) as untrusted,
        ):
            port = untrusted.sockets[0].getsockname()[1]
            yield TillPartner(till, proxy, settings, untrusted=port)

    return open_partner


class TestByKey(SinkConformance):
    connector = CONNECTOR

    @pytest.fixture
    def partner(self, tls):
        return opener(BY_KEY, tls, honours_keys=True)


class TestWithoutIdempotency(SinkConformance):
    connector = CONNECTOR
    waivers = {  # noqa: RUF012  - a case's constant
        "26": "a till without keys knows no second document of a key",
        "32": "without a lookup nobody asks again",
        "32a": "without a lookup nobody asks again",
    }

    @pytest.fixture
    def partner(self, tls):
        return opener(WITHOUT, tls, honours_keys=False)
