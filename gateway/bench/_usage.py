"""Tells what a process and its children have used so far (proc(5))."""

import os
from pathlib import Path

__all__ = ["usage"]

TICKS = os.sysconf("SC_CLK_TCK")


def usage(pid: int) -> tuple[float, float]:
    """Return CPU seconds and peak resident megabytes of a process and its children (proc(5))."""
    cpu = rss = 0.0
    for each in [pid, *_children(pid)]:
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        cpu += (int(fields[11]) + int(fields[12])) / TICKS
        status = Path(f"/proc/{each}/status").read_text()
        rss += int(status.partition("VmHWM:")[2].split()[0]) / 1024
    return cpu, rss


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *_children(int(child))]
    return found
