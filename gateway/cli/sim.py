"""`remithub sim`: run seeded worlds of the hub on virtual time, and check every promise in each."""

import subprocess
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from gateway.cli.exits import Exit
from gateway.cli.output import Output
from gateway.errors import UsageFault
from gateway.ports import Clock, SystemClock

__all__ = ["sim"]

REPORT_KEY = "T-DST"


def sim(
    *,
    seeds: int = 100,
    first: Annotated[int, Parameter(name="--from")] = 0,
    jobs: int = 1,
    trace: bool = False,
    report: Path | None = None,
    json: bool = False,
) -> int:
    """Run the real hub in simulated worlds: partners that fail, processes that crash or stand
    still, clocks that jump, a database that is busy or full. Everything is drawn from the seed,
    and the same seed tells the same story. Exit code 1 where a promise was broken.

    Parameters
    ----------
    seeds
        How many worlds.
    first
        The first seed.
    jobs
        Processes to use.
    trace
        Print everything that happened, with its virtual time.
    report
        Add to the sum of all seeds ever run in this JSON file.
    json
        Print one JSON document.
    """
    from gateway.simulation.running import Summary, run_seeds, with_fixed_hashes

    if seeds < 1 or jobs < 1:
        raise UsageFault("There must be at least one seed and one job.")
    with_fixed_hashes()
    output, clock = Output(json=json), SystemClock()
    began, summary = clock.monotonic(), Summary()
    with output.progress("seeds", total=seeds) as bar:
        for verdict in run_seeds(first, seeds, jobs=jobs, keep_lines=trace):
            summary.add(verdict)
            bar.advance()
            if trace:
                _lines(output, verdict)
            if not verdict.holds:
                _broken(output, verdict)
    figures = _figures(summary, clock, began)
    if report is not None:
        _add(report, summary)
    output.record(figures, title="" if json else "Worlds that were run")
    return Exit.FAILED if summary.failed else Exit.OK


def _lines(output: Output, verdict: Any) -> None:
    for line in verdict.lines:
        output.say(line) if output.json else output.line(line)


def _broken(output: Output, verdict: Any) -> None:
    """Say what was seen, and how to see it again."""
    output.say(f"Seed {verdict.seed} at commit {_commit()} broke a promise:")
    for violation in verdict.violations:
        output.say(f"  {violation.invariant}: {violation.seen}")
    output.say(f"  options {msgspec.json.encode(verdict.options).decode()}")
    output.say(f"  Next: remithub sim --seeds 1 --from {verdict.seed} --trace")


def _figures(summary: Any, clock: Clock, began: float) -> dict[str, Any]:
    wall = max(clock.monotonic() - began, 1e-6)
    return {
        "seeds": summary.seeds,
        "failed": summary.failed,
        "seeds_per_s": round(summary.seeds / wall, 2),
        "virtual_hours": round(summary.virtual_seconds / 3600, 1),
        **dict(sorted(summary.counts.items())),
    }


def _commit() -> str:
    """Return the commit of the repository this is run in, "unknown" where there is none."""
    try:
        told = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - the user's own git
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()


def _add(report: Path, summary: Any) -> None:
    """Add to the sum of all seeds ever run; other entries of the file stay."""
    entries: dict[str, Any] = msgspec.json.decode(report.read_bytes()) if report.exists() else {}
    entry = entries.setdefault(REPORT_KEY, {})
    entry["seeds_total"] = entry.get("seeds_total", 0) + summary.seeds
    entry["failed_total"] = entry.get("failed_total", 0) + len(summary.failed)
    hours = entry.get("virtual_hours_total", 0.0) + summary.virtual_seconds / 3600
    entry["virtual_hours_total"] = round(hours, 1)
    text = msgspec.json.format(msgspec.json.encode(entries, order="sorted"), indent=2)
    written = report.with_name(f".{report.name}.part")
    written.write_bytes(text + b"\n")
    written.replace(report)
