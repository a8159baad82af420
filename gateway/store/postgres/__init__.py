"""The shared engine: PostgreSQL, which any number of hub processes may write at the same time."""

from gateway.store.postgres.store import PostgresStore, open_postgres

__all__ = ["PostgresStore", "open_postgres"]
