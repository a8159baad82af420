"""Room on the volume that the database lies on: below a mark nothing more is taken in.

Deliveries go on: what they write is small, and it is what makes room again. A full disk would
stop them too, and SQLite needs room even to delete.
"""

import os
from pathlib import Path

import msgspec

from gateway.ports import Clock
from gateway.store.units import StoreUnavailable

__all__ = ["Room", "Space"]

LEAST_BYTES = 1 << 30
SHARE = 20
"""The mark without a setting: 1 GiB, or a twentieth of the volume where that is more."""

LOOK_SECONDS = 1.0


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen at the last look, in bytes; `low_bytes` is the mark, 0 where there is none."""

    free_bytes: int
    low_bytes: int

    @property
    def enough(self) -> bool:
        """Whether the hub may take something in."""
        return self.free_bytes >= self.low_bytes


class Space:
    """Looks at a volume, at most once a second. `low_bytes` None takes the default, 0 never minds."""

    def __init__(self, folder: Path, low_bytes: int | None, clock: Clock) -> None:
        self._folder = next(path for path in (folder, *folder.parents) if path.is_dir())
        self._low_bytes = low_bytes
        self._clock = clock
        self._seen: tuple[float, Room] | None = None

    @property
    def room(self) -> Room:
        """What is free now, at most a second ago."""
        now = self._clock.monotonic()
        if self._seen is None or now - self._seen[0] >= LOOK_SECONDS:
            self._seen = (now, self._look())
        return self._seen[1]

    def must_have_room(self) -> None:
        """Raise StoreUnavailable (`disk_low`) while less than the mark is free."""
        if not self.room.enough:
            raise StoreUnavailable(
                "The disk is nearly full: nothing is taken in, deliveries go on.",
                code="disk_low",
                next_step="make room on the database's volume; the hub goes on by itself.",
            )

    def _look(self) -> Room:
        volume = os.statvfs(self._folder)
        low = self._low_bytes
        if low is None:
            low = max(LEAST_BYTES, volume.f_blocks * volume.f_frsize // SHARE)
        return Room(free_bytes=volume.f_bavail * volume.f_frsize, low_bytes=low)
