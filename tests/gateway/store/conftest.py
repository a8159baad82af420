"""Stores to test with, and rows to fill them: every engine is opened through `open_engine`."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.ports import Ports
from gateway.store import (
    Body,
    KeyRing,
    PostgresSettings,
    Statement,
    Store,
    StoreSettings,
    Unit,
    WriterShape,
    open_store,
)
from tests.postgres import Postgres

OpenStore = Callable[..., Awaitable[Store]]

_AT = 1_700_000_000_000


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a fresh database and its key file: copied, never opened again."""
    folder = tmp_path_factory.mktemp("migrated")

    async def make() -> None:
        keys = KeyRing.open(folder / "hub.key")
        settings = StoreSettings(path=folder / "hub.db", writer=WriterShape.THREAD)
        await (await open_store(settings, keys, Ports())).close()

    asyncio.run(make())
    return folder


@pytest.fixture
def folder(migrated: Path, tmp_path: Path) -> Path:
    """A folder of this test's own with a fresh database and key file."""
    for name in ("hub.db", "hub.key"):
        shutil.copy2(migrated / name, tmp_path / name)
    return tmp_path


@pytest.fixture
async def open_sqlite(folder: Path) -> AsyncIterator[OpenStore]:
    """Opens the SQLite store of `folder`; whatever is still open is closed afterwards."""
    opened: list[Store] = []

    async def opener(ports: Ports | None = None, **changes: Any) -> Store:
        settings = StoreSettings(
            **{"path": folder / "hub.db", "writer": WriterShape.THREAD, **changes}
        )
        store = await open_store(settings, KeyRing.open(folder / "hub.key"), ports or Ports())
        opened.append(store)
        return store

    yield opener
    for store in opened:
        await store.close()


@pytest.fixture
async def open_postgres(folder: Path, postgres: Postgres) -> AsyncIterator[OpenStore]:
    """Opens the store of one PostgreSQL database of this test's own, as often as one likes."""
    opened: list[Store] = []
    url = postgres.migrated()

    async def opener(ports: Ports | None = None, **changes: Any) -> Store:
        settings = PostgresSettings(**{"url": url, **changes})
        store = await open_store(settings, KeyRing.open(folder / "hub.key"), ports or Ports())
        opened.append(store)
        return store

    yield opener
    for store in opened:
        await store.close()


@pytest.fixture(params=["sqlite-thread", "sqlite-process", "postgresql"])
def open_engine(request: pytest.FixtureRequest, open_sqlite: OpenStore) -> OpenStore:
    """Opens the store of each engine in turn; a new engine joins the conformance class here."""
    if request.param == "postgresql":
        opener: OpenStore = request.getfixturevalue("open_postgres")
        return opener
    shape = WriterShape(request.param.removeprefix("sqlite-"))

    async def open_shape(ports: Ports | None = None, **changes: Any) -> Store:
        return await open_sqlite(ports, writer=shape, **changes)

    return open_shape


@pytest.fixture
async def store(open_engine: OpenStore) -> Store:
    """One open store."""
    return await open_engine()


class Rows:
    """Builds units of invented rows; anything may be overridden by column name."""

    @staticmethod
    def lane(name: str) -> Unit:
        params = {
            "name": name,
            "kind": "deliver",
            "interface": "erp",
            "destination": "erp",
            "route": "all",
        }
        return Unit(statements=(Statement("lane_ensure", params),))

    @staticmethod
    async def make_lane(store: Store, name: str = "deliver:erp") -> int:
        made = await store.commit(Rows.lane(name))
        lane_id: int = made.rows[0][0]["lane_id"]
        return lane_id

    @staticmethod
    def artifact(artifact_id: str, **changes: Any) -> Statement:
        row = {
            "artifact_id": artifact_id,
            "interface": "feed",
            "sha256": artifact_id.rjust(64, "0"),
            "occurrence": 0,
            "size": 10,
            "received_at": _AT,
            "bundle": "b1",
            "body_id": artifact_id,
            "media_type": "text/plain",
            "meta": None,
        }
        return Statement("artifact_insert", row | changes)

    @staticmethod
    def message(message_id: str, **changes: Any) -> Statement:
        row = {
            "message_id": message_id,
            "contract": "journal-entry",
            "version": "1.0.0",
            "revision": 0,
            "artifact_id": None,
            "part_offset": None,
            "cause_id": None,
            "interface": "feed",
            "correlation": "corr",
            "amount_cents": 1250,
            "created_at": _AT,
            "routed": 1,
            "bundle": "b1",
            "trace": None,
        }
        return Statement("message_insert", row | changes)

    @staticmethod
    def owe(lane_id: int, item: str, **changes: Any) -> Statement:
        row = {
            "lane_id": lane_id,
            "item_id": item,
            "delivery_id": f"dlv_{lane_id}_{item}",
            "order_key": None,
            "at": _AT,
        }
        return Statement("owe", row | changes)

    @staticmethod
    def attempt(lane_id: int, seq: int, expect: int | None = 1, **changes: Any) -> Statement:
        row: Mapping[str, Any] = {
            "lane_id": lane_id,
            "seq": seq,
            "part_offset": -1,
            "number": 1,
            "generation": 0,
            "at": _AT,
            "took_ms": 3,
            "outcome": "done",
            "failure": None,
            "code": None,
            "detail": None,
            "fingerprint": None,
            "external_id": None,
            "reply_id": None,
            "epoch": 0,
        }
        return Statement("attempt_insert", {**row, **changes}, expect=expect)

    @staticmethod
    def retry(lane_id: int, seq: int, **changes: Any) -> Statement:
        row = {
            "lane_id": lane_id,
            "seq": seq,
            "part_offset": -1,
            "state": "waiting",
            "due_at": _AT,
            "attempts": 1,
            "generation": 0,
            "failure": "destination",
            "code": "http_503",
            "detail": None,
            "fingerprint": "fp1",
            "order_key": None,
            "since": _AT,
            "amount_cents": 100,
            "correlation": None,
        }
        return Statement("retry_put", row | changes)

    @staticmethod
    def started(lane_id: int, seq: int, **changes: Any) -> dict[str, Any]:
        """The parameters of `started_insert`."""
        row = {"lane_id": lane_id, "seq": seq, "generation": 0, "number": 1, "at": _AT}
        return {**row, "epoch": 0, "state": "", **changes}

    @staticmethod
    def delivery(lane_id: int, item: str, data: bytes = b"body") -> Unit:
        """A message, its body, and its being owed: what must come together."""
        return Unit(
            statements=(Rows.message(item), Rows.owe(lane_id, item)),
            bodies=(Body(item, data),),
            counts=(("feed", "messages", 1),),
            once=0,
        )


@pytest.fixture
def rows() -> type[Rows]:
    """The row builders."""
    return Rows
