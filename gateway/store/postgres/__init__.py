"""The shared engine: PostgreSQL, which any number of hub processes may write at the same time."""

from gateway.store.postgres.looking import Seen, look
from gateway.store.postgres.store import PostgresStore, open_postgres

__all__ = ["PostgresStore", "Seen", "look", "open_postgres"]
