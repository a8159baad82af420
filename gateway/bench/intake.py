"""Measures the governed way in beside a route that only parses the JSON, in one process and run.

What is handed over are remittance advices, by a system with an API key through a product with
quotas, each with an Idempotency-Key of its own: authentication, authorization, product and quota,
version, size and depth guards, validation, idempotency, and a durable, encrypted commit before the
answer. Beside it the same server program and web framework, in the same process, answer the same
requests once the body is parsed. Turns are taken in short rounds, so that noise meets both.

Figures: `intake_per_s`, `parse_per_s` (answers, wall), `intake_cpu_ms`, `parse_cpu_ms` (CPU of the
server and its writer, per request), `intake_p50_ms`, `intake_p95_ms`, `parse_p50_ms`,
`parse_p95_ms` (until the answer is read), `generator_cpu_ms` (per request), `body_bytes`,
`validate_ms` (a parsed remittance of 100 claims), `guard_ms` (its parsing with all guards). Ratios: `rate` (intake over
parse, to be 0.4 or more), `cpu` (parse over intake, of CPU).
"""

import asyncio
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import aiohttp
import msgspec

from gateway.bench._steps import remittance_documents, validation_times
from gateway.bench._usage import usage

__all__ = ["run"]

FILES = {
    "hub.yaml": "api: {port: 0}\n",
    "routes.yaml": "routes: [{name: kept, contract: remittance-advice, to: none}]\n",
    "interfaces/intake.yaml": "interface: intake\ndirection: in\nformat: json\n"
    "contract: remittance-advice@^1.0\n",
    "clients/bench.yaml": "client: bench\ninterfaces: [intake]\nscopes: [message.submit]\n"
    "products: [bench]\n",
    "products/bench.yaml": """\
product: bench
operations: [submit]
contracts: {remittance-advice: [1]}
scopes: [message.submit]
approval: auto
ceiling: restricted
idempotency_key: required
quota:
  requests: {limit: 100000000, per_seconds: 60}
  bytes: {limit: 100000000000, per_seconds: 60}
  parallel: 1000
""",
}
ROUNDS = 6
KIND = "application/vnd.remithub.remittance-advice+json; version=1"


class _Turn(msgspec.Struct, frozen=True):
    """One round on one side."""

    per_s: float
    cpu_ms: float
    took_ms: list[float]


def run(
    *, requests: int = 1200, concurrency: int = 64, claims: int = 10, seed: int = 5
) -> dict[str, Any]:
    """Return {"bench", "figures", "ratios", "machine"}, over so many requests on each side."""
    documents = remittance_documents(requests, claims=claims, seed=seed)
    bodies = [msgspec.json.encode(document) for document in documents]
    large = remittance_documents(1, claims=100, seed=seed + 1)[0]
    with tempfile.TemporaryDirectory(prefix="bench-intake-") as folder:
        root = Path(folder)
        for name, text in FILES.items():
            path = root / "config" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        figures = _measured(root, bodies, concurrency)
    figures |= {"body_bytes": len(bodies[0]), **validation_times(large)}
    return {
        "bench": "intake",
        "figures": {name: round(value, 3) for name, value in figures.items()},
        "ratios": {
            "rate": round(figures["intake_per_s"] / figures["parse_per_s"], 3),
            "cpu": round(figures["parse_cpu_ms"] / figures["intake_cpu_ms"], 3),
        },
        "machine": {
            "python": platform.python_version(),
            "processors": os.cpu_count(),
            "system": platform.system(),
        },
    }


def _measured(root: Path, bodies: list[bytes], concurrency: int) -> dict[str, float]:
    child = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "gateway.bench._intake_server", str(root), str(_free_port())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None  # noqa: S101 - opened with a pipe
        urls = json.loads(child.stdout.readline())
        return asyncio.run(_drive(root, urls, bodies, concurrency, child.pid))
    finally:
        child.communicate(timeout=60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _drive(
    root: Path, urls: dict[str, str], bodies: list[bytes], concurrency: int, pid: int
) -> dict[str, float]:
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:
        token = (root / "var" / "api.token").read_text().strip()
        made = await session.post(
            f"{urls['url']}/v1/clients/bench/keys",
            headers={"Authorization": f"Bearer {token}"},
            data=b"{}",
        )
        key = (await made.json())["key"]
        sides = {
            "parse": (f"{urls['plain']}/parse", 201),
            "intake": (f"{urls['url']}/v1/messages/remittance-advice", 202),
        }
        size = -(-len(bodies) // ROUNDS)
        rounds: dict[str, list[_Turn]] = {side: [] for side in sides}
        own = time.process_time()
        warm = {side: await _round(session, where, bodies[:1], key, pid, concurrency, "w")
                for side, where in sides.items()}  # fmt: skip
        assert warm  # noqa: S101 - both sides answer
        for start in range(0, len(bodies), size):
            part = bodies[start : start + size]
            for side, where in sides.items():
                name = f"{side}-{start}"
                turn = await _round(session, where, part, key, pid, concurrency, name)
                rounds[side].append(turn)
        own = time.process_time() - own
    figures = {"generator_cpu_ms": own * 1000 / (2 * len(bodies))}
    for side, turns in rounds.items():
        figures[f"{side}_per_s"] = median(turn.per_s for turn in turns)
        # The system counts in hundredths of a second: only the sum says something.
        figures[f"{side}_cpu_ms"] = max(sum(turn.cpu_ms for turn in turns), 10) / len(bodies)
        took = quantiles((ms for turn in turns for ms in turn.took_ms), n=20, method="inclusive")
        figures |= {f"{side}_p50_ms": took[9], f"{side}_p95_ms": took[18]}
    return figures


async def _round(
    session: aiohttp.ClientSession,
    where: tuple[str, int],
    bodies: list[bytes],
    key: str,
    pid: int,
    concurrency: int,
    name: str,
) -> _Turn:
    """Send every body once."""
    url, wanted = where
    queue = iter(enumerate(bodies))
    took_ms: list[float] = []

    async def send() -> None:
        for number, body in queue:
            headers = {
                "Authorization": f"Bearer {key}",
                "Content-Type": KIND,
                "Idempotency-Key": f"{name}-{number}",
            }
            asked = time.perf_counter()
            async with session.post(url, data=body, headers=headers) as answer:
                if answer.status != wanted:
                    raise RuntimeError(
                        f"the server answered {answer.status}: {await answer.text()}"
                    )
                await answer.read()
            took_ms.append((time.perf_counter() - asked) * 1000)

    cpu, began = usage(pid)[0], time.perf_counter()
    await asyncio.gather(*(send() for _ in range(concurrency)))
    wall = time.perf_counter() - began
    return _Turn(len(bodies) / wall, (usage(pid)[0] - cpu) * 1000, took_ms)
