"""Operations of several steps: what may be claimed after each, and lookups."""

# ruff: noqa: SIM117 - the partner outlives the sink: two blocks say so

import json

import msgspec
import pytest

from connectors.base import (
    Absent,
    Document,
    Failed,
    Failure,
    Found,
    Pending,
    Undecidable,
    Unknown,
)

DOCUMENT = Document(contract="journal-entry/0.1.0", data={"ref": "R-1", "amount": "12.50"})


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
