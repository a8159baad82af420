"""Builds the recorder, runs the workload under it, and reads the log back as operations."""

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

__all__ = ["Operation", "build", "record"]

_SOURCE = Path(__file__).with_name("recorder.c")
_REPOSITORY = Path(__file__).resolve().parents[3]
_HEAD = struct.Struct("<cQQI")


class Operation(msgspec.Struct, frozen=True):
    """One change that was made: o(pen), w(rite), s(ync), t(runcate), u(nlink), r(ename)."""

    kind: str
    file: int
    offset: int
    data: bytes


def build(folder: Path, compiler: str) -> Path:
    """Compile the recorder into that folder."""
    made = folder / "recorder.so"
    command = [compiler, "-O1", "-shared", "-fPIC", str(_SOURCE), "-o", str(made), "-ldl"]
    subprocess.run(command, check=True, timeout=120)
    return made


def record(recorder: Path, folder: Path, seed: int, *, synchronous: str) -> list[Operation]:
    """Run the workload in an empty folder and return everything it did to the files there."""
    folder = folder.resolve()
    log = folder.with_name(folder.name + ".log")
    environment = {
        **os.environ,
        "LD_PRELOAD": str(recorder),
        "REC_FOLDER": str(folder),
        "REC_LOG": str(log),
    }
    command = [sys.executable, "-m", "tests.proofs.power.workload"]
    command += [str(folder), str(seed), synchronous]
    subprocess.run(command, check=True, cwd=_REPOSITORY, env=environment, timeout=120)
    return list(_operations(log.read_bytes()))


def _operations(raw: bytes) -> Iterator[Operation]:
    at = 0
    while at < len(raw):
        kind, file, offset, length = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        yield Operation(kind.decode(), file, offset, raw[at : at + length])
        at += length
