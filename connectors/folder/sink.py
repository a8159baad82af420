"""Puts documents into a local folder as files that appear whole or not at all."""

import asyncio
import os
from pathlib import Path

from connectors.base import (
    Absent,
    Call,
    CheckReport,
    Context,
    Delivered,
    Document,
    Failed,
    Failure,
    Found,
    Idempotency,
    LookupAnswer,
    Outcome,
    Probe,
    Undecidable,
    Unknown,
)
from connectors.file_document import content_of, file_name_of, mark_of
from connectors.folder.faults import classified
from connectors.folder.files import NotDurable, Placed, Standing, content_standing, place
from connectors.folder.settings import Settings

__all__ = ["FolderSink"]

THREADS = 2


class FolderSink:
    """Writes one file per delivery. A second try finds the first one's file by name and content.

    A reader that takes files away makes an earlier file look absent: the lookup then says so,
    and only the hub's own record of the attempt tells better.
    """

    idempotency = Idempotency.LOOKUP

    def __init__(self, settings: Settings, context: Context) -> None:
        self._path = Path(settings.path)
        self._clock = context.clock
        self._pool = context.executor(THREADS)
        self._fail_point = context.fail_point

    async def deliver(self, call: Call, document: Document) -> Outcome:
        """Write the file once. Fails with MESSAGE where the name is unusable or taken."""
        name = file_name_of(call, document)
        if name is None:
            return Failed(failure=Failure.MESSAGE, code="name_unusable")
        content, mark = content_of(document), mark_of(call.key)
        remaining = call.deadline - self._clock.monotonic()
        if remaining <= 0:
            return Failed(failure=Failure.DESTINATION, code="deadline")
        self._fail_point("folder.before_place")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(remaining):
                placed = await loop.run_in_executor(
                    self._pool, lambda: place(self._path, name, content, mark=mark)
                )
        except NotDurable:
            return Unknown(code="not_durable")
        except TimeoutError:
            return Unknown(code="deadline")
        except OSError as fault:
            failure, code = classified(fault)
            return Failed(failure=failure, code=code)
        self._fail_point("folder.after_place")
        if placed is Placed.NAME_TAKEN:
            return Failed(failure=Failure.MESSAGE, code="name_taken")
        return Delivered(external_id=name, duplicate=placed is Placed.ALREADY)

    async def lookup(self, call: Call, document: Document) -> LookupAnswer:
        """Say whether the file is there with this content."""
        name = file_name_of(call, document)
        if name is None:
            return Absent()
        loop = asyncio.get_running_loop()
        content = content_of(document)
        try:
            standing = await loop.run_in_executor(
                self._pool, content_standing, self._path, name, content
            )
        except OSError as fault:
            return Undecidable(code=classified(fault)[1])
        match standing:
            case Standing.SAME:
                return Found(external_id=name)
            case Standing.ABSENT:
                return Absent()
            case Standing.DIFFERENT:
                return Undecidable(code="name_taken")

    async def check(self) -> CheckReport:
        """Probe that the folder is there and can be written to; writes nothing."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._probe)

    async def close(self) -> None:
        """Let go of the threads. May be called twice."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _probe(self) -> CheckReport:
        if not self._path.is_dir():
            return CheckReport(probes=(Probe(name="folder", passed=False),))
        writable = os.access(self._path, os.W_OK | os.X_OK)
        probes = (Probe(name="folder", passed=True), Probe(name="permission", passed=writable))
        return CheckReport(probes=probes)
