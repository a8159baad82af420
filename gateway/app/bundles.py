"""Reads a root folder into a compiled bundle, and holds the bundles that are in use."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from gateway.pipeline import Bundle, compile_bundle
from gateway.registry import Registry, starter_root
from gateway.settings import read_config

__all__ = ["BundleShelf", "read_bundle"]


def read_bundle(
    root: Path,
    environment: Mapping[str, str],
    *,
    monotonic: Callable[[], float] | None = None,
) -> Bundle:
    """Compile `config/` of a root folder with its `contracts/` and `mappings/`.

    What the root does not have comes from the starter data beside the code. Raises ConfigError.
    """
    config = read_config(root / "config", environment)
    return compile_bundle(config, registry_of(root), monotonic=monotonic)


def registry_of(root: Path) -> Registry:
    """Return the contracts and mappings of a root folder, over the starter ones."""
    return Registry(starter_root(), root)


HELD = 8
"""Compiled configurations kept; what was accepted under an older one is read under the current."""


class BundleShelf:
    """The bundle in force, and the earlier ones of this process that artifacts are pinned to."""

    def __init__(self, first: Bundle) -> None:
        self._current = first
        self._held = {first.hash: first}

    @property
    def current(self) -> Bundle:
        """The bundle in force."""
        return self._current

    def pinned(self, name: str) -> Bundle:
        """Return the bundle of that hash; the current one where it is not held any more."""
        return self._held.get(name, self._current)

    def put(self, bundle: Bundle) -> None:
        """Make that bundle the one in force."""
        self._current = bundle
        self._held.pop(bundle.hash, None)
        self._held[bundle.hash] = bundle
        while len(self._held) > HELD:
            del self._held[next(iter(self._held))]

    @staticmethod
    def text(bundle: Bundle) -> bytes:
        """Return what the store keeps of a bundle: every file it was made from."""
        return msgspec.json.encode(bundle.files, order="sorted")
