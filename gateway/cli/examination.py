"""What `remithub doctor` looks at; every probe only reads."""

import asyncio
import fcntl
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from enum import StrEnum
from pathlib import Path

import msgspec

from gateway.app import read_bundle
from gateway.app.beside import subscriptions_beside
from gateway.app.stores import store_settings
from gateway.cli.remote import Remote, running_hub
from gateway.errors import HubError
from gateway.pipeline import Bundle
from gateway.ports import Clock, SystemClock
from gateway.settings import HubSettings
from gateway.store import BACKUP_NOTICE, Space, verify_chain
from gateway.store.migrations import HEAD_REVISION

__all__ = ["Mark", "Sight", "examine"]

GOOD_SQLITE = (3, 51, 3)
"""Before it, two connections that checkpoint a WAL at once may corrupt it (sqlite.org, wal.html)."""

BUILT_IN = 2026
"""No clock of a machine that runs this can show an earlier year."""


_ON_THIS_MACHINE = "on this machine whoever reads the token file may see and do all"


class Mark(StrEnum):
    """How good a sight is."""

    OK = "ok"
    ODD = "odd"
    BROKEN = "broken"


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    mark: Mark
    about: str
    found: str
    next_step: str = ""


def _sight(mark: Mark, about: str, found: str, next_step: str = "") -> Sight:
    return Sight(mark=mark, about=about, found=found, next_step=next_step)


def examine(root: Path, clock: Clock | None = None) -> Iterator[Sight]:
    """Yield what is seen of a hub's folder and of the machine under it. Nothing is changed."""
    clock = clock or SystemClock()
    yield from _machine(clock)
    bundle: Bundle | None = None
    try:
        bundle = read_bundle(root, os.environ)
        yield _sight(
            Mark.OK, "configuration", f"{len(bundle.sources) + len(bundle.sinks)} interfaces"
        )
    except HubError as error:
        yield _sight(Mark.BROKEN, "configuration", error.message, "`remithub check` shows all.")
    else:
        yield from _subscriptions(root, bundle.config.hub)
    settings = bundle.config.hub if bundle else HubSettings()
    yield _disk(root, settings, clock)
    yield from _files(root, settings)
    if settings.store.postgres:
        yield _shared_database(root, settings)
    else:
        yield from _database(root / settings.store.path)
    with running_hub(root) as hub:
        yield from _hub(hub, root)


def _subscriptions(root: Path, settings: HubSettings) -> Iterator[Sight]:
    """Say how many clients have made at the API, and whether the configuration still bears them.
    Of a database that cannot be read, which is another sight, nothing is said."""
    try:
        made = subscriptions_beside(root, settings, os.environ)
    except HubError:
        return
    if not made:
        return
    about = "subscriptions"
    try:
        bundle = read_bundle(root, os.environ, subscriptions=made)
    except HubError as error:
        advice = "no hub starts so: put back what it follows."
        yield _sight(Mark.BROKEN, about, error.message, advice)
        return
    refused = [name for name in sorted(made) if (one := bundle.sinks[name].grant) and one.refused]
    found = f"{len(made)}, {len(refused)} of them granted by no product"
    if refused:
        advice = f"grant {', '.join(refused)} again, or end it."
        yield _sight(Mark.ODD, about, found, advice)
    else:
        yield _sight(Mark.OK, about, f"{len(made)}, each granted")


def _machine(clock: Clock) -> Iterator[Sight]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield _sight(Mark.OK, "python", version)
    new = sqlite3.sqlite_version_info >= GOOD_SQLITE
    yield _sight(
        Mark.OK if new else Mark.ODD,
        "sqlite",
        sqlite3.sqlite_version,
        "" if new else "prefer 3.51.3 or newer: older ones have a rare fault in WAL checkpoints.",
    )
    year = clock.now().year
    yield _sight(
        Mark.OK if year >= BUILT_IN else Mark.BROKEN,
        "clock",
        clock.now().strftime("%Y-%m-%d %H:%M:%SZ"),
        "" if year >= BUILT_IN else "set the clock; let NTP keep it.",
    )


def _disk(root: Path, settings: HubSettings, clock: Clock) -> Sight:
    """Look at the volume by the mark that the hub itself goes by."""
    where = settings.store
    low = 0 if where.postgres else where.free_bytes_low
    room = Space((root / where.path).parent, low, clock).room
    found = f"{room.free_bytes / 1024**3:,.1f} GiB free"
    if room.enough:
        return _sight(Mark.OK, "disk", found)
    found += f", less than {room.low_bytes / 1024**3:,.1f} GiB"
    return _sight(Mark.BROKEN, "disk", found, "make room: nothing is taken in, deliveries go on.")


def _files(root: Path, settings: HubSettings) -> Iterator[Sight]:
    key = root / settings.store.key_file
    yield _private(key, "key file", f"keep a copy apart: {BACKUP_NOTICE}")
    yield _private(root / settings.api.token_file, "token file", "")
    yield from _secrets(root / settings.secrets_folder)
    yield _access(settings)


def _access(settings: HubSettings) -> Sight:
    """Say how the API is reached, by whom, and what the token file stands for."""
    access = settings.access
    ways = ["HTTPS"] if access.tls else []
    ways += [f"behind {len(access.proxies)} proxies"] if access.proxies else []
    people = f"people sign in at {access.people.issuer}" if access.people else "nobody signs in"
    found = f"{' and '.join(ways) or 'plain HTTP'} on {settings.api.host}; {people}; {_ON_THIS_MACHINE}"
    return _sight(Mark.OK, "access", found, "let nobody else on this machine.")


def _secrets(folder: Path) -> Iterator[Sight]:
    """Name every secret that others may read; a folder without one says nothing."""
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        mode = file.stat().st_mode & 0o777 if file.is_file() else 0
        if mode & 0o077:
            found = f"{file} has mode {mode:04o}"
            yield _sight(Mark.ODD, f"secret {file.name}", found, f"chmod 600 {file}")


def _private(file: Path, about: str, advice: str) -> Sight:
    if not file.exists():
        return _sight(
            Mark.ODD, about, f"{file} is not there", "the first `remithub run` makes it."
        )
    mode = file.stat().st_mode & 0o777
    if mode & 0o077:
        return _sight(Mark.BROKEN, about, f"{file} has mode {mode:04o}", f"chmod 600 {file}")
    return _sight(Mark.OK, about, f"{file}, mode {mode:04o}", advice)


def _database(file: Path) -> Iterator[Sight]:
    if not file.exists():
        yield _sight(Mark.ODD, "database", f"{file} is not there", "the first run makes it.")
        return
    try:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
            (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        connection.close()
    except (sqlite3.Error, TypeError):
        yield _sight(
            Mark.BROKEN, "database", f"{file} cannot be read", "restore it from a backup."
        )
        return
    size = f"{file.stat().st_size / 1024**2:,.1f} MiB, schema {version}"
    if version > HEAD_REVISION:
        yield _sight(
            Mark.BROKEN, "database", size, "this program is older: install the newer one."
        )
    elif version < HEAD_REVISION:
        yield _sight(Mark.ODD, "database", size, f"the next run brings it to {HEAD_REVISION}.")
    else:
        yield _sight(Mark.OK, "database", size)
        yield _audit(file)
    yield _sight(Mark.OK, "lock", _holder(file.with_name(file.name + ".lock")))


def _audit(file: Path) -> Sight:
    """Verify every chain of the audit record where it lies."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        writers = connection.execute("SELECT DISTINCT writer FROM audit").fetchall()
        for (writer,) in writers:
            sql = "SELECT * FROM audit WHERE writer = ? ORDER BY seq"
            broken = verify_chain(connection.execute(sql, (writer,)))
            if broken:
                return _broken_audit(writer, broken)
    return _sight(Mark.OK, "audit record", "every chain holds")


def _broken_audit(writer: str, broken_at: int) -> Sight:
    found = f"the chain of {writer} does not hold from entry {broken_at} on"
    return _sight(Mark.BROKEN, "audit record", found, "somebody has changed it: keep all copies.")


def _shared_database(root: Path, settings: HubSettings) -> Sight:
    """Ask a PostgreSQL what it is, by the hub's own way to it."""
    from gateway.store.postgres import look

    about = "database"
    try:
        seen = asyncio.run(look(store_settings(root, settings, os.environ)))
    except HubError as error:
        return _sight(Mark.BROKEN, about, error.message, error.next_step)
    found = (
        f"PostgreSQL {seen.version}, {seen.bytes / 1024**2:,.1f} MiB, schema {seen.schema or '-'}"
    )
    found += f", {seen.writers} hubs write"
    if seen.schema > HEAD_REVISION:
        return _sight(Mark.BROKEN, about, found, "this program is older: install the newer one.")
    if seen.schema < HEAD_REVISION:
        return _sight(Mark.ODD, about, found, f"the next run brings it to {HEAD_REVISION}.")
    return _sight(Mark.OK, about, found)


def _holder(lock: Path) -> str:
    """Say who has the store, by trying its lock for a moment."""
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except OSError:
        return "nobody has the store"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        return f"process {pid} has the store"
    else:
        return "nobody has the store"
    finally:
        os.close(descriptor)


def _hub(hub: Remote | None, root: Path) -> Iterator[Sight]:
    if hub is None:
        advice = f"start it with `remithub run --root {root}`."
        yield _sight(Mark.ODD, "hub", "none runs on this folder", advice)
        return
    try:
        hub.get("/readyz")
        yield _sight(Mark.OK, "hub", "it takes and delivers")
        for chain in hub.get("/v1/audit/verification")["chains"]:
            if chain["broken_at"]:
                yield _broken_audit(chain["writer"], chain["broken_at"])
        for one in hub.get("/v1/interfaces"):
            yield _interface(hub, one["name"], one["state"], one["reason"])
    except HubError as error:
        yield _sight(Mark.BROKEN, "hub", error.message, error.next_step)


def _interface(hub: Remote, name: str, state: str, reason: str) -> Sight:
    report = hub.post(f"/v1/interfaces/{name}/check", {})
    failed = next((probe for probe in report["probes"] if not probe["passed"]), None)
    about = f"interface {name}"
    if failed is not None:
        found = f"{failed['name']} failed: {failed['detail']}".rstrip(": ")
        return _sight(Mark.BROKEN, about, found, "mend it there, then `remithub reload`.")
    probes = ", ".join(probe["name"] for probe in report["probes"]) or "nothing to probe"
    mark = Mark.OK if state == "up" else Mark.ODD
    return _sight(mark, about, f"{state} {reason}".strip() + f" ({probes})")
