"""A message routed to a subscriber reaches it as a webhook that a package of others verifies."""

import asyncio

import pytest

from connectors.conformance import Fault
from gateway.app import Hub
from gateway.governance.cloudevents import decode
from tests.connectors.webhook.subscriber import SECRET, Subscriber, answer
from tests.walks.world import until

WEBHOOK = """\
interface: partner
direction: out
connector: webhook
accepts: remittance-advice@^1.0
settings:
  url: %s://127.0.0.1:%d/events
  network: %s
  secrets: ["${secret:SUBSCRIBER}"]
concurrency: 1
deadline_seconds: 2
retry: {schedule_seconds: [0, 0.05, 0.05, 0.05], breaker_failures: 100, jitter: 0}
"""


@pytest.fixture
async def subscriber():
    async with Subscriber().open() as program:
        yield program


@pytest.fixture
def subscribed(world, subscriber):
    async def start(scheme="http", network="internal"):
        text = WEBHOOK % (scheme, subscriber.port, network)
        world.write("config/interfaces/partner.yaml", text)
        world.hub = await Hub.open(world.root, {"REMITHUB_SECRET_SUBSCRIBER": SECRET})
        await world.hub.start()
        return world

    return start


def paused(world):
    async def look():
        return world.hub.workers.destinations["partner"].paused

    return look


async def test_a_message_becomes_one_verified_event(subscribed, subscriber, advice):
    world = await subscribed()
    await world.hand_over(advice(1))
    await world.settled()
    [(webhook_id, body)] = subscriber.events.items()
    [headers] = subscriber.requests
    assert webhook_id.startswith("dlv_")
    assert webhook_id.endswith("-0")
    assert decode(headers.items(), body).data["payment_key"] == advice(1)["payment_key"]
    assert await world.counter("partner", "deliveries_done") == 1


async def test_the_event_says_what_the_contract_says_of_it(subscribed, subscriber, advice):
    world = await subscribed()
    await world.hand_over(advice(1))
    await world.settled()
    [body] = subscriber.events.values()
    [message] = await world.hub.store.fetch("message_page", contract="remittance-advice", limit=2)
    told = decode([("content-type", "application/cloudevents+json")], body).attributes
    version = message["version"]
    assert told["id"] == told["subject"] == message["message_id"]
    assert told["source"] == f"//hub/{world.hub.bundles.current.tenant}/{message['interface']}"
    assert told["type"] == "com.remithub.remittance.received.v1"
    assert told["dataschema"].endswith(f"/remittance-advice/{version}/schema.json")
    assert told["partitionkey"] == advice(1)["payment_key"]
    assert told["correlationid"] == advice(1)["payment_key"][:32]
    assert (told["dataclassification"], told["dataregulation"], told["datacategory"]) == (
        "restricted",
        "HIPAA",
        "phi",
    )
    assert told["time"] == told["recordedtime"]


async def test_a_lost_reply_is_sent_again_with_the_same_id(subscribed, subscriber, advice):
    subscriber.faults.extend([Fault.REPLY_LOST, Fault.REPLY_HTML])
    world = await subscribed()
    await world.hand_over(advice(1))
    await world.settled()
    assert len(subscriber.requests) == 3
    assert len({one["webhook-id"] for one in subscriber.requests}) == 1
    assert len(subscriber.events) == 1
    assert await world.states() == []


async def test_a_subscriber_that_is_gone_gets_nothing_until_a_person_resumes(
    subscribed, subscriber, advice
):
    subscriber.next.append(answer(410))
    world = await subscribed()
    for number in range(4):
        await world.hand_over(advice(number))
    await until(paused(world))
    await asyncio.sleep(0.2)
    assert len(subscriber.requests) == 1
    await world.hub.resume("partner", actor="t")
    await world.settled()
    assert len(subscriber.events) == 4


async def test_a_subscriber_at_an_address_of_ours_is_never_connected_to(
    subscribed, subscriber, advice
):
    world = await subscribed("https", "public")
    await world.hand_over(advice(1))
    await until(paused(world))
    assert subscriber.connections == 0
