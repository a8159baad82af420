"""What a webhook carries, and what becomes of each answer."""

from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec
import pytest
from msgspec import UNSET

from connectors.base import (
    Call,
    Delivered,
    Document,
    Failed,
    Failure,
    Idempotency,
    Undecidable,
    Unknown,
)
from connectors.webhook import CONNECTOR, Settings, secret_text
from gateway.governance.cloudevents import decode
from tests.connectors.webhook.subscriber import SECRET, Subscriber, answer

NEW = secret_text(b"the next key of the subscriber's")
EVENT = {
    "specversion": "1.0",
    "id": "msg_1",
    "type": "com.remithub.remittance.received.v1",
    "source": "//hub/riverside/era",
    "subject": "msg_1",
    "time": "2026-07-15T12:00:00Z",
    "dataclassification": "restricted",
    "causationid": "",
}
DOCUMENT = Document(contract="remittance-advice", data={"amount": "12.50"}, event=EVENT)


@pytest.fixture
def opened(make_context):
    """`async with opened(subscriber, **settings) as (deliver, sink)`."""

    @asynccontextmanager
    async def open_sink(subscriber, *, key=SECRET, old=SECRET, **more):
        context = make_context(KEY=key, OLD=old)
        raw = {
            "url": f"http://127.0.0.1:{subscriber.port}/events",
            "secrets": ["${secret:KEY}"],
            "network": "internal",
            **more,
        }
        sink = CONNECTOR.sink(msgspec.convert(raw, Settings), context)

        async def deliver(document=DOCUMENT, *, key="dlv_1-0", attempt=1, seconds=10.0):
            deadline = context.clock.monotonic() + seconds
            call = Call(key=key, attempt=attempt, deadline=deadline, traceparent="00-a-b-01")
            return await sink.deliver(call, document)

        try:
            yield deliver, sink
        finally:
            await sink.close()

    return open_sink


@pytest.fixture
async def subscriber():
    async with Subscriber().open() as program:
        yield program


async def test_the_body_is_the_hubs_event_with_its_data(opened, subscriber):
    async with opened(subscriber) as (deliver, _):
        outcome = await deliver()
    assert outcome == Delivered(external_id="dlv_1-0")
    [body] = subscriber.events.values()
    [headers] = subscriber.requests
    event = decode(headers.items(), body)
    wanted = {name: value for name, value in EVENT.items() if value}
    assert event.attributes == {**wanted, "datacontenttype": "application/json"}
    assert event.data == {"amount": "12.50"}
    assert headers["traceparent"] == "00-a-b-01"


async def test_an_event_that_the_hub_does_not_name_is_an_event_all_the_same(opened, subscriber):
    async with opened(subscriber) as (deliver, _):
        await deliver(Document(contract="journal-entry", data={"n": Decimal("1.10")}))
    [(webhook_id, body)] = subscriber.events.items()
    event = decode(subscriber.requests[0].items(), body)
    assert event.text("id") == webhook_id
    assert event.text("type") == "com.remithub.journal-entry.v1"
    assert event.text("source") == "//hub/under-test"
    assert event.data == {"n": Decimal("1.10")}


async def test_every_try_carries_the_same_id_and_the_same_bytes(opened, subscriber):
    subscriber.next.extend([answer(500), answer(503)])
    async with opened(subscriber) as (deliver, _):
        ends = [await deliver(attempt=number) for number in (1, 2, 3)]
    assert [type(end) for end in ends] == [Unknown, Failed, Delivered]
    assert {one["webhook-id"] for one in subscriber.requests} == {"dlv_1-0"}
    assert len({one["content-length"] for one in subscriber.requests}) == 1
    assert len(subscriber.events) == 1


async def test_while_the_key_is_changed_old_and_new_receivers_take_the_event(opened):
    for secret in (SECRET, NEW):
        async with (
            Subscriber(secret).open() as program,
            opened(program, key=NEW, secrets=["${secret:KEY}", "${secret:OLD}"]) as (deliver, _),
        ):
            assert isinstance(await deliver(), Delivered)


async def test_a_receiver_with_another_key_stops_the_destination(opened, subscriber):
    async with opened(subscriber, key=NEW) as (deliver, _):
        outcome = await deliver()
    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.code) == (Failure.CREDENTIAL, "http_401")
    assert not subscriber.events


async def test_a_large_event_goes_without_its_data(opened, subscriber):
    large = msgspec.structs.replace(DOCUMENT, data={"memo": "x" * 20_480})
    where = "https://hub.example.test/v1/messages/{id}"
    async with opened(subscriber, data_url=where) as (deliver, _):
        assert isinstance(await deliver(large), Delivered)
    [body] = subscriber.events.values()
    event = decode(subscriber.requests[0].items(), body)
    assert event.data is UNSET
    assert event.text("dataref") == "https://hub.example.test/v1/messages/msg_1"


@pytest.mark.parametrize("over", [0, 1])
async def test_the_limit_is_the_whole_bodys_to_the_byte(opened, subscriber, over):
    async with opened(subscriber) as (deliver, _):
        await deliver()
        size = int(subscriber.requests[0]["content-length"])
    subscriber.events.clear()
    limits = {"inline_max_bytes": size - over, "data_url": "https://hub.example.test/m/{id}"}
    async with opened(subscriber, **limits) as (deliver, _):
        await deliver()
    [body] = subscriber.events.values()
    event = decode(subscriber.requests[1].items(), body)
    assert (event.data is UNSET) is (over == 1)
    assert event.text("dataref") == ("https://hub.example.test/m/msg_1" if over else "")


async def test_a_large_event_with_nowhere_to_read_it_is_a_dead_letter(opened, subscriber):
    large = msgspec.structs.replace(DOCUMENT, data={"memo": "Q7CANARY" * 4000})
    async with opened(subscriber) as (deliver, _):
        outcome = await deliver(large)
    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.code) == (Failure.MESSAGE, "event_too_large")
    assert "Q7CANARY" not in str(outcome)
    assert not subscriber.requests


async def test_bytes_that_are_no_json_travel_in_base64(opened, subscriber):
    async with opened(subscriber) as (deliver, _):
        await deliver(Document(contract="c", raw=b"ISA*00*"))
    [body] = subscriber.events.values()
    event = decode(subscriber.requests[0].items(), body)
    assert event.data == b"ISA*00*"
    assert event.text("datacontenttype") == "application/octet-stream"


@pytest.mark.parametrize(
    ("status", "failure", "code"),
    [
        (301, Failure.DESTINATION, "redirect"),
        (303, Failure.DESTINATION, "redirect"),
        (304, Failure.DESTINATION, "redirect"),
        (400, Failure.DESTINATION, "http_400"),
        (401, Failure.CREDENTIAL, "http_401"),
        (403, Failure.CREDENTIAL, "http_403"),
        (404, Failure.DESTINATION, "http_404"),
        (409, Failure.DESTINATION, "http_409"),
        (410, Failure.CREDENTIAL, "subscription_gone"),
        (413, Failure.MESSAGE, "http_413"),
        (422, Failure.MESSAGE, "http_422"),
        (429, Failure.THROTTLED, "http_429"),
        (501, Failure.DESTINATION, "http_501"),
        (503, Failure.DESTINATION, "http_503"),
    ],
)
async def test_what_an_answer_means(opened, subscriber, status, failure, code):
    subscriber.next.append(answer(status, b"", "text/plain", "Retry-After: 9"))
    async with opened(subscriber) as (deliver, _):
        outcome = await deliver()
    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.code) == (failure, code)
    waits = failure in (Failure.DESTINATION, Failure.THROTTLED)
    assert outcome.retry_after_seconds == (9.0 if waits else None)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_2xx_is_done_whatever_its_body(opened, subscriber, status):
    body = b"" if status == 204 else b"<html>"
    subscriber.next.append(answer(status, body, "text/html"))
    async with opened(subscriber) as (deliver, _):
        assert isinstance(await deliver(), Delivered)


@pytest.mark.parametrize("status", [500, 502, 504, 599])
async def test_a_gateways_word_is_unknown_and_the_same_id_is_sent_again(
    opened, subscriber, status
):
    subscriber.next.append(answer(status))
    async with opened(subscriber) as (deliver, sink):
        assert await deliver() == Unknown(code=f"http_{status}")
        assert sink.idempotency is Idempotency.KEY


async def test_a_subscriber_that_is_silent_past_the_deadline_may_have_the_event(opened, serving):
    async def silent(partner, reader, _writer):
        await partner.read_request(reader)
        await reader.read()

    async with serving(silent) as partner, opened(partner) as (deliver, _):
        assert await deliver(seconds=0.3) == Unknown(code="deadline")
        outcome = await deliver(seconds=-1.0)
    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.code) == (Failure.DESTINATION, "deadline")


async def test_data_that_is_no_json_is_a_dead_letter(opened, subscriber):
    async with opened(subscriber) as (deliver, _):
        outcome = await deliver(Document(contract="c", data={"x": object()}))
    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.code) == (Failure.MESSAGE, "event_unreadable")


async def test_further_headers_travel_and_ours_cannot_be_replaced(opened, subscriber):
    async with opened(subscriber, headers={"X-Team": "a", "X-Key": "${secret:OLD}"}) as (
        deliver,
        _,
    ):
        await deliver()
    assert subscriber.requests[0]["x-team"] == "a"
    assert subscriber.requests[0]["x-key"] == SECRET
    for name in ("webhook-id", "Content-Type", "Host", "Traceparent"):
        with pytest.raises(ValueError, match="own"):
            async with opened(subscriber, headers={name: "x"}):
                pass


async def test_nobody_is_asked_whether_an_event_is_there(opened, subscriber):
    async with opened(subscriber) as (_, sink):
        call = Call(key="k", attempt=1, deadline=0.0)
        assert await sink.lookup(call, DOCUMENT) == Undecidable(code="no_lookup")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"url": "http://hooks.example.test/x", "network": "public"}, "https only"),
        ({"inline_max_bytes": 0}, "no data_url"),
        ({"key": "whsec_short"}, r"secrets\[0\]"),
        ({"key": "whpk_" + "A" * 43}, r"secrets\[0\]"),
    ],
)
async def test_settings_that_cannot_work_are_refused_in_words(opened, subscriber, more, words):
    with pytest.raises(ValueError, match=words):
        async with opened(subscriber, **more):
            pass


async def test_a_secret_that_is_missing_is_named(opened, subscriber):
    with pytest.raises(KeyError, match="ABSENT"):
        async with opened(subscriber, secrets=["${secret:ABSENT}"]):
            pass


async def test_a_key_that_is_no_reference_is_refused(opened, subscriber):
    with pytest.raises(msgspec.ValidationError) as caught:
        async with opened(subscriber, secrets=[SECRET]):
            pass
    assert SECRET[6:] not in str(caught.value)
