"""Takes files from a local folder by polling."""

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

from connectors.base import (
    CheckReport,
    Context,
    Failure,
    Offer,
    Probe,
    SourceFault,
    Verdict,
)
from connectors.folder.faults import source_fault
from connectors.folder.files import list_files, open_file, retire, unchanged
from connectors.folder.settings import Settings
from connectors.listing import Entry, Settling, offer_of, ref_of

__all__ = ["FolderSource"]

BLOCK_BYTES = 256 * 1024
THREADS = 2


class FolderSource:
    """Polls one folder. A file is offered once it has stopped changing; links never are."""

    def __init__(self, settings: Settings, context: Context) -> None:
        self._path = Path(settings.path)
        self._settings = settings
        self._clock = context.clock
        self._pool = context.executor(THREADS)
        self._endpoint = f"folder:{settings.path}"
        self._settling = Settling(settings)

    async def discover(self) -> AsyncIterator[Offer]:
        """Yield the ready files, oldest first. Raises SourceFault."""
        loop = asyncio.get_running_loop()
        try:
            entries = await loop.run_in_executor(self._pool, list_files, self._path)
        except OSError as fault:
            raise source_fault(fault) from None
        for entry in self._settling.ready(entries, self._clock.monotonic()):
            yield offer_of(entry, self._endpoint)

    async def fetch(self, offer: Offer) -> AsyncGenerator[bytes, None]:
        """Yield the content in blocks of 256 KiB.

        Raises SourceFault: `changed` where the file is no longer the one that was offered, also
        when it changes while it is read; `gone`; `file_unreadable`. A file that failed is
        offered last from then on.
        """
        entry = ref_of(offer)
        try:
            async with contextlib.aclosing(self._blocks(entry)) as blocks:
                async for block in blocks:
                    yield block
        except OSError as fault:
            self._settling.troubled(entry)
            raise _file_fault(fault) from None
        except SourceFault:
            self._settling.troubled(entry)
            raise

    async def settle(self, offer: Offer, verdict: Verdict) -> None:
        """Archive, delete or leave. Repeatable. Raises SourceFault where that cannot be done."""
        entry = ref_of(offer)
        if verdict is Verdict.REFUSED or self._settings.after == "leave":
            self._settling.settled(entry)
            return
        await self._retire(entry, offer.fingerprint[:12])

    async def check(self) -> CheckReport:
        """Probe that the folder is there, can be read and, unless files stay, be changed."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._probe)

    async def close(self) -> None:
        """Let go of the threads. May be called twice."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _blocks(self, entry: Entry) -> AsyncGenerator[bytes, None]:
        loop = asyncio.get_running_loop()
        descriptor = await loop.run_in_executor(self._pool, open_file, self._path, entry)
        if descriptor is None:
            raise SourceFault(Failure.DESTINATION, "changed")
        try:
            read = 0
            while block := await loop.run_in_executor(
                self._pool, os.read, descriptor, BLOCK_BYTES
            ):
                read += len(block)
                yield block
            if read != entry.size or not unchanged(descriptor, entry):
                raise SourceFault(Failure.DESTINATION, "changed")
        finally:
            os.close(descriptor)

    async def _retire(self, entry: Entry, mark: str) -> None:
        into = self._settings.archive_folder if self._settings.after == "archive" else None
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(
                self._pool, lambda: retire(self._path, entry, into=into, mark=mark)
            )
        except OSError as fault:
            raise source_fault(fault) from None

    def _probe(self) -> CheckReport:
        if not self._path.is_dir():
            return CheckReport(probes=(Probe(name="folder", passed=False),))
        wanted = os.R_OK | os.X_OK | (0 if self._settings.after == "leave" else os.W_OK)
        refused = self._settling.refused_names
        probes = [
            Probe(name="folder", passed=True),
            Probe(name="permission", passed=os.access(self._path, wanted)),
            Probe(
                name="names", passed=not refused, detail=f"{refused} refused" if refused else ""
            ),
        ]
        failed = next((i for i, p in enumerate(probes) if not p.passed), len(probes) - 1)
        return CheckReport(probes=tuple(probes[: failed + 1]))


def _file_fault(fault: OSError) -> SourceFault:
    """A single file that is gone or closed to us is no reason to pause the feed."""
    if isinstance(fault, FileNotFoundError):
        return SourceFault(Failure.DESTINATION, "gone")
    if isinstance(fault, PermissionError) or fault.errno == errno.ELOOP:
        return SourceFault(Failure.DESTINATION, "file_unreadable")
    return source_fault(fault)
