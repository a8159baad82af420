"""Refusals that follow from what a search finds, and tidying up after a refusal."""

import json

import pytest

from connectors.base import Delivered, Document, Failed, Failure, Undecidable, Unknown

DOCUMENT = Document(contract="c", data={"amount": "12.50"})
FIND = {
    "id": "find",
    "request": {"method": "GET", "path": "j", "query": {"$filter": "ref eq '${key}'"}},
    "set": {"number": "${steps.find.body.0.number}", "stamp": "${in|json|digest:8}"},
    "refuse": {
        "when": {"path": "steps.find.body.0.stamp", "differs_from": "stamp"},
        "code": "different_document",
    },
}
CREATE = {
    "id": "create",
    "unless": "number",
    "effect": "none",
    "request": {"path": "j", "body": {"stamp": "${stamp}"}},
    "set": {"draft": "${steps.create.body.number}"},
}
POST = {"id": "post", "when": "draft", "request": {"path": "j/${draft}/post", "body": {}}}
DISCARD = {
    "id": "discard",
    "when": "draft",
    "answer": "any",
    "request": {"method": "DELETE", "path": "j/${draft}"},
}
SETTINGS = {
    "idempotency": {"mode": "lookup"},
    "deliver": {
        "steps": [FIND, CREATE, POST],
        "result": {"external_id": "${steps.create.body.number|default:}"},
        "on_refusal": [DISCARD],
    },
    "lookup": {"steps": [FIND], "found": "number"},
}


@pytest.fixture
def ledger(scripted, http_answer):
    """`ledger(found, posting)`: what a search finds, and the status of the posting."""

    def start(found, posting=200, deleting=204):
        def reply(exchange):
            if exchange.method == "GET":
                return http_answer(200, json.dumps(found).encode())
            if exchange.method == "DELETE":
                return http_answer(deleting, b"gone", "text/plain")
            if exchange.target.endswith("/post"):
                return http_answer(posting, b'{"state": "posted"}')
            return http_answer(200, b'{"number": "D1"}')

        return scripted(reply)

    return start


def methods(partner):
    return [exchange.method for exchange in partner.requests]


async def test_a_name_of_a_query_may_begin_with_a_dollar(opened, ledger):
    async with ledger([]) as partner, opened(partner.url, SETTINGS) as sink:
        outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert isinstance(outcome, Delivered)
    assert partner.requests[0].target == "/j?%24filter=ref%20eq%20%27k-1%27"


async def test_a_key_that_stands_for_another_document_is_refused_and_nothing_is_sent(
    opened, ledger
):
    found = [{"number": "N7", "stamp": "ANOTHER"}]
    async with ledger(found) as partner, opened(partner.url, SETTINGS) as sink:
        outcome = await sink.deliver(sink.call(), DOCUMENT)
        answer = await sink.lookup(sink.call(), DOCUMENT)
    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.code) == (Failure.MESSAGE, "different_document")
    assert isinstance(answer, Undecidable)
    assert answer.code == "different_document"
    assert methods(partner) == ["GET", "GET"]


async def test_a_refused_document_leaves_no_draft(opened, ledger):
    async with ledger([], posting=400) as partner, opened(partner.url, SETTINGS) as sink:
        outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert isinstance(outcome, Failed)
    assert outcome.failure is Failure.MESSAGE
    assert partner.requests[-1].method == "DELETE"
    assert partner.requests[-1].target == "/j/D1"


async def test_how_tidying_ends_changes_nothing(opened, ledger):
    tidy = ledger([], posting=400, deleting=500)
    async with tidy as partner, opened(partner.url, SETTINGS) as sink:
        outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.code) == (Failure.MESSAGE, "http_400")


@pytest.mark.parametrize("posting", [500, 503, 401])
async def test_only_a_refusal_is_tidied_up_after(opened, ledger, posting):
    async with ledger([], posting=posting) as partner, opened(partner.url, SETTINGS) as sink:
        outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert isinstance(outcome, Failed | Unknown)
    assert "DELETE" not in methods(partner)


async def test_the_probe_sends_the_fixed_headers(opened, ledger):
    settings = {"headers": {"X-Key": "${secret:KEY}"}, "check": {"path": "j"}}
    async with ledger([]) as partner, opened(partner.url, settings, KEY="k9") as sink:
        report = await sink.check()
    assert report.passed
    assert partner.requests[0].headers["x-key"] == "k9"


async def test_repeated_headers_of_an_answer_are_joined(opened, serving):
    async def talk(partner, reader, writer):
        await partner.read_request(reader)
        cookies = b"Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\n"
        head = b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        writer.write(head + cookies + b"\r\n{}")
        await writer.drain()
        await partner.read_request(reader)
        writer.write(head + b"\r\n{}")
        await writer.drain()

    read = {"id": "read", "request": {"method": "GET", "path": "j"}}
    read["set"] = {"cookie": "${steps.read.headers.set-cookie|cookie}"}
    send = {"id": "send", "request": {"path": "j", "headers": {"Cookie": "${cookie}"}}}
    settings = {"deliver": {"steps": [read, send]}}
    async with serving(talk) as partner, opened(partner.url, settings) as sink:
        assert isinstance(await sink.deliver(sink.call(), DOCUMENT), Delivered)
    assert partner.requests[1].headers["cookie"] == "a=1; b=2"
