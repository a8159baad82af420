"""The exclusive lock beside the database: two hubs never write to one file."""

import fcntl
import os
from pathlib import Path

from gateway.errors import StorageFault
from gateway.ports import Clock

__all__ = ["StoreLock"]

_POLL_SECONDS = 0.05


class StoreLock:
    """Held as long as a descriptor of it is open, also by a writer process that outlives us."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    async def take(cls, database: Path, *, wait_seconds: float, clock: Clock) -> "StoreLock":
        """Lock `<database>.lock`; StorageFault (`store_locked`) names the holder's pid.

        The wait covers the writer of a hub that was killed: it finishes its last commit first.
        """
        path = database.with_name(database.name + ".lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = clock.monotonic() + wait_seconds
        while not _locked(descriptor):
            if clock.monotonic() >= deadline:
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
                os.close(descriptor)
                raise StorageFault(
                    f"The database is in use by the hub with process id {holder or 'unknown'}.",
                    code="store_locked",
                    next_step="use that hub, or stop it first.",
                )
            await clock.sleep(_POLL_SECONDS)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Let go; the file stays, it means nothing without the lock."""
        os.close(self.descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
