"""The hub as a user runs it, a process of its own: started, asked, measured, killed without a word."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp

REPOSITORY = Path(__file__).resolve().parents[2]
MAIN = "import sys; from gateway.cli import main; sys.exit(main())"
START_SECONDS = 120


@dataclass(eq=False)
class HubProcess:
    """One running `remithub run`, and a client that knows its token."""

    root: Path
    process: asyncio.subprocess.Process
    url: str
    session: aiohttp.ClientSession
    started_at: float

    @classmethod
    async def start(
        cls,
        root: Path,
        *,
        more: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
        before: str = "",
        connections: int = 256,
    ) -> Self:
        """Start a hub and return once it listens. `before` is Python that its process runs first:
        what has no setting, such as how long a stop may take, is set there. The client keeps so
        many connections at most."""
        address = root / "var/hub.address"
        address.unlink(missing_ok=True)
        began = time.monotonic()
        with (root / "hub.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", f"{before}\n{MAIN}", "run", "--root", str(root), *more),
                cwd=REPOSITORY,
                env={**os.environ, **(environment or {})},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(START_SECONDS):
                while not address.exists():
                    assert process.returncode is None, (root / "hub.log").read_text()[-3000:]
                    await asyncio.sleep(0.01)
        except BaseException:
            await _kill(process)
            raise
        url = json.loads(address.read_text())["url"]
        token = (root / "var/api.token").read_text().strip()
        session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=5),
            timeout=aiohttp.ClientTimeout(total=120),
        )
        return cls(root, process, url, session, began)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.returncode is None

    async def hand_over(self, raw: bytes, interface: str = "feed") -> int:
        """Hand over a document; return the HTTP status."""
        target = f"{self.url}/v1/interfaces/{interface}/files"
        async with self.session.post(target, data=raw) as answer:
            await answer.read()
            return answer.status

    async def get(self, path: str, **query: Any) -> Any:
        """Return a JSON answer."""
        async with self.session.get(f"{self.url}{path}", params=query) as answer:
            assert answer.status == 200, answer.status
            return await answer.json()

    async def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Return the status and the JSON answer to a POST."""
        async with self.session.post(f"{self.url}{path}", json=body or {}) as answer:
            return answer.status, await answer.json(content_type=None)

    async def metrics(self) -> tuple[float, dict[str, float]]:
        """Return how long a scrape took, in milliseconds, and its figures by name and labels."""
        began = time.perf_counter()
        async with self.session.get(f"{self.url}/metrics") as answer:
            text = await answer.text()
        took = (time.perf_counter() - began) * 1000
        lines = (line.rpartition(" ") for line in text.splitlines() if line[:1] not in ("", "#"))
        return took, {name: float(figure) for name, _, figure in lines}

    def processes(self) -> list[int]:
        """Return the ids of the hub's process and its store writer's."""
        return [self.process.pid, *_children(self.process.pid)]

    def rss_mb(self) -> float:
        """Return the resident megabytes of the hub and its store writer now (proc(5), VmRSS)."""
        return sum(_status(pid, "VmRSS") for pid in self.processes()) / 1024

    def peak_mb(self) -> float:
        """Return the most that the two ever had resident, each at its own time (VmHWM)."""
        return sum(_status(pid, "VmHWM") for pid in self.processes()) / 1024

    def descriptors(self) -> int:
        """Return how many files and sockets the two hold open."""
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.processes())

    async def kill(self) -> None:
        """Kill -9 the hub and its store writer at once."""
        await self.session.close()
        await _kill(self.process)

    async def stop(self) -> int:
        """End it as a service manager does; return its exit code."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        async with asyncio.timeout(60):
            code = await self.process.wait()
        await self.kill()
        return code


@contextlib.asynccontextmanager
async def running(root: Path, **options: Any) -> AsyncIterator[HubProcess]:
    """Run a hub for the length of the block; it ends by kill -9."""
    hub = await HubProcess.start(root, **options)
    try:
        yield hub
    finally:
        await hub.kill()


async def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *_children(int(child))]
    return found


def _status(pid: int, name: str) -> int:
    """Return a figure of proc(5) `status`, in KiB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition(f"{name}:")[2].split()[0])
