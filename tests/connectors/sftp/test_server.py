"""SFTP at a server whose single operations fail."""

import asyncio

import asyncssh
import pytest

from connectors.base import (
    Absent,
    Delivered,
    Document,
    Failed,
    Failure,
    Found,
    SourceFault,
    Undecidable,
    Unknown,
    Verdict,
)

DOCUMENT = Document(contract="c", raw=b"x" * 100_000, name="a.835")


async def offers_of(source):
    return [offer async for offer in source.discover()]


async def content_of(source, offer):
    return b"".join([block async for block in source.fetch(offer)])


async def fault_of(awaitable) -> SourceFault:
    with pytest.raises(SourceFault) as caught:
        await awaitable
    return caught.value


async def test_a_rename_whose_answer_is_lost_is_unknown_and_the_lookup_finds_it(faulty):
    sink = faulty.open("sink")
    faulty.after_rename = faulty.cut
    outcome = await sink.deliver(faulty.call(), DOCUMENT)
    assert outcome == Unknown(code="connection_lost")
    faulty.after_rename = faulty.nothing
    assert await sink.lookup(faulty.call(), DOCUMENT) == Found(external_id="a.835")
    again = await sink.deliver(faulty.call(), DOCUMENT)
    assert again == Delivered(external_id="a.835", duplicate=True)


async def test_a_rename_that_never_happened_is_unknown_and_the_lookup_says_absent(faulty):
    async def cut():
        await faulty.cut()
        raise asyncssh.SFTPFailure("never")

    sink = faulty.open("sink")
    faulty.before_rename = cut
    outcome = await sink.deliver(faulty.call(), DOCUMENT)
    assert outcome == Unknown(code="connection_lost")
    faulty.before_rename = faulty.nothing
    assert await sink.lookup(faulty.call(), DOCUMENT) == Absent()
    assert isinstance(await sink.deliver(faulty.call(), DOCUMENT), Delivered)


async def test_a_rename_the_server_refuses_is_definite_and_leaves_nothing(faulty):
    async def refuse():
        raise asyncssh.SFTPPermissionDenied("no")

    sink = faulty.open("sink")
    faulty.before_rename = refuse
    outcome = await sink.deliver(faulty.call(), DOCUMENT)
    assert isinstance(outcome, Failed)
    assert outcome.code == "permission"
    assert list(faulty.folder.iterdir()) == []


async def test_a_full_disk_is_definite_and_no_short_file_gets_its_name(faulty):
    sink = faulty.open("sink")
    faulty.write_limit = 32_768
    outcome = await sink.deliver(faulty.call(), DOCUMENT)
    assert outcome == Failed(failure=Failure.DESTINATION, code="refused_by_server")
    assert list(faulty.folder.iterdir()) == []
    faulty.write_limit = None
    assert isinstance(await sink.deliver(faulty.call(), DOCUMENT), Delivered)


async def test_a_deadline_during_the_rename_is_unknown(faulty):
    async def hang():
        await asyncio.sleep(1)

    sink = faulty.open("sink")
    faulty.before_rename = hang
    outcome = await sink.deliver(faulty.call(seconds=0.5), DOCUMENT)
    assert outcome == Unknown(code="deadline")


async def test_a_file_that_grows_while_it_is_read_is_never_taken_short(faulty):
    (faulty.folder / "a.835").write_bytes(b"x" * 100_000)
    source = faulty.open("source")
    [offer] = await offers_of(source)
    faulty.grow_on_read = True
    assert (await fault_of(content_of(source, offer))).code == "changed"


async def test_one_file_that_is_closed_to_us_does_not_pause_the_feed(faulty):
    (faulty.folder / "a.835").write_bytes(b"x" * 100)
    source = faulty.open("source")
    [offer] = await offers_of(source)
    faulty.deny_reading = True
    fault = await fault_of(content_of(source, offer))
    assert (fault.failure, fault.code) == (Failure.DESTINATION, "file_unreadable")
    faulty.deny_reading = False
    assert await content_of(source, offer) == b"x" * 100


async def test_an_archive_that_cannot_be_made_is_a_fault_and_the_file_stays(faulty):
    (faulty.folder / "a.835").write_bytes(b"x")
    source = faulty.open("source", archive_folder="/nowhere/deep")
    [offer] = await offers_of(source)
    fault = await fault_of(source.settle(offer, Verdict.ACCEPTED))
    assert fault.failure is Failure.DESTINATION
    assert (faulty.folder / "a.835").exists()


async def test_a_lost_connection_makes_a_lookup_undecidable(faulty):
    sink = faulty.open("sink")
    await sink.deliver(faulty.call(), DOCUMENT)
    await faulty.cut()
    await asyncio.sleep(0.2)
    answers = [await sink.lookup(faulty.call(), DOCUMENT) for _ in range(2)]
    assert isinstance(answers[-1], Found)
    assert all(isinstance(answer, (Found, Undecidable)) for answer in answers)
