"""Takes files from a folder on an SFTP server by polling."""

import posixpath
from collections.abc import AsyncGenerator, AsyncIterator

from connectors.base import CheckReport, Context, Failure, Offer, SourceFault, Verdict
from connectors.listing import Entry, Settling, offer_of, ref_of
from connectors.sftp.client import REQUEST_BYTES, Client, RemoteFile
from connectors.sftp.faults import SftpFault
from connectors.sftp.pool import Endpoint
from connectors.sftp.probe import probe
from connectors.sftp.remote import retire
from connectors.sftp.settings import Settings

__all__ = ["SftpSource"]


class SftpSource:
    """Polls one folder. A file is offered once two listings show it unchanged.

    Raises ValueError, or KeyError with the name of a missing secret, when it is made from
    settings that cannot work.
    """

    def __init__(self, settings: Settings, context: Context) -> None:
        self._settings = settings
        self._clock = context.clock
        self._folder = settings.path
        self._endpoint = Endpoint(settings, context)
        self._pipelining = True
        self._identity = f"sftp:{settings.user}@{settings.host}:{settings.port}:{settings.path}"
        self._settling = Settling(settings)

    async def discover(self) -> AsyncIterator[Offer]:
        """Yield the ready files, oldest first. Raises SourceFault."""
        try:
            async with self._endpoint.session() as session:
                entries = await session.run(Client.regular_files, self._folder)
        except SftpFault as fault:
            raise fault.as_source_fault() from None
        for entry in self._settling.ready(entries, self._clock.monotonic()):
            yield offer_of(entry, self._identity)

    async def fetch(self, offer: Offer) -> AsyncGenerator[bytes, None]:
        """Yield the content in blocks of at most 256 KiB.

        Raises SourceFault: `gone`; `file_unreadable`; `changed` where what was read is not what
        was listed, in size or time; `connection_lost` or `timeout`. Never ends early without
        one of them. A file that failed is offered last from then on.
        """
        entry = ref_of(offer)
        path = posixpath.join(self._folder, entry.name)
        try:
            async with self._endpoint.session() as session:
                file = await session.run(_open, path, entry, self._pipelining)
                while block := await session.run(_read, file, entry):
                    yield block
        except SftpFault as fault:
            if fault.code == "timeout" and entry.size > REQUEST_BYTES:
                self._pipelining = False  # some servers stall when asked ahead: never again
            self._settling.troubled(entry)
            raise _file_fault(fault) from None

    async def settle(self, offer: Offer, verdict: Verdict) -> None:
        """Archive, delete or leave. Repeatable. Raises SourceFault where that cannot be done."""
        entry = ref_of(offer)
        if verdict is Verdict.REFUSED or self._settings.after == "leave":
            self._settling.settled(entry)
            return
        archive = None
        if self._settings.after == "archive":
            archive = posixpath.join(self._folder, self._settings.archive_folder)
        try:
            async with self._endpoint.session() as session:
                await session.run(retire, self._folder, entry, archive, offer.fingerprint[:12])
        except SftpFault as fault:
            raise fault.as_source_fault() from None

    async def check(self) -> CheckReport:
        """Probe name, reach, host key, credential and the folder. Changes nothing."""
        return await probe(self._endpoint, self._folder, self._settling.refused_names)

    async def close(self) -> None:
        """Close connections and threads. May be called twice."""
        await self._endpoint.close()


def _file_fault(fault: SftpFault) -> SourceFault:
    """A single file that is gone or closed to us is no reason to pause the feed."""
    match fault.code:
        case "not_found":
            return SourceFault(Failure.DESTINATION, "gone")
        case "permission":
            return SourceFault(Failure.DESTINATION, "file_unreadable")
        case _:
            return fault.as_source_fault()


def _open(client: Client, path: str, entry: Entry, pipelining: bool) -> RemoteFile:  # noqa: FBT001 - called through a thread
    file = client.open_ahead(path, entry.size)
    file.pipelining = pipelining
    return file


def _read(_client: Client, file: RemoteFile, entry: Entry) -> bytes:
    """Return the next block; at the end make sure that the file is still what was listed."""
    block = file.next_block()
    if block:
        return block
    try:
        facts = file.stat()
        whole = file.taken == entry.size
        if not whole or (facts.st_size, facts.st_mtime or 0) != (entry.size, entry.changed):
            raise SftpFault(Failure.DESTINATION, "changed")
    finally:
        file.close()
    return b""
