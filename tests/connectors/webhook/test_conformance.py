"""webhook passes the conformance kit at a subscriber that verifies with the public package."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from connectors.conformance import SinkConformance
from connectors.webhook import CONNECTOR
from gateway.simulators.tcp_proxy import TcpProxy
from tests.connectors.webhook.subscriber import Subscriber, SubscriberPartner


def hang_up(_reader, writer):
    writer.close()


class TestAtASubscriber(SinkConformance):
    connector = CONNECTOR

    @pytest.fixture
    def partner(self, tls):
        @asynccontextmanager
        async def open_partner():
            async with (
                Subscriber().open() as subscriber,
                TcpProxy("127.0.0.1", subscriber.port) as proxy,
                await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=tls.server()) as untrusted,
            ):
                port = untrusted.sockets[0].getsockname()[1]
                yield SubscriberPartner(subscriber, proxy, untrusted=port)

        return open_partner
