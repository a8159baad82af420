"""A sink that does everything right, over a counter in memory, for the kit's own tests."""

import asyncio
import itertools
from collections import deque
from contextlib import asynccontextmanager
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from connectors.base import (
    Absent,
    CheckReport,
    ConnectorSpec,
    Delivered,
    Document,
    Failed,
    Failure,
    Found,
    Idempotency,
    Pending,
    Probe,
    Undecidable,
    Unknown,
)
from connectors.conformance import Fault, SinkPartner, Wrong

COUNTERS: dict[str, "Counter"] = {}
AFTER_EFFECT = {Fault.REPLY_LOST, Fault.REPLY_TRUNCATED, Fault.REPLY_HTML, Fault.REPLY_WRONG_TYPE}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hands documents over a counter."""

    counter: Annotated[str, Meta(description="Name of the counter.")]


class Lost(Exception):
    """The effect may be there."""


class Refused(Exception):
    """A definite answer without effect: its status and, where it has one, a wait."""

    def __init__(self, status: int, wait: float | None = None) -> None:
        super().__init__()
        self.status = status
        self.wait = wait


class Paper(msgspec.Struct):
    number: str
    key: str
    data: Any
    state: str = "done"


class CounterSink:
    """A good sink. A bad one overrides one method."""

    idempotency = Idempotency.KEY

    def __init__(self, settings: Settings, context) -> None:
        self.counter = COUNTERS.get(settings.counter)
        self.clock = context.clock

    async def deliver(self, call, document):
        remaining = call.deadline - self.clock.monotonic()
        if self.counter is None:
            return self.failed(503)
        if remaining <= 0:
            return self.failed(408)
        try:
            async with asyncio.timeout(remaining):
                return await self.sent(call, document)
        except TimeoutError:
            return Unknown(code="deadline")

    async def sent(self, call, document):
        for last in (False, True):
            try:
                paper = await self.counter.take(self.key_of(call), self.data_of(document))
            except Lost:
                return self.lost()
            except ConnectionRefusedError:
                return self.failed(503)
            except Refused as refused:
                if refused.status == 401 and not last:
                    continue
                return self.failed(refused.status, refused.wait)
            return self.done(paper, call)
        raise AssertionError

    def key_of(self, call) -> str:
        return call.key

    def data_of(self, document: Document) -> Any:
        return document.data

    def lost(self):
        return Unknown(code="lost")

    def done(self, paper: Paper, call):
        if paper.state == "pending":
            return Pending(external_id=paper.number)
        return Delivered(external_id=paper.number)

    def failed(self, status: int, wait: float | None = None) -> Failed:
        failure = {
            422: Failure.MESSAGE,
            401: Failure.CREDENTIAL,
            429: Failure.THROTTLED,
        }.get(status, Failure.DESTINATION)
        return Failed(failure=failure, code=f"status_{status}", retry_after_seconds=wait)

    async def lookup(self, call, document):
        for paper in self.counter.papers:
            if paper.key == call.key and paper.data == self.data_of(document):
                if paper.state == "pending":
                    return Undecidable(code="pending")
                return Absent() if paper.state == "refused" else Found(external_id=paper.number)
        return Absent()

    async def check(self):
        return CheckReport(probes=(Probe(name="counter", passed=self.counter is not None),))

    async def close(self):
        """Nothing is held."""


class Counter(SinkPartner):
    """The counter, and what the kit may do with it."""

    faults = frozenset(Fault) - {Fault.STOPPED_HALFWAY}
    _numbers = itertools.count(1)

    def __init__(self) -> None:
        name = f"counter-{next(self._numbers)}"
        COUNTERS[name] = self
        self.papers: list[Paper] = []
        self.drafts: list[str] = []
        self.next: deque[Fault] = deque()
        self.shut: Fault | None = None
        self.settings = {"counter": name}
        self.wrong = (Wrong(probe="counter", settings={"counter": "nowhere"}),)

    async def take(self, key: str, data: Any) -> Paper:
        fault = self.next.popleft() if self.next else self.shut
        self.refuse(fault)
        paper = self.paper(key, data)
        match fault:
            case Fault.REPLY_DRIPS:
                await asyncio.sleep(3600)
            case Fault.PENDING_THEN_DONE | Fault.PENDING_THEN_REFUSED:
                paper.state = "pending"
        if fault in AFTER_EFFECT:
            raise Lost
        return paper

    def refuse(self, fault: Fault | None) -> None:
        match fault:
            case Fault.NOT_REACHED:
                raise ConnectionRefusedError
            case Fault.THROTTLED:
                raise Refused(429, 7.0)
            case Fault.THROTTLED_SILENT:
                raise Refused(429)
            case Fault.CREDENTIAL_OLD | Fault.CREDENTIAL_WRONG:
                raise Refused(401)
            case Fault.UNFORESEEN:
                raise Refused(418)
            case Fault.REFUSED_IN_SUCCESS:
                raise Refused(422)

    def paper(self, key: str, data: Any) -> Paper:
        if data.get("balanced") is False:
            raise Refused(422)
        same = [paper for paper in self.papers if paper.key == key and key]
        if same and same[0].data != data:
            raise Refused(422)
        if not same:
            same = [Paper(f"N{len(self.papers) + 1}", key, data)]
            self.papers += same
        return same[0]

    def document(self, mark):
        return Document(contract="c", data={"memo": mark, "amounts": ["1.00"]})

    def different(self, document):
        return Document(contract="c", data={"memo": "another", "amounts": ["2.00"]})

    def refused(self, mark):
        return Document(contract="c", data={"memo": mark, "balanced": False})

    def priced(self, mark, amounts):
        return Document(contract="c", data={"memo": mark, "amounts": list(amounts)})

    def worded(self, mark, text):
        return Document(contract="c", data={"memo": text}), text

    async def booked(self, key, document):
        return self.papers[-1].data["amounts"]

    async def words(self, key, document):
        return self.papers[-1].data["memo"]

    async def effects(self, key, document):
        """A fresh counter knows one key only, or was told none."""
        return [paper.number for paper in self.papers if paper.state != "refused"]

    async def leftovers(self, key):
        return self.drafts

    async def state(self):
        return len(self.papers)

    @asynccontextmanager
    async def fault(self, fault):
        if fault is Fault.CREDENTIAL_WRONG:
            self.shut = fault
        else:
            self.next.append(fault)
        yield
        self.shut = None
        self.next.clear()
        ends = {Fault.PENDING_THEN_DONE: "done", Fault.PENDING_THEN_REFUSED: "refused"}
        for paper in self.papers:
            paper.state = ends.get(fault, paper.state)


@asynccontextmanager
async def open_counter():
    counter = Counter()
    yield counter
    del COUNTERS[counter.settings["counter"]]


def sink_spec(sink=CounterSink) -> ConnectorSpec:
    sample = {"a.yaml": "counter: front\n"}
    return ConnectorSpec(name="counter", settings=Settings, sink=sink, samples=sample)
