"""Measures the whole way: files in over the API, two partners' answers out, everything durable.

The hub runs as a user runs it (`remithub run`): token, FULL, encryption, all checks, the shipped
mappings. One 835 of ten claims per file; each becomes a remittance advice, a posting request at
the first partner, a confirmation, a journal at the second, an acknowledgement. Generator, partners
and hub share this machine's processors.

Figures: `files_per_s`, `claims_per_s` (wall, from the first byte sent to the last journal),
`accepted_per_s` (answers 202), `cpu_ms_per_file` (hub and its store writer), `peak_rss_mb` (the
same), `store_bytes_per_file`, `generator_cpu_ms_per_file`, `partners_cpu_ms_per_file`, and where
the hub's time goes, measured one step at a time on the same files: `decode_us`, `map_us`,
`validate_us`, `encode_us`, `seal_us`. Ratios: `vs_floor` (CPU of those steps alone over the
hub's CPU: what is left is intake, store, delivery).
"""

import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp

from gateway.bench._steps import step_times
from gateway.bench._usage import usage
from gateway.simulators.remittances import generate_835

__all__ = ["run"]

FEED = """\
interface: feed
direction: in
format: x12-835
mapping: x12-835-to-remittance-advice
concurrency: 16
"""
SINK = """\
interface: {name}
direction: out
connector: http_api
accepts: {accepts}
allow_draft: true
{more}
concurrency: 32
settings:
  base_url: {url}
  connections: 32
  idempotency: {{mode: key}}
  deliver:
    steps: [{{id: send, request: {{path: /{path}}}}}]
"""
ROUTES = """\
routes:
  - name: to-billing
    contract: remittance-advice
    mapping: remittance-advice-to-posting-request
    to: billing
  - name: to-erp
    contract: posting-confirmation
    mapping: posting-confirmation-to-journal-entry
    to: erp
"""
CLAIMS = 10


def run(*, files: int = 1000, concurrency: int = 32, seed: int = 11) -> dict[str, Any]:
    """Return {"bench", "figures", "ratios", "machine"} for `files` files of ten claims."""
    made = [
        b"".join(generate_835(payments=1, seed=seed * 1_000_000 + n, claims_per_payment=CLAIMS))
        for n in range(files)
    ]
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-pipeline-")))
        sinks = stack.enter_context(_process("-m", "gateway.bench._sinks"))
        url = json.loads(_first_line(sinks))["url"]
        _write_config(root, url)
        hub = stack.enter_context(
            _process("-c", "from gateway.cli import main; main()", "run", "--root", str(root))
        )
        _drain(hub)
        wall, accepted, own = asyncio.run(_drive(root, url, made, concurrency))
        cpu, rss = usage(hub.pid)
        sink_cpu, _ = usage(sinks.pid)
        database = sum(p.stat().st_size for p in (root / "var").glob("hub.db*"))
    figures = {
        "files_per_s": files / wall,
        "claims_per_s": files * CLAIMS / wall,
        "accepted_per_s": files / accepted,
        "cpu_ms_per_file": cpu * 1000 / files,
        "peak_rss_mb": rss,
        "store_bytes_per_file": database / files,
        "generator_cpu_ms_per_file": own * 1000 / files,
        "partners_cpu_ms_per_file": sink_cpu * 1000 / files,
    }
    return _report(figures, step_times(made[: min(files, 200)]))


def _report(figures: dict[str, float], steps: dict[str, float]) -> dict[str, Any]:
    floor_ms = sum(steps.values()) / 1000
    return {
        "bench": "pipeline",
        "figures": {name: round(value, 2) for name, value in {**figures, **steps}.items()},
        "ratios": {"vs_floor": round(floor_ms / figures["cpu_ms_per_file"], 3)},
        "machine": {
            "python": platform.python_version(),
            "processors": os.cpu_count(),
            "system": platform.system(),
        },
    }


class _process:  # noqa: N801 - used like a function
    """A child process, ended with the block: asked first, killed after ten seconds."""

    def __init__(self, *arguments: str) -> None:
        self._child = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, *arguments], stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> "subprocess.Popen[str]":
        return self._child

    def __exit__(self, *_: object) -> None:
        self._child.terminate()
        try:
            self._child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if self._child.stdout:
            self._child.stdout.close()


def _first_line(child: "subprocess.Popen[str]") -> str:
    assert child.stdout is not None  # noqa: S101 - opened with a pipe
    return child.stdout.readline()


def _drain(child: "subprocess.Popen[str]") -> None:
    """Let a child print what it likes."""
    assert child.stdout is not None  # noqa: S101 - opened with a pipe
    threading.Thread(target=child.stdout.read, daemon=True).start()


def _write_config(root: Path, url: str) -> None:
    billing = SINK.format(
        name="billing", accepts="posting-request@^0.1", url=url, path="postings",
        more="reply: {contract: posting-confirmation@^0.1, allow_draft: true}",
    )  # fmt: skip
    erp = SINK.format(
        name="erp", accepts="journal-entry@^0.1", url=url, path="journals",
        more="mapping: journal-entry-to-erp-journal",
    )  # fmt: skip
    folder = root / "config" / "interfaces"
    folder.mkdir(parents=True)
    (folder / "feed.yaml").write_text(FEED)
    (folder / "billing.yaml").write_text(billing)
    (folder / "erp.yaml").write_text(erp)
    (root / "config" / "routes.yaml").write_text(ROUTES)
    (root / "config" / "hub.yaml").write_text("api: {port: 0}\n")


async def _drive(
    root: Path, url: str, files: list[bytes], concurrency: int
) -> tuple[float, float, float]:
    """Hand over every file and wait for every journal: wall, wall of intake, own CPU, seconds."""
    address = await _address(root)
    token = (root / "var" / "api.token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/edi-x12"}
    target = f"{address}/v1/interfaces/feed/files"
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        began, cpu = time.perf_counter(), time.process_time()
        queue = iter(files)

        async def hand_over() -> None:
            for raw in queue:
                async with session.post(target, data=raw) as answer:
                    if answer.status != 202:
                        raise RuntimeError(f"the hub answered {answer.status}")
                    await answer.read()

        await asyncio.gather(*(hand_over() for _ in range(concurrency)))
        accepted = time.perf_counter() - began
        own = time.process_time() - cpu
        async with asyncio.timeout(max(60, len(files) / 20)):
            while (await _effects(session, url))["journals"] < len(files):
                await asyncio.sleep(0.02)
        wall = time.perf_counter() - began
        effects = await _effects(session, url)
    if effects != {
        "postings": len(files), "journals": len(files), "requests": 2 * len(files)
    }:  # fmt: skip
        raise RuntimeError(f"not every effect is there once: {effects}")
    return wall, accepted, own


async def _address(root: Path) -> str:
    path = root / "var" / "hub.address"
    async with asyncio.timeout(20):
        while not path.exists():
            await asyncio.sleep(0.02)
    return str(json.loads(path.read_text())["url"])


async def _effects(session: aiohttp.ClientSession, url: str) -> dict[str, int]:
    async with session.get(f"{url}/effects", headers={"Authorization": ""}) as answer:
        found: dict[str, int] = await answer.json()
        return found
