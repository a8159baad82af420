"""Blocking file operations below one folder, never through a symbolic link."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from connectors.listing import Entry

__all__ = [
    "NotDurable",
    "Placed",
    "Standing",
    "content_standing",
    "list_files",
    "open_file",
    "place",
    "retire",
    "unchanged",
]

_NO_LINKS = os.O_NOFOLLOW | os.O_CLOEXEC
_LINK_UNSUPPORTED = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS)


class Standing(StrEnum):
    """How a name in the folder compares with a content."""

    ABSENT = "absent"
    SAME = "same"
    DIFFERENT = "different"


class Placed(StrEnum):
    """What became of a file to be placed."""

    NEW = "new"
    ALREADY = "already"
    NAME_TAKEN = "name_taken"


class NotDurable(Exception):
    """The file has its name, but the disk did not confirm the folder."""


@contextlib.contextmanager
def _folder(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def list_files(path: Path) -> list[Entry]:
    """Return the regular files of the folder; links, folders and pipes are left out."""
    entries = []
    with os.scandir(path) as found:
        for item in found:
            with contextlib.suppress(FileNotFoundError):
                facts = item.stat(follow_symlinks=False)
                if stat.S_ISREG(facts.st_mode):
                    entries.append(Entry(item.name, facts.st_size, facts.st_mtime_ns))
    return entries


def open_file(path: Path, entry: Entry) -> int | None:
    """Open a listed file and return its descriptor, or None where it has changed since.

    Raises FileNotFoundError where it is gone, OSError (ELOOP) where it became a link.
    """
    with _folder(path) as folder:
        descriptor = os.open(entry.name, os.O_RDONLY | os.O_NONBLOCK | _NO_LINKS, dir_fd=folder)
    if unchanged(descriptor, entry):
        return descriptor
    os.close(descriptor)
    return None


def unchanged(descriptor: int, entry: Entry) -> bool:
    """Say whether an open file is still the one that was listed."""
    facts = os.fstat(descriptor)
    return (
        stat.S_ISREG(facts.st_mode)
        and facts.st_size == entry.size
        and facts.st_mtime_ns == entry.changed
    )


def retire(path: Path, entry: Entry, *, into: str | None, mark: str) -> None:
    """Move a listed file into the folder `into` below `path`, or delete it where that is None.

    One that is gone or has changed is left alone: it is not the one that was accepted. A name
    that the archive has already is told apart by `mark`.
    """
    with _folder(path) as folder:
        try:
            facts = os.stat(entry.name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return
        if (facts.st_size, facts.st_mtime_ns) != (entry.size, entry.changed):
            return
        if into is None:
            os.unlink(entry.name, dir_fd=folder)
            return
        with contextlib.suppress(FileExistsError):
            os.mkdir(into, mode=0o770, dir_fd=folder)
        archive = os.open(into, os.O_RDONLY | os.O_DIRECTORY | _NO_LINKS, dir_fd=folder)
        try:
            name = f"{entry.name[:180]}.{mark}" if _exists(entry.name, archive) else entry.name
            os.rename(entry.name, name, src_dir_fd=folder, dst_dir_fd=archive)
        finally:
            os.close(archive)


def content_standing(path: Path, name: str, content: bytes) -> Standing:
    """Compare the file of that name with a content."""
    with _folder(path) as folder:
        return _standing(folder, name, content)


def place(path: Path, name: str, content: bytes, *, mark: str) -> Placed:
    """Write a file that readers see whole or not at all, and make it durable.

    It is written under a hidden `.part` name, flushed, given its name without replacing
    anything, and the folder is flushed. Raises OSError where the name was not given, NotDurable
    where it was and the last flush failed.
    """
    part = f".{mark}.part"
    with _folder(path) as folder:
        match _standing(folder, name, content):
            case Standing.SAME:
                _flush(folder)
                return Placed.ALREADY
            case Standing.DIFFERENT:
                return Placed.NAME_TAKEN
            case Standing.ABSENT:
                pass
        try:
            _write(folder, part, content)
            _give_name(folder, part, name)
        except FileExistsError:
            same = _standing(folder, name, content) is Standing.SAME
            return Placed.ALREADY if same else Placed.NAME_TAKEN
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part, dir_fd=folder)
        _flush(folder)
    return Placed.NEW


def _flush(folder: int) -> None:
    try:
        os.fsync(folder)
    except OSError as fault:
        raise NotDurable from fault


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _standing(folder: int, name: str, content: bytes) -> Standing:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _NO_LINKS, dir_fd=folder)
    except FileNotFoundError:
        return Standing.ABSENT
    except OSError as fault:
        if fault.errno == errno.ELOOP:
            return Standing.DIFFERENT
        raise
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode) or facts.st_size != len(content):
            return Standing.DIFFERENT
        return Standing.SAME if file.read() == content else Standing.DIFFERENT


def _write(folder: int, name: str, content: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINKS
    with os.fdopen(os.open(name, flags, 0o660, dir_fd=folder), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _give_name(folder: int, part: str, name: str) -> None:
    """Link, which never replaces; rename where the file system knows no links."""
    try:
        os.link(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError as fault:
        if fault.errno not in _LINK_UNSUPPORTED:
            raise
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
