"""A subscription that a client makes at one node is every node's: made, changed and ended."""

import msgspec
import pytest

from gateway.api.subscribing import SubscriptionOrder
from gateway.app.client_subscriptions import ClientSubscriptions
from tests.connectors.webhook.subscriber import Subscriber, Webhook
from tests.walks.test_nodes import Cluster
from tests.walks.world import until

PRODUCT = """\
product: hooks
operations: [subscribe]
contracts: {remittance-advice: [1]}
scopes: [message.read, subscription.manage]
approval: auto
ceiling: restricted
"""
CLIENT = """\
client: quay
interfaces: [feed0]
scopes: [message.read, subscription.manage]
products: [hooks]
webhook_hosts: [127.0.0.1]
"""


class Granting(Cluster):
    """A cluster whose folders let a client subscribe."""

    def write(self, node):
        world = super().write(node)
        world.write("config/products/hooks.yaml", PRODUCT)
        world.write("config/clients/quay.yaml", CLIENT)
        return world


@pytest.fixture
async def cluster(tmp_path, partner, postgres):
    there = Granting(tmp_path, partner, postgres.fresh())
    yield there
    await there.close()


def same(one, other, name, keys):
    async def look():
        sinks = [hub.bundles.current.sinks.get(name) for hub in (one, other)]
        return all(sink and len(sink.options.secrets) == keys for sink in sinks)

    return look


async def test_every_node_follows_and_one_of_them_sends(cluster, advice):
    one, other = await cluster.start(0), await cluster.start(1)
    async with Subscriber().open() as subscriber:
        url = f"http://127.0.0.1:{subscriber.port}/events"
        order = SubscriptionOrder(contract="remittance-advice", version=1, url=url, client="quay")
        made = await ClientSubscriptions(one).create(order, by="system:quay")
        name, subscriber.webhook = made.facts.subscription, Webhook(made.secret)
        await until(same(one, other, name, 1), 60)

        await cluster.accept(other, 0, msgspec.json.encode(advice(1)))
        await cluster.accept(one, 1, msgspec.json.encode(advice(2)))  # none of the client's

        async def told():
            return len(subscriber.events) == 1

        await until(told, 60)

        turned = await ClientSubscriptions(other).rotate(name, overlap_seconds=3600, by="t")
        subscriber.webhook = Webhook(turned.secret)
        await until(same(one, other, name, 2), 60)

        await ClientSubscriptions(one).end(name, by="t")

        async def gone():
            return name not in other.bundles.current.sinks

        await until(gone, 60)
        assert one.bundles.current.hash == other.bundles.current.hash
        assert len(subscriber.events) == 1
