"""Which node a process of this folder was: one that starts after it was killed says so at once.

A mark is a file that its process keeps locked. Whoever can lock it knows that the node whose name
stands in it is dead, and need not wait for that node's lease to run out.
"""

import contextlib
import fcntl
import os
from pathlib import Path

__all__ = ["NodeMark"]

_MOST_PROCESSES = 64


class NodeMark:
    """One mark, held until `release` or the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.name = os.pread(descriptor, 200, 0).decode("ascii", "replace").strip()
        """The node that held it last; empty where there was none."""

    @classmethod
    def claim(cls, folder: Path) -> "NodeMark | None":
        """Lock the first mark below `folder` that no living process holds; None where none can be
        had, and then leases run out in their own time."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(1, _MOST_PROCESSES + 1):
            path = folder / f"node-{number}.lock"
            with contextlib.suppress(OSError):
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                if _locked(descriptor):
                    return cls(descriptor)
                os.close(descriptor)
        return None

    def write(self, name: str) -> None:
        """Be that node from now on. On a disk that takes no mark the lease runs out in its time."""
        self.name = name
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, name.encode() + b"\n", 0)

    def release(self) -> None:
        """Let go; the file stays."""
        os.close(self._descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
