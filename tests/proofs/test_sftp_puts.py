"""Files that we put (guide: reliability, A7): whole or not at all, and once by content."""

import asyncio
import contextlib
import json
import resource
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
import msgspec
import pytest

from connectors.base import Call, Context, Delivered, Document, Failed, Failure, Unknown
from connectors.sftp import CONNECTOR, Settings
from gateway.ports import Randomness, SystemClock
from tests.gateway.live import advice
from tests.proofs.conftest import Report
from tests.proofs.sftp_hub import sftp_hub
from tests.proofs.sftp_servers import KINDS, Served, context_of, served

pytestmark = pytest.mark.slow
RAW = bytes(range(256)) * 400


@pytest.fixture(params=KINDS)
async def there(
    request: pytest.FixtureRequest, tmp_path: Path, require_program: Any
) -> AsyncIterator[Served]:
    program = require_program("sshd") if request.param == "openssh" else ""
    async with served(request.param, tmp_path, program) as server:
        yield server


@pytest.fixture
async def faulty(tmp_path: Path) -> AsyncIterator[Served]:
    async with served("asyncssh", tmp_path) as server:
        yield server


@contextlib.asynccontextmanager
async def sink_at(there: Served) -> AsyncIterator[Any]:
    with context_of(there) as context:
        assert CONNECTOR.sink is not None
        assert isinstance(context, Context)
        sink = CONNECTOR.sink(msgspec.convert(there.settings, Settings), context)
        try:
            yield sink
        finally:
            await sink.close()


def call(key: str = "k") -> Call:
    return Call(key=key, attempt=1, deadline=SystemClock().monotonic() + 20)


def names(there: Served) -> set[str]:
    return {path.name for path in there.folder.iterdir() if path.is_file()}


DOCUMENT = Document(contract="c", raw=RAW, name="a.835")


async def test_a_name_that_is_taken_is_done_where_the_content_is_ours_and_refused_else(
    there: Served,
) -> None:
    async with sink_at(there) as sink:
        assert isinstance(await sink.deliver(call(), DOCUMENT), Delivered)
        again = await sink.deliver(call("other"), DOCUMENT)
        assert again == Delivered(external_id="a.835", duplicate=True)
        for content in (RAW[:-1] + b"?", b"short", b""):
            (there.folder / "a.835").write_bytes(content)
            outcome = await sink.deliver(call(), DOCUMENT)
            assert outcome == Failed(failure=Failure.MESSAGE, code="name_taken")
            assert (there.folder / "a.835").read_bytes() == content
        assert names(there) == {"a.835"}


@pytest.mark.parametrize("same", [True, False])
async def test_a_file_that_appears_just_before_ours_gets_its_name_is_never_overwritten(
    faulty: Served, same: bool
) -> None:
    assert faulty.faults is not None
    content = RAW if same else b"theirs"

    async def appear(_old: bytes, _new: bytes) -> None:
        (faulty.folder / "a.835").write_bytes(content)

    faulty.faults.before_rename = appear
    async with sink_at(faulty) as sink:
        outcome = await sink.deliver(call(), DOCUMENT)
    if same:
        assert outcome == Delivered(external_id="a.835", duplicate=True)
    else:
        assert outcome == Failed(failure=Failure.MESSAGE, code="name_taken")
    assert (faulty.folder / "a.835").read_bytes() == content
    assert names(faulty) == {"a.835"}


async def test_a_full_disk_never_leaves_a_short_file_under_the_final_name(
    faulty: Served, report: Report
) -> None:
    assert faulty.faults is not None
    randomness = Randomness(11)
    sizes: list[int] = []

    async def look(old: bytes, _new: bytes) -> None:
        sizes.append((faulty.folder / Path(old.decode()).name).stat().st_size)

    faulty.faults.before_rename = look
    short = 0
    async with sink_at(faulty) as sink:
        for number in range(20):
            document = Document(contract="c", raw=RAW, name=f"{number}.835")
            faulty.faults.write_limit = randomness.randrange(0, 90_000)
            outcome = await sink.deliver(call(str(number)), document)
            assert outcome == Failed(failure=Failure.DESTINATION, code="refused_by_server")
            short += f"{number}.835" in names(faulty)
            faulty.faults.write_limit = None
            assert isinstance(await sink.deliver(call(str(number)), document), Delivered)
    assert (short, set(sizes)) == (0, {len(RAW)})
    assert names(faulty) == {f"{number}.835" for number in range(20)}  # and no remnant
    report("T-SFTP-FULL", puts=20, short_files=short)


async def test_openssh_that_dies_of_a_full_disk_leaves_no_short_file(
    tmp_path: Path, require_program: Any
) -> None:
    async with served("openssh", tmp_path, require_program("sshd")) as there:
        bounds = resource.prlimit(there.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(there.pid, resource.RLIMIT_FSIZE, (40_000, bounds[1]))
        async with sink_at(there) as sink:
            outcome = await sink.deliver(call(), DOCUMENT)
            assert isinstance(outcome, Failed)
            assert outcome.failure is Failure.DESTINATION
            assert "a.835" not in names(there)
        resource.prlimit(there.pid, resource.RLIMIT_FSIZE, bounds)
        async with sink_at(there) as sink:
            assert isinstance(await sink.deliver(call(), DOCUMENT), Delivered)
        assert (there.folder / "a.835").read_bytes() == RAW
        assert names(there) == {"a.835"}  # the remnant was written over and renamed


async def test_a_rename_that_the_server_refuses_is_tried_later_and_is_there_once(
    there: Served,
) -> None:
    target = there.folder / "a.835"
    target.mkdir()  # a folder has the name: the rename fails, and it is not ours
    async with sink_at(there) as sink:
        outcome = await sink.deliver(call(), DOCUMENT)
        assert isinstance(outcome, Failed)
        assert names(there) == set()
        target.rmdir()
        assert isinstance(await sink.deliver(call(), DOCUMENT), Delivered)
    assert target.read_bytes() == RAW


class Weather:
    """What goes wrong at the server, drawn from a seed: around renames, and the disk."""

    def __init__(self, there: Served, seed: int) -> None:
        assert there.faults is not None
        self.there = there
        self.faults = there.faults
        self.randomness = Randomness(seed)
        self.struck: Counter[str] = Counter()
        self.calm = False

    async def before(self, old: bytes, _new: bytes) -> None:
        self._disk()
        match self.randomness.randrange(4 if not self.calm else 1):
            case 1:
                self.struck["refused"] += 1
                raise asyncssh.SFTPFailure("no")
            case 2:
                self.struck["cut_before"] += 1
                self.there.proxy.cut()
                await asyncio.sleep(0.01)
        del old

    async def after(self) -> None:
        if not self.calm and self.randomness.random() < 0.25:
            self.struck["cut_after"] += 1
            self.there.proxy.cut()
            await asyncio.sleep(0.01)

    def _disk(self) -> None:
        full = not self.calm and self.randomness.random() < 0.2
        self.struck["disk_full"] += full
        self.faults.write_limit = 100 if full else None


async def storm_of_puts(there: Served, tmp_path: Path, report: Report, *, documents: int) -> None:
    """Deliver by a running hub while renames fail, answers are lost and the disk fills up."""
    weather = Weather(there, seed=5)
    weather.faults.before_rename = weather.before
    weather.faults.after_rename = weather.after
    async with sftp_hub(tmp_path, there, polls=False) as made:
        hub = await made.start()
        for number in range(documents):
            await made.hand_over(number)

        async def relieved() -> None:
            # A full disk is noticed at a rename only; somebody must make room again.
            while True:
                await asyncio.sleep(0.2)
                weather.faults.write_limit = None

        relief = asyncio.create_task(relieved())
        try:
            await made.until(lambda: len(names(there)) >= documents, seconds=600)
        finally:
            weather.calm = True
            async with asyncio.timeout(60):
                while await hub.store.fetch("retries", limit=1) or not hub.workers.idle:
                    await asyncio.sleep(0.05)
            relief.cancel()
    found = Counter(
        json.loads(path.read_bytes())["remittance_id"]
        for path in there.folder.iterdir()
        if path.is_file()
    )
    assert found == Counter(advice(number)["remittance_id"] for number in range(documents))
    report("T-SFTP-PUT", documents=documents, doubled=0, short=0, **weather.struck)


async def test_documents_put_through_a_storm_are_there_once(
    faulty: Served, tmp_path: Path, report: Report
) -> None:
    await storm_of_puts(faulty, tmp_path, report, documents=25)


@pytest.mark.soak
async def test_1_000_documents_put_through_a_storm_are_there_once(
    faulty: Served, tmp_path: Path, report: Report
) -> None:
    await storm_of_puts(faulty, tmp_path, report, documents=1_000)


async def test_a_lost_answer_to_a_rename_is_unknown_and_found_by_asking(faulty: Served) -> None:
    assert faulty.faults is not None

    async def cut() -> None:
        faulty.proxy.cut()
        await asyncio.sleep(0.05)

    faulty.faults.after_rename = cut
    async with sink_at(faulty) as sink:
        assert isinstance(await sink.deliver(call(), DOCUMENT), Unknown)
        again = await sink.deliver(call(), DOCUMENT)
        assert again == Delivered(external_id="a.835", duplicate=True)
