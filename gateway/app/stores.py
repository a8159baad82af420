"""From `store:` in hub.yaml to the settings of the engine that it names."""

from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.errors import ConfigError
from gateway.settings import HubSettings, Secrets
from gateway.store import PostgresSettings, StoreSettings

__all__ = ["store_settings"]


def store_settings(
    root: Path, hub: HubSettings, environment: Mapping[str, str]
) -> StoreSettings | PostgresSettings:
    """Return how the store is opened. Raises ConfigError where its secret is missing."""
    there = hub.store
    if not there.postgres:
        return StoreSettings(path=root / there.path, reader_threads=there.reader_threads)
    return PostgresSettings(
        url=there.postgres,
        password=_password(there.password_secret, Secrets(root / hub.secrets_folder, environment)),
        readers=there.reader_threads * 2,
    )


def _password(name: str, secret: Callable[[str], str]) -> str | None:
    if not name:
        return None
    try:
        return secret(name)
    except KeyError:
        raise ConfigError(
            f"secret {name!r} of the database is not set",
            next_step="put it into the secrets folder, or into the environment.",
        ) from None
