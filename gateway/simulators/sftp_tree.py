"""The files a simulated clearinghouse serves over SFTP; needs paramiko: import it only when needed."""

import errno
import os
import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import paramiko
from paramiko.sftp import SFTP_EOF, SFTP_OK

from gateway.simulators.faults import FaultBoard, FaultKind

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Premises", "Tree"]

_MAX_READ_BYTES = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class Premises:
    """What serving a file needs: the tree's root, the faults in force, a wait that ends when the
    server stops (seconds), and how to reset the client's connection."""

    root: Path
    faults: FaultBoard
    wait: Callable[[float], object]
    reset: Callable[[], None]

    def delay(self) -> None:
        """Be as slow as the faults say."""
        if slow := self.faults.take(FaultKind.SLOW):
            self.wait(slow.delay_seconds)


class Tree(paramiko.SFTPServerInterface):
    """SFTP version 3 over a directory tree that nothing leads out of, links neither."""

    def __init__(self, server: paramiko.ServerInterface, premises: Premises) -> None:
        super().__init__(server)
        self._premises = premises
        self._root = premises.root.resolve()

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        """List a folder; links are shown as links."""
        try:
            return [
                paramiko.SFTPAttributes.from_stat(entry.lstat(), entry.name)
                for entry in self._real(path).iterdir()
            ]
        except OSError as error:
            return _code(error)

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        """Describe what a path leads to."""
        try:
            return paramiko.SFTPAttributes.from_stat(self._real(path).stat())
        except OSError as error:
            return _code(error)

    lstat = stat

    def open(
        self, path: str, flags: int, attr: paramiko.SFTPAttributes
    ) -> paramiko.SFTPHandle | int:
        """Open with the flags of `os.open`."""
        del attr
        try:
            descriptor = os.open(self._real(path), flags, 0o644)
        except OSError as error:
            return _code(error)
        return _File(descriptor, flags, self._premises)

    def remove(self, path: str) -> int:
        """Delete a file."""
        return _do(lambda: self._real(path).unlink())

    def rename(self, oldpath: str, newpath: str) -> int:
        """Rename; fails where the new name is taken, as OpenSSH does."""

        def move() -> None:
            new = self._real(newpath)
            if new.exists():
                raise FileExistsError(errno.EEXIST, "taken")
            self._real(oldpath).rename(new)

        return _do(move)

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        """Rename over whatever has the new name (posix-rename@openssh.com)."""
        return _do(lambda: self._real(oldpath).replace(self._real(newpath)))

    def mkdir(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        """Make a folder."""
        del attr
        return _do(lambda: self._real(path).mkdir())

    def rmdir(self, path: str) -> int:
        """Remove an empty folder."""
        return _do(lambda: self._real(path).rmdir())

    def chattr(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        """Accept any attributes for what is there, and keep none of them."""
        del attr
        return _do(lambda: self._real(path).stat())

    def _real(self, path: str) -> Path:
        """Raises PermissionError where a link leads out of the root."""
        self._premises.delay()
        inside = posixpath.normpath("/" + path).lstrip("/")
        real = (self._root / inside).resolve()
        if not real.is_relative_to(self._root):
            raise PermissionError(errno.EACCES, "outside the root")
        return real


class _File(paramiko.SFTPHandle):
    def __init__(self, descriptor: int, flags: int, premises: Premises) -> None:
        super().__init__(flags)
        self._descriptor = descriptor
        self._appends = bool(flags & os.O_APPEND)
        self._premises = premises

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def read(self, offset: int, length: int) -> bytes | int:
        self._premises.delay()
        try:
            data = os.pread(self._descriptor, min(length, _MAX_READ_BYTES), offset)
        except OSError as error:
            return _code(error)
        faults = self._premises.faults
        drop = faults.peek(FaultKind.DROP_MID_FILE)
        if drop and offset + len(data) > drop.after_bytes and faults.take(FaultKind.DROP_MID_FILE):
            self._premises.reset()
        return data or SFTP_EOF

    def write(self, offset: int, data: "Buffer") -> int:
        def put() -> None:
            if self._appends:
                os.write(self._descriptor, data)
            else:
                os.pwrite(self._descriptor, data, offset)

        return _do(put)

    def stat(self) -> paramiko.SFTPAttributes | int:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self._descriptor))

    def chattr(self, attr: paramiko.SFTPAttributes) -> int:
        del attr
        return SFTP_OK


def _do(act: Callable[[], object]) -> int:
    try:
        act()
    except OSError as error:
        return _code(error)
    return SFTP_OK


def _code(error: OSError) -> int:
    return int(paramiko.SFTPServer.convert_errno(error.errno or errno.EIO))
