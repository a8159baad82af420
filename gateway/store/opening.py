"""Opens the store that the settings name."""

from gateway.ports import Ports
from gateway.store.interface import Store, StoreSettings
from gateway.store.keys import KeyRing
from gateway.store.sqlite import open_sqlite

__all__ = ["open_store"]


async def open_store(settings: StoreSettings, keys: KeyRing, ports: Ports) -> Store:
    """Open the database, making and migrating it where needed, and start its writer.

    Raises StorageFault: `store_locked` (another hub), `wrong_key`, `schema_too_new`,
    `store_damaged`; NotFound when it is absent and may not be made.
    """
    return await open_sqlite(settings, keys, ports)
