"""Measures the X12 835 codec: reading with all checks into documents, beside two other readers.

The file is invented (`remithub generate 835`). oxedi is streamed by transaction set and its
tables turned into Python dicts through polars; pyx12 walks its loops on a tenth of the size.
Pairs run in turns in one process, so that a busy machine slows both; the collector is set as
`remithub decode` sets it.
"""

import gc
import importlib.util
import io
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from gateway.formats import READERS, Origin
from gateway.simulators.remittances import generate_835

__all__ = ["run", "weigh"]

_BLOCK_BYTES = 1024 * 1024
_COLLECT_AFTER = 500_000
_LONGEST_SECONDS = 600
_SMALL_SHARE = 10
_SAMPLE_PAYMENTS = 20


def run(
    *, megabytes: float = 20.0, claims: int = 100, turns: int = 3, seed: int = 7
) -> dict[str, Any]:
    """Return {"bench", "figures", "ratios", "machine"} for an invented file of that size.

    `claims` are those of each payment.

    Figures: `mb_per_cpu_s` (1 MB is 1,000,000 bytes), `claims_per_cpu_s`, the median of the
    turns; `peak_rss_mb`, of a process of its own that reads the same file. Ratios, ours over the
    other in claims per CPU second: `vs_oxedi` (on the same file), `vs_pyx12` (on a tenth of it);
    each only where the package is installed.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(_COLLECT_AFTER)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-codec-") as name:
            whole = _write(Path(name) / "whole.835", megabytes, claims, seed)
            small = _write(Path(name) / "small.835", megabytes / _SMALL_SHARE, claims, seed + 1)
            return _measure(whole, small, turns)
    finally:
        gc.set_threshold(*thresholds)


def _measure(whole: Path, small: Path, turns: int) -> dict[str, Any]:
    peak = _peak_rss_mb(whole)
    rates: list[float] = []
    speeds: list[float] = []
    against_oxedi: list[float] = []
    against_pyx12: list[float] = []
    size = whole.stat().st_size
    for _ in range(turns):
        claims, seconds = _timed(_ours, whole)
        rates.append(claims / seconds)
        speeds.append(size / 1e6 / seconds)
        if _installed("oxedi", "polars"):
            other_claims, other_seconds = _timed(_oxedi, whole)
            against_oxedi.append(claims / seconds / (other_claims / other_seconds))
    if _installed("pyx12"):
        claims, seconds = _timed(_ours, small)
        other_claims, other_seconds = _timed(_pyx12, small)
        again, more_seconds = _timed(_ours, small)
        rate = (claims + again) / (seconds + more_seconds)
        against_pyx12.append(rate / (other_claims / other_seconds))
    pairs = {"vs_oxedi": against_oxedi, "vs_pyx12": against_pyx12}
    return {
        "bench": "codec",
        "figures": {
            "mb_per_cpu_s": round(median(speeds), 2),
            "claims_per_cpu_s": round(median(rates)),
            "peak_rss_mb": round(peak, 1),
        },
        "ratios": {name: round(median(found), 3) for name, found in pairs.items() if found},
        "machine": {
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.system(),
        },
    }


def _write(path: Path, megabytes: float, claims: int, seed: int) -> Path:
    """Write an invented file of about that size."""
    sample = sum(
        map(len, generate_835(payments=_SAMPLE_PAYMENTS, seed=seed, claims_per_payment=claims))
    )
    payments = max(1, round(megabytes * 1e6 * _SAMPLE_PAYMENTS / sample))
    with path.open("wb") as stream:
        stream.writelines(generate_835(payments=payments, seed=seed, claims_per_payment=claims))
    return path


def _installed(*names: str) -> bool:
    return all(importlib.util.find_spec(name) for name in names)


def _timed(read: Callable[[Path], int], path: Path) -> tuple[int, float]:
    """Return the claims a reader found and the CPU seconds it took, threads included."""
    gc.collect()
    started = time.process_time()
    claims = read(path)
    return claims, time.process_time() - started


def _ours(path: Path) -> int:
    def blocks() -> Iterator[bytes]:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                yield block

    origin = Origin(tenant_id="bench", interface="bench")
    claims = 0
    for part in READERS["x12-835"].read(blocks, origin):
        if part.document is not None:
            claims += len(part.document["claims"])
    return claims


def _oxedi(path: Path) -> int:
    import oxedi

    claims = 0
    for batch in oxedi.stream(path.read_bytes(), by="transaction"):
        rows = {name: batch.tables[name].to_polars().to_dicts() for name in batch.tables.keys()}  # noqa: SIM118  not a dict
        claims += len(rows.get("claims", ()))
    return claims


def _pyx12(path: Path) -> int:
    from pyx12.error_handler import errh_null
    from pyx12.params import params
    from pyx12.x12context import X12ContextReader

    text = io.StringIO(path.read_text(encoding="ascii"))
    reader = X12ContextReader(params(), errh_null(), text)
    return sum(node.id == "2100" for node in reader.iter_segments("2100"))


def _peak_rss_mb(path: Path) -> float:
    """Read the file in a fresh process and return the most memory it held, in MB (10^6 bytes)."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    code = "import sys; from gateway.bench import codec; codec.weigh(sys.argv[1])"
    done = subprocess.run(  # noqa: S603  our own code, our own file
        [sys.executable, "-c", code, str(path)],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=_LONGEST_SECONDS,
    )
    return float(done.stdout)


def weigh(path: str) -> None:
    """Read a file as `run` does and print the most memory this process held, in MB."""
    gc.set_threshold(_COLLECT_AFTER)
    _ours(Path(path))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    status = Path("/proc/self/status")
    if status.exists():
        # Linux lets a child's ru_maxrss begin with its parent's; this one is the process's own.
        lines = status.read_text(encoding="ascii").splitlines()
        peak = next((int(line.split()[1]) * 1024 for line in lines if "VmHWM" in line), peak)
    print(peak / 1e6)
