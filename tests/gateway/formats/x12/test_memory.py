"""A file of any size is read in the memory of its largest transaction set."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
PROGRAM = """
import itertools
from gateway.formats import READERS, Origin
from gateway.simulators.remittances import generate_835

one = b"".join(generate_835(payments=200, seed=1))
kind = {kind!r}

def blocks():
    if kind == "many":
        return itertools.repeat(one, {megabytes} * 1_000_000 // len(one))
    if kind == "endless":
        return itertools.chain([one[:2000]], itertools.repeat(b"A" * 1_000_000, {megabytes}))
    return itertools.repeat(b"\\0 text \\n" * 100_000, {megabytes})

parts = sum(1 for part in READERS["x12-835"].read(blocks, Origin(tenant_id="t", interface="i")))
status = open("/proc/self/status").read()
print(parts, int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="peak memory is read from /proc"
)


def peak(kind: str, megabytes: int) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(kind=kind, megabytes=megabytes)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    parts, megabytes_held = done.stdout.split()
    return int(parts), int(megabytes_held)


def test_thirty_megabytes_of_small_sets_need_less_than_80():
    parts, held = peak("many", 30)
    assert parts > 5_000
    assert held <= 80


def test_a_segment_without_end_and_a_file_without_x12_are_not_kept():
    parts, held = peak("endless", 200)
    assert parts >= 1
    assert held <= 200
    parts, held = peak("noise", 200)
    assert parts == 1
    assert held <= 80
