"""Puts in force what clients subscribe to: as a reload does, and beside it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from connectors.webhook import GONE
from gateway.app.bundles import BundleShelf
from gateway.app.subscriptions import Kept, Subscriptions
from gateway.errors import ConfigError
from gateway.pipeline import Bundle
from gateway.store import Store, Unit

__all__ = ["Subscribing"]

log = logging.getLogger("remithub")


class Subscribing:
    """Follows subscriptions. `follow` puts a bundle in force, `one_at_a_time` is held meanwhile."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        bundles: BundleShelf,
        store: Store,
        follow: Callable[[Bundle], Awaitable[Any]],
        one_at_a_time: asyncio.Lock,
    ) -> None:
        self._subscriptions = subscriptions
        self._bundles = bundles
        self._store = store
        self._follow = follow
        self._lock = one_at_a_time
        self._left_out: dict[str, str] | None = None

    async def begin(self, root: Path) -> None:
        """Put what clients subscribed to before into the first bundle. Raises ConfigError."""
        texts = await self._subscriptions.load()
        if texts:
            self._bundles.put(await self._bundles.read(root, texts))

    async def change(self, changed: Kept, unit: Unit) -> None:
        """Write that a subscription has begun, has other keys or has ended, and follow it.

        Raises ConfigError where it cannot be; then nothing is written. UnitConflict of the unit.
        """
        async with self._lock:
            texts = await self._subscriptions.load()
            texts.pop(changed.name, None)
            if not changed.ended_at:
                texts[changed.name] = self._subscriptions.hold(changed)
            bundle = await self._bundles.with_subscriptions(texts)
            await self._store.commit(unit)
            latest = await self._subscriptions.load()
            if latest != texts:  # another node was at it, too
                bundle = await self._bundles.with_subscriptions(latest)
            await self._follow(bundle)

    async def look(self) -> None:
        """Follow what clients have changed at another node, and let keys go whose time is over."""
        texts = await self._subscriptions.load()
        if self._lock.locked() or texts in (self._bundles.subscriptions, self._left_out):
            return
        async with self._lock:
            try:
                await self._follow(await self._bundles.with_subscriptions(texts))
            except ConfigError as fault:
                self._left_out = texts
                log.error("What clients subscribe to cannot be followed: %s", fault)  # noqa: TRY400 - the text says it all

    def hear(self, name: str, reason: str, *, before: str) -> None:
        """Say whom to tell where a subscriber wants no more events, once."""
        if reason != GONE or before == GONE:
            return
        bundle = self._bundles.current
        sink = bundle.sinks.get(name)
        client = bundle.config.clients.get(sink.settings.subscriber) if sink else None
        owner = (client.owner or client.client) if client else "its owner"
        log.warning("%s wants no more events (410): %s is to end or enable it.", name, owner)
