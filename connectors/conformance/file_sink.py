"""Rows F20 and on: what every sink that puts files into a folder must do."""

import asyncio
import os
from pathlib import Path

from connectors.base import (
    Absent,
    Delivered,
    Document,
    Failed,
    Failure,
    Found,
    Idempotency,
    Undecidable,
)
from connectors.conformance.bench import SinkBench
from connectors.conformance.rows import NotApplicable, Row, expect, row
from connectors.file_document import mark_of

__all__ = ["ROWS"]

RAW = b"ISA*00*" * 9_000
SIZES = (1, 32_768, 32_769, 262_145, 5_000_000)
HOSTILE_NAMES = ("../a", "a/b", "..", ".hidden", "a\nb", "a\\b", "x" * 201)


def _folder(bench: SinkBench) -> Path:
    if bench.partner.folder is None:
        raise NotApplicable("the partner is no folder of files")
    return bench.partner.folder


def _names(bench: SinkBench) -> list[str]:
    return sorted(path.name for path in _folder(bench).iterdir())


async def _whole(bench: SinkBench) -> None:
    _folder(bench)
    sink = bench.opened()
    for size in SIZES:
        document = Document(contract="c", raw=os.urandom(size), name=f"{size}.bin")
        outcome = await bench.deliver(sink, document)
        expect(isinstance(outcome, Delivered), f"{size} bytes: no delivery")
        expect((_folder(bench) / document.name).read_bytes() == document.raw, "not whole")
        again = await bench.deliver(sink, document)
        known = isinstance(again, Delivered) and again.duplicate
        expect(known, f"{size} bytes: a second try does not know the first")
    expect(len(_names(bench)) == len(SIZES), "more in the folder than was delivered")
    await sink.close()


async def _found(bench: SinkBench) -> None:
    document = Document(contract="c", raw=RAW, name="a-1.835")
    _folder(bench)
    sink = bench.opened()
    if sink.idempotency is not Idempotency.NONE:
        before = await bench.look_up(sink, document)
        expect(isinstance(before, Absent), "found before it was delivered")
        await bench.deliver(sink, document)
        after = await bench.look_up(sink, document)
        expect(isinstance(after, Found), "delivered and not found")
    await sink.close()


async def _never_replaced(bench: SinkBench) -> None:
    document = Document(contract="c", raw=RAW, name="a-1.835")
    path = _folder(bench) / document.name
    sink = bench.opened()
    for other in (b"other", b"x" * len(RAW)):
        path.write_bytes(other)
        outcome = await bench.deliver(sink, document)
        told = isinstance(outcome, Failed) and outcome.failure is Failure.MESSAGE
        expect(told, "a name that is taken by another content is no refusal")
        answer = await bench.look_up(sink, document)
        expect(isinstance(answer, Undecidable), "another content is taken for ours")
        expect(path.read_bytes() == other, "another's file is replaced")
    await sink.close()


async def _nameless(bench: SinkBench) -> None:
    _folder(bench)
    sink = bench.opened()
    document = Document(contract="c", data={"amount": "12.50"})
    numbers = []
    for key in ("key-of-jane-doe", "key-of-jane-doe", "another"):
        outcome = await bench.deliver(sink, document, bench.around.call(key))
        numbers.append(getattr(outcome, "external_id", ""))
    expect(numbers[0] == numbers[1] != numbers[2], "a file's name does not follow its key")
    expect("jane" not in "".join(_names(bench)), "a file's name shows the key")
    content = (_folder(bench) / numbers[0]).read_bytes()
    expect(content == b'{"amount":"12.50"}', "the file does not hold the document's JSON")
    await sink.close()


async def _hostile(bench: SinkBench) -> None:
    beside = sorted(path.name for path in _folder(bench).parent.iterdir())
    sink = bench.opened()
    for name in HOSTILE_NAMES:
        outcome = await bench.deliver(sink, Document(contract="c", raw=b"x", name=name))
        told = isinstance(outcome, Failed) and outcome.failure is Failure.MESSAGE
        expect(told, "a name that leads elsewhere is no refusal")
    expect(not _names(bench), "a hostile name has made a file")
    after = sorted(path.name for path in _folder(bench).parent.iterdir())
    expect(after == beside, "a hostile name has left the folder")
    await sink.close()


async def _leftover(bench: SinkBench) -> None:
    _folder(bench)
    sink = bench.opened()
    document = Document(contract="c", raw=RAW, name="a-1.835")
    (_folder(bench) / f".{mark_of(bench.key)}.part").write_bytes(b"x" * 999_999)
    outcome = await bench.deliver(sink, document)
    expect(isinstance(outcome, Delivered), "what a crash left behind stops the next try")
    expect(_names(bench) == ["a-1.835"], "what a crash left behind stays")
    expect((_folder(bench) / "a-1.835").read_bytes() == RAW, "mixed with what a crash left")
    await sink.close()


async def _no_folder(bench: SinkBench) -> None:
    sink = bench.opened({"path": str(_folder(bench) / "nowhere")})
    outcome = await bench.deliver(sink)
    told = isinstance(outcome, Failed) and outcome.failure is Failure.DESTINATION
    expect(told, "a missing folder is no fault of the destination")
    expect(not (await sink.check()).passed, "check passes without the folder")
    await sink.close()


async def _at_a_time(bench: SinkBench) -> None:
    _folder(bench)
    sink = bench.opened()
    documents = [
        Document(contract="c", raw=b"%d" % number, name=f"{number}.txt") for number in range(25)
    ]
    outcomes = await asyncio.gather(
        *(bench.deliver(sink, one, bench.around.call(one.name)) for one in documents)
    )
    expect(all(isinstance(one, Delivered) for one in outcomes), "not all at a time delivered")
    expect(len(_names(bench)) == len(documents), "not every file is there")
    for one in documents:
        expect((_folder(bench) / one.name).read_bytes() == one.raw, "contents are mixed up")
    await sink.close()


ROWS: tuple[Row, ...] = (
    row("F20", "every size arrives whole and a second try finds it")(_whole),
    row("F21", "lookup tells there from not there")(_found),
    row("F22", "another content under the name is never replaced")(_never_replaced),
    row("F23", "a document without a name gets one that shows nothing")(_nameless),
    row("F24", "a name that leads elsewhere is refused")(_hostile),
    row("F25", "a leftover of a crash does not stop the next try")(_leftover),
    row("F26", "a missing folder is the destination's fault")(_no_folder),
    row("F27", "many at a time are not mixed up")(_at_a_time),
)
