"""Tells the CPU time of a PostgreSQL server, where it runs on this machine."""

from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

__all__ = ["server_cpu_seconds"]

_HERE = ("127.0.0.1", "::1", "localhost")
_PROCESSES = "SELECT pid FROM pg_stat_activity"


async def server_cpu_seconds(url: str) -> float:
    """Return the CPU seconds so far of the server's living processes; 0 where it runs elsewhere.

    A session that has ended is not in it: compare two moments of the same sessions.
    """
    if urlsplit(url).hostname not in _HERE:
        return 0.0
    connection = await asyncpg.connect(url)
    try:
        pids = [row["pid"] for row in await connection.fetch(_PROCESSES)]
        return sum(_seconds(pid) for pid in pids if pid != connection.get_server_pid())
    finally:
        await connection.close()


def _seconds(pid: int) -> float:
    process = Path(f"/proc/{pid}")
    try:
        if not (process / "comm").read_text().startswith("postgres"):
            return 0.0  # in a container of its own, which numbers its processes by itself
        return int((process / "schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0
