"""A hub whose feed or destination is an SFTP server that fails."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from gateway.app import Hub
from gateway.pipeline import Arrival
from gateway.ports import Ports
from tests.gateway.live import advice
from tests.proofs.sftp_servers import Served

POLL_SECONDS = 0.1
FEED = """\
interface: feed
direction: in
"""
JSON = "format: json\ncontract: remittance-advice@^1.0\n"
X12 = "format: x12-835\nmapping: x12-835-to-remittance-advice\n"
ROUTES = "routes: [{name: all, contract: remittance-advice, to: %s}]\n"
SINK = """\
interface: drop
direction: out
connector: sftp
accepts: remittance-advice@^1.0
concurrency: 4
deadline_seconds: 20
retry: {schedule_seconds: [%s], jitter: 0, breaker_failures: 1000000, breaker_calls: 1000000}
"""


class SftpHub:
    """A root folder whose `feed` or `drop` is at that server, and, while it runs, its hub."""

    def __init__(self, root: Path, there: Served, *, polls: bool, **settings: Any) -> None:
        self.root = root
        self.there = there
        self.polls = polls
        self.format = JSON
        """What the feed carries: JSON or X12."""
        self.settings = settings
        self.hub: Hub | None = None

    def configure(self, **more: Any) -> None:
        """Write the configuration; `more` overrides the server's settings."""
        settings = json.dumps({**self.there.settings, **self.settings, **more})
        folder = self.root / "config/interfaces"
        folder.mkdir(parents=True, exist_ok=True)
        at_server = f"settings: {settings}\n"
        polled = f"connector: sftp\npoll_seconds: {POLL_SECONDS}\n{at_server}"
        (folder / "feed.yaml").write_text(FEED + self.format + (polled if self.polls else ""))
        if not self.polls:
            schedule = ", ".join(["0"] + ["0.1"] * 80)
            (folder / "drop.yaml").write_text(SINK % schedule + at_server)
        to = "none" if self.polls else "drop"
        (self.root / "config/routes.yaml").write_text(ROUTES % to)

    async def start(self, ports: Ports | None = None) -> Hub:
        """Start the hub on the configuration there is."""
        self.hub = await Hub.open(self.root, self.there.environment(), ports)
        await self.hub.start()
        return self.hub

    async def stop(self) -> None:
        """Stop the hub."""
        hub, self.hub = self.hub, None
        if hub is not None:
            await hub.close()

    async def hand_over(self, number: int) -> None:
        """Hand over one document."""
        raw = json.dumps(advice(number)).encode()

        async def blocks() -> AsyncIterator[bytes]:
            yield raw

        assert self.hub is not None
        await self.hub.flow.accept(Arrival(interface="feed"), blocks())

    def put(self, name: str, number: int, *, at_least_bytes: int = 0) -> bytes:
        """Offer a document as a file at the server, whole at once; returns its bytes."""
        raw = json.dumps(advice(number)).encode()
        raw += b" " * max(at_least_bytes - len(raw), 0)
        part = self.there.folder / f"{name}.part"
        part.write_bytes(raw)
        part.rename(self.there.folder / name)
        return raw

    async def until(self, what: Any, seconds: float = 60) -> None:
        """Wait until `what()` is true."""
        async with asyncio.timeout(seconds):
            while not what():
                await asyncio.sleep(0.02)

    def taken(self) -> dict[str, int]:
        """Return the artifacts of the feed: SHA-256 and size, read from the store's file."""
        return {row["sha256"]: row["size"] for row in self._rows("SELECT * FROM artifact")}

    def parts(self) -> list[str]:
        """Return the state of every part."""
        return [row["state"] for row in self._rows("SELECT state FROM part")]

    def _rows(self, statement: str) -> list[dict[str, Any]]:
        file = self.root / "var/hub.db"
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(statement)]


@contextlib.asynccontextmanager
async def sftp_hub(
    root: Path, there: Served, *, polls: bool, **settings: Any
) -> AsyncIterator[SftpHub]:
    """Yield a configured hub that is not started yet; it is stopped at the end."""
    made = SftpHub(root / "hub", there, polls=polls, **settings)
    made.configure()
    try:
        yield made
    finally:
        await made.stop()
