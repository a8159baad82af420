"""Clients that are slow on purpose (guide: reliability, A6): let go in time, at nobody's cost."""

import asyncio
import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from gateway.api import patience
from gateway.app import server
from tests.gateway.live import advice, live_hub, make_root, write
from tests.proofs import loris
from tests.proofs.conftest import Report

MAIN = "import sys; from gateway.cli import main; sys.exit(main())"
MAX_BODY_BYTES = 1_000_000
LARGE_BYTES = 24_000_000
"""More than both sides' buffers hold."""
BLOCK_BYTES = 4096
OVER_LIMIT_BYTES = 64 * 1024
"""How much beyond the limit may be read before 413 (guide, A6)."""


@dataclass(frozen=True)
class Hub:
    """Where a hub listens, and its bounds in seconds."""

    host: str
    port: int
    token: str
    header_seconds: float
    silence_seconds: float
    grace_seconds: float
    reading_seconds: float
    pid: int


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = make_root(tmp_path)
    small = (made / "config/interfaces/intake.yaml").read_text().replace("intake", "small")
    write(made, "interfaces/small.yaml", f"{small}max_bytes: {MAX_BODY_BYTES}\n")
    return made


@pytest.fixture
def quick(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub in this process whose bounds are short."""
    monkeypatch.setattr(server, "HEADER_SECONDS", 2.0)
    monkeypatch.setattr(patience, "SILENCE_SECONDS", 1.0)
    monkeypatch.setattr(patience, "GRACE_SECONDS", 3.0)
    monkeypatch.setattr(patience, "READING_SECONDS", 2.0)
    with live_hub(root) as live:
        host, port = live.url.removeprefix("http://").split(":")
        yield Hub(host, int(port), live.token, 2.0, 1.0, 3.0, 2.0, os.getpid())


@pytest.fixture
async def real(root: Path) -> AsyncIterator[Hub]:
    """A hub in a process of its own, with the bounds it ships with."""
    address = root / "var/hub.address"
    with (root / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            MAIN,
            *("run", "--root", str(root)),
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        )
    try:
        async with asyncio.timeout(60):
            while not address.exists():
                assert process.returncode is None, (root / "log").read_text()[-2000:]
                await asyncio.sleep(0.05)
        told = json.loads(address.read_bytes())
        host, port = told["url"].removeprefix("http://").split(":")
        token = (root / told["token_file"]).read_text().strip()
        yield Hub(
            host,
            int(port),
            token,
            server.HEADER_SECONDS,
            patience.SILENCE_SECONDS,
            patience.GRACE_SECONDS,
            patience.READING_SECONDS,
            told["pid"],
        )
    finally:
        process.terminate()
        await process.wait()


def head(hub: Hub, length: str, interface: str = "intake") -> bytes:
    lines = [
        f"POST /v1/interfaces/{interface}/files HTTP/1.1",
        "Host: hub",
        f"Authorization: Bearer {hub.token}",
        "Content-Type: application/json",
        length,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


class Slow:
    """One slow client: says something first, then a little now and then."""

    def __init__(self, first: bytes, then: bytes = b"", every_seconds: float = 1.0) -> None:
        self.first = first
        self.then = then
        self.every_seconds = every_seconds
        self.got = b""

    async def held(self, hub: Hub, patience_seconds: float) -> float:
        """Return after how many seconds the hub hung up. Raises TimeoutError if it did not."""
        reader, writer = await asyncio.open_connection(hub.host, hub.port)
        began = time.monotonic()
        dripping = asyncio.create_task(self._drip(writer))
        try:
            async with asyncio.timeout(patience_seconds):
                with contextlib.suppress(ConnectionError):
                    while block := await reader.read(65536):
                        self.got += block
            return time.monotonic() - began
        finally:
            dripping.cancel()
            writer.close()

    async def _drip(self, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(self.first)
            while self.then:
                await asyncio.sleep(self.every_seconds)
                writer.write(self.then)
                await writer.drain()


async def judge_slow_ones(hub: Hub, report: Report) -> None:
    """Every kind of slow client is let go in its time, and told why where there is a way."""
    half = head(hub, "Content-Length: 100000") + b"x" * 1000
    crawling_bytes = 100
    kinds = {
        "says_nothing": (Slow(b""), hub.header_seconds),
        "slow_loris": (Slow(b"GET / HTTP/1.1\r\nX: ", b"x"), hub.header_seconds),
        "http2_preface": (Slow(b"PRI * HTTP"), hub.header_seconds),
        "idle_after_answer": (
            Slow(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
            hub.header_seconds,
        ),
        "half_a_body": (Slow(half), hub.silence_seconds),
        "crawling_body": (
            Slow(half, b"x" * crawling_bytes, hub.silence_seconds / 4),
            hub.grace_seconds,
        ),
        "no_token_half_a_body": (
            Slow(half.replace(hub.token.encode(), b"wrong")),
            hub.header_seconds,
        ),
    }
    limit = max(seconds for _, seconds in kinds.values()) + 60
    held = await asyncio.gather(*(slow.held(hub, limit) for slow, _ in kinds.values()))
    for (name, (slow, seconds)), took in zip(kinds.items(), held, strict=True):
        assert took > seconds * 0.9 or name == "no_token_half_a_body", name
        if name in ("half_a_body", "crawling_body"):
            assert slow.got.startswith(b"HTTP/1.1 408"), name
            assert b"body_too_slow" in slow.got
    report(
        "T-SLOW",
        bounds_seconds=[hub.header_seconds, hub.silence_seconds, hub.grace_seconds],
        held_seconds=dict(zip(kinds, held, strict=True)),
    )
    worst = max(took - seconds for took, (_, seconds) in zip(held, kinds.values(), strict=True))
    assert worst < 15  # a busy machine


@dataclass
class Load:
    """Honest clients: each hands over documents, one after another, and notes how long it took."""

    hub: Hub
    seconds: list[float] = field(default_factory=list)
    handed_over: int = 0

    async def run(self, for_seconds: float, *, workers: int = 4) -> float:
        """Return the p99 in seconds."""
        self.seconds.clear()
        end = time.monotonic() + for_seconds
        async with httpx.AsyncClient(
            base_url=f"http://{self.hub.host}:{self.hub.port}",
            headers={"Authorization": f"Bearer {self.hub.token}"},
            trust_env=False,
            timeout=60,
        ) as client:
            await asyncio.gather(*(self._work(client, end) for _ in range(workers)))
        return statistics.quantiles(self.seconds, n=100)[98]

    async def _work(self, client: httpx.AsyncClient, end: float) -> None:
        while time.monotonic() < end:
            self.handed_over += 1
            raw = json.dumps(advice(self.handed_over)).encode()
            began = time.monotonic()
            answer = await client.post(
                "/v1/interfaces/intake/files",
                content=raw,
                headers={"Content-Type": "application/json"},
            )
            self.seconds.append(time.monotonic() - began)
            assert answer.status_code == 202
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def lorises(hub: Hub, count: int, held: list[float]) -> AsyncIterator[None]:
    """Keep `count` slow-loris sockets at it, in a process of their own; learn how long each
    connection was held."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        loris.__file__,
        *(hub.host, str(hub.port), str(count)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    try:
        await asyncio.sleep(loris.SPREAD_SECONDS)
        yield
    finally:
        process.terminate()
        told, _ = await process.communicate()
    held.extend(json.loads(told))


async def loris_ratios(
    hub: Hub, report: Report, *, sockets: int, rounds: int, window_seconds: float
) -> list[float]:
    """Return how the honest clients' p99 compares with and without slow ones, round by round;
    every second round the other way about, for what drifts on a busy machine."""
    load = Load(hub)
    await load.run(1)
    calm: list[float] = []
    attacked: list[float] = []
    held: list[float] = []
    for number in range(rounds):
        if number % 2 == 0:
            calm.append(await load.run(window_seconds))
        async with lorises(hub, sockets, held):
            attacked.append(await load.run(window_seconds))
        if number % 2 == 1:
            calm.append(await load.run(window_seconds))
    ratios = [under / without for under, without in zip(attacked, calm, strict=True)]
    report(
        "T-LORIS",
        sockets=sockets,
        calm_p99_ms=statistics.median(calm) * 1000,
        attacked_p99_ms=statistics.median(attacked) * 1000,
        p99_ratio=statistics.median(ratios),
        p99_ratios=ratios,
        let_go=len(held),
        held_seconds=[min(held), max(held)] if held else [],
        requests=load.handed_over,
    )
    assert all(seconds > hub.header_seconds * 0.9 for seconds in held)
    return ratios


async def idle_share(hub: Hub, *, sockets: int) -> float:
    """Return the share of a core that the hub's process takes while nobody but slow ones asks."""
    async with lorises(hub, sockets, []):
        await asyncio.sleep(1)
        began, used = time.monotonic(), cpu_seconds(hub.pid)
        await asyncio.sleep(15)
        return (cpu_seconds(hub.pid) - used) / (time.monotonic() - began)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def read_before_413(hub: Hub, length: str, frame: bytes, block: bytes) -> int:
    """Return how many bytes of a body the hub took before it answered 413."""
    reader, writer = await asyncio.open_connection(hub.host, hub.port)
    try:
        writer.write(head(hub, length, "small"))
        answer = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
        sent = 0
        while not answer.done() and sent < 4 * MAX_BODY_BYTES:
            writer.write(frame + block + b"\r\n" if frame else block)
            await writer.drain()
            sent += len(block)
            near = sent > MAX_BODY_BYTES - len(block)
            await asyncio.wait({answer}, timeout=0.25 if near else 0.0001)
        got = await answer
        assert got.startswith(b"HTTP/1.1 413"), got[:40]
        assert b"connection: close" in got.lower()
        return sent
    finally:
        writer.close()


async def judge_reader(hub: Hub, report: Report) -> None:
    """A client that asks for a large file and does not read it is let go, and can tell."""
    raw = b" " * LARGE_BYTES
    headers = {"Authorization": f"Bearer {hub.token}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(trust_env=False, timeout=120) as client:
        url = f"http://{hub.host}:{hub.port}/v1/interfaces/intake/files"
        answer = await client.post(url, content=raw, headers=headers)
        assert answer.status_code == 202, answer.text
    place = f"{answer.headers['Location']}/content"
    asking = f"GET {place} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {hub.token}\r\n\r\n"
    reader, writer = await asyncio.open_connection(hub.host, hub.port, limit=4096)
    writer.write(asking.encode())
    await asyncio.sleep(hub.reading_seconds + 5)
    began = time.monotonic()
    got = b""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(60):
            while block := await reader.read(1 << 20):
                got += block
    writer.close()
    assert got.startswith(b"HTTP/1.1 200")
    assert not got.endswith(b"0\r\n\r\n")  # the end of a whole answer in chunks
    assert len(got) < LARGE_BYTES
    report(
        "T-READER",
        bound_seconds=hub.reading_seconds,
        got_bytes=len(got),
        of_bytes=LARGE_BYTES,
        drained_seconds=time.monotonic() - began,
    )


async def judge_limit(hub: Hub, report: Report) -> None:
    """413 comes before more than the limit and 64 KiB is read; at once where the size is told."""
    block = b" " * BLOCK_BYTES
    announced = await read_before_413(hub, f"Content-Length: {MAX_BODY_BYTES + 1}", b"", block[:1])
    frame = f"{len(block):x}\r\n".encode()
    chunked = await read_before_413(hub, "Transfer-Encoding: chunked", frame, block)
    over = chunked - MAX_BODY_BYTES
    report("T-LIMIT", announced_read_bytes=announced, chunked_over_limit_bytes=over)
    assert announced < OVER_LIMIT_BYTES
    assert 0 < over <= OVER_LIMIT_BYTES


@pytest.mark.slow
async def test_every_kind_of_slow_client_is_let_go_and_a_large_body_is_refused_early(
    quick: Hub, report: Report
) -> None:
    await asyncio.gather(
        judge_slow_ones(quick, report), judge_limit(quick, report), judge_reader(quick, report)
    )


@pytest.mark.slow
async def test_slow_lorises_are_let_go_while_others_are_served(quick: Hub, report: Report) -> None:
    await loris_ratios(quick, report, sockets=100, rounds=1, window_seconds=3)


@pytest.mark.soak
async def test_slow_clients_are_let_go_at_the_shipped_bounds(real: Hub, report: Report) -> None:
    await judge_limit(real, report)
    await asyncio.gather(judge_slow_ones(real, report), judge_reader(real, report))


@pytest.mark.soak
async def test_500_slow_lorises_slow_nobody_down(real: Hub, report: Report) -> None:
    ratios = await loris_ratios(real, report, sockets=500, rounds=6, window_seconds=18)
    share = await idle_share(real, sockets=500) - await idle_share(real, sockets=1)
    report("T-LORIS-CPU", sockets=500, share_of_a_core=share)
    # What slows others down does so in every round; a busy machine does it in some.
    assert min(ratios) < 1.2
    assert share < 0.05
