"""Who sent a request: the one place where a credential becomes an actor."""

import hmac
from collections.abc import Callable
from typing import Protocol

from gateway.access.actor import Actor, ActorKind, Duty, local_actor
from gateway.access.keys import KEY, KeyFacts, Keys
from gateway.access.presented import Presented
from gateway.access.refusals import Unauthenticated
from gateway.access.sessions import Sessions
from gateway.settings import Certificate, ClientSettings, Config

__all__ = ["Authenticator", "Tokens", "system_actor"]

INVALID = "invalid_token"

FOR_SYSTEMS = frozenset({Duty.SYSTEM, Duty.ENGINEER, Duty.OPERATOR, Duty.AUDITOR})
"""What a client may be: nothing that is a person's to decide."""

_REMEMBERED = 4096

_BY_ROLE = {duty.value: duty for duty in FOR_SYSTEMS}


class Tokens(Protocol):
    """Access tokens of systems."""

    async def actor(self, token: str, thumbprint: str) -> Actor:
        """Return who a token stands for. Raises Unauthenticated."""
        ...


class Authenticator:
    """Turns what a request shows into an actor.

    `token` is the local one; it counts on this machine only. `config` gives the configuration in
    force and the tenant.
    """

    def __init__(
        self,
        *,
        token: str,
        keys: Keys,
        config: Callable[[], Config],
        sessions: Sessions,
        tokens: Tokens | None = None,
    ) -> None:
        self._token = token.encode()
        self._keys = keys
        self._config = config
        self._tokens = tokens
        self._sessions = sessions
        self._actors: dict[str, tuple[KeyFacts, ClientSettings, Actor]] = {}

    async def actor(self, presented: Presented) -> Actor:
        """Return who it is. Raises Unauthenticated: for every reason with the same words."""
        if presented.around:
            raise Unauthenticated(
                "The hub is reached over HTTPS only.",
                next_step="use the address that its operator gave you.",
            )
        if presented.other_scheme or (presented.bearer and presented.session):
            # One way to say who it is per request (RFC 6750, 2): a bad one never hides behind
            # a good one.
            raise Unauthenticated
        if presented.bearer:
            return await self._bearer(presented)
        if presented.session:
            return await self._sessions.actor(
                presented.session, csrf=presented.csrf, unsafe=presented.unsafe
            )
        raise Unauthenticated

    async def _bearer(self, presented: Presented) -> Actor:
        given = presented.bearer
        local = hmac.compare_digest(given.encode("utf-8", "replace"), self._token)
        if local and presented.here:
            return local_actor(self._config().hub.tenant)
        key = KEY.fullmatch(given)
        if key is not None:
            return await self._key(presented, key[1])
        if self._tokens is not None and given.count(".") == 2:
            return await self._tokens.actor(given, presented.thumbprint)
        raise Unauthenticated("The credential is not good.", error=INVALID)

    async def _key(self, presented: Presented, key_id: str) -> Actor:
        facts = await self._keys.check(presented.bearer)
        config = self._config()
        client = config.clients.get(facts.client) if facts else None
        if facts is None or client is None or not _may_enter(client, presented.thumbprint):
            raise Unauthenticated("The credential is not good.", error=INVALID, credential=key_id)
        return self._actor_of(client, facts, config.hub.tenant)

    def _actor_of(self, client: ClientSettings, facts: KeyFacts, tenant: str) -> Actor:
        """Return the actor of a good key: the same object as long as all it comes from is the
        same, so that what was decided about it is known again."""
        known = self._actors.get(facts.key_id)
        if known and known[:2] == (facts, client) and known[2].tenant == tenant:
            return known[2]
        if len(self._actors) >= _REMEMBERED:
            self._actors.clear()
        actor = key_actor(client, facts, tenant)
        self._actors[facts.key_id] = (facts, client, actor)
        return actor


def _may_enter(client: ClientSettings, thumbprint: str) -> bool:
    if not client.enabled:
        return False
    if client.certificate is Certificate.REQUIRED:
        return thumbprint != "" and thumbprint in client.thumbprints
    return True


def key_actor(client: ClientSettings, facts: KeyFacts, tenant: str) -> Actor:
    """Return who has a key. A scope that was taken from the client since is gone at once."""
    return system_actor(client, frozenset(facts.scopes), tenant, credential=facts.key_id)


def system_actor(
    client: ClientSettings, scopes: frozenset[str], tenant: str, *, credential: str
) -> Actor:
    """Return a system as an actor: no scope, product or role beyond what the client is granted."""
    duties = frozenset(_BY_ROLE[role] for role in client.roles if role in _BY_ROLE)
    return Actor(
        id=f"system:{client.client}",
        kind=ActorKind.SYSTEM,
        duties=duties,
        tenant=tenant,
        client=client.client,
        scopes=scopes & frozenset(client.scopes),
        products=client.products,
        interfaces=frozenset(client.interfaces),
        credential=credential,
    )
