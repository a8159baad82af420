"""SFTP faults (guide: reliability, A7) at three servers: whom we talk to, and what we take."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.base import Offer, Source, SourceFault
from connectors.sftp import CONNECTOR, Settings
from gateway.errors import ConfigError
from gateway.pipeline import Arrival
from gateway.ports import Randomness
from gateway.simulators.remittances import generate_835
from gateway.simulators.tcp_proxy import Fault
from tests.connectors.conftest import _openssh_key
from tests.proofs.conftest import Report
from tests.proofs.sftp_hub import POLL_SECONDS, X12, sftp_hub
from tests.proofs.sftp_servers import KINDS, Served, context_of, served

pytestmark = pytest.mark.slow
POLLS = 15
"""How many polls' time a test waits to see that nobody knocks."""


@pytest.fixture(params=KINDS)
async def there(
    request: pytest.FixtureRequest, tmp_path: Path, require_program: Callable[[str], str]
) -> AsyncIterator[Served]:
    program = require_program("sshd") if request.param == "openssh" else ""
    async with served(request.param, tmp_path, program) as server:
        yield server


@pytest.fixture
async def faulty(tmp_path: Path) -> AsyncIterator[Served]:
    async with served("asyncssh", tmp_path) as server:
        yield server


# -- whom we talk to ---------------------------------------------------------------------------


async def test_a_server_without_a_pinned_key_is_never_connected_to(
    there: Served, tmp_path: Path
) -> None:
    async with sftp_hub(tmp_path, there, polls=True) as made:
        made.configure(host_keys=[])
        with pytest.raises(ConfigError, match="host_keys"):
            await made.start()
    assert there.proxy.accepted == 0


async def test_a_changed_host_key_pauses_the_feed_and_sees_no_credential(
    there: Served, tmp_path: Path, report: Report
) -> None:
    if there.kind == "paramiko":
        there.refuse_logins()  # it counts those only; the key is right afterwards, but no more
    other = _openssh_key(tmp_path / "other").public
    async with sftp_hub(tmp_path, there, polls=True) as made:
        made.put("a.json", 1)
        made.configure(host_keys=[other])
        hub = await made.start()
        state = hub.pollers.by_name["feed"].state
        await made.until(lambda: state.paused)
        await asyncio.sleep(POLLS * POLL_SECONDS)
        assert (state.fault, there.proxy.accepted, there.logins()) == ("host_key_changed", 1, 0)
        checked = await hub.connections.source("feed").check()
        assert checked.probes[-1].detail.count("SHA256:") == 2  # the pinned and the shown one
        assert there.logins() == 0
        if there.kind != "paramiko":
            made.configure()
            await hub.reload()
            await made.until(lambda: len(made.taken()) == 1)
    report(f"T-SFTP-KEY-{there.kind}", connections=1, credentials_sent=0, polls=POLLS)


async def test_a_refused_login_pauses_the_feed_at_the_first_refusal(
    there: Served, tmp_path: Path, report: Report
) -> None:
    there.refuse_logins()
    async with sftp_hub(tmp_path, there, polls=True) as made:
        hub = await made.start()
        state = hub.pollers.by_name["feed"].state
        await made.until(lambda: state.paused)
        await asyncio.sleep(POLLS * POLL_SECONDS)
        assert (state.fault, there.proxy.accepted, there.logins()) == ("auth_refused", 1, 1)
    report(f"T-SFTP-LOGIN-{there.kind}", tries=1, polls=POLLS)


async def test_a_refused_login_pauses_a_destination_and_keeps_its_queue(
    there: Served, tmp_path: Path
) -> None:
    there.refuse_logins()
    async with sftp_hub(tmp_path, there, polls=False, connections=1, channels=1) as made:
        hub = await made.start()
        for number in range(3):
            await made.hand_over(number)
        await made.until(lambda: hub.workers.destinations["drop"].paused)
        await asyncio.sleep(POLLS * POLL_SECONDS)
        # Those that were under way when the first was refused may have knocked too.
        assert 1 <= there.logins() <= 3
        waiting = await hub.store.fetch("retries", state="waiting", limit=10)
        dead = await hub.store.fetch("retries", state="dead", limit=10)
        assert (len(waiting) >= 1, dead) == (True, [])


# -- what we take ------------------------------------------------------------------------------


def source_of(there: Served, context: Any, **more: Any) -> Source:
    made = CONNECTOR.source
    assert made is not None
    return made(msgspec.convert({**there.settings, **more}, Settings), context)


async def offers_of(source: Source) -> list[Offer]:
    return [offer async for offer in source.discover()]


async def cut_mid_get(
    there: Served, tmp_path: Path, report: Report, *, drops: int, every: int = 10
) -> None:
    """Cut the connection `drops` times in the middle of a file; every tenth try is let through."""
    randomness = Randomness(7)
    wanted: dict[str, int] = {}
    async with sftp_hub(tmp_path, there, polls=False) as made:
        hub = await made.start()
        with context_of(there) as context:
            source = source_of(there, context)
            cut = 0
            while cut < drops:
                name = f"{len(wanted):04}.json"
                raw = made.put(name, len(wanted), at_least_bytes=200_000)
                there.proxy.fault = None
                [offer] = [o for o in await offers_of(source) if o.name == name]
                arrival = Arrival(interface="feed", fingerprint=offer.fingerprint)
                for _ in range(min(every, drops - cut)):
                    there.proxy.fault = Fault.RST_MID_STREAM
                    there.proxy.stream_bytes = randomness.randrange(10_000, 180_000)
                    there.proxy.cut()  # the next one begins on a new connection
                    with pytest.raises(SourceFault) as caught:
                        await hub.flow.accept(arrival, source.fetch(offer))
                    assert caught.value.code == "connection_lost"
                    cut += 1
                there.proxy.fault = None
                assert made.taken() == wanted  # nothing of what was cut is there
                await hub.flow.accept(arrival, source.fetch(offer))
                wanted[hashlib.sha256(raw).hexdigest()] = len(raw)
                assert made.taken() == wanted
            await source.close()
        await hub.drained(within_seconds=30)
        struck = there.proxy.struck[Fault.RST_MID_STREAM]
    assert set(made.parts()) == {"accepted"}
    assert len(made.parts()) == len(wanted)
    report(
        f"T-SFTP-DROP-{there.kind}",
        drops=cut,
        cut_by_proxy=struck,
        files=len(wanted),
        partial_files_parsed=0,
    )


async def test_a_get_that_is_cut_never_becomes_a_file(
    there: Served, tmp_path: Path, report: Report
) -> None:
    await cut_mid_get(there, tmp_path, report, drops=20)


@pytest.mark.soak
async def test_1_000_gets_that_are_cut_never_become_a_file(
    there: Served, tmp_path: Path, report: Report
) -> None:
    await cut_mid_get(there, tmp_path, report, drops=1_000)


class Ticking:
    """A clock that goes when it is told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> Any:
        raise AssertionError("a source has no use for the wall clock")

    def monotonic(self) -> float:
        return self.seconds


class Writers:
    """Writes files in fits and starts into a folder; what is left of each, nobody else knows."""

    def __init__(self, folder: Path, randomness: Randomness, files: int) -> None:
        self.folder = folder
        self.randomness = randomness
        self.whole = {
            f"{n:04}.835": randomness.randbytes(randomness.randrange(2, 5_000))
            for n in range(files)
        }
        self.left = dict(self.whole)
        self._pause = dict.fromkeys(self.whole, 0)

    def tick(self) -> None:
        """Go on with every file whose pause (up to five ticks) is over."""
        for name in self.whole:
            self._pause[name] -= 1
            if self._pause[name] < 0:
                self.grow(name)

    def grow(self, name: str) -> None:
        """Append a byte at least, if there is any left."""
        left = self.left[name]
        count = self.randomness.randint(1, max(len(left), 1))
        with (self.folder / name).open("ab") as file:
            file.write(left[:count])
        self.left[name] = left[count:]
        self._pause[name] = self.randomness.randrange(6)

    def race(self, name: str, *, reading: bool) -> None:
        """Grow in the hub's way: half of them before the reading, half of them during it."""
        if self.left[name] and (reading or self.randomness.random() < 0.5):
            self.grow(name)


async def races(there: Served, report: Report, *, files: int, seed: int) -> None:
    """Let files grow also while they are read: only whole ones are taken.

    A file that stands still for `settle_seconds` and grows after it was read looks whole; there
    is no telling but by the parser (the next test).
    """
    assert there.faults is not None
    writers = Writers(there.folder, Randomness(seed), files)
    there.faults.on_read = lambda path: writers.race(path.name, reading=True)
    taken: dict[str, bytes] = {}
    clock, changed = Ticking(), 0
    with context_of(there, clock) as context:
        source = source_of(there, context, settle_seconds=2.5, after="leave")
        while len(taken) < files:
            writers.tick()
            for offer in [o for o in await offers_of(source) if o.name not in taken]:
                writers.race(offer.name, reading=False)
                with contextlib.suppress(SourceFault):
                    taken[offer.name] = await content_of(source, offer)
                changed += offer.name not in taken
            clock.seconds += 1
            assert clock.seconds < 400
        await source.close()
    short = [name for name, content in taken.items() if content != writers.whole[name]]
    report("T-SFTP-GROW", races=changed, files=files, short_files=len(short))
    assert changed > files
    assert short == []


async def content_of(source: Source, offer: Offer) -> bytes:
    return b"".join([block async for block in source.fetch(offer)])


async def test_a_file_that_still_grows_is_never_taken_short(
    faulty: Served, report: Report
) -> None:
    await races(faulty, report, files=25, seed=1)


@pytest.mark.soak
async def test_500_files_that_still_grow_are_never_taken_short(
    faulty: Served, report: Report
) -> None:
    await races(faulty, report, files=300, seed=2)


async def test_a_file_that_stood_still_too_long_is_no_payment_before_it_is_whole(
    faulty: Served, tmp_path: Path
) -> None:
    raw = b"".join(generate_835(payments=4, seed=8, claims_per_payment=2, usage="P"))
    file = faulty.folder / "a.835"
    async with sftp_hub(tmp_path, faulty, polls=True, after="leave") as made:
        made.format = X12
        made.configure()
        hub = await made.start()
        expected: list[str] = []
        for share in (0.3, 0.6, 0.999):  # the parser demands SE, GE and IEA with their counts
            file.write_bytes(raw[: int(len(raw) * share)])
            taken = len(made.taken())
            await made.until(lambda: len(made.taken()) > taken)  # noqa: B023 - awaited at once
            await made.until(lambda: len(made.parts()) > len(expected))  # noqa: B023 - as above
            await hub.drained(within_seconds=30)
            assert set(made.parts()) <= {"held", "dead"}
            expected = made.parts()
        file.write_bytes(raw)
        await made.until(lambda: made.parts().count("accepted") == 4)
