"""A partner that is a folder of files, for the conformance cases of folder and sftp."""

import os
from collections.abc import Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from connectors.base import Document
from connectors.conformance import Fault, SinkPartner, SourcePartner, Wrong
from gateway.simulators.tcp_proxy import Fault as TcpFault

SETTLE_SECONDS = 5


def files_of(folder: Path) -> list[tuple[str, bytes]]:
    return sorted((path.name, path.read_bytes()) for path in folder.iterdir() if path.is_file())


class Feed(SourcePartner):
    """The partner's side of a folder that is polled."""

    ready_after_seconds = SETTLE_SECONDS

    def __init__(self, folder: Path, settings: Mapping[str, Any], secrets=None, wrong=()) -> None:
        self.folder = folder
        self.settings = {**settings, "path": str(folder), "settle_seconds": SETTLE_SECONDS}
        self.secrets = secrets or {}
        self.wrong = wrong
        self.proxy = None

    async def put(self, name, content, *, age_seconds=100):
        path = self.folder / name
        path.write_bytes(content)
        when = path.stat().st_mtime_ns - age_seconds * 10**9
        os.utime(path, ns=(when, when))

    async def begin(self, name, content):
        (self.folder / name).write_bytes(content)

    async def state(self):
        return files_of(self.folder)

    def cut(self):
        if self.proxy is None:
            return super().cut()
        return self._cut()

    @asynccontextmanager
    async def _cut(self):
        self.proxy.stream_bytes = 20_000
        self.proxy.fault = TcpFault.RST_MID_STREAM
        try:
            yield
        finally:
            self.proxy.fault = None


class Drop(SinkPartner):
    """The partner's side of a folder that files are put into."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], secrets=None, wrong=()) -> None:
        self.folder = folder
        self.settings = {**settings, "path": str(folder)}
        self.secrets = secrets or {}
        self.wrong = wrong

    def document(self, mark):
        raw = b"ISA*00*" * 2_000 + mark.encode()
        return Document(contract="remittance-advice/1.0.0", raw=raw, name="posted.835")

    def different(self, document):
        return Document(contract=document.contract, raw=b"other bytes", name=document.name)

    proxy_fault = TcpFault

    def possible(self, fault):
        # Bytes lost on the way mean something else at every message of SFTP.
        return fault is Fault.NOT_REACHED and self.proxy is not None

    async def effects(self, key, document):
        return [name for name, content in files_of(self.folder) if content == document.raw]

    async def leftovers(self, key):
        return [name for name, _ in files_of(self.folder) if name.startswith(".")]

    def refused(self, mark):
        return Document(contract="c", raw=mark.encode(), name="../posted.835")

    def priced(self, mark, amounts):
        return Document(contract="c", data={"mark": mark, "amounts": list(amounts)})

    async def booked(self, key, document):
        [(_, content)] = files_of(self.folder)
        return msgspec.json.decode(content)["amounts"]

    def worded(self, mark, text):
        return Document(contract="c", data={"mark": mark, "text": text}), text

    async def words(self, key, document):
        newest = max(self.folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        return msgspec.json.decode(newest.read_bytes())["text"]

    async def state(self):
        return files_of(self.folder)


def wrong_folder(probe: str) -> Wrong:
    """The folder is not there."""
    return Wrong(probe=probe, settings={"path": "/nowhere/at/all"})
