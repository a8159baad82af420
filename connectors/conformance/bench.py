"""One row's bench: the connector, a partner of its own, and the surroundings."""

import contextlib
from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.base import (
    Call,
    CheckReport,
    ConnectorSpec,
    Delivered,
    Document,
    Found,
    Idempotency,
    LookupAnswer,
    Offer,
    Outcome,
    Pending,
    Sink,
    Source,
    SourceFault,
    Unknown,
)
from connectors.conformance.partners import SinkPartner, SourcePartner
from connectors.conformance.rows import NotApplicable, Violation, expect
from connectors.conformance.surroundings import Ears, Surroundings

__all__ = ["Bench", "SinkBench", "SourceBench"]


class Bench:
    """What is alike for sources and sinks."""

    def __init__(
        self, spec: ConnectorSpec, partner: SourcePartner | SinkPartner, around: Surroundings
    ) -> None:
        self.spec = spec
        self.around = around
        self.clock = around.clock
        self.ears = Ears()
        self.settings = partner.settings
        self._opened: list[Source | Sink] = []
        self._secrets = partner.secrets

    async def close(self) -> None:
        """Close what a row that ended early has left open."""
        for part in self._opened:
            with contextlib.suppress(Exception):
                await part.close()

    def _kept(self, part: Any) -> Any:
        self._opened.append(part)
        return part

    def decoded(self, settings: Mapping[str, Any]) -> Any:
        """Decode settings as the hub does. Raises msgspec.ValidationError."""
        return msgspec.convert(dict(settings), self.spec.settings)

    def opened(
        self, settings: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None
    ) -> Any:
        """Open the connector with the partner's settings and these over them."""
        raise NotImplementedError  # a bench of sources opens a source, one of sinks a sink

    async def once(self) -> None:
        """Open, use, close twice."""
        raise NotImplementedError  # as above

    def canaries(self) -> list[str]:
        """Return what must never be seen: the secrets, and the mark of the payload."""
        return list(self._secrets.values())

    def _merged(
        self, settings: Mapping[str, Any] | None, secrets: Mapping[str, str] | None
    ) -> tuple[Any, Any]:
        decoded = self.decoded({**self.settings, **(settings or {})})
        return decoded, self.around.context({**self._secrets, **(secrets or {})})

    def note_report(self, report: CheckReport) -> None:
        """Hear a report of `check`."""
        for probe in report.probes:
            self.ears.note(f"{probe.name} {probe.detail}")


class SourceBench(Bench):
    """A source and who offers."""

    def __init__(self, spec: ConnectorSpec, partner: SourcePartner, around: Surroundings) -> None:
        super().__init__(spec, partner, around)
        self.partner = partner

    def opened(
        self, settings: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None
    ) -> Source:
        """Open a source with the partner's settings and these over them."""
        expect(self.spec.source is not None, "the connector has no source")
        assert self.spec.source is not None  # noqa: S101  - for the type checker
        made: Source = self._kept(self.spec.source(*self._merged(settings, secrets)))
        return made

    async def look(self, source: Source) -> list[Offer]:
        """Poll once."""
        try:
            return [offer async for offer in source.discover()]
        except SourceFault as fault:
            self.ears.note(fault)
            raise

    async def poll(self, source: Source) -> list[Offer]:
        """Poll until what stands still is offered: twice, with the settling time in between."""
        wait = self.partner.ready_after_seconds
        if wait:
            await self.look(source)
            self.clock.advance(wait + 0.001)
        return await self.look(source)

    async def only(self, source: Source) -> Offer:
        """Poll and return the one offer that must be there."""
        offers = await self.poll(source)
        expect(len(offers) == 1, f"{len(offers)} offers where the partner holds one thing")
        return offers[0]

    async def read(self, source: Source, offer: Offer) -> bytes:
        """Fetch an offer whole."""
        try:
            return b"".join([block async for block in source.fetch(offer)])
        except SourceFault as fault:
            self.ears.note(fault)
            raise

    async def fault_of_reading(self, source: Source, offer: Offer) -> SourceFault:
        """Fetch an offer that must fail, and return the fault."""
        try:
            content = await self.read(source, offer)
        except SourceFault as fault:
            return fault
        raise Violation(f"{len(content)} bytes were handed over where a fault was due")

    async def once(self) -> None:
        """Open, poll, fetch what is there, close twice."""
        source = self.opened()
        try:
            for offer in await self.poll(source):
                await self.read(source, offer)
        finally:
            await source.close()
            await source.close()


class SinkBench(Bench):
    """A sink and who takes."""

    _made = 0

    def __init__(self, spec: ConnectorSpec, partner: SinkPartner, around: Surroundings) -> None:
        super().__init__(spec, partner, around)
        self.partner = partner
        SinkBench._made += 1
        self.number = SinkBench._made
        self.mark = f"CANARY{self.number:04}Q7"
        self.key = self.another_key()
        self.document = partner.document(self.mark)

    def canaries(self) -> list[str]:
        """Return what must never be seen: the secrets, and the mark of the payload."""
        return [*super().canaries(), self.mark]

    def another_key(self) -> str:
        """Return a key that no effect has yet, shaped like the hub's."""
        SinkBench._made += 1
        return f"dlv_{SinkBench._made:012x}{id(self):x}.0"

    def opened(
        self, settings: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None
    ) -> Sink:
        """Open a sink with the partner's settings and these over them."""
        expect(self.spec.sink is not None, "the connector has no sink")
        assert self.spec.sink is not None  # noqa: S101  - for the type checker
        made: Sink = self._kept(self.spec.sink(*self._merged(settings, secrets)))
        return made

    def call(self, *, attempt: int = 1, seconds: float = 30.0) -> Call:
        """Return an attempt with this bench's key."""
        return self.around.call(self.key, attempt=attempt, seconds=seconds)

    async def deliver(
        self, sink: Sink, document: Document | None = None, call: Call | None = None
    ) -> Outcome:
        """Deliver once."""
        given = call or self.call()
        outcome = await sink.deliver(given, self.document if document is None else document)
        self._note(outcome)
        return outcome

    async def again(self, sink: Sink) -> Outcome | Found:
        """Try again as the hub does after an unknown outcome: by key, or after asking.

        Raises NotApplicable for a sink that can do neither: the hub asks a person.
        """
        match sink.idempotency:
            case Idempotency.KEY:
                return await self.deliver(sink, call=self.call(attempt=2))
            case Idempotency.LOOKUP:
                answer = await self.look_up(sink)
                if isinstance(answer, Found):
                    return answer
                name = type(answer).__name__
                expect(name == "Absent", f"asked by lookup, the sink says {name}")
                return await self.deliver(sink, call=self.call(attempt=2))
            case Idempotency.NONE:
                raise NotApplicable("the sink has no idempotency: the hub asks a person")

    async def look_up(self, sink: Sink, document: Document | None = None) -> LookupAnswer:
        """Ask whether the effect of this bench's key is there."""
        answer = await sink.lookup(self.call(attempt=2), document or self.document)
        self._note(answer)
        return answer

    async def effects(self) -> list[str]:
        """Return the partner's numbers of this key's effects."""
        return list(await self.partner.effects(self.key, self.document))

    async def once(self) -> None:
        """Open, deliver, close twice."""
        sink = self.opened()
        try:
            outcome = await self.deliver(sink)
            expect(
                isinstance(outcome, Delivered | Pending),
                f"{type(outcome).__name__} at a healthy partner",
            )
        finally:
            await sink.close()
            await sink.close()

    def _note(self, said: Outcome | LookupAnswer) -> None:
        code = f"{getattr(said, 'code', '')} {getattr(said, 'detail', '')}"
        self.ears.note(f"{code} {getattr(said, 'external_id', '')}")
        if isinstance(said, Unknown):
            expect(said.code, "an unknown outcome without a code")
