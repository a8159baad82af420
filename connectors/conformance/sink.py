"""Rows 3, 23 to 28 and 32 to 35: what every sink must do where nothing gets lost."""

import asyncio

from connectors.base import (
    Absent,
    Delivered,
    Failed,
    Failure,
    Found,
    Idempotency,
    Pending,
    Undecidable,
    Unknown,
)
from connectors.conformance.bench import SinkBench
from connectors.conformance.partners import Fault
from connectors.conformance.rows import NotApplicable, Row, expect, row

__all__ = ["ROWS"]

AMOUNTS = ("0.01", "999999999.99", "-0.10", "123456.78")
TEXT = "Zahlung „A“ 'b' \"c\" <&> \\ ñ é 😀 𝄞"
LONG_TEXT = "Über 𝄞 " * 60


async def _delivers(bench: SinkBench) -> None:
    sink = bench.opened()
    outcome = await bench.deliver(sink)
    expect(isinstance(outcome, Delivered | Pending), f"{_name(outcome)} at a healthy partner")
    expect(getattr(outcome, "external_id", ""), "no number of the partner's for the document")
    expect(len(await bench.effects()) == 1, "delivered, and not in the partner's books")
    await sink.close()


async def _replayed(bench: SinkBench) -> None:
    sink = bench.opened()
    first = await bench.deliver(sink)
    again = await bench.again(sink)
    expect(isinstance(again, Delivered | Found), f"{_name(again)} for what is there")
    same = getattr(first, "external_id", "") == getattr(again, "external_id", "")
    expect(same, "a replay answers another number than the first time")
    _exactly_one(await bench.effects())
    await sink.close()


async def _asked(bench: SinkBench) -> None:
    sink = bench.opened()
    if sink.idempotency is not Idempotency.LOOKUP:
        await sink.close()
        raise NotApplicable("the sink is not asked: its idempotency is no lookup")
    before = await bench.look_up(sink)
    expect(isinstance(before, Absent), f"{_name(before)} for what was never delivered")
    outcome = await bench.deliver(sink)
    found = await bench.look_up(sink)
    expect(isinstance(found, Found), f"{_name(found)} for what is there")
    same = getattr(found, "external_id", "") == getattr(outcome, "external_id", "")
    expect(same, "lookup answers another number than deliver")
    await sink.close()


async def _two_workers(bench: SinkBench) -> None:
    first, second = bench.opened(), bench.opened()
    match first.idempotency:
        case Idempotency.KEY:
            await asyncio.gather(bench.deliver(first), bench.deliver(second))
        case Idempotency.LOOKUP:  # the hub holds a key's lock around asking and delivering
            await bench.deliver(first)
            await bench.again(second)
        case Idempotency.NONE:
            raise NotApplicable("the sink has no idempotency: the hub sends once")
    _exactly_one(await bench.effects())
    for sink in (first, second):
        await sink.close()


async def _different(bench: SinkBench) -> None:
    other = bench.partner.different(bench.document)
    sink = bench.opened()
    await bench.deliver(sink)
    before = await bench.effects()
    if sink.idempotency is Idempotency.LOOKUP:
        answer = await bench.look_up(sink, other)
        expect(isinstance(answer, Undecidable), f"{_name(answer)} for a key with other content")
    outcome = await bench.deliver(sink, other)
    told = isinstance(outcome, Failed) and outcome.failure is Failure.MESSAGE
    expect(told, f"{_name(outcome)} for another document under the same key")
    expect(await bench.effects() == before, "another document was written under the same key")
    await sink.close()


async def _refused(bench: SinkBench) -> None:
    bench.document = bench.partner.refused(bench.mark)
    sink = bench.opened()
    outcome = await bench.deliver(sink)
    _is(outcome, Failure.MESSAGE)
    expect(not await bench.effects(), "refused, and in the partner's books")
    await sink.close()


async def _refused_in_success(bench: SinkBench) -> None:
    _needs(bench, Fault.REFUSED_IN_SUCCESS)
    sink = bench.opened()
    async with bench.partner.fault(Fault.REFUSED_IN_SUCCESS):
        outcome = await bench.deliver(sink)
    _is(outcome, Failure.MESSAGE)
    await sink.close()


async def _pending_then_done(bench: SinkBench) -> None:
    _needs(bench, Fault.PENDING_THEN_DONE)
    sink = bench.opened()
    async with bench.partner.fault(Fault.PENDING_THEN_DONE):
        outcome = await bench.deliver(sink)
        expect(isinstance(outcome, Pending), f"{_name(outcome)} for what is taken, not done")
        early = await bench.look_up(sink)
        expect(isinstance(early, Undecidable), f"{_name(early)} before it is decided")
    late = await bench.look_up(sink)
    expect(isinstance(late, Found), f"{_name(late)} after it is done")
    _exactly_one(await bench.effects())
    await sink.close()


async def _pending_then_refused(bench: SinkBench) -> None:
    _needs(bench, Fault.PENDING_THEN_REFUSED)
    sink = bench.opened()
    async with bench.partner.fault(Fault.PENDING_THEN_REFUSED):
        outcome = await bench.deliver(sink)
        expect(isinstance(outcome, Pending), f"{_name(outcome)} for what is taken, not done")
    late = await bench.look_up(sink)
    expect(isinstance(late, Absent), f"{_name(late)} after it is refused")
    expect(not await bench.effects(), "refused, and in the partner's books")
    await sink.close()


async def _halfway(bench: SinkBench) -> None:
    _needs(bench, Fault.STOPPED_HALFWAY)
    sink = bench.opened()
    async with bench.partner.fault(Fault.STOPPED_HALFWAY):
        outcome = await bench.deliver(sink)
    expect(isinstance(outcome, Unknown | Failed), f"{_name(outcome)} with a step undone")
    again = await bench.again(sink)
    expect(isinstance(again, Delivered | Found), f"{_name(again)} when it goes on")
    _exactly_one(await bench.effects())
    expect(not await bench.partner.leftovers(bench.key), "a half-made effect is left behind")
    await sink.close()


async def _cleaned_up(bench: SinkBench) -> None:
    bench.document = bench.partner.refused(bench.mark)
    await bench.partner.leftovers(bench.key)
    sink = bench.opened()
    await bench.deliver(sink)
    left = await bench.partner.leftovers(bench.key)
    expect(not left, f"{len(left)} things left behind by a refused document")
    await sink.close()


async def _exact(bench: SinkBench) -> None:
    bench.document = bench.partner.priced(bench.mark, AMOUNTS)
    sink = bench.opened()
    outcome = await bench.deliver(sink)
    expect(isinstance(outcome, Delivered | Pending), f"{_name(outcome)} for plain amounts")
    booked = list(await bench.partner.booked(bench.key, bench.document))
    expect(booked == list(AMOUNTS), "the amounts in the partner's books are not the document's")
    await sink.close()


async def _worded(bench: SinkBench) -> None:
    sink = bench.opened()
    for text in (TEXT, LONG_TEXT):
        bench.key = bench.another_key()
        bench.document, wanted = bench.partner.worded(bench.mark, text)
        outcome = await bench.deliver(sink)
        expect(isinstance(outcome, Delivered | Pending), f"{_name(outcome)} for a plain text")
        arrived = await bench.partner.words(bench.key, bench.document)
        expect(arrived == wanted, "the text in the partner's books is not the document's")
    await sink.close()


def _exactly_one(effects: list[str]) -> None:
    expect(len(effects) == 1, f"{len(effects)} effects of one key at the partner")


def _is(outcome: object, failure: Failure) -> None:
    right = isinstance(outcome, Failed) and outcome.failure is failure
    expect(right, f"{_name(outcome)} where the partner refuses the document")


def _name(outcome: object) -> str:
    failure = getattr(outcome, "failure", None)
    return type(outcome).__name__ + (f"({failure.value})" if failure else "")


def _needs(bench: SinkBench, fault: Fault) -> None:
    if not bench.partner.possible(fault):
        raise NotApplicable(f"the partner cannot do {fault.value}")


ROWS: tuple[Row, ...] = (
    row("3", "a delivery answers the partner's number")(_delivers),
    row("23", "a replay finds the first effect and its number")(_replayed),
    row("23a", "lookup tells there from not there")(_asked),
    row("25", "two workers with one key make one effect")(_two_workers),
    row("26", "another document under the key is refused and written nowhere")(_different),
    row("27", "what the partner refuses is refused, with no effect")(_refused),
    row("28", "a refusal inside a success is refused")(_refused_in_success),
    row("32", "pending, then done")(_pending_then_done),
    row("32a", "pending, then refused")(_pending_then_refused),
    row("33", "a delivery stopped halfway goes on")(_halfway),
    row("33a", "a refused document leaves nothing behind")(_cleaned_up),
    row("34", "amounts arrive exact")(_exact),
    row("35", "texts arrive whole, or cut by rule")(_worded),
)
