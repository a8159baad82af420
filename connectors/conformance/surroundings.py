"""What a connector under test stands in: a clock that can jump, real parts, and open ears."""

import asyncio
import base64
import contextlib
import io
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from connectors.base import Call, Context
from connectors.conformance.rows import NotApplicable, expect
from connectors.http import AiohttpTransport

__all__ = ["Ears", "KitClock", "Surroundings", "leaks_nothing"]

CYCLES = 20
_SHORT = 6
"""A secret of fewer characters is found in any text by chance."""


class KitClock:
    """Real time plus what the kit has let pass, so that no test waits for a file to settle."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> datetime:
        """Return the wall time in UTC."""
        real = datetime.now(UTC)  # noqa: TID251  - the kit is its connectors' clock
        return real + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic() + self._ahead  # noqa: TID251  - the kit is its connectors' clock

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._ahead += seconds


class Surroundings:
    """Makes contexts with real parts: threads, an HTTP transport over sockets, a clock."""

    def __init__(self) -> None:
        self.clock = KitClock()
        self._pools: list[ThreadPoolExecutor] = []

    def context(self, secrets: Mapping[str, str]) -> Context:
        """Return a context that knows these secrets and no others."""
        return Context(
            interface="under-test",
            clock=self.clock,
            secret=secrets.__getitem__,
            transport=AiohttpTransport,
            executor=self._executor,
            fail_point=lambda _name: None,
        )

    def call(self, key: str, *, attempt: int = 1, seconds: float = 30.0) -> Call:
        """Return one attempt with a deadline that many seconds ahead."""
        return Call(key=key, attempt=attempt, deadline=self.clock.monotonic() + seconds)

    def close(self) -> None:
        """End what a connector has left running, so that it disturbs no other row."""
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)

    def _executor(self, size: int) -> Executor:
        pool = ThreadPoolExecutor(size)
        self._pools.append(pool)
        return pool


class Ears:
    """Hears every log record and everything printed, to look for what must not be said."""

    def __init__(self) -> None:
        self._heard = io.StringIO()

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Listen, with every logger at its most talkative."""
        handler = logging.StreamHandler(self._heard)
        handler.setLevel(logging.DEBUG)
        root = logging.getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            with (
                contextlib.redirect_stdout(self._heard),
                contextlib.redirect_stderr(self._heard),
            ):
                yield
        finally:
            root.removeHandler(handler)
            root.setLevel(level)

    def note(self, text: object) -> None:
        """Hear what a person or a metric would be shown."""
        self._heard.write(f"{text}\n")

    def heard(self, words: str) -> bool:
        """Say whether these words were heard: whole, a long line of them, or encoded."""
        text = self._heard.getvalue()
        lines = [line for line in words.splitlines() if len(line) >= _SHORT]
        told = [line for line in lines if not line.startswith("-----")]
        return any(form in text for line in told for form in _forms(line))


def _forms(words: str) -> Iterator[str]:
    """Yield the words as they are, in an address, in hexadecimal, and in the base 64 of anything
    they stand in: the three ways they can lie across its groups, without the groups cut off."""
    raw = words.encode()
    yield from (words, quote(words, safe=""), raw.hex())
    for before in range(3):
        whole = base64.b64encode(bytes(before) + raw).decode().rstrip("=")
        yield whole[4 if before else 0 : len(whole) - len(whole) % 4]


async def leaks_nothing(once: Callable[[], Awaitable[None]]) -> None:
    """Run `once()` twenty times and compare open files, threads and tasks before and after."""
    if not Path("/proc/self/fd").is_dir():
        raise NotApplicable("this system does not list a process's open files")
    await once()
    await _settled(_held())
    before = _held()
    for _ in range(CYCLES):
        await once()
    await _settled(before)
    for what, (had, has) in zip(("files", "threads", "tasks"), _pairs(before), strict=True):
        expect(has <= had, f"{has - had} {what} left open after {CYCLES} times open and close")


def _held() -> tuple[int, int, int]:
    files = sum(1 for _ in Path("/proc/self/fd").iterdir())
    return files, threading.active_count(), len(asyncio.all_tasks())


def _pairs(before: tuple[int, int, int]) -> list[tuple[int, int]]:
    return list(zip(before, _held(), strict=True))


async def _settled(wanted: tuple[int, int, int]) -> None:
    """Wait up to two seconds until no more than this is held: sockets and threads end late."""
    for _ in range(40):
        if all(has <= had for had, has in _pairs(wanted)):
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.05)
