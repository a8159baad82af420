"""The declarative HTTP sink against scripted partners: what it sends and what it claims."""

# ruff: noqa: SIM117 - the partner outlives the sink: two blocks say so

import asyncio
import json
import threading
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from connectors.base import (
    Absent,
    Call,
    Delivered,
    Document,
    Failed,
    Failure,
    Found,
    Pending,
    Undecidable,
    Unknown,
)
from connectors.http_api import CONNECTOR, Settings

DOCUMENT = Document(contract="journal-entry/0.1.0", data={"ref": "R-1", "amount": "12.50"})


@pytest.fixture
def opened(make_context):
    """`async with opened(url, {...settings}) as (deliver, lookup)`."""

    @asynccontextmanager
    async def open_sink(url, settings=None, **secrets):
        context = make_context(**secrets)
        decoded = msgspec.convert({"base_url": url, **(settings or {})}, Settings)
        sink = CONNECTOR.sink(decoded, context)
        sink.call = lambda key="k-1", seconds=5.0: Call(
            key=key, attempt=1, deadline=context.clock.monotonic() + seconds
        )
        try:
            yield sink
        finally:
            await sink.close()
            await sink.close()

    return open_sink


def replies(*answers):
    """Reply with each answer in turn, the last one for ever."""
    queue = list(answers)
    return lambda _exchange: queue.pop(0) if len(queue) > 1 else queue[0]


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


async def test_a_certificate_fault_is_the_credentials(opened, scripted, http_answer, tls):
    async with scripted(lambda _: http_answer(), ssl=tls.server()) as partner:
        async with opened(f"https://127.0.0.1:{partner.port}") as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.code) == (Failure.CREDENTIAL, "tls_certificate")


async def test_an_own_authority_and_client_certificate_are_used(
    opened, scripted, http_answer, tls
):
    files = {"ca_file": "ca.pem", "certificate_file": "client.pem", "key_file": "client.key"}
    settings = {"tls": {name: tls.file(file) for name, file in files.items()}}
    async with scripted(lambda _: http_answer(), ssl=tls.server(mutual=True)) as partner:
        async with opened(f"https://127.0.0.1:{partner.port}", settings) as sink:
            assert isinstance(await sink.deliver(sink.call(), DOCUMENT), Delivered)


SEARCH_THEN_CREATE = {
    "idempotency": {"mode": "lookup"},
    "deliver": {
        "steps": [
            {
                "id": "find",
                "request": {"method": "GET", "path": "/j", "query": {"ref": "${key}"}},
                "set": {
                    "number": "${steps.find.body.0.number}",
                    "state": "${steps.find.body.0.state}",
                },
            },
            {
                "id": "create",
                "unless": "number",
                "request": {"path": "/j", "body": {"ref": "${key}", "amount": "${in.amount}"}},
                "set": {
                    "number": "${steps.create.body.number}",
                    "state": "${steps.create.body.state}",
                },
            },
            {
                "id": "post",
                "when": {"path": "state", "equals": "draft"},
                "request": {"path": "/j/${number}/post", "body": {}},
            },
        ],
        "result": {"external_id": "${number}"},
    },
    "lookup": {
        "steps": [
            {"id": "find", "request": {"method": "GET", "path": "/j", "query": {"ref": "${key}"}}}
        ],
        "found": {"path": "steps.find.body.0.state", "equals": "posted"},
        "absent_status": [404],
        "result": {"external_id": "${steps.find.body.0.number}"},
    },
}


class Ledger:
    """An ERP of drafts and posted entries, with a fault for one path."""

    def __init__(self, http_answer):
        self.entries: list[dict[str, str]] = []
        self.fault: dict[str, bytes] = {}
        self._answer = http_answer

    def __call__(self, exchange):
        place = f"{exchange.method} {exchange.target.partition('?')[0]}"
        if place in self.fault:
            return self.fault[place]
        if exchange.method == "GET":
            ref = exchange.target.partition("ref=")[2]
            return self._json([entry for entry in self.entries if entry["ref"] == ref])
        if exchange.target.endswith("/post"):
            self.entries[int(exchange.target.split("/")[2]) - 1]["state"] = "posted"
            return self._json({})
        number = str(len(self.entries) + 1)
        entry = {"ref": json.loads(exchange.body)["ref"], "number": number, "state": "draft"}
        self.entries.append(entry)
        return self._json(entry)

    def _json(self, value):
        return self._answer(200, json.dumps(value).encode())


async def test_search_create_post_and_a_second_try_finds_the_first(opened, scripted, http_answer):
    ledger = Ledger(http_answer)
    async with scripted(ledger) as partner:
        async with opened(partner.url, SEARCH_THEN_CREATE) as sink:
            assert await sink.lookup(sink.call(), DOCUMENT) == Absent()
            first = await sink.deliver(sink.call(), DOCUMENT)
            second = await sink.deliver(sink.call(), DOCUMENT)
            found = await sink.lookup(sink.call(), DOCUMENT)
    assert first.external_id == second.external_id == found.external_id == "1"
    assert isinstance(found, Found)
    assert len(ledger.entries) == 1


async def test_a_failure_after_the_first_effect_is_unknown_and_the_next_try_resumes(
    opened, scripted, http_answer
):
    ledger = Ledger(http_answer)
    ledger.fault["POST /j/1/post"] = http_answer(422, b'{"error":"period closed"}')
    async with scripted(ledger) as partner:
        async with opened(partner.url, SEARCH_THEN_CREATE) as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
            assert outcome == Unknown(code="http_422", detail="step post")
            assert await sink.lookup(sink.call(), DOCUMENT) == Absent()
            ledger.fault.clear()
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert outcome.external_id == "1"
    assert ledger.entries == [{"ref": "k-1", "number": "1", "state": "posted"}]


async def test_a_step_declared_without_effect_leaves_a_refusal_definite(
    opened, scripted, http_answer
):
    settings = msgspec.convert(SEARCH_THEN_CREATE, dict)
    settings = json.loads(json.dumps(settings))
    settings["deliver"]["steps"][1]["effect"] = "none"
    ledger = Ledger(http_answer)
    ledger.fault["POST /j/1/post"] = http_answer(422, b"{}")
    async with scripted(ledger) as partner:
        async with opened(partner.url, settings) as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert isinstance(outcome, Failed)
    assert outcome.failure is Failure.MESSAGE


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_search_that_fails_before_any_effect_is_definite(
    opened, scripted, http_answer, status
):
    ledger = Ledger(http_answer)
    ledger.fault["GET /j"] = http_answer(status)
    async with scripted(ledger) as partner:
        async with opened(partner.url, SEARCH_THEN_CREATE) as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
            answer = await sink.lookup(sink.call(), DOCUMENT)
    assert isinstance(outcome, Failed)
    assert outcome.failure in (Failure.DESTINATION, Failure.THROTTLED)
    assert answer == Undecidable(code=f"http_{status}", detail="step find")


async def test_a_lookup_takes_only_a_declared_status_for_absent(opened, scripted, http_answer):
    ledger = Ledger(http_answer)
    ledger.fault["GET /j"] = http_answer(404)
    undeclared = json.loads(json.dumps(SEARCH_THEN_CREATE))
    undeclared["lookup"]["absent_status"] = []
    async with scripted(ledger) as partner:
        async with opened(partner.url, SEARCH_THEN_CREATE) as sink:
            assert await sink.lookup(sink.call(), DOCUMENT) == Absent()
        async with opened(partner.url, undeclared) as sink:
            assert isinstance(await sink.lookup(sink.call(), DOCUMENT), Undecidable)


async def test_an_answer_that_is_not_final_is_pending(opened, scripted, http_answer):
    settings = {
        "deliver": {
            "result": {
                "external_id": "${steps.send.body.id}",
                "pending": {"path": "steps.send.status", "equals": 202},
                "poll_after_seconds": 30,
            }
        }
    }
    async with scripted(lambda _: http_answer(202, b'{"id":5}')) as partner:
        async with opened(partner.url, settings) as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert outcome == Pending(external_id="5", poll_after_seconds=30, reply={"id": 5})


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


@pytest.mark.parametrize(
    ("auth", "header", "expected"),
    [
        ({"type": "bearer", "token": "${secret:S}"}, "authorization", "Bearer s3cret"),
        ({"type": "api_key", "value": "${secret:S}"}, "x-api-key", "s3cret"),
        (
            {"type": "basic", "username": "u", "password": "${secret:S}"},
            "authorization",
            "Basic dTpzM2NyZXQ=",
        ),
    ],
)
async def test_a_fixed_credential_travels_in_its_header(
    opened, scripted, http_answer, auth, header, expected
):
    async with scripted(lambda _: http_answer()) as partner:
        async with opened(partner.url, {"auth": auth}, S="s3cret") as sink:
            await sink.deliver(sink.call(), DOCUMENT)
            assert "s3cret" not in repr(sink.__dict__["_settings"])
    assert partner.requests[0].headers[header] == expected


async def test_a_missing_secret_is_named_when_the_connector_is_opened(opened):
    with pytest.raises(KeyError, match="NOWHERE"):
        async with opened("http://x.test", {"headers": {"A": "${secret:NOWHERE}"}}):
            pass


def oauth(url, **more):
    return {
        "auth": {
            "type": "oauth2_client_credentials",
            "token_url": url + "/token",
            "client_id": "hub",
            "client_secret": "${secret:S}",
            **more,
        }
    }


class TokenServer:
    """Gives numbered tokens and accepts only the newest."""

    def __init__(self, http_answer, lifetime=3600):
        self._answer = http_answer
        self.lifetime = lifetime
        self.given = 0
        self.refuse_all = False
        self.token_status = 200

    def __call__(self, exchange):
        if exchange.target == "/token":
            self.given += 1
            body = {"access_token": f"t{self.given}", "expires_in": self.lifetime}
            return self._answer(self.token_status, json.dumps(body).encode())
        good = exchange.headers.get("authorization") == f"Bearer t{self.given}"
        return self._answer(200 if good and not self.refuse_all else 401)


async def test_a_token_is_fetched_once_and_kept(opened, scripted, http_answer):
    server = TokenServer(http_answer)
    async with scripted(server) as partner:
        async with opened(partner.url, oauth(partner.url), S="x") as sink:
            outcomes = await asyncio.gather(
                *(sink.deliver(sink.call(), DOCUMENT) for _ in range(5))
            )
    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    assert server.given == 1
    assert b"grant_type=client_credentials" in partner.requests[0].body


async def test_a_401_renews_the_token_once_and_tries_again(opened, scripted, http_answer):
    server = TokenServer(http_answer)
    async with scripted(server) as partner:
        async with opened(partner.url, oauth(partner.url), S="x") as sink:
            await sink.deliver(sink.call(), DOCUMENT)
            server.given = 7  # the partner forgot what it gave
            assert isinstance(await sink.deliver(sink.call(), DOCUMENT), Delivered)
            server.refuse_all = True
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.code) == (Failure.CREDENTIAL, "http_401")
    assert server.given == 9


async def test_a_token_is_renewed_before_it_ends(opened, scripted, http_answer):
    server = TokenServer(http_answer, lifetime=0)
    async with scripted(server) as partner:
        async with opened(partner.url, oauth(partner.url), S="x") as sink:
            for _ in range(2):
                assert isinstance(await sink.deliver(sink.call(), DOCUMENT), Delivered)
    assert server.given == 2


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, Failure.CREDENTIAL),
        (401, Failure.CREDENTIAL),
        (429, Failure.THROTTLED),
        (503, Failure.DESTINATION),
    ],
)
async def test_a_refused_token_is_a_definite_failure(
    opened, scripted, http_answer, status, failure
):
    server = TokenServer(http_answer)
    server.token_status = status
    async with scripted(server) as partner:
        async with opened(partner.url, oauth(partner.url, send="body"), S="x") as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.code) == (failure, f"token_http_{status}")
    assert [request.target for request in partner.requests] == ["/token"]


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


async def test_a_lookup_by_post_carries_no_key(opened, scripted, http_answer):
    step = {"id": "q", "request": {"path": "/query", "body": {"ref": "${key}"}}}
    settings = {
        "idempotency": {"mode": "key"},
        "lookup": {"steps": [step], "found": "steps.q.body.id"},
    }
    async with scripted(lambda _: http_answer(200, b'{"id":1}')) as partner:
        async with opened(partner.url, settings) as sink:
            assert isinstance(await sink.lookup(sink.call(), DOCUMENT), Found)
    assert "idempotency-key" not in partner.requests[0].headers


async def test_the_trace_goes_along(opened, scripted, http_answer):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with scripted(lambda _: http_answer()) as partner:
        async with opened(partner.url) as sink:
            call = msgspec.structs.replace(sink.call(), traceparent=trace)
            await sink.deliver(call, DOCUMENT)
    assert partner.requests[0].headers["traceparent"] == trace


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
