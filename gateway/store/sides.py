"""Which side of a copy the settings of a store make."""

from contextlib import AbstractAsyncContextManager

from gateway.ports import Clock
from gateway.store.copying import Side
from gateway.store.interface import PostgresSettings, StoreSettings
from gateway.store.sqlite.copying import new_sqlite_side, sqlite_side

__all__ = ["reading", "writing"]


def reading(
    settings: StoreSettings | PostgresSettings, clock: Clock
) -> AbstractAsyncContextManager[Side]:
    """Open the source, which no hub may use meanwhile."""
    if isinstance(settings, PostgresSettings):
        from gateway.store.postgres.copying import postgres_side

        return postgres_side(settings)
    return sqlite_side(settings.path, clock)


def writing(
    settings: StoreSettings | PostgresSettings, clock: Clock
) -> AbstractAsyncContextManager[Side]:
    """Open the target, which must be empty."""
    if isinstance(settings, PostgresSettings):
        from gateway.store.postgres.copying import postgres_side

        return postgres_side(settings)
    return new_sqlite_side(settings.path, clock)
