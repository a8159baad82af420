"""What clients subscribe to at the API, as the store keeps it: each an interface of its own.

Their texts are part of every configuration that is put in force; their keys are sealed, and known
by a name of their own in `${secret:...}`. Raising the number of a key changes the text, so that
every node opens the connector again.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from connectors.webhook import SCHEDULE_SECONDS
from gateway.pipeline import milliseconds
from gateway.ports import Clock
from gateway.store import KeyRing, Row, Store

__all__ = ["PREFIX", "Kept", "Key", "Subscriptions", "texts_without_keys"]

PREFIX = "subscription."
"""How the names of their secrets begin."""

INLINE_MAX_BYTES = 64 * 1024
_DEADLINE_SECONDS = 30


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One key. `until` is 0 for the newest; the one before signs, too, until then."""

    number: int
    secret: str
    until: int = 0


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One subscription as a client has made it, the newest key first."""

    name: str
    client: str
    contract: str
    major: int
    url: str
    title: str
    network: str
    keys: tuple[Key, ...]
    revision: int
    created_at: int
    created_by: str
    ended_at: int = 0

    def text(self, now: int) -> str:
        """Return it as the text of an interface."""
        secrets = [
            f"${{secret:{_secret(self.name, one)}}}" for one in self.keys if _good(one, now)
        ]
        settings = {
            "url": self.url,
            "network": self.network,
            "secrets": secrets,
            "inline_max_bytes": INLINE_MAX_BYTES,
            "data_url": "/v1/messages/{id}",
        }
        interface = {
            "interface": self.name,
            "direction": "out",
            "connector": "webhook",
            "title": self.title,
            "accepts": f"{self.contract}@^{self.major}",
            "subscriber": self.client,
            "settings": settings,
            "on_dead": "skip",
            "deadline_seconds": _DEADLINE_SECONDS,
            "retry": {"schedule_seconds": SCHEDULE_SECONDS},
        }
        return msgspec.json.format(msgspec.json.encode(interface), indent=2).decode()


def texts_without_keys(rows: Iterable[Row]) -> dict[str, str]:
    """Return the text of each that is alive, by name, for who only looks: the keys stay sealed, and
    the secret that a text names is nowhere."""
    sealed = (Key(number=0, secret=""),)
    kept = [msgspec.convert({**row, "keys": sealed}, Kept) for row in rows]
    return {one.name: one.text(0) for one in kept if not one.ended_at}


class Subscriptions:
    """Those of one hub, as they were when last looked at."""

    def __init__(self, store: Store, keys: KeyRing, clock: Clock) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._secrets: dict[str, str] = {}
        self.kept: Mapping[str, Kept] = {}

    @property
    def ended(self) -> frozenset[str]:
        """Those that get nothing any more: what they are still owed is nobody's loss."""
        return frozenset(name for name, one in self.kept.items() if one.ended_at)

    def before(self, others: Callable[[str], str]) -> Callable[[str], str]:
        """Return what finds the keys of subscriptions, and other secrets elsewhere."""
        return lambda name: self._secrets[name] if name.startswith(PREFIX) else others(name)

    def hold(self, one: Kept) -> str:
        """Know the keys of a subscription that is not stored yet; return its text."""
        self._secrets |= {_secret(one.name, key): key.secret for key in one.keys}
        return one.text(self._now())

    async def load(self) -> dict[str, str]:
        """Look at them, and return the text of each that is alive, by name."""
        rows = await self._store.fetch("subscriptions")
        self.kept = {row["name"]: self._kept(row) for row in rows}
        living = [one for one in self.kept.values() if not one.ended_at]
        return {one.name: self.hold(one) for one in living}

    def sealed(self, name: str, keys: tuple[Key, ...]) -> str:
        """Return keys as the store has them."""
        return self._keys.seal_reason(_place(name), msgspec.json.encode(keys).decode())

    def _kept(self, row: Row) -> Kept:
        known = self.kept.get(row["name"])
        if known is not None and (known.revision, known.ended_at) == (
            row["revision"],
            row["ended_at"],
        ):
            return known
        keys = self._keys.open_reason(_place(row["name"]), row["keys"]) or "[]"
        found = msgspec.json.decode(keys, type=tuple[Key, ...])
        return msgspec.convert({**row, "keys": found}, Kept)

    def _now(self) -> int:
        return milliseconds(self._clock.now())


def _place(name: str) -> str:
    return f"subscription.keys.{name}"


def _secret(name: str, key: Key) -> str:
    return f"{PREFIX}{name}.{key.number}"


def _good(key: Key, now: int) -> bool:
    return key.until == 0 or key.until > now
