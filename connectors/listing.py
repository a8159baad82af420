"""Which files of a listing are ready: patterns, hostile names, settling, order, caps (pure)."""

import fnmatch
import hashlib
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from connectors.base import Offer

__all__ = ["Entry", "FilePolling", "Ref", "Settling", "name_fault", "offer_of", "ref_of"]

MAX_NAME_BYTES = 255

Pattern = Annotated[str, Meta(min_length=1)]


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A regular file in a listing: its name as the partner gives it, bytes, time of change."""

    name: str
    size: int
    changed: int
    """Nanoseconds or seconds since 1970, as exact as the partner gives it."""


Ref = Entry
"""What an offer's `ref` holds, as JSON."""


class FilePolling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of every source of files in a folder: what a poll takes, and what becomes of it."""

    path: Annotated[str, Meta(min_length=1, description="Folder to take from or put into.")]
    match: Annotated[tuple[Pattern, ...], Meta(description="Names to take (`*` and `?`).")] = (
        "*",
    )
    ignore: Annotated[tuple[Pattern, ...], Meta(description="Names never to take.")] = (
        "*.part",
        "*.tmp",
        "*.filepart",
        ".*",
    )
    settle_seconds: Annotated[
        float, Meta(ge=0, le=3600, description="Unchanged for this long before it is taken.")
    ] = 10.0
    after: Annotated[
        Literal["archive", "delete", "leave"],
        Meta(description="What becomes of a file that the hub has accepted."),
    ] = "archive"
    archive_folder: Annotated[
        str,
        Meta(min_length=1, description="Folder for `archive`; below `path`, or from `/`."),
    ] = "done"
    max_files_per_poll: Annotated[
        int, Meta(ge=1, le=100_000, description="Files taken at one poll, oldest first.")
    ] = 500
    max_bytes_per_poll: Annotated[
        int, Meta(ge=1, description="Bytes taken at one poll; one file always fits.")
    ] = 1_073_741_824


def name_fault(name: str) -> str:
    """Say why a name cannot be a plain file name in a folder, or return nothing.

    Refused (guides: SFTP faults): empty, `.` and `..`, separators of either kind, control
    characters, bytes that are no UTF-8, more than 255 bytes.
    """
    if name in ("", ".", ".."):
        return "not_a_file_name"
    if "/" in name or "\\" in name:
        return "separator"
    if any(ord(char) < 32 or ord(char) == 127 for char in name):
        return "control_character"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "not_utf8"
    return "too_long" if size > MAX_NAME_BYTES else ""


def offer_of(entry: Entry, endpoint: str) -> Offer:
    """Return the offer of a file. The fingerprint shows nothing of the name."""
    parts = (endpoint, entry.name, str(entry.size), str(entry.changed))
    return Offer(
        ref=msgspec.json.encode(entry).decode(),
        fingerprint=hashlib.sha256("\0".join(parts).encode()).hexdigest(),
        size=entry.size,
        name=entry.name,
    )


def ref_of(offer: Offer) -> Ref:
    """Read an offer's `ref` back. Raises msgspec.DecodeError for one that is not ours."""
    return msgspec.json.decode(offer.ref, type=Entry)


class Settling:
    """Remembers, from poll to poll, what has stopped changing and what is already settled.

    A file is ready when two listings at least `settle_seconds` apart show it alike. What was
    settled and is still there (`leave`, or refused) is not offered again before a restart, so
    that old files cannot use up the caps of newer ones.
    """

    def __init__(self, rules: FilePolling) -> None:
        self._rules = rules
        self._seen: dict[str, tuple[Entry, float]] = {}
        self._settled: set[Entry] = set()
        self._troubled: set[Entry] = set()
        self.refused_names = 0

    def ready(self, entries: Iterable[Entry], now: float) -> list[Entry]:
        """Return the ready files, oldest first, within the caps. `now` is monotonic seconds."""
        present = {entry.name: entry for entry in self._wanted(entries)}
        seen = {name: (entry, self._since(entry, now)) for name, entry in present.items()}
        self._seen = seen
        self._settled.intersection_update(present.values())
        self._troubled.intersection_update(present.values())
        candidates = [
            entry
            for entry, since in seen.values()
            if now - since >= self._rules.settle_seconds and entry not in self._settled
        ]
        candidates.sort(key=lambda entry: (entry in self._troubled, entry.changed, entry.name))
        return self._capped(candidates)

    def settled(self, entry: Entry) -> None:
        """Note that the hub has decided about this file, and that it stays where it is."""
        self._settled.add(entry)

    def troubled(self, entry: Entry) -> None:
        """Note that this file could not be read: it comes last, so that it stops no other."""
        self._troubled.add(entry)

    def _since(self, entry: Entry, now: float) -> float:
        before = self._seen.get(entry.name)
        return before[1] if before is not None and before[0] == entry else now

    def _wanted(self, entries: Iterable[Entry]) -> Iterable[Entry]:
        self.refused_names = 0
        for entry in entries:
            if name_fault(entry.name):
                self.refused_names += 1
            elif _any(entry.name, self._rules.match) and not _any(entry.name, self._rules.ignore):
                yield entry

    def _capped(self, entries: list[Entry]) -> list[Entry]:
        taken: list[Entry] = []
        total = 0
        for entry in entries[: self._rules.max_files_per_poll]:
            total += entry.size
            if taken and total > self._rules.max_bytes_per_poll:
                break
            taken.append(entry)
        return taken


def _any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
