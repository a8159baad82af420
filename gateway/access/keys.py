"""API keys of systems: `id.secret`, kept as a hash, scoped, expiring, two live for rotation."""

import hashlib
import hmac
import re

import msgspec

from gateway.errors import Conflict, NotFound, StorageFault, UsageFault
from gateway.ports import Ports
from gateway.settings import MAX_KEY_DAYS, ClientSettings
from gateway.store import AuditEntry, Row, Statement, Store, Unit, UnitConflict

__all__ = ["KEY", "KeyFacts", "Keys", "NewKey"]

KEY = re.compile(r"(rhk_[0-9a-f]{32})\.([0-9a-f]{64})")
"""An API key: its public name and 256 random bits."""

HELD_SECONDS = 5.0
"""How long another node may still take a key that was revoked."""

_HELD = 10_000
_USED_MS = 3_600_000
"""The last use is kept to the hour: one write an hour and key."""

_DAY_MS = 24 * 3_600_000
_NOBODY = hashlib.sha256(b"").hexdigest()


class KeyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a key. Times in milliseconds since the epoch; `revoked_at` and `used_at`
    are 0 where that has not been."""

    key_id: str
    client: str
    scopes: tuple[str, ...]
    label: str
    created_at: int
    created_by: str
    expires_at: int
    revoked_at: int
    used_at: int

    def live(self, now: int) -> bool:
        """Whether it is good at that moment."""
        return not self.revoked_at and now < self.expires_at


class _Held(msgspec.Struct, frozen=True, kw_only=True):
    """A key in memory; its facts are one object for as long."""

    facts: KeyFacts
    secret_hash: str


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is shown once: `key` holds the secret and is kept nowhere."""

    key: str
    facts: KeyFacts


class Keys:
    """The keys in the store, those of the last seconds in memory."""

    def __init__(self, store: Store, ports: Ports) -> None:
        self._store = store
        self._ports = ports
        self._held: dict[str, tuple[float, _Held]] = {}

    def now(self) -> int:
        """Return milliseconds since the epoch."""
        return int(self._ports.clock.now().timestamp() * 1000)

    async def check(self, presented: str) -> KeyFacts | None:
        """Return the facts of a good key, None for any other; in the same time for both."""
        match = KEY.fullmatch(presented)
        if match is None:
            return None
        held = await self._find(match[1])
        given = hashlib.sha256(match[2].encode()).hexdigest()
        same = hmac.compare_digest(given, held.secret_hash if held else _NOBODY)
        if held is None or not same:
            return None
        facts, now = held.facts, self.now()
        if not facts.live(now):
            return None
        if now - facts.used_at >= _USED_MS:
            await self._used(facts, now)
        return facts

    async def _find(self, key_id: str) -> "_Held | None":
        moment = self._ports.clock.monotonic()
        until, held = self._held.get(key_id, (0.0, None))
        if held is not None and moment < until:
            return held
        rows = await self._store.fetch("api_key_get", key_id=key_id)
        if not rows:
            return None
        if len(self._held) >= _HELD:
            self._held.clear()
        found = _Held(facts=_facts(rows[0]), secret_hash=rows[0]["secret_hash"])
        self._held[key_id] = (moment + HELD_SECONDS, found)
        return found

    async def _used(self, facts: KeyFacts, now: int) -> None:
        """Keep that it was used; where the store cannot, the request goes on all the same."""
        if facts.key_id in self._held:
            until, held = self._held[facts.key_id]
            used_now = msgspec.structs.replace(held.facts, used_at=now)
            self._held[facts.key_id] = (until, msgspec.structs.replace(held, facts=used_now))
        try:
            used = Statement("api_key_used", {"key_id": facts.key_id, "at": now})
            await self._store.commit(Unit(statements=(used,)))
        except StorageFault:
            return

    async def create(
        self,
        client: ClientSettings,
        *,
        by: str,
        scopes: tuple[str, ...] = (),
        days: int = 0,
        label: str = "",
    ) -> NewKey:
        """Make a key, with all of the client's scopes and its days unless said otherwise.

        Raises UsageFault (a life too long), Conflict (a scope the client has not, `key_limit`).
        """
        return await self._make(client, by=by, scopes=scopes, days=days, label=label)

    async def rotate(
        self, client: ClientSettings, *, by: str, overlap_hours: int = 24, label: str = ""
    ) -> NewKey:
        """Make the successor of the client's one live key, which then ends after the overlap.

        Raises NotFound (there is none), Conflict (`key_limit`: there are two already).
        """
        now = self.now()
        live = [key for key in await self.list(client.client) if key.live(now)]
        if not live:
            raise NotFound(
                "The client has no live key.", next_step="make one with `remithub key create`."
            )
        old, until = live[-1], now + overlap_hours * 3_600_000
        end = Statement("api_key_end", {"key_id": old.key_id, "until": until})
        said = AuditEntry(by, "key.end", old.key_id, detail={"client": client.client})
        scopes = tuple(scope for scope in old.scopes if scope in client.scopes)
        made = await self._make(
            client, by=by, scopes=scopes, label=label or old.label, also=(end,), said=(said,)
        )
        self._held.pop(old.key_id, None)
        return made

    async def _make(
        self,
        client: ClientSettings,
        *,
        by: str,
        scopes: tuple[str, ...],
        days: int = 0,
        label: str = "",
        also: tuple[Statement, ...] = (),
        said: tuple[AuditEntry, ...] = (),
    ) -> NewKey:
        chosen = tuple(sorted(set(scopes or client.scopes)))
        _must_be_granted(client, chosen, days)
        ids, now = self._ports.ids, self.now()
        facts = KeyFacts(
            key_id=ids.new("rhk"),
            client=client.client,
            scopes=chosen,
            label=label,
            created_at=now,
            created_by=by,
            expires_at=now + (days or client.key_days) * _DAY_MS,
            revoked_at=0,
            used_at=0,
        )
        secret = ids.new("s")[2:] + ids.new("s")[2:]
        entry = AuditEntry(by, "key.create", facts.key_id, detail={"client": client.client})
        insert = Statement("api_key_insert", _row(facts, secret), expect=1)
        try:
            await self._store.commit(Unit(statements=(insert, *also), audit=(entry, *said)))
        except UnitConflict:
            raise Conflict(
                "The client has two live keys already.",
                code="key_limit",
                next_step="revoke one of them first (`remithub key list`).",
            ) from None
        return NewKey(key=f"{facts.key_id}.{secret}", facts=facts)

    async def revoke(self, key_id: str, *, by: str, reason: str = "") -> KeyFacts:
        """End a key now; other nodes follow within seconds. Raises NotFound."""
        rows = await self._store.fetch("api_key_get", key_id=key_id)
        if not rows:
            raise NotFound("There is no such key.")
        revoke = Statement("api_key_revoke", {"key_id": key_id, "at": self.now()})
        detail = {"client": rows[0]["client"]}
        entry = AuditEntry(by, "key.revoke", key_id, reason=reason, detail=detail)
        await self._store.commit(Unit(statements=(revoke,), audit=(entry,), once=0))
        self._held.pop(key_id, None)
        (row,) = await self._store.fetch("api_key_get", key_id=key_id)
        return _facts(row)

    async def list(self, client: str = "") -> list[KeyFacts]:
        """Return every key that was ever made, or one client's, the oldest first."""
        asked = {"client": client} if client else {}
        return [_facts(row) for row in await self._store.fetch("api_keys", **asked)]


def _must_be_granted(client: ClientSettings, scopes: tuple[str, ...], days: int) -> None:
    more = sorted(set(scopes) - set(client.scopes))
    if more:
        raise Conflict(
            f"The client is not granted {', '.join(more)}.",
            next_step=f"add it to `scopes` in clients/{client.client}.yaml, then reload.",
        )
    if not scopes:
        raise Conflict(
            "The client is granted no scopes, so its key would be good for nothing.",
            next_step=f"say `scopes` in clients/{client.client}.yaml, then reload.",
        )
    if days > MAX_KEY_DAYS or days < 0:
        raise UsageFault(f"A key lives 1 to {MAX_KEY_DAYS} days.")


def _row(facts: KeyFacts, secret: str) -> Row:
    return {
        "key_id": facts.key_id,
        "client": facts.client,
        "secret_hash": hashlib.sha256(secret.encode()).hexdigest(),
        "scopes": " ".join(facts.scopes),
        "label": facts.label,
        "at": facts.created_at,
        "created_by": facts.created_by,
        "expires_at": facts.expires_at,
    }


def _facts(row: Row) -> KeyFacts:
    plain = {name: row[name] for name in KeyFacts.__struct_fields__ if name != "scopes"}
    return KeyFacts(scopes=tuple(row["scopes"].split()), **plain)
