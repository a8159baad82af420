"""Puts documents on an SFTP server as files that appear whole or not at all."""

import asyncio
import posixpath

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
    Undecidable,
    Unknown,
)
from connectors.file_document import content_of, file_name_of, mark_of
from connectors.sftp.faults import SftpFault
from connectors.sftp.pool import Endpoint
from connectors.sftp.probe import probe
from connectors.sftp.remote import Placing, Standing, place, standing
from connectors.sftp.settings import Settings

__all__ = ["SftpSink"]


class SftpSink:
    """Writes one file per delivery: a hidden part, size confirmed, then renamed.

    Only a rename without an answer is unknown. A partner that takes files away makes an earlier
    file look absent to `lookup`. Raises ValueError, or KeyError with the name of a missing
    secret, when it is made from settings that cannot work.
    """

    idempotency = Idempotency.LOOKUP

    def __init__(self, settings: Settings, context: Context) -> None:
        self._folder = settings.path
        self._clock = context.clock
        self._fail_point = context.fail_point
        self._endpoint = Endpoint(settings, context)

    async def deliver(self, call: Call, document: Document) -> Outcome:
        """Place the file once. Fails with MESSAGE where the name is unusable or taken."""
        name = file_name_of(call, document)
        if name is None:
            return Failed(failure=Failure.MESSAGE, code="name_unusable")
        remaining = call.deadline - self._clock.monotonic()
        if remaining <= 0:
            return Failed(failure=Failure.DESTINATION, code="deadline")
        placing = Placing()
        self._fail_point("sftp.before_place")
        try:
            async with asyncio.timeout(remaining):
                before = await self._place(name, call.key, content_of(document), placing)
        except TimeoutError:
            return _given_up(placing)
        except asyncio.CancelledError:
            placing.abandon()
            raise
        except SftpFault as fault:
            if fault.lost and placing.renaming:
                return Unknown(code=fault.code)
            return Failed(failure=fault.failure, code=fault.code, detail=fault.detail)
        self._fail_point("sftp.after_place")
        if before is Standing.DIFFERENT:
            return Failed(failure=Failure.MESSAGE, code="name_taken")
        return Delivered(external_id=name, duplicate=before is Standing.SAME)

    async def lookup(self, call: Call, document: Document) -> LookupAnswer:
        """Say whether the file is there with this content."""
        name = file_name_of(call, document)
        if name is None:
            return Absent()
        path = posixpath.join(self._folder, name)
        try:
            async with (
                asyncio.timeout(max(call.deadline - self._clock.monotonic(), 0)),
                self._endpoint.session() as session,
            ):
                found = await session.run(standing, path, content_of(document))
        except TimeoutError:
            return Undecidable(code="deadline")
        except SftpFault as fault:
            locked = fault.failure if fault.failure is Failure.CREDENTIAL else None
            return Undecidable(code=fault.code, detail=fault.detail, failure=locked)
        match found:
            case Standing.SAME:
                return Found(external_id=name)
            case Standing.ABSENT:
                return Absent()
            case Standing.DIFFERENT:
                return Undecidable(code="name_taken")

    async def check(self) -> CheckReport:
        """Probe name, reach, host key, credential and the folder. Changes nothing."""
        return await probe(self._endpoint, self._folder)

    async def close(self) -> None:
        """Close connections and threads. May be called twice."""
        await self._endpoint.close()

    async def _place(self, name: str, key: str, content: bytes, placing: Placing) -> Standing:
        path = posixpath.join(self._folder, name)
        part = posixpath.join(self._folder, f".{mark_of(key)}.part")
        async with self._endpoint.session() as session:
            return await session.run(place, path, part, content, placing)


def _given_up(placing: Placing) -> Outcome:
    if placing.abandon():
        return Unknown(code="deadline")
    return Failed(failure=Failure.DESTINATION, code="deadline")
