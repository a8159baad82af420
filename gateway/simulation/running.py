"""Runs many seeds: in this process or in several, telling each verdict as it comes."""

import gc
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial

import msgspec

from gateway.simulation.story import Verdict, simulate

__all__ = ["Summary", "run_seeds", "with_fixed_hashes"]

COLLECT_EVERY = 10
"""Worlds between two garbage collections."""


class Summary(msgspec.Struct, kw_only=True):
    """What many seeds came to."""

    seeds: int = 0
    virtual_seconds: float = 0.0
    counts: dict[str, int] = {}
    failed: list[int] = []

    def add(self, verdict: Verdict) -> None:
        """Count one verdict."""
        self.seeds += 1
        self.virtual_seconds += verdict.virtual_seconds
        for name, count in verdict.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        if not verdict.holds:
            self.failed.append(verdict.seed)


def run_seeds(
    first: int, count: int, *, jobs: int = 1, keep_lines: bool = False
) -> Iterator[Verdict]:
    """Yield the verdict of every seed from `first` on, with several jobs in the order they are
    ready; without what happened in it unless `keep_lines`."""
    run = partial(_one, keep_lines=keep_lines)
    seeds = range(first, first + count)
    if jobs == 1:
        yield from map(run, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        for ready in as_completed([pool.submit(run, seed) for seed in seeds]):
            yield ready.result()


def _one(seed: int, *, keep_lines: bool) -> Verdict:
    verdict = simulate(seed)
    if seed % COLLECT_EVERY == 0:
        gc.collect()
        if not gc.get_freeze_count():
            gc.freeze()  # code, and what worlds share: it need not be looked through again
    return verdict if keep_lines else msgspec.structs.replace(verdict, lines=())


def with_fixed_hashes() -> None:
    """Begin this process anew with fixed hashes of texts, unless it has them: the order of a set
    is then the same in every process, and a seed tells the same story everywhere."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606 - ourselves
