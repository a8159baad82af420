"""What every sink of files must do, run over each of them."""

import asyncio
import os
import threading
from pathlib import Path

import msgspec
import pytest

import connectors
from connectors.base import (
    Absent,
    Call,
    Delivered,
    Document,
    Failed,
    Failure,
    Found,
    Undecidable,
)

DOCUMENT = Document(contract="remittance-advice/1.0.0", raw=b"ISA*00*" * 9_000, name="a-1.835")


class Drop:
    """A sink under test, and its partner's folder."""

    def __init__(self, open_sink, folder: Path, clock) -> None:
        self.open = open_sink
        self.folder = folder
        self._clock = clock

    def call(self, key: str = "dlv_1", seconds: float = 10.0) -> Call:
        return Call(key=key, attempt=1, deadline=self._clock.monotonic() + seconds)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture(params=["folder", "sftp"])
def drop(request, tmp_path, make_context):
    folder = tmp_path / "inbound"
    folder.mkdir()
    if request.param == "sftp":
        sshd = request.getfixturevalue("sshd")
        settings = sshd.settings(folder)
        context = make_context(KEY=sshd.user_key.private)
    else:
        settings = {"path": str(folder)}
        context = make_context()
    spec = connectors.find(request.param)

    def open_sink(**more):
        return spec.sink(msgspec.convert({**settings, **more}, spec.settings), context)

    return Drop(open_sink, folder, context.clock)


class TestAFileSink:
    async def test_places_one_whole_file_and_nothing_else(self, drop):
        sink = drop.open()
        outcome = await sink.deliver(drop.call(), DOCUMENT)
        assert outcome == Delivered(external_id="a-1.835")
        assert drop.names() == ["a-1.835"]
        assert (drop.folder / "a-1.835").read_bytes() == DOCUMENT.raw
        await sink.close()

    async def test_a_second_try_finds_the_first(self, drop):
        sink = drop.open()
        assert await sink.lookup(drop.call(), DOCUMENT) == Absent()
        await sink.deliver(drop.call(), DOCUMENT)
        assert await sink.lookup(drop.call(), DOCUMENT) == Found(external_id="a-1.835")
        again = await sink.deliver(drop.call(), DOCUMENT)
        assert again == Delivered(external_id="a-1.835", duplicate=True)
        assert drop.names() == ["a-1.835"]
        await sink.close()

    async def test_another_content_under_the_name_is_never_replaced(self, drop):
        sink = drop.open()
        for other in (b"other", b"x" * len(DOCUMENT.raw)):
            (drop.folder / "a-1.835").write_bytes(other)
            outcome = await sink.deliver(drop.call(), DOCUMENT)
            assert outcome == Failed(failure=Failure.MESSAGE, code="name_taken")
            assert isinstance(await sink.lookup(drop.call(), DOCUMENT), Undecidable)
            assert (drop.folder / "a-1.835").read_bytes() == other
        await sink.close()

    async def test_data_without_a_name_gets_one_of_its_key_that_shows_nothing(self, drop):
        sink = drop.open()
        document = Document(contract="c", data={"amount": "12.50"})
        first = await sink.deliver(drop.call("key-of-jane-doe"), document)
        second = await sink.deliver(drop.call("key-of-jane-doe"), document)
        third = await sink.deliver(drop.call("another"), document)
        assert first.external_id == second.external_id != third.external_id
        assert "jane" not in first.external_id
        assert (drop.folder / first.external_id).read_bytes() == b'{"amount":"12.50"}'
        await sink.close()

    @pytest.mark.parametrize("name", ["../a", "a/b", "..", ".hidden", "a\nb", "a\\b", "x" * 201])
    async def test_a_name_that_leads_elsewhere_is_refused(self, drop, name):
        sink = drop.open()
        document = Document(contract="c", raw=b"x", name=name)
        outcome = await sink.deliver(drop.call(), document)
        assert outcome == Failed(failure=Failure.MESSAGE, code="name_unusable")
        assert drop.names() == []
        assert [path.name for path in drop.folder.parent.iterdir()] == ["inbound"]
        await sink.close()

    async def test_a_leftover_of_a_crash_does_not_stop_the_next_try(self, drop):
        sink = drop.open()
        await sink.deliver(drop.call(), DOCUMENT)
        (drop.folder / "a-1.835").unlink()
        from connectors.file_document import mark_of

        (drop.folder / f".{mark_of('dlv_1')}.part").write_bytes(b"x" * 999_999)
        assert isinstance(await sink.deliver(drop.call(), DOCUMENT), Delivered)
        assert (drop.folder / "a-1.835").read_bytes() == DOCUMENT.raw
        assert drop.names() == ["a-1.835"]
        await sink.close()

    async def test_a_missing_folder_is_the_destinations_fault(self, drop):
        sink = drop.open(path=str(drop.folder / "nowhere"))
        outcome = await sink.deliver(drop.call(), DOCUMENT)
        assert isinstance(outcome, Failed)
        assert outcome.failure is Failure.DESTINATION
        assert not (await sink.check()).passed
        await sink.close()

    async def test_a_deadline_already_over_writes_nothing(self, drop):
        sink = drop.open()
        outcome = await sink.deliver(drop.call(seconds=-1), DOCUMENT)
        assert outcome == Failed(failure=Failure.DESTINATION, code="deadline")
        assert drop.names() == []
        await sink.close()

    @pytest.mark.parametrize("size", [1, 32_768, 32_769, 262_145, 5_000_000])
    async def test_every_size_arrives_whole_and_is_found(self, drop, size):
        sink = drop.open()
        document = Document(contract="c", raw=os.urandom(size), name="x.bin")
        assert isinstance(await sink.deliver(drop.call(), document), Delivered)
        assert (drop.folder / "x.bin").read_bytes() == document.raw
        assert isinstance(await sink.lookup(drop.call(), document), Found)
        await sink.close()

    async def test_many_at_a_time(self, drop):
        sink = drop.open()
        documents = [
            Document(contract="c", raw=b"%d" % number, name=f"{number}.txt")
            for number in range(25)
        ]
        outcomes = await asyncio.gather(
            *(sink.deliver(drop.call(document.name), document) for document in documents)
        )
        assert all(isinstance(outcome, Delivered) for outcome in outcomes)
        assert len(drop.names()) == 25
        await sink.close()

    async def test_the_check_passes_and_writes_nothing(self, drop):
        sink = drop.open()
        report = await sink.check()
        assert report.passed, report
        assert drop.names() == []
        await sink.close()

    async def test_opening_and_closing_twenty_times_leaks_nothing(self, drop):
        async def once():
            sink = drop.open()
            await sink.deliver(drop.call(), DOCUMENT)
            await sink.close()
            await sink.close()

        def held():
            return sum(1 for _ in Path("/proc/self/fd").iterdir()), threading.active_count()

        await once()
        await asyncio.sleep(0.1)
        files, threads = held()
        for _ in range(20):
            await once()
        for _ in range(40):
            if held()[0] <= files and held()[1] <= threads:
                break
            await asyncio.sleep(0.05)
        assert held()[0] <= files
        assert held()[1] <= threads
