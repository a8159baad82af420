"""What every source of files must do, run over each of them."""

import asyncio
import os
import threading
from pathlib import Path

import msgspec
import pytest

import connectors
from connectors.base import Failure, SourceFault, Verdict
from connectors.listing import ref_of

CONTENT = b"ISA*00*" + bytes(range(256)) * 10


class Feed:
    """A source under test, and the partner's side of its folder."""

    def __init__(self, open_source, folder: Path) -> None:
        self.open = open_source
        self.folder = folder

    def put(self, name: str, content: bytes = CONTENT, age: int = 100) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        when = path.stat().st_mtime_ns - age * 10**9
        os.utime(path, ns=(when, when))
        return path


@pytest.fixture(params=["folder", "sftp"])
def feed(request, tmp_path, make_context):
    folder = tmp_path / "outbound"
    folder.mkdir()
    if request.param == "sftp":
        sshd = request.getfixturevalue("sshd")
        settings = sshd.settings(folder)
        context = make_context(KEY=sshd.user_key.private)
    else:
        settings = {"path": str(folder)}
        context = make_context()
    spec = connectors.find(request.param)

    def open_source(**more):
        merged = {**settings, "settle_seconds": 0, **more}
        return spec.source(msgspec.convert(merged, spec.settings), context)

    return Feed(open_source, folder)


async def offers_of(source):
    return [offer async for offer in source.discover()]


def _times_of(offer):
    changed = ref_of(offer).changed
    when = changed if changed > 10**12 else changed * 10**9
    return when, when


async def content_of(source, offer) -> bytes:
    return b"".join([block async for block in source.fetch(offer)])


class TestAFileSource:
    async def test_offers_a_file_hands_over_its_bytes_and_archives_it(self, feed):
        feed.put("a.835")
        source = feed.open()
        [offer] = await offers_of(source)
        assert (offer.name, offer.size) == ("a.835", len(CONTENT))
        assert await content_of(source, offer) == CONTENT
        await source.settle(offer, Verdict.ACCEPTED)
        assert (feed.folder / "done" / "a.835").read_bytes() == CONTENT
        assert not (feed.folder / "a.835").exists()
        assert await offers_of(source) == []
        await source.close()

    async def test_settling_twice_is_harmless(self, feed):
        feed.put("a.835")
        source = feed.open()
        [offer] = await offers_of(source)
        for _ in range(2):
            await source.settle(offer, Verdict.ACCEPTED)
        assert [path.name for path in (feed.folder / "done").iterdir()] == ["a.835"]
        await source.close()

    async def test_a_reused_name_is_offered_again_and_both_are_kept(self, feed):
        source = feed.open()
        prints = set()
        for number in range(3):
            feed.put("R5.A1", b"%d" % number * 10, age=100 * number)
            [offer] = await offers_of(source)
            prints.add(offer.fingerprint)
            await source.settle(offer, Verdict.ACCEPTED)
        assert len(prints) == 3
        assert len(list((feed.folder / "done").iterdir())) == 3
        await source.close()

    async def test_a_file_replaced_after_the_offer_is_neither_handed_over_nor_archived(self, feed):
        feed.put("a.835")
        source = feed.open()
        [offer] = await offers_of(source)
        feed.put("a.835", b"another", age=1)
        with pytest.raises(SourceFault) as caught:
            await content_of(source, offer)
        assert caught.value.code == "changed"
        await source.settle(offer, Verdict.ACCEPTED)
        assert (feed.folder / "a.835").read_bytes() == b"another"
        await source.close()

    @pytest.mark.parametrize("size", [0, 1, 32_768, 262_144, 262_145, 9_000_001])
    async def test_every_size_arrives_whole(self, feed, size):
        content = os.urandom(size)
        feed.put("a.bin", content)
        source = feed.open()
        [offer] = await offers_of(source)
        assert await content_of(source, offer) == content
        await source.close()

    async def test_delete_and_leave_do_what_they_say(self, feed):
        feed.put("a.835")
        source = feed.open(after="delete")
        [offer] = await offers_of(source)
        await source.settle(offer, Verdict.ACCEPTED)
        assert list(feed.folder.iterdir()) == []
        await source.close()

        feed.put("b.835")
        source = feed.open(after="leave")
        [offer] = await offers_of(source)
        await source.settle(offer, Verdict.ACCEPTED)
        assert (feed.folder / "b.835").exists()
        assert await offers_of(source) == []
        await source.close()
        again = feed.open(after="leave")
        [after_a_restart] = await offers_of(again)
        assert after_a_restart.fingerprint == offer.fingerprint
        await again.close()

    async def test_a_file_that_could_not_be_archived_is_offered_until_it_is(self, feed):
        feed.put("a.835")
        (feed.folder / "done").write_bytes(b"no folder")
        source = feed.open(match=["*.835"])
        [offer] = await offers_of(source)
        with pytest.raises(SourceFault):
            await source.settle(offer, Verdict.ACCEPTED)
        (feed.folder / "done").unlink()
        [again] = await offers_of(source)
        assert again.fingerprint == offer.fingerprint
        await source.settle(again, Verdict.ACCEPTED)
        assert (feed.folder / "done" / "a.835").exists()
        await source.close()

    async def test_a_refused_file_stays(self, feed):
        feed.put("a.835")
        source = feed.open()
        [offer] = await offers_of(source)
        await source.settle(offer, Verdict.REFUSED)
        assert (feed.folder / "a.835").exists()
        assert await offers_of(source) == []
        await source.close()

    async def test_a_growing_file_is_not_offered_before_it_has_settled(self, feed):
        source = feed.open(settle_seconds=0.2)
        feed.put("a.835", b"1")
        assert await offers_of(source) == []
        await asyncio.sleep(0.25)
        feed.put("a.835", b"12")
        assert await offers_of(source) == []
        await asyncio.sleep(0.25)
        [offer] = await offers_of(source)
        assert offer.size == 2
        await source.close()

    async def test_partial_and_hidden_names_links_and_folders_are_never_offered(self, feed):
        for name in ("a.part", "b.tmp", "c.filepart", ".hidden"):
            feed.put(name)
        (feed.folder / "sub").mkdir()
        (feed.folder / "link.835").symlink_to("/etc/passwd")
        source = feed.open()
        assert await offers_of(source) == []
        await source.close()

    async def test_only_matching_names_are_offered(self, feed):
        for name in ("a.835", "b.txt", "R5x.A1"):
            feed.put(name)
        source = feed.open(match=["*.835", "R5*.*"])
        assert {offer.name for offer in await offers_of(source)} == {"a.835", "R5x.A1"}
        await source.close()

    async def test_the_oldest_come_first_and_the_caps_hold(self, feed):
        for number in range(6):
            feed.put(f"{number}.835", b"x" * 100, age=100 + number)
        source = feed.open(max_files_per_poll=4, max_bytes_per_poll=350)
        first = await offers_of(source)
        assert [offer.name for offer in first] == ["5.835", "4.835", "3.835"]
        for offer in first:
            await source.settle(offer, Verdict.ACCEPTED)
        assert [offer.name for offer in await offers_of(source)] == ["2.835", "1.835", "0.835"]
        await source.close()

    async def test_a_hostile_name_is_left_alone_and_does_not_stop_the_others(self, feed):
        for name in (b"..\\evil.835", b"tab\there.835", b"no-utf8-\xff\xfe.835"):
            Path(os.fsdecode(bytes(feed.folder) + b"/" + name)).write_bytes(b"x")
        feed.put("good.835")
        source = feed.open()
        assert [offer.name for offer in await offers_of(source)] == ["good.835"]
        report = await source.check()
        assert report.probes[-1].name == "names"
        assert not report.passed
        await source.close()

    async def test_a_folder_that_is_not_there_is_a_fault_and_fails_the_check(self, feed):
        source = feed.open(path=str(feed.folder / "nowhere"))
        with pytest.raises(SourceFault) as caught:
            await offers_of(source)
        assert caught.value.failure is Failure.DESTINATION
        assert not (await source.check()).passed
        await source.close()

    async def test_a_file_that_cannot_be_read_pauses_nothing_and_comes_last(self, feed):
        feed.put("bad.835", age=900)
        feed.put("good.835", age=100)
        source = feed.open()
        [bad, good] = await offers_of(source)
        (feed.folder / "bad.835").write_bytes(b"changed meanwhile")
        os.utime(feed.folder / "bad.835", ns=(0, 0))
        with pytest.raises(SourceFault) as caught:
            await content_of(source, bad)
        assert caught.value.failure is Failure.DESTINATION
        feed.put("bad.835", age=900).touch()
        os.utime(feed.folder / "bad.835", ns=_times_of(bad))
        assert [offer.name for offer in await offers_of(source)] == ["good.835", "bad.835"]
        assert good.name == "good.835"
        await source.close()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    async def test_a_file_closed_to_us_is_unreadable(self, feed):
        feed.put("a.835").chmod(0)
        source = feed.open()
        [offer] = await offers_of(source)
        with pytest.raises(SourceFault) as caught:
            await content_of(source, offer)
        assert (caught.value.failure, caught.value.code) == (
            Failure.DESTINATION,
            "file_unreadable",
        )
        await source.close()

    async def test_a_vanished_file_is_gone(self, feed):
        path = feed.put("a.835")
        source = feed.open()
        [offer] = await offers_of(source)
        path.unlink()
        with pytest.raises(SourceFault) as caught:
            await content_of(source, offer)
        assert caught.value.code == "gone"
        await source.settle(offer, Verdict.ACCEPTED)
        await source.close()

    async def test_a_healthy_check_passes_and_changes_nothing(self, feed):
        feed.put("a.835")
        source = feed.open()
        report = await source.check()
        assert report.passed, report
        assert [path.name for path in feed.folder.iterdir()] == ["a.835"]
        await source.close()

    async def test_a_fetch_given_up_early_harms_nothing(self, feed):
        feed.put("a.835", os.urandom(6_000_000))
        source = feed.open()
        [offer] = await offers_of(source)
        for _ in range(3):
            blocks = source.fetch(offer)
            await anext(blocks)
            await blocks.aclose()
        assert len(await content_of(source, offer)) == 6_000_000
        await source.close()

    async def test_many_files_at_a_time(self, feed):
        for number in range(30):
            feed.put(f"{number}.835", b"%d" % number)
        source = feed.open()
        offers = await offers_of(source)
        contents = await asyncio.gather(*(content_of(source, offer) for offer in offers))
        assert {
            (offer.name, content) for offer, content in zip(offers, contents, strict=True)
        } == {(f"{number}.835", b"%d" % number) for number in range(30)}
        await source.close()

    async def test_opening_and_closing_twenty_times_leaks_nothing(self, feed):
        feed.put("a.835")

        async def once():
            source = feed.open(after="leave")
            [offer] = await offers_of(source)
            await content_of(source, offer)
            await source.close()
            await source.close()

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
