"""Opens the store that the settings name."""

from gateway.ports import Ports
from gateway.store.interface import PostgresSettings, Store, StoreSettings
from gateway.store.keys import KeyRing
from gateway.store.sqlite import open_sqlite

__all__ = ["open_store"]


async def open_store(
    settings: StoreSettings | PostgresSettings, keys: KeyRing, ports: Ports
) -> Store:
    """Open the database, making and migrating it where needed, and start its writer.

    Raises StorageFault: `store_locked` (another hub), `wrong_key`, `schema_too_new`,
    `store_damaged`, `store_unsafe` (PostgreSQL that may forget commits); StoreUnavailable
    (`store_unreachable`); NotFound when it is absent and may not be made.
    """
    if isinstance(settings, PostgresSettings):
        from gateway.store.postgres import open_postgres  # the driver is loaded where it is used

        return await open_postgres(settings, keys, ports)
    return await open_sqlite(settings, keys, ports)
