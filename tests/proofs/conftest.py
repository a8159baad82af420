"""What every proof may use: `report`, which prints the figures of a proof and keeps a soak's."""

import contextlib
import fcntl
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import pytest

Figure = str | int | float | bool | None | list[Any] | dict[str, Any]
"""What a figure may be: what JSON can say."""

KEPT = Path(__file__).with_name("report.json")


class Report:
    """Takes the figures of one proof: one line on the terminal, and a soak's into report.json."""

    def __init__(
        self,
        config: pytest.Config,
        *,
        keep: bool,
        kept: Path = KEPT,
        out: TextIO | None = sys.__stderr__,
    ) -> None:
        self._capture = config.pluginmanager.getplugin("capturemanager")
        self._keep = keep
        self._kept = kept
        self._out = out

    def __call__(self, proof: str, **figures: Figure) -> None:
        """Print `proof name=value ...` past pytest's capture; keep it where the test is a soak.

        A float is told with four significant digits. The kept entry of a proof is replaced as a
        whole. Figures are counts, times and ratios, never a value out of a message.
        """
        told = {name: _told(figure) for name, figure in figures.items()}
        self._print(f"{proof} " + " ".join(f"{name}={value}" for name, value in told.items()))
        if self._keep:
            with _locked(self._kept):
                entries = {**_read(self._kept), proof: told}
                _write(self._kept, entries)

    def kept(self, proof: str) -> Mapping[str, Figure]:
        """Return the figures kept by an earlier soak, for those that add up; empty if none."""
        found = _read(self._kept).get(proof, {})
        return found if isinstance(found, dict) else {}

    def _print(self, line: str) -> None:
        # The standard error of an xdist worker is the terminal's; its standard output is not.
        quiet = self._capture.global_and_fixture_disabled() if self._capture else None
        with quiet or contextlib.nullcontext():
            print(f"\n{line}", file=self._out, flush=True)


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """`report("T-ISO", healthy_share=0.98, p99_ratio=1.04)`; kept where the test is a soak."""
    soak = request.node.get_closest_marker("soak") is not None
    return Report(request.config, keep=soak)


def _told(figure: Figure) -> Figure:
    match figure:
        case float():
            return float(f"{figure:.4g}")
        case list():
            return [_told(item) for item in figure]
        case dict():
            return {name: _told(item) for name, item in figure.items()}
        case _:
            return figure


@contextlib.contextmanager
def _locked(kept: Path) -> Iterator[None]:
    """Hold the report for one change: two soaks may end at once."""
    folder = os.open(kept.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _read(kept: Path) -> dict[str, Figure]:
    if not kept.is_file():
        return {}
    entries: dict[str, Figure] = json.loads(kept.read_text("utf-8"))
    return entries


def _write(kept: Path, entries: Mapping[str, Figure]) -> None:
    written = kept.with_name(f".{kept.name}.{os.getpid()}")
    written.write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n", "utf-8")
    written.replace(kept)
