"""Reads a root folder into a compiled bundle; holds those in use, recalls others from the store."""

import asyncio
import logging
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec

from gateway.access import must_make_sense
from gateway.errors import HubError
from gateway.pipeline import Bundle, compile_bundle
from gateway.registry import Registry, starter_root
from gateway.settings import SUBSCRIPTIONS, read_config
from gateway.store import Store

__all__ = ["IN_FORCE", "BundleShelf", "read_bundle", "registry_of"]

log = logging.getLogger("remithub")


def read_bundle(
    root: Path,
    environment: Mapping[str, str],
    *,
    subscriptions: Mapping[str, str] = {},
    monotonic: Callable[[], float] | None = None,
) -> Bundle:
    """Compile `config/` of a root folder with its `contracts/` and `mappings/`, and the texts of
    what clients subscribe to.

    What the root does not have comes from the starter data beside the code. Raises ConfigError.
    """
    config = read_config(root / "config", environment, subscriptions)
    must_make_sense(config)
    return compile_bundle(config, registry_of(root), monotonic=monotonic)


def registry_of(root: Path) -> Registry:
    """Return the contracts and mappings of a root folder, over the starter ones."""
    return Registry(starter_root(), root)


def _read_files(
    files: Mapping[str, str],
    environment: Mapping[str, str],
    *,
    monotonic: Callable[[], float] | None,
) -> Bundle:
    """Compile what the store keeps of a bundle, and nothing else. Raises ConfigError."""
    with tempfile.TemporaryDirectory(prefix="remithub-") as folder:
        root = Path(folder)
        for name, text in files.items():
            if name.startswith(_MADE):
                continue
            place = root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, "utf-8")
        config = read_config(root / "config", environment, _subscriptions(files))
        return compile_bundle(config, Registry(root), monotonic=monotonic)


def _subscriptions(files: Mapping[str, str]) -> dict[str, str]:
    return {Path(name).stem: text for name, text in files.items() if name.startswith(_MADE)}


_MADE = f"config/{SUBSCRIPTIONS}/"

IN_FORCE = "bundle"
"""Where the store keeps the hash of the configuration that all nodes follow."""

HELD = 8
"""Compiled configurations kept in memory; others are compiled again when something needs them."""


class BundleShelf:
    """The bundle in force, and those that artifacts are pinned to."""

    def __init__(
        self,
        first: Bundle,
        store: Store,
        environment: Mapping[str, str],
        *,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._current = first
        self._held = {first.hash: first}
        self.environment = environment
        self._store = store
        self._read_root = partial(read_bundle, environment=environment, monotonic=monotonic)
        self._read = partial(_read_files, environment=environment, monotonic=monotonic)
        self._recalling = asyncio.Lock()

    @property
    def current(self) -> Bundle:
        """The bundle in force."""
        return self._current

    async def pinned(self, name: str) -> Bundle:
        """Return the bundle of that hash; the current one where it cannot be read any more."""
        return self._held.get(name) or await self.recall(name) or self._hold(name, self._current)

    async def read(self, root: Path, subscriptions: Mapping[str, str]) -> Bundle:
        """Compile the root folder with those subscriptions. Raises ConfigError."""
        read = partial(self._read_root, root, subscriptions=subscriptions)
        return await asyncio.get_running_loop().run_in_executor(None, read)

    @property
    def subscriptions(self) -> dict[str, str]:
        """The texts of what clients subscribe to in the bundle in force, by name."""
        return _subscriptions(self._current.files)

    async def with_subscriptions(self, texts: Mapping[str, str]) -> Bundle:
        """Compile the bundle in force with those subscriptions instead of its own. Raises
        ConfigError."""
        plain = {n: text for n, text in self._current.files.items() if not n.startswith(_MADE)}
        files = plain | {f"{_MADE}{name}.yaml": text for name, text in texts.items()}
        return await asyncio.get_running_loop().run_in_executor(None, self._read, files)

    async def in_force(self) -> str:
        """Return the hash of the bundle that all nodes are to follow, "" before the first."""
        rows = await self._store.fetch("hub_get", key=IN_FORCE)
        return str(rows[0]["value"]) if rows else ""

    async def recall(self, name: str) -> Bundle | None:
        """Compile a bundle from what the store keeps of it; None where that cannot be."""
        async with self._recalling:
            if name in self._held:
                return self._held[name]
            rows = await self._store.fetch("bundle_get", hash=name)
            if not rows:
                return None
            files = msgspec.json.decode(rows[0]["body"], type=dict[str, str])
            try:
                loop = asyncio.get_running_loop()
                bundle = await loop.run_in_executor(None, self._read, files)
            except HubError as fault:
                log.warning("An earlier configuration cannot be read any more: %s", fault)
                return None
            return self._hold(name, bundle)

    def _hold(self, name: str, bundle: Bundle) -> Bundle:
        self._held.pop(name, None)
        self._held[name] = bundle
        while len(self._held) > HELD:
            del self._held[next(iter(self._held))]
        return bundle

    def put(self, bundle: Bundle) -> None:
        """Make that bundle the one in force."""
        self._current = self._hold(bundle.hash, bundle)

    @staticmethod
    def text(bundle: Bundle) -> bytes:
        """Return what the store keeps of a bundle: every file it was made from."""
        return msgspec.json.encode(bundle.files, order="sorted")
