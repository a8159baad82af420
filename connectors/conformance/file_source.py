"""Rows F1 to F19: what every source that polls a folder of files must do."""

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec

from connectors.base import Failure, Offer, Source, SourceFault, Verdict
from connectors.conformance.bench import SourceBench
from connectors.conformance.rows import NotApplicable, Row, Violation, expect, row

__all__ = ["ROWS"]

CONTENT = b"ISA*00*" + bytes(range(256)) * 10
SIZES = (0, 1, 32_768, 262_144, 262_145, 9_000_001)
LARGE_BYTES = 6_000_000
OLD = 10**9
"""A time of change long ago, in seconds since 1970."""


def _folder(bench: SourceBench) -> Path:
    if bench.partner.folder is None:
        raise NotApplicable("the partner is no folder of files")
    return bench.partner.folder


def _open(bench: SourceBench, **options: Any) -> Source:
    """Open with these options. Raises NotApplicable where the connector has no such option."""
    _folder(bench)
    try:
        return bench.opened(options)
    except msgspec.ValidationError:
        raise NotApplicable(f"the connector has no option {', '.join(options)}") from None


async def _names(bench: SourceBench, source: Source) -> list[str]:
    return [offer.name for offer in await bench.poll(source)]


async def _archives(bench: SourceBench) -> None:
    source = _open(bench, after="archive", archive_folder="done")
    await bench.partner.put("a.835", CONTENT)
    offer = await bench.only(source)
    for _ in range(2):
        await source.settle(offer, Verdict.ACCEPTED)
    kept = list((_folder(bench) / "done").iterdir())
    expect([path.name for path in kept] == ["a.835"], "not exactly the one file in the archive")
    expect(kept[0].read_bytes() == CONTENT, "the archived file has other bytes")
    expect(not (_folder(bench) / "a.835").exists(), "archived, and still in the folder")
    await source.close()


async def _keeps_both(bench: SourceBench) -> None:
    source = _open(bench, after="archive", archive_folder="done")
    for number in range(3):
        await bench.partner.put("R5.A1", b"%d" % number * 10, age_seconds=100 * number)
        await source.settle(await bench.only(source), Verdict.ACCEPTED)
    kept = len(list((_folder(bench) / "done").iterdir()))
    expect(kept == 3, f"{kept} of 3 files of one name are in the archive")
    await source.close()


async def _replaced(bench: SourceBench) -> None:
    source = _open(bench)
    await bench.partner.put("a.835", CONTENT)
    offer = await bench.only(source)
    await bench.partner.put("a.835", b"another", age_seconds=1)
    fault = await bench.fault_of_reading(source, offer)
    expect(fault.failure is Failure.DESTINATION, "one replaced file pauses the feed")
    await source.settle(offer, Verdict.ACCEPTED)
    path = _folder(bench) / "a.835"
    expect(path.exists() and path.read_bytes() == b"another", "a file never fetched is retired")
    await source.close()


async def _sizes(bench: SourceBench) -> None:
    source = _open(bench)
    for size in SIZES:
        content = os.urandom(size)
        await bench.partner.put(f"{size}.bin", content)
        offer = await bench.only(source)
        expect(await bench.read(source, offer) == content, f"{size} bytes do not arrive whole")
        await source.settle(offer, Verdict.ACCEPTED)
    await source.close()


async def _deletes(bench: SourceBench) -> None:
    source = _open(bench, after="delete")
    await bench.partner.put("a.835", CONTENT)
    await source.settle(await bench.only(source), Verdict.ACCEPTED)
    expect(not list(_folder(bench).iterdir()), "after: delete leaves something")
    await source.close()


async def _leaves(bench: SourceBench) -> None:
    source = _open(bench, after="leave")
    await bench.partner.put("b.835", CONTENT)
    offer = await bench.only(source)
    await source.settle(offer, Verdict.ACCEPTED)
    expect((_folder(bench) / "b.835").exists(), "after: leave takes it away")
    expect(not await bench.poll(source), "left, and offered again")
    await source.close()
    again = _open(bench, after="leave")
    after_a_restart = await bench.only(again)
    expect(after_a_restart.fingerprint == offer.fingerprint, "another thing after a restart")
    await again.close()


async def _not_archived(bench: SourceBench) -> None:
    source = _open(bench, match=["*.835"], after="archive", archive_folder="done")
    await bench.partner.put("a.835", CONTENT)
    (_folder(bench) / "done").write_bytes(b"no folder")
    offer = await bench.only(source)
    try:
        await source.settle(offer, Verdict.ACCEPTED)
    except SourceFault as fault:
        bench.ears.note(fault)
    else:
        raise Violation("settling says nothing where the archive is no folder")
    (_folder(bench) / "done").unlink()
    again = await bench.only(source)
    expect(again.fingerprint == offer.fingerprint, "another thing after a failed archiving")
    await source.settle(again, Verdict.ACCEPTED)
    expect((_folder(bench) / "done" / "a.835").exists(), "not archived at the second try")
    await source.close()


async def _settles(bench: SourceBench) -> None:
    source = _open(bench, settle_seconds=10)
    path = _folder(bench) / "a.835"
    path.write_bytes(b"1")
    expect(not await bench.look(source), "offered at first sight")
    bench.clock.advance(11)
    path.write_bytes(b"12")
    expect(not await bench.look(source), "a growing file is offered")
    bench.clock.advance(11)
    [offer] = await bench.look(source)
    expect(offer.size == 2, "the offer's size is an earlier one")
    await source.close()


async def _passes_over(bench: SourceBench) -> None:
    source = _open(bench)
    for name in ("a.part", "b.tmp", "c.filepart", ".hidden"):
        await bench.partner.put(name, CONTENT)
    (_folder(bench) / "sub").mkdir()
    (_folder(bench) / "link.835").symlink_to("/etc/passwd")
    expect(not await bench.poll(source), "a part file, a hidden name, a link or a folder")
    await source.close()


async def _matches(bench: SourceBench) -> None:
    source = _open(bench, match=["*.835", "R5*.*"])
    for name in ("a.835", "b.txt", "R5x.A1"):
        await bench.partner.put(name, CONTENT)
    expect(sorted(await _names(bench, source)) == ["R5x.A1", "a.835"], "not the names that match")
    await source.close()


async def _caps(bench: SourceBench) -> None:
    source = _open(bench, max_files_per_poll=4, max_bytes_per_poll=350)
    for number in range(6):
        await bench.partner.put(f"{number}.835", b"x" * 100, age_seconds=100 + number)
    for wanted in (["5.835", "4.835", "3.835"], ["2.835", "1.835", "0.835"]):
        offers = await bench.poll(source)
        names = [offer.name for offer in offers]
        expect(names == wanted, "not the oldest first, within the caps")
        for offer in offers:
            await source.settle(offer, Verdict.ACCEPTED)
    await source.close()


async def _hostile(bench: SourceBench) -> None:
    source = _open(bench)
    for name in (b"..\\evil.835", b"tab\there.835", b"no-utf8-\xff\xfe.835"):
        Path(os.fsdecode(bytes(_folder(bench)) + b"/" + name)).write_bytes(b"x")
    await bench.partner.put("good.835", CONTENT)
    expect(await _names(bench, source) == ["good.835"], "a hostile name is offered, or stops all")
    report = await source.check()
    expect(not report.passed, "check says nothing of names that cannot be taken")
    await source.close()


async def _no_folder(bench: SourceBench) -> None:
    source = _open(bench, path=str(_folder(bench) / "nowhere"))
    try:
        await bench.look(source)
    except SourceFault as fault:
        expect(fault.failure is Failure.DESTINATION, "a missing folder is a destination's fault")
    else:
        raise Violation("a missing folder looks like an empty one")
    expect(not (await source.check()).passed, "check passes without the folder")
    await source.close()


async def _troubled_last(bench: SourceBench) -> None:
    source = _open(bench)
    path = _folder(bench) / "bad.835"
    await bench.partner.put("bad.835", CONTENT)
    os.utime(path, (OLD, OLD))
    await bench.partner.put("good.835", CONTENT)
    [bad, _good] = await bench.poll(source)
    path.write_bytes(b"changed meanwhile")
    os.utime(path, (OLD + 1, OLD + 1))
    fault = await bench.fault_of_reading(source, bad)
    expect(fault.failure is Failure.DESTINATION, "one file pauses the feed")
    path.write_bytes(CONTENT)
    os.utime(path, (OLD, OLD))
    names = await _names(bench, source)
    expect(names == ["good.835", "bad.835"], "a file that could not be read stops the others")
    await source.close()


async def _closed_to_us(bench: SourceBench) -> None:
    if os.geteuid() == 0:
        raise NotApplicable("root may read everything")
    source = _open(bench)
    await bench.partner.put("a.835", CONTENT)
    (_folder(bench) / "a.835").chmod(0)
    fault = await bench.fault_of_reading(source, await bench.only(source))
    expect(fault.failure is Failure.DESTINATION, "one unreadable file pauses the feed")
    await source.close()


async def _vanished(bench: SourceBench) -> None:
    source = _open(bench)
    await bench.partner.put("a.835", CONTENT)
    offer = await bench.only(source)
    (_folder(bench) / "a.835").unlink()
    fault = await bench.fault_of_reading(source, offer)
    expect(fault.failure is Failure.DESTINATION, "a file that is gone pauses the feed")
    await source.settle(offer, Verdict.ACCEPTED)
    await source.close()


async def _grows_meanwhile(bench: SourceBench) -> None:
    source = _open(bench)
    await bench.partner.put("a.bin", os.urandom(LARGE_BYTES))
    offer = await bench.only(source)
    blocks = source.fetch(offer)
    try:
        await anext(blocks)
        with (_folder(bench) / "a.bin").open("ab") as more:
            more.write(b"more")
        async for _ in blocks:
            pass
    except SourceFault as fault:
        expect(fault.failure is Failure.DESTINATION, "one growing file pauses the feed")
    else:
        raise Violation("a file that grew while it was read is handed over as whole")
    finally:
        await blocks.aclose()
    await source.close()


async def _at_a_time(bench: SourceBench) -> None:
    source = _open(bench)
    for number in range(30):
        await bench.partner.put(f"{number}.835", b"%d" % number)
    offers = await bench.poll(source)
    contents = await asyncio.gather(*(bench.read(source, offer) for offer in offers))
    pairs: list[tuple[Offer, bytes]] = list(zip(offers, contents, strict=True))
    wanted = {(f"{number}.835", b"%d" % number) for number in range(30)}
    expect({(o.name, c) for o, c in pairs} == wanted, "names and contents are mixed up")
    await source.close()


ROWS: tuple[Row, ...] = (
    row("F1", "an accepted file is archived once")(_archives),
    row("F2", "files of one name are all kept in the archive")(_keeps_both),
    row("F3", "a file replaced after the offer is not handed over")(_replaced),
    row("F4", "every size arrives whole")(_sizes),
    row("F5", "delete deletes")(_deletes),
    row("F6", "leave leaves")(_leaves),
    row("F7", "a file that could not be archived is offered until it is")(_not_archived),
    row("F8", "a growing file is not offered before it has settled")(_settles),
    row("F9", "part files, hidden names, links, folders are passed over")(_passes_over),
    row("F10", "only matching names are offered")(_matches),
    row("F11", "the oldest come first and the caps hold")(_caps),
    row("F12", "a hostile name is left alone and stops nothing")(_hostile),
    row("F13", "a missing folder is a fault")(_no_folder),
    row("F14", "a file that cannot be read comes last")(_troubled_last),
    row("F15", "a file closed to us is a fault of its own")(_closed_to_us),
    row("F16", "a vanished file is a fault of its own")(_vanished),
    row("F18", "a file that grows while it is read is a fault")(_grows_meanwhile),
    row("F17", "many files at a time are not mixed up")(_at_a_time),
)
