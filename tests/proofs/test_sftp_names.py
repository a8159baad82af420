"""What an SFTP listing may say (T-SFTP-NAMES, F-PATH): hostile names, old files, false times."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.ports import Ports, Randomness
from tests.proofs.conftest import Report
from tests.proofs.sftp_hub import sftp_hub
from tests.proofs.sftp_servers import KINDS, Served, served

pytestmark = pytest.mark.slow
MARK = "zqhostilezq"
"""Stands in every fuzzed name, and in no name of ours."""
_PIECES = (
    *("../", "..\\", "/", "\\", "./", "//", ".", "..", "~", "~root/", "C:", "\\\\host\\share\\"),
    *("etc/passwd", "var/hub.db", "hub.key", "config/routes.yaml", "%2e%2e%2f", "..%c0%af"),
    *("\0", "\n", "\r", "\x1b[2J", "\x7f", "\t", " ", "$(touch x)", "`x`", ";x", "|x", "&", "*"),
    *("{}", "%s", "%n", "'", '"', "<x>", "\u202e", "\u2028", "é", "漢", "😀", ".part", "-rf"),
)


@pytest.fixture
async def faulty(tmp_path: Path) -> AsyncIterator[Served]:
    async with served("asyncssh", tmp_path) as server:
        yield server


@pytest.fixture(params=KINDS)
async def there(
    request: pytest.FixtureRequest, tmp_path: Path, require_program: Any
) -> AsyncIterator[Served]:
    program = require_program("sshd") if request.param == "openssh" else ""
    async with served(request.param, tmp_path, program) as server:
        yield server


# -- hostile names -----------------------------------------------------------------------------


def hostile_names(count: int, seed: int) -> frozenset[bytes]:
    """Make names as no honest partner gives them: some are no UTF-8, some too long."""
    randomness = Randomness(seed)
    names: set[bytes] = set()
    while len(names) < count:
        pieces = [randomness.choice(_PIECES) for _ in range(randomness.randrange(1, 5))]
        pieces.insert(randomness.randrange(len(pieces) + 1), f"{MARK}{len(names)}")
        name = "".join(pieces).encode()
        match randomness.randrange(10):
            case 0:
                name += bytes([randomness.randrange(128, 256)])
            case 1:
                name += b"x" * randomness.randrange(200, 2_000)
        names.add(name)
    return frozenset(names)


class _Watch:
    """Sees every path that this process opens for writing, makes, renames or removes."""

    events = frozenset({"open", "os.mkdir", "os.rename", "os.remove", "os.link", "os.symlink"})

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event in self.events:
            self.seen += [os.fsdecode(a) for a in arguments if isinstance(a, (str, bytes))]


_WATCH = _Watch()  # an audit hook cannot be taken away: one for all


@pytest.fixture
def watch() -> Iterator[_Watch]:
    _WATCH.seen.clear()
    _WATCH.on = True
    yield _WATCH
    _WATCH.on = False


async def test_no_name_of_10_000_hostile_ones_leads_anywhere(
    faulty: Served, tmp_path: Path, watch: _Watch, report: Report
) -> None:
    faults = faulty.faults
    assert faults is not None
    names = hostile_names(10_000, seed=3)
    cap = 150
    async with sftp_hub(tmp_path, faulty, polls=True, max_files_per_poll=cap) as made:
        made.put("honest.json", 1)
        faults.content = (faulty.folder / "honest.json").read_bytes()
        faults.listing = names
        hub = await made.start()
        state = hub.pollers.by_name["feed"].state
        await made.until(lambda: len(faults.opened) >= cap, seconds=120)
        await made.until(lambda: state.last_success_at, seconds=120)
        refused = (await hub.connections.source("feed").check()).probes[-1]
        assert refused.name == "names"
        assert len(made.taken()) == 1  # they all have the same bytes
        asked = list(faults.asked)  # without a made-up listing the server looks at ".." by itself
        faults.listing = frozenset()
    folders = {path.rpartition(b"/")[0] for path in asked if MARK.encode() in path}
    assert folders <= {b"/outbound", b"/outbound/done"}  # at the partner's, too
    assert not any(b".." in path.split(b"/") for path in asked)
    ours = [path for path in watch.seen if MARK in path]
    servers = str(faulty.folder.parent)  # the server's own archive lies on this machine as well
    assert [path for path in ours if not path.startswith((servers, "/outbound"))] == []
    for folder in (made.root, Path.cwd(), tmp_path.parent, Path("/")):
        assert not any(MARK in entry.name for entry in folder.iterdir())
    assert not any(MARK in path.name for path in made.root.rglob("*"))
    report(
        "T-SFTP-NAMES",
        names=len(names),
        refused=int(refused.detail.split()[0]),
        fetched=len(faults.opened),
        written_outside=0,
    )


# -- the same file again -----------------------------------------------------------------------


class Crash(Exception):
    """The process ends here, as far as the file is concerned."""


async def test_a_file_that_is_listed_again_after_a_crash_is_taken_once(
    there: Served, tmp_path: Path, report: Report
) -> None:
    crashes = 0

    def crash(name: str) -> None:
        nonlocal crashes
        if name == "poll.before_settle":
            crashes += 1
            raise Crash

    async with sftp_hub(tmp_path, there, polls=True) as made:
        for number in range(3):
            made.put(f"{number}.json", number)
        for _ in range(3):
            before = crashes
            await made.start(Ports(fail_point=crash))
            await made.until(lambda: crashes > before)  # noqa: B023 - awaited at once
            await made.stop()
        await made.start()
        await made.until(lambda: len(list((there.folder / "done").iterdir())) == 3)
        hub = made.hub
        assert hub is not None
        await hub.drained(within_seconds=30)
        await made.stop()
        assert len(made.taken()) == 3
        assert made.parts() == ["accepted"] * 3
    report(f"T-SFTP-RELIST-{there.kind}", crashes=crashes, files=3, double_accepts=0)


async def test_a_file_that_cannot_be_moved_away_is_taken_once_however_often_it_is_listed(
    faulty: Served, tmp_path: Path
) -> None:
    faults = faulty.faults
    assert faults is not None
    async with sftp_hub(tmp_path, faulty, polls=True, archive_folder="/no/such/folder") as made:
        made.put("a.json", 1)
        for _ in range(2):
            asked = len(faults.asked)
            await made.start()
            await made.until(lambda: len(faults.asked) > asked + 20)  # noqa: B023 - awaited at once
            await made.stop()
        assert len(made.taken()) == 1
        assert sum(faults.opened.values()) == 1  # not even read again
        assert (faulty.folder / "a.json").exists()


async def test_pollers_at_once_download_each_file_once(
    faulty: Served, tmp_path: Path, report: Report
) -> None:
    faults = faulty.faults
    assert faults is not None
    async with sftp_hub(tmp_path, faulty, polls=True) as made:
        for number in range(40):
            made.put(f"{number:02}.json", number)
        hub = await made.start()
        poller = hub.pollers.by_name["feed"]
        while len(list((faulty.folder / "done").iterdir())) < 40:
            await asyncio.gather(*(poller.poll() for _ in range(10)))
        assert set(faults.opened.values()) == {1}
        assert len(faults.opened) == len(made.taken()) == 40
    report("T-SFTP-TWO", pollers=10, files=40, double_downloads=0)


async def test_the_clock_of_the_server_does_not_matter(there: Served, tmp_path: Path) -> None:
    times = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 1_000_000_000)
    async with sftp_hub(tmp_path, there, polls=True) as made:
        for number, at in enumerate(times):
            made.put(f"{number}.json", number)
            os.utime(there.folder / f"{number}.json", (at, at))
        await made.start()
        await made.until(lambda: len(list((there.folder / "done").iterdir())) == len(times))
        assert len(made.taken()) == len(times)
