"""Each sink below has one fault, and the kit names the row that it breaks."""

import asyncio
import itertools
import logging
import threading
import unicodedata

import pytest

from connectors.base import (
    Absent,
    CheckReport,
    Delivered,
    Document,
    Failed,
    Failure,
    Idempotency,
    Probe,
    Undecidable,
    Unknown,
)
from connectors.conformance import SinkConformance
from connectors.conformance.rows import Verdict as Ended
from connectors.conformance.sink_faults import DEADLINE_SECONDS
from tests.connectors.conformance.counter import (
    CounterSink,
    Lost,
    Refused,
    open_counter,
    sink_spec,
)


class SendsWithoutItsKey(CounterSink):
    def key_of(self, call):
        return ""


class CallsALostReplyRefused(CounterSink):
    def lost(self):
        return Failed(failure=Failure.DESTINATION, code="lost")


class CallsALostReplyDelivered(CounterSink):
    def lost(self):
        return Delivered()


class TriesAgainByItself(CounterSink):
    """A second sending after a lost reply, without the key: a second effect."""

    def lost(self):
        self.counter.papers.append(self.counter.papers[-1])
        return Unknown(code="lost")


class NumbersEveryAnswer(CounterSink):
    """The fault that the kit's first trial found in a real connector."""

    numbers = itertools.count(1)

    def done(self, paper, call):
        return Delivered(external_id=f"{paper.number}-{next(self.numbers)}")


class ForgetsTheNumber(CounterSink):
    def done(self, paper, call):
        return Delivered()


class TakesTheLastWord(CounterSink):
    async def sent(self, call, document):
        for paper in self.counter.papers:
            if paper.key == call.key:
                paper.data = document.data
                paper.number += "b"
        return await super().sent(call, document)


class RetriesARefusal(CounterSink):
    def failed(self, status, wait=None):
        return super().failed(503 if status == 422 else status, wait)


class ForgetsTheWait(CounterSink):
    def failed(self, status, wait=None):
        return super().failed(status)


class PagesSomebodyWhenThrottled(CounterSink):
    def failed(self, status, wait=None):
        return super().failed(401 if status == 429 else status, wait)


class NeverRenews(CounterSink):
    async def sent(self, call, document):
        try:
            paper = await self.counter.take(call.key, document.data)
        except Refused as refused:
            return self.failed(refused.status, refused.wait)
        except Lost:
            return self.lost()
        except ConnectionRefusedError:
            return self.failed(503)
        return self.done(paper, call)


class DeadLettersAPausedPartner(CounterSink):
    def failed(self, status, wait=None):
        return super().failed(422 if status in (401, 503) else status, wait)


class RaisesWhatItDoesNotKnow(CounterSink):
    def failed(self, status, wait=None):
        return super().failed({418: None}.get(status, status) + 0, wait)


class CountsInFloats(CounterSink):
    def data_of(self, document: Document):
        amounts = document.data.get("amounts", [])
        return {**document.data, "amounts": [f"{float(amount):.7g}" for amount in amounts]}


class WritesInAscii(CounterSink):
    def data_of(self, document: Document):
        plain = unicodedata.normalize("NFKD", document.data["memo"]).encode("ascii", "ignore")
        return {**document.data, "memo": plain.decode()}


class IgnoresTheDeadline(CounterSink):
    async def deliver(self, call, document):
        if self.counter is None or call.deadline < self.clock.monotonic():
            return self.failed(503)
        try:
            async with asyncio.timeout(DEADLINE_SECONDS * 2):
                return await self.sent(call, document)
        except TimeoutError:
            return Unknown(code="deadline")


class SendsAfterTheDeadline(CounterSink):
    async def deliver(self, call, document):
        return await self.sent(call, document) if self.counter else self.failed(503)


class IsDoneWhenItIsPending(CounterSink):
    def done(self, paper, call):
        return Delivered(external_id=paper.number)


class FindsWhatWasRefused(CounterSink):
    async def lookup(self, call, document):
        found = await super().lookup(call, document)
        papers = [paper for paper in self.counter.papers if paper.state == "refused"]
        return Undecidable(code="refused") if papers else found


class LeavesDrafts(CounterSink):
    async def sent(self, call, document):
        self.counter.drafts.append(call.key)
        outcome = await super().sent(call, document)
        if isinstance(outcome, Delivered):
            self.counter.drafts.clear()
        return outcome


class LogsThePayload(CounterSink):
    async def sent(self, call, document):
        logging.getLogger("counter").debug("sending %s", document.data)
        return await super().sent(call, document)


class ShowsThePayloadInADetail(CounterSink):
    async def sent(self, call, document):
        outcome = await super().sent(call, document)
        if isinstance(outcome, Delivered):
            return Delivered(external_id=f"{outcome.external_id} {document.data['memo']}")
        return outcome


class LeavesAThread(CounterSink):
    def __init__(self, settings, context):
        super().__init__(settings, context)
        self.stop = threading.Event()
        threading.Thread(target=self.stop.wait, args=(8,), daemon=True).start()


class PutsAProbePaper(CounterSink):
    async def check(self):
        if self.counter:
            self.counter.paper("probe", {"memo": str(id(self))})
        return await super().check()


class PassesEveryCheck(CounterSink):
    async def check(self):
        return CheckReport(probes=(Probe(name="counter", passed=True),))


class AsksAndNeverFinds(CounterSink):
    idempotency = Idempotency.LOOKUP

    def key_of(self, call):
        return ""

    async def lookup(self, call, document):
        return Absent()


SLOW_ROWS = {"31c"}
"""Two seconds each: run where the sink's fault is the deadline."""


def violated(sink, *, slow: bool = False) -> dict[str, str]:
    case = type("Case", (SinkConformance,), {"connector": sink_spec(sink)})
    numbers = [one.number for one in case.rows if slow or one.number not in SLOW_ROWS]
    return {
        finding.number: finding.reason
        for finding in case.findings(open_counter, *numbers)
        if finding.verdict is Ended.VIOLATED
    }


def test_a_good_sink_violates_nothing_and_nearly_every_row_applies():
    case = type("Case", (SinkConformance,), {"connector": sink_spec()})
    ends = {finding.number: str(finding) for finding in case.findings(open_counter)}
    others = {number: text for number, text in ends.items() if not text.endswith("passed")}
    assert set(others) == {"23a", "33"}, others


@pytest.mark.parametrize(
    ("bad", "rows"),
    [
        (SendsWithoutItsKey, {"23", "24", "25", "26", "31", "31a", "31b", "32"}),
        (CallsALostReplyRefused, {"24", "31", "31a", "31b"}),
        (CallsALostReplyDelivered, {"24", "31", "31a", "31b"}),
        (TriesAgainByItself, {"24", "31", "31a", "31b"}),
        (NumbersEveryAnswer, {"23", "32", "32a"}),
        (ForgetsTheNumber, {"3", "32", "32a"}),
        (TakesTheLastWord, {"23", "26"}),
        (RetriesARefusal, {"26", "27", "28"}),
        (ForgetsTheWait, {"29"}),
        (PagesSomebodyWhenThrottled, {"29", "29a"}),
        (NeverRenews, {"30"}),
        (DeadLettersAPausedPartner, {"24a", "30a"}),
        (RaisesWhatItDoesNotKnow, {"4"}),
        (CountsInFloats, {"34"}),
        (WritesInAscii, {"35"}),
        (SendsAfterTheDeadline, {"31d"}),
        (IsDoneWhenItIsPending, {"32", "32a"}),
        (FindsWhatWasRefused, {"32a"}),
        (LeavesDrafts, {"33a"}),
        (LogsThePayload, {"9"}),
        (ShowsThePayloadInADetail, {"9"}),
        (LeavesAThread, {"7"}),
        (PutsAProbePaper, {"8"}),
        (PassesEveryCheck, {"8a"}),
        (AsksAndNeverFinds, {"23", "23a", "24", "25", "26", "31", "31a", "31b", "32"}),
    ],
)
def test_the_kit_names_the_rows_that_a_bad_sink_breaks(bad, rows):
    found = violated(bad)
    assert set(found) == rows, found


def test_the_kit_names_a_call_that_outlives_its_deadline():
    assert set(violated(IgnoresTheDeadline, slow=True)) == {"31c"}


def test_no_reason_shows_a_payload():
    for bad in (LogsThePayload, ShowsThePayloadInADetail):
        assert "CANARY" not in str(violated(bad))
