"""The composition root; the only room that knows every other."""

from gateway.app.bundles import BundleShelf, read_bundle, registry_of
from gateway.app.hub import Hub, Reloaded

__all__ = ["BundleShelf", "Hub", "Reloaded", "read_bundle", "registry_of"]
