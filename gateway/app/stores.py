"""From `store:` in hub.yaml to the settings of the engine that it names."""

from collections.abc import Mapping
from pathlib import Path

from gateway.errors import ConfigError
from gateway.settings import HubSettings, Secrets
from gateway.store import PostgresSettings, StoreSettings

__all__ = ["password_of", "store_settings"]


def store_settings(
    root: Path, hub: HubSettings, environment: Mapping[str, str]
) -> StoreSettings | PostgresSettings:
    """Return how the store is opened. Raises ConfigError where its secret is missing."""
    there = hub.store
    if not there.postgres:
        return StoreSettings(path=root / there.path, reader_threads=there.reader_threads)
    return PostgresSettings(
        url=there.postgres,
        password=password_of(there.password_secret, root, hub, environment),
        readers=there.reader_threads * 2,
    )


def password_of(
    name: str, root: Path, hub: HubSettings, environment: Mapping[str, str]
) -> str | None:
    """Return the secret of that name, None where no name is given. Raises ConfigError."""
    if not name:
        return None
    try:
        return Secrets(root / hub.secrets_folder, environment)(name)
    except KeyError:
        raise ConfigError(
            f"secret {name!r} of the database is not set",
            next_step="put it into the secrets folder, or into the environment.",
        ) from None
