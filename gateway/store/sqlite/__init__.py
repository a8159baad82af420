"""The embedded engine: SQLite with one writing connection, in a process, a thread or the loop."""

from gateway.store.sqlite.store import SqliteStore, open_sqlite

__all__ = ["SqliteStore", "open_sqlite"]
