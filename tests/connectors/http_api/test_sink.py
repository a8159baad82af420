"""One request of the declarative HTTP sink: what it sends and what it claims."""

# ruff: noqa: SIM117 - the partner outlives the sink: two blocks say so

import asyncio
import json

import msgspec
import pytest

from connectors.base import (
    Delivered,
    Document,
    Failed,
    Failure,
    Unknown,
)

DOCUMENT = Document(contract="journal-entry/0.1.0", data={"ref": "R-1", "amount": "12.50"})


async def test_by_default_the_document_is_posted_as_it_is(opened, scripted, http_answer):
    async with scripted(lambda _: http_answer(200, b'{"id":"E-7"}')) as partner:
        async with opened(partner.url + "/in") as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert outcome == Delivered(reply={"id": "E-7"})
    sent = partner.requests[0]
    assert (sent.method, sent.target) == ("POST", "/in")
    assert json.loads(sent.body) == {"ref": "R-1", "amount": "12.50"}
    assert sent.headers["content-type"] == "application/json"


async def test_an_amount_keeps_every_digit_both_ways(opened, scripted, http_answer):
    reply = b'{"paid":100000000000000000.10,"cents":10000000000000000010}'
    settings = {
        "deliver": {
            "steps": [
                {"id": "a", "request": {"path": "a", "body": {"x": "${in.amount|number}"}}},
                {"id": "b", "request": {"path": "b", "body": {"y": "${steps.a.body.paid}"}}},
            ]
        }
    }
    async with scripted(lambda _: http_answer(200, reply)) as partner:
        async with opened(partner.url, settings) as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert partner.requests[0].body == b'{"x":12.50}'
    assert partner.requests[1].body == b'{"y":"100000000000000000.10"}'
    assert outcome.reply == {"paid": "100000000000000000.10", "cents": 10000000000000000010}


@pytest.mark.parametrize(
    ("quoted", "expected"), [(False, "k-1"), (True, '"k-1"')], ids=["bare", "quoted"]
)
async def test_the_key_travels_in_its_header(opened, scripted, http_answer, quoted, expected):
    settings = {"idempotency": {"mode": "key", "quoted": quoted}}
    async with scripted(lambda _: http_answer()) as partner:
        async with opened(partner.url, settings) as sink:
            await sink.deliver(sink.call(), DOCUMENT)
    assert partner.requests[0].headers["idempotency-key"] == expected


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, Failure.MESSAGE),
        (404, Failure.MESSAGE),
        (409, Failure.MESSAGE),
        (422, Failure.MESSAGE),
        (401, Failure.CREDENTIAL),
        (403, Failure.CREDENTIAL),
        (302, Failure.DESTINATION),
        (408, Failure.DESTINATION),
        (425, Failure.DESTINATION),
        (503, Failure.DESTINATION),
        (429, Failure.THROTTLED),
    ],
)
async def test_a_refusal_has_its_class_by_status(opened, scripted, http_answer, status, failure):
    async with scripted(lambda _: http_answer(status)) as partner:
        async with opened(partner.url) as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert isinstance(outcome, Failed)
    assert outcome.failure is failure
    assert outcome.code == f"http_{status}"


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_server_error_leaves_the_effect_unknown(opened, scripted, http_answer, status):
    async with scripted(lambda _: http_answer(status)) as partner:
        async with opened(partner.url) as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert outcome == Unknown(code=f"http_{status}", detail="step send")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 1.0), ("999999999", 86400.0), ("garbage", None), (None, None)],
)
async def test_the_wait_asked_for_is_read_and_bounded(
    opened, scripted, http_answer, header, seconds
):
    headers = {} if header is None else {"Retry-After": header}
    async with scripted(lambda _: http_answer(429, headers=headers)) as partner:
        async with opened(partner.url) as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert outcome.retry_after_seconds == seconds


SAP_RULE = {
    "when": {"status_range": [200, 299], "body": {"path": "RETURN.0.TYPE", "in": ["E", "A"]}},
    "class": "message",
    "code": "refused",
    "code_path": "RETURN.0.NUMBER",
    "message": "RETURN.0.MESSAGE",
}


async def test_a_refusal_hidden_in_a_200_is_found_and_its_words_stay_sealed(
    opened, scripted, http_answer
):
    body = json.dumps({"RETURN": [{"TYPE": "E", "NUMBER": "702", "MESSAGE": "CANARY Doe"}]})
    async with scripted(lambda _: http_answer(200, body.encode())) as partner:
        async with opened(partner.url, {"errors": [SAP_RULE]}) as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert outcome == Failed(
        failure=Failure.MESSAGE,
        code="refused",
        detail="step send, HTTP 200, partner code 702",
        reply={"message": "CANARY Doe"},
    )


async def test_a_code_that_is_not_shaped_like_one_is_not_shown(opened, scripted, http_answer):
    body = json.dumps({"RETURN": [{"TYPE": "E", "NUMBER": "JANE DOE, 1980-01-01"}]})
    async with scripted(lambda _: http_answer(200, body.encode())) as partner:
        async with opened(partner.url, {"errors": [SAP_RULE]}) as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert "JANE" not in outcome.detail


async def test_a_duplicate_by_rule_counts_as_delivered(opened, scripted, http_answer):
    rule = {"when": {"status": [409]}, "class": "duplicate", "external_id": "existing.id"}
    reply = http_answer(409, b'{"existing":{"id":12}}')
    async with scripted(lambda _: reply) as partner:
        async with opened(partner.url, {"errors": [rule]}) as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert outcome == Delivered(external_id="12", duplicate=True, reply={"existing": {"id": 12}})


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b'{"id": 1', "application/json", "reply_unreadable"),
        (b'{"id": \xff}', "application/json", "reply_unreadable"),
        (b"<html>please log in</html>", "text/html", "reply_not_json"),
    ],
)
async def test_a_success_nobody_can_read_is_unknown(
    opened, scripted, http_answer, body, content_type, code
):
    async with scripted(lambda _: http_answer(200, body, content_type)) as partner:
        async with opened(partner.url) as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert isinstance(outcome, Unknown)
    assert outcome.code == code


async def test_an_empty_success_is_a_success(opened, scripted, http_answer):
    async with scripted(lambda _: http_answer(204, b"", "")) as partner:
        async with opened(partner.url) as sink:
            assert await sink.deliver(sink.call(), DOCUMENT) == Delivered()


async def test_a_lost_reply_is_unknown_and_sent_once(opened, serving):
    async def talk(partner, reader, writer):
        await partner.read_request(reader)
        writer.close()

    async with serving(talk) as partner:
        async with opened(partner.url, {"idempotency": {"mode": "key"}}) as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert outcome == Unknown(code="disconnected", detail="step send")
    assert len(partner.requests) == 1


async def test_a_deadline_after_sending_is_unknown(opened, serving):
    async def talk(partner, reader, _writer):
        await partner.read_request(reader)
        await reader.read()

    async with serving(talk) as partner:
        async with opened(partner.url) as sink:
            outcome = await sink.deliver(sink.call(seconds=0.3), DOCUMENT)
    assert outcome == Unknown(code="deadline")


async def test_a_deadline_already_over_sends_nothing(opened, scripted, http_answer):
    async with scripted(lambda _: http_answer()) as partner:
        async with opened(partner.url) as sink:
            await sink.deliver(sink.call(), DOCUMENT)  # now an idle connection could be used
            outcome = await sink.deliver(sink.call(seconds=-1), DOCUMENT)
            await asyncio.sleep(0.05)
    assert outcome == Failed(failure=Failure.DESTINATION, code="deadline")
    assert len(partner.requests) == 1


async def test_a_refused_connection_is_a_definite_failure(opened, unused_tcp_port):
    async with opened(f"http://127.0.0.1:{unused_tcp_port}") as sink:
        outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert outcome == Failed(failure=Failure.DESTINATION, code="refused", detail="step send")


@pytest.mark.parametrize(
    "hostile", ["../../admin", "..", ".", "a/b?c#d", "x\r\nEvil: 1", "%2e%2e", "ü €", ""]
)
async def test_a_value_cannot_break_out_of_its_path_segment(
    opened, scripted, http_answer, hostile
):
    settings = {"deliver": {"steps": [{"id": "s", "request": {"path": "/j/${in.ref}/post"}}]}}
    document = Document(contract="c", data={"ref": hostile})
    async with scripted(lambda _: http_answer()) as partner:
        async with opened(partner.url, settings) as sink:
            outcome = await sink.deliver(sink.call(), document)
    for request in partner.requests:
        parts = request.target.split("/")
        assert (len(parts), parts[1], parts[3]) == (4, "j", "post")
        assert "evil" not in request.headers
        assert "." not in parts[2].replace("%2E", ".") or parts[2] not in (".", "..")
    if hostile in ("", ".", ".."):
        assert partner.requests == []
        assert isinstance(outcome, Failed)


async def test_a_value_cannot_add_a_header(opened, scripted, http_answer):
    step = {"id": "s", "request": {"path": "/j", "headers": {"X-Ref": "${in.ref}"}}}
    document = Document(contract="c", data={"ref": "a\r\nEvil: CANARY"})
    async with scripted(lambda _: http_answer()) as partner:
        async with opened(partner.url, {"deliver": {"steps": [step]}}) as sink:
            outcome = await sink.deliver(sink.call(), document)
    assert isinstance(outcome, Failed)
    assert outcome.failure is Failure.MESSAGE
    assert "CANARY" not in outcome.detail
    assert partner.requests == []


async def test_the_trace_goes_along(opened, scripted, http_answer):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with scripted(lambda _: http_answer()) as partner:
        async with opened(partner.url) as sink:
            call = msgspec.structs.replace(sink.call(), traceparent=trace)
            await sink.deliver(call, DOCUMENT)
    assert partner.requests[0].headers["traceparent"] == trace


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_system_on_the_internet_is_never_found_in_a_network_of_ours(
    opened, scripted, http_answer, host
):
    async with scripted(lambda _: http_answer()) as partner:
        url = partner.url.replace("127.0.0.1", host)
        async with opened(url, {"network": "public"}) as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.code) == (Failure.CREDENTIAL, "address_refused")
    assert partner.connections == 0


async def test_nor_is_where_its_tokens_come_from(opened, scripted, http_answer):
    async with scripted(lambda _: http_answer()) as partner:
        auth = {
            "type": "oauth2_client_credentials",
            "token_url": f"{partner.url}/token",
            "client_id": "${secret:ID}",
            "client_secret": "${secret:SECRET}",
        }
        settings = {"network": "public", "auth": auth}
        async with opened(partner.url, settings, ID="hub", SECRET="s") as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.code) == (Failure.CREDENTIAL, "token_address_refused")
    assert partner.connections == 0
