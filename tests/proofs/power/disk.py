"""A disk that loses power: what was synced is there, of the rest anything may be.

Between two syncs of a file every 512-byte sector that was written is old, new, or any of the
versions in between, whatever the order of the writes was; a length that was not synced may be
the old one. A name that was made, moved or removed counts only once the folder was synced.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.proofs.power.recording import Operation

__all__ = ["Disk", "states"]

SECTOR = 512
_KEPT_SHARES = (0.0, 0.1, 0.5, 0.9, 1.0)
_NOT_STORED = ("acks", "hub.db-shm", "hub.db.lock")
"""The acknowledgements are ours, the others mean nothing after a power loss."""


@dataclass(eq=False)
class _File:
    """One file's content at its last sync, and what was done to it since: (offset, bytes), or
    (length, None) for a truncation."""

    durable: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        for offset, data in self.since:
            _apply(self.durable, offset, data)
        self.since = []

    def after_loss(self, chance: random.Random) -> bytearray:
        found = bytearray(self.durable)
        share, torn = chance.choice(_KEPT_SHARES), chance.choice((0.0, 0.3))
        done = list(self.since)
        if all(data is not None for _, data in done):
            chance.shuffle(done)
        for offset, data in done:
            if data is not None and chance.random() < torn:
                _tear(found, offset, data, share, chance)
            elif chance.random() < share:
                _apply(found, offset, data)
        return found


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
        return
    content.extend(bytes(max(offset - len(content), 0)))
    content[offset : offset + len(data)] = data


def _tear(
    content: bytearray, offset: int, data: bytes, share: float, chance: random.Random
) -> None:
    at = 0
    while at < len(data):
        size = SECTOR - (offset + at) % SECTOR
        if chance.random() < share:
            _apply(content, offset + at, data[at : at + size])
        at += size


class Disk:
    """Follows the operations of a log; at any of them the power may go."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, int] = {}
        """The last acknowledged step of every item."""
        self._folder = -1
        self._acks = -1
        self._by_inode: dict[int, _File] = {}
        self._names: dict[str, _File] = {}
        self._durable_names: dict[str, _File] = {}
        self._since: list[dict[str, _File | None]] = []

    def follow(self, done: Operation) -> None:
        """Take note of one operation."""
        match done.kind:
            case "o":
                self._open(done)
            case "w" if done.file == self._acks:
                item, _, step = done.data.decode().strip().partition(" ")
                self.acknowledged[item] = int(step)
            case "w" | "t":
                data = done.data if done.kind == "w" else None
                self._by_inode[done.file].since.append((done.offset, data))
            case "s" if done.file == self._folder:
                self._durable_names = dict(self._names)
                self._since = []
            case "s":
                self._by_inode[done.file].sync()
            case "u":
                self._name({done.data.decode(): None})
            case "r":
                old, _, new = done.data.decode().partition("\0")
                self._name({new: self._names[old], old: None})
            case kind:
                raise ValueError(f"the log holds an operation {kind!r}")

    def _open(self, done: Operation) -> None:
        name = done.data.decode()
        if not name:
            self._folder = done.file
        elif name == "acks":
            self._acks = done.file
        else:
            known = self._names.get(name)
            if known is None or self._by_inode.get(done.file) is not known:
                self._by_inode[done.file] = made = _File()
                self._name({name: made})
            if done.offset:  # opened to be written anew
                self._by_inode[done.file].since.append((0, None))

    def _name(self, change: dict[str, _File | None]) -> None:
        """Make or remove names; what one operation does comes whole or not at all."""
        self._since.append(change)
        named = {**self._names, **change}
        self._names = {name: file for name, file in named.items() if file is not None}

    def lose_power(self, into: Path, chance: random.Random) -> None:
        """Write into an empty folder what is there when the power comes back."""
        names: dict[str, _File | None] = dict(self._durable_names)
        share = chance.choice(_KEPT_SHARES)
        for change in self._since:
            names.update(change if chance.random() < share else {})
        for name, file in names.items():
            if file is not None and name not in _NOT_STORED:
                path = into / name
                path.write_bytes(file.after_loss(chance))
                path.chmod(0o600)


def states(
    operations: Sequence[Operation], count: int, chance: random.Random
) -> Iterator[tuple[int, Disk]]:
    """Yield the disk at `count` random moments of a log, in order; the moment counts operations."""
    moments = sorted(chance.randint(0, len(operations)) for _ in range(count))
    disk, at = Disk(), 0
    for moment in moments:
        while at < moment:
            disk.follow(operations[at])
            at += 1
        yield moment, disk
