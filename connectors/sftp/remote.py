"""Operations on remote files that belong together: retire a taken one, place a new one."""

import contextlib
import errno
import io
import posixpath
import threading
from enum import StrEnum

from connectors.listing import Entry
from connectors.sftp.client import Client

__all__ = ["Placing", "Standing", "place", "retire", "standing"]


class Standing(StrEnum):
    """How a remote name compares with a content."""

    ABSENT = "absent"
    SAME = "same"
    DIFFERENT = "different"


class Placing:
    """The moment of truth of one placing: whether its rename may have left.

    The thread asks `begin_rename` before it sends it; a caller that gives up asks `abandon`.
    One of them is first, so that a definite answer stays definite.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._renaming = False
        self._abandoned = False

    def begin_rename(self) -> bool:
        """Return whether the rename may be sent; it may not once the caller has given up."""
        with self._lock:
            if self._abandoned:
                return False
            self._renaming = True
            return True

    def abandon(self) -> bool:
        """Give up. Returns whether the rename may have left."""
        with self._lock:
            self._abandoned = True
            return self._renaming

    @property
    def renaming(self) -> bool:
        """Whether the rename may have left."""
        return self._renaming


def standing(client: Client, path: str, content: bytes) -> Standing:
    """Compare the remote file with a content: by size, then byte for byte.

    A drop folder that may not be read is judged by size alone. Raises OSError and what paramiko
    raises for a dead connection.
    """
    try:
        facts = client.lstat(path)
    except FileNotFoundError:
        return Standing.ABSENT
    if facts.st_size != len(content):
        return Standing.DIFFERENT
    try:
        with client.open_ahead(path, len(content)) as file:
            read = bytearray()
            while block := file.next_block():
                read += block
    except PermissionError:
        return Standing.SAME
    return Standing.SAME if bytes(read) == content else Standing.DIFFERENT


def place(client: Client, path: str, part: str, content: bytes, placing: Placing) -> Standing:
    """Write a file under a hidden name, compare its size, and give it its name.

    It is never put over a file that somebody else has placed meanwhile (SSH_FXP_RENAME,
    draft-ietf-secsh-filexfer-02, 6.5: an error where the new name exists).

    Returns what was there before: ABSENT means that it was placed now. Raises OSError and what
    paramiko raises for a dead connection; `placing.renaming` then says whether the name may
    have been given.
    """
    before = standing(client, path, content)
    if before is not Standing.ABSENT:
        return before
    try:
        client.putfo(io.BytesIO(content), part, file_size=len(content), confirm=True)
        if not placing.begin_rename():
            raise TimeoutError
        return _name(client, part, path, content)
    except OSError:
        if client.alive:
            _remove(client, part)
        raise


def _name(client: Client, part: str, path: str, content: bytes) -> Standing:
    """Give a part its name, never over a file that has it by now. Returns what was there."""
    try:
        client.rename(part, path)
    except OSError:
        if not client.alive:
            raise
        there = standing(client, path, content)
        if there is Standing.ABSENT:
            raise
        _remove(client, part)
        return there
    return Standing.ABSENT


def _remove(client: Client, path: str) -> None:
    with contextlib.suppress(OSError):
        client.remove(path)


def retire(client: Client, folder: str, entry: Entry, archive: str | None, mark: str) -> None:
    """Move a taken file into `archive`, or remove it where that is None.

    One that is gone or has changed is left alone: it is not the one that was accepted. A name
    that the archive has already is told apart by `mark`. Raises OSError and what paramiko
    raises for a dead connection.
    """
    path = posixpath.join(folder, entry.name)
    try:
        facts = client.lstat(path)
    except FileNotFoundError:
        return
    if (facts.st_size, facts.st_mtime or 0) != (entry.size, entry.changed):
        return
    try:
        if archive is None:
            client.remove(path)
        else:
            _archive(client, path, archive, entry.name, mark)
    except FileNotFoundError:
        if _exists(client, path):  # else somebody was faster
            raise


def _archive(client: Client, path: str, archive: str, name: str, mark: str) -> None:
    target = posixpath.join(archive, name)
    if _exists(client, target):
        target = posixpath.join(archive, f"{name[:180]}.{mark}")
    try:
        _rename(client, path, target)
    except OSError:
        if _exists(client, archive):
            raise
        client.mkdir(archive, 0o770)
        _rename(client, path, target)


def _exists(client: Client, path: str) -> bool:
    try:
        client.lstat(path)
    except FileNotFoundError:
        return False
    return True


def _rename(client: Client, source: str, target: str) -> None:
    """Rename at once (OpenSSH's extension), or plainly where the server does not know that."""
    try:
        client.posix_rename(source, target)
    except OSError as fault:
        if fault.errno in (errno.ENOENT, errno.EACCES) or not client.alive:
            raise
        client.rename(source, target)
