"""An SFTP client that reads ahead without threads and lists names it cannot decode.

paramiko's own prefetch runs a thread that sleeps, and that stays for ever when a reader gives up
early; its listing fails as a whole on one name that is no UTF-8.
"""

import stat
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import paramiko
from paramiko import sftp as wire
from paramiko.message import Message

from connectors.base import Failure
from connectors.listing import Entry
from connectors.sftp.faults import SftpFault

__all__ = ["BLOCK_BYTES", "REQUEST_BYTES", "Client", "RemoteFile"]

BLOCK_BYTES = 256 * 1024
REQUEST_BYTES = 32 * 1024
WINDOW_BYTES = 128 * REQUEST_BYTES
"""Unbounded reading ahead is known to hang servers (guides: SFTP with paramiko, 2)."""
LIST_AHEAD = 16
MAX_ENTRIES = 200_000
_MIN_NAME_BYTES = 12
"""Two string lengths and the attributes' flags: the least that one name of a listing takes."""


class Client(paramiko.SFTPClient):
    """One SFTP session; used by one thread at a time."""

    if TYPE_CHECKING:  # parts of paramiko that its type stubs leave out
        _expecting: dict[int, Any]

        def _request(self, kind: int, *arguments: Any) -> tuple[int, Message]: ...
        def _async_request(self, answered_to: Any, kind: int, *arguments: Any) -> int: ...
        def _read_packet(self) -> tuple[int, bytes]: ...

    @property
    def alive(self) -> bool:
        """Whether the channel and its connection stand."""
        channel = cast(paramiko.Channel, self.get_channel())
        return not channel.closed and channel.get_transport().is_active()

    def regular_files(self, path: str) -> list[Entry]:
        """List the regular files of a folder. Links and folders are left out.

        A name that is no UTF-8 is kept with surrogates, for the caller to refuse.
        """
        kind, message = self._request(wire.CMD_OPENDIR, path)
        if kind != wire.CMD_HANDLE:
            raise _protocol_fault()
        handle = message.get_string()
        entries: list[Entry] = []
        for attributes in self._listing(handle):
            if stat.S_ISREG(attributes.st_mode or stat.S_IFREG) and attributes.st_size is not None:
                changed = attributes.st_mtime or 0
                entries.append(Entry(attributes.filename, attributes.st_size, changed))
            if len(entries) > MAX_ENTRIES:
                raise SftpFault(Failure.DESTINATION, "listing_too_long", lost=True)
        self._request(wire.CMD_CLOSE, handle)
        return entries

    def open_ahead(self, path: str, size: int) -> "RemoteFile":
        """Open a file whose `size` the listing gave."""
        file = self.open(path, "rb")
        file.__class__ = RemoteFile  # paramiko has no way to choose the class
        remote = cast(RemoteFile, file)
        remote.begin(size)
        return remote

    def request_read(self, file: "RemoteFile", offset: int, length: int) -> int:
        """Ask for a part of a file without waiting. Returns the request's number."""
        where = wire.int64(offset)
        return self._async_request(file, wire.CMD_READ, file.handle, where, length)

    def _listing(self, handle: bytes) -> Iterator[paramiko.SFTPAttributes]:
        more = True
        while more:
            asked = {
                self._async_request(type(None), wire.CMD_READDIR, handle)
                for _ in range(LIST_AHEAD)
            }
            while asked:
                kind, data = self._read_packet()
                message = Message(data)
                number = message.get_int()
                asked.discard(number)
                self._expecting.pop(number, None)
                if kind == wire.CMD_NAME:
                    yield from _names(message, len(data))
                elif kind == wire.CMD_STATUS and message.get_int() == wire.SFTP_EOF:
                    more = False
                else:
                    raise _protocol_fault()


class RemoteFile(paramiko.SFTPFile):
    """A file that is read once, from start to end, with a bounded number of requests under way."""

    if TYPE_CHECKING:
        _prefetch_extents: dict[int, tuple[int, int]]
        _prefetch_lock: threading.Lock

    def begin(self, size: int) -> None:
        """Prepare to read `size` bytes."""
        self._total = size
        self._asked = 0
        self.taken = 0
        self.pipelining = True

    def next_block(self) -> bytes:
        """Return the next block of at most 256 KiB; empty at the expected end, or before it."""
        if self.pipelining and self._total > REQUEST_BYTES:
            self._ask()
        block = self.read(min(BLOCK_BYTES, self._total - self.taken)) if self._rest() else b""
        self.taken += len(block)
        return block

    def _rest(self) -> int:
        return self._total - self.taken

    def _ask(self) -> None:
        """Request ahead up to the window, in the reading thread: the requests are small."""
        end = min(self._total, self.taken + WINDOW_BYTES)
        while self._asked < end:
            length = min(REQUEST_BYTES, self._total - self._asked)
            number = cast(Client, self.sftp).request_read(self, self._asked, length)
            with self._prefetch_lock:
                self._prefetch_extents[number] = (self._asked, length)
            self._prefetching = True
            self._prefetch_done = False
            self._asked += length


def _names(message: Message, size: int) -> Iterator[paramiko.SFTPAttributes]:
    count = message.get_int()
    if count * _MIN_NAME_BYTES > size:
        raise _protocol_fault()
    for _ in range(count):
        name = message.get_string().decode("utf-8", "surrogateescape")
        message.get_string()  # the same for people, in no agreed form
        yield cast(Any, paramiko.SFTPAttributes)._from_msg(message, name)  # noqa: SLF001 - no public reader


def _protocol_fault() -> SftpFault:
    return SftpFault(Failure.DESTINATION, "protocol", lost=True)
