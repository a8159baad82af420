"""Rows 10 to 19: what every source must do."""

import asyncio
import contextlib
import os
import tracemalloc

from connectors.base import Offer, Source, SourceFault, Verdict
from connectors.conformance.bench import SourceBench
from connectors.conformance.rows import Row, expect, row

__all__ = ["ROWS"]

CONTENT = b"ISA*00*" + bytes(range(256)) * 10
LARGE_BYTES = 6_000_000
MANY = 10_000
MAX_LISTING_BYTES = 64 * 1024 * 1024
"""What a listing of 10,000 things may hold at its peak."""
FEW = 130
MAX_POLLS = 40


async def _hands_over(bench: SourceBench) -> None:
    await bench.partner.put("a.835", CONTENT)
    source = bench.opened()
    offer = await bench.only(source)
    expect(offer.size in (None, len(CONTENT)), "the offer's size is not the content's")
    expect(await bench.read(source, offer) == CONTENT, "other bytes than the partner's")
    await source.settle(offer, Verdict.ACCEPTED)
    for _ in range(2):
        expect(not await bench.poll(source), "an accepted thing is offered again")
    await source.close()


async def _half_written(bench: SourceBench) -> None:
    source = bench.opened()
    wait = bench.partner.ready_after_seconds + 0.001
    for size in (1, 2, 3):
        await bench.partner.begin("growing.835", b"x" * 1000 * size)
        expect(not await bench.look(source), "a thing still being written is offered")
        bench.clock.advance(wait)
    await source.close()


async def _name_reused(bench: SourceBench) -> None:
    source = bench.opened()
    prints = set()
    for number in range(3):
        content = b"%d" % number * 10
        await bench.partner.put("R5.A1", content, age_seconds=100 * (number + 1))
        offer = await bench.only(source)
        prints.add(offer.fingerprint)
        expect(await bench.read(source, offer) == content, "the content of an earlier one")
        await source.settle(offer, Verdict.ACCEPTED)
    expect(len(prints) == 3, "new content under an old name has the old fingerprint")
    await source.close()


async def _content_reused(bench: SourceBench) -> None:
    source = bench.opened()
    await bench.partner.put("first.835", CONTENT)
    first = await bench.only(source)
    await source.settle(first, Verdict.ACCEPTED)
    await bench.partner.put("second.835", CONTENT)
    second = await bench.only(source)
    expect(first.fingerprint != second.fingerprint, "another name has the same fingerprint")
    expect(await bench.read(source, second) == CONTENT, "other bytes, so no hash can match")
    await source.close()


async def _given_up(bench: SourceBench) -> None:
    content = os.urandom(LARGE_BYTES)
    await bench.partner.put("a.bin", content)
    source = bench.opened()
    offer = await bench.only(source)
    for _ in range(3):
        blocks = source.fetch(offer)
        await anext(blocks)
        await blocks.aclose()
    reading = asyncio.create_task(bench.read(source, offer))
    await asyncio.sleep(0)  # noqa: TID251  - lets the fetch begin
    reading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading
    await _offered_again(bench, source, offer, content)


async def _cut(bench: SourceBench) -> None:
    content = os.urandom(LARGE_BYTES)
    await bench.partner.put("a.bin", content)
    source = bench.opened()
    offer = await bench.only(source)
    async with bench.partner.cut():
        fault = await bench.fault_of_reading(source, offer)
    expect(fault.code, "a fault without a code")
    await _offered_again(bench, source, offer, content)


async def _offered_again(bench: SourceBench, source: Source, offer: Offer, content: bytes) -> None:
    [again] = await bench.poll(source)
    expect(again.fingerprint == offer.fingerprint, "after a broken fetch it is another thing")
    expect(await bench.read(source, again) == content, "the second fetch has other bytes")
    await source.close()


async def _crash_before_settle(bench: SourceBench) -> None:
    await bench.partner.put("a.835", CONTENT)
    before = bench.opened()
    first = await bench.only(before)
    await bench.read(before, first)
    await before.close()
    after = bench.opened()
    second = await bench.only(after)
    same = (first.fingerprint, first.name) == (second.fingerprint, second.name)
    expect(same, "after a restart it is offered as another thing: it would be accepted twice")
    await after.settle(second, Verdict.ACCEPTED)
    expect(not await bench.poll(after), "settled, and offered a third time")
    await after.close()


async def _settled_twice(bench: SourceBench) -> None:
    await bench.partner.put("a.835", CONTENT)
    source = bench.opened()
    offer = await bench.only(source)
    for _ in range(2):
        await source.settle(offer, Verdict.ACCEPTED)
    await source.close()
    restarted = bench.opened()
    await restarted.settle(offer, Verdict.ACCEPTED)
    await bench.partner.put("b.835", CONTENT + b"2")
    other = await bench.only(restarted)
    expect(other.name != offer.name or not offer.name, "settling took another thing away")
    await restarted.close()


async def _refused(bench: SourceBench) -> None:
    await bench.partner.put("a.835", CONTENT)
    source = bench.opened()
    offer = await bench.only(source)
    await source.settle(offer, Verdict.REFUSED)
    expect(not await bench.poll(source), "a refused thing uses up every poll")
    await source.close()
    restarted = bench.opened()
    again = await bench.only(restarted)
    expect(await bench.read(restarted, again) == CONTENT, "a refused thing is no longer whole")
    await restarted.close()


async def _late_arrival(bench: SourceBench) -> None:
    await bench.partner.put("new.835", CONTENT, age_seconds=10)
    source = bench.opened()
    new = await bench.only(source)
    await source.settle(new, Verdict.ACCEPTED)
    await source.close()
    await bench.partner.put("late.835", CONTENT + b"late", age_seconds=500)
    restarted = bench.opened()
    late = await bench.only(restarted)
    await restarted.settle(late, Verdict.ACCEPTED)
    expect(not await bench.poll(restarted), "what arrived late is found twice")
    await restarted.close()


async def _drains(bench: SourceBench) -> None:
    await bench.partner.fill(FEW)
    source = bench.opened()
    names: list[str] = []
    for _ in range(MAX_POLLS):
        offers = await bench.poll(source)
        if not offers:
            break
        for offer in offers:
            names.append(offer.name or offer.ref)
            await source.settle(offer, Verdict.ACCEPTED)
    expect(not await bench.poll(source), f"polling does not end within {MAX_POLLS} polls")
    expect(len(set(names)) == len(names), "one thing is offered twice")
    expect(len(names) == FEW, f"{len(names)} of {FEW} things offered")
    await source.close()


async def _large_listing(bench: SourceBench) -> None:
    await bench.partner.fill(MANY)
    source = bench.opened()
    tracemalloc.start()
    try:
        offers = await bench.poll(source)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    expect(offers, "nothing is offered of a long listing")
    expect(peak <= MAX_LISTING_BYTES, f"a listing of {MANY} held {peak // 1_000_000} MB")
    await source.close()


async def _gone(bench: SourceBench) -> None:
    """What another reader has taken meanwhile is a fault of that thing, and no short content."""
    await bench.partner.put("a.835", CONTENT)
    source, other = bench.opened(), bench.opened()
    offer = await bench.only(source)
    await other.settle(await bench.only(other), Verdict.ACCEPTED)
    with contextlib.suppress(SourceFault):
        expect(await bench.read(source, offer) == CONTENT, "short content of what is gone")
    await source.settle(offer, Verdict.ACCEPTED)
    for part in (source, other):
        await part.close()


ROWS: tuple[Row, ...] = (
    row("10", "what is accepted is not offered again")(_hands_over),
    row("11", "a half-written thing is not offered")(_half_written),
    row("12", "new content under an old name is offered again")(_name_reused),
    row("13", "old content under a new name is offered with the same bytes")(_content_reused),
    row("14", "a fetch given up leaves nothing, the second has the same bytes")(_given_up),
    row("14a", "a fetch cut off is a fault and never short content")(_cut),
    row("15", "a crash before settling offers the same thing again")(_crash_before_settle),
    row("16", "settling again is harmless")(_settled_twice),
    row("16a", "a refused thing stays and disturbs nothing")(_refused),
    row("16b", "what another reader took is no short content")(_gone),
    row("17", "what arrives late is found once, also after a restart")(_late_arrival),
    row("18", "polling ends and finds everything once")(_drains),
    row("19", "ten thousand things within the memory cap")(_large_listing),
)
