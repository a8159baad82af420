"""Access tokens of systems: JWTs by RFC 9068, bound to a certificate by RFC 8705 where they say so."""

import hmac
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gateway.access.actor import Actor
from gateway.access.authenticate import system_actor
from gateway.access.fetching import Get
from gateway.access.jwks import KeySource
from gateway.access.refusals import Unauthenticated
from gateway.access.signed import Bad, peek, verify
from gateway.ports import Clock
from gateway.settings import Certificate, ClientSettings, Config, IssuerSettings

__all__ = ["AccessTokens"]

_TYPES = frozenset({"at+jwt", "application/at+jwt"})
_MAX_TEXT = 512
_THUMBPRINT = "x5t#S256"


class AccessTokens:
    """Judges access tokens by the issuers and clients of the configuration in force."""

    def __init__(
        self, *, config: Callable[[], Config], root: Path, fetch: Get, clock: Clock
    ) -> None:
        self._config = config
        self._root = root
        self._fetch = fetch
        self._clock = clock
        self._sources: dict[IssuerSettings, KeySource] = {}

    async def actor(self, token: str, thumbprint: str) -> Actor:
        """Return the system a token stands for. Raises Unauthenticated, and TryAgain where the
        issuer's keys cannot be had. Why it is not good is told to nobody."""
        try:
            return await self._actor(token, thumbprint)
        except Bad:
            raise Unauthenticated(
                "The credential is not good.", error="invalid_token", credential=_named(token)
            ) from None

    async def _actor(self, token: str, thumbprint: str) -> Actor:
        config = self._config()
        header, said = peek(token)
        issuer = _issuer(said.get("iss"), config)
        keys = await self._source(issuer).keys(header.get("kid"))
        header, claims = verify(token, keys, issuer.algorithms)
        if str(header.get("typ", "")).lower() not in _TYPES:
            raise Bad("type")
        self._must_be_timely(claims, issuer.leeway_seconds)
        _must_be_for(claims, issuer.audience)
        for name in ("sub", "jti", "client_id"):
            _text(claims, name)
        client = _client(config, issuer.issuer, _text(claims, "client_id"))
        _must_be_bound(claims, client, thumbprint)
        credential = f"{issuer.issuer}#{_text(claims, 'jti')}"
        return system_actor(client, _scopes(claims), config.hub.tenant, credential=credential)

    def _source(self, issuer: IssuerSettings) -> KeySource:
        if issuer not in self._sources:
            self._sources[issuer] = KeySource(
                url=issuer.jwks_url,
                file=self._root / issuer.jwks_file if issuer.jwks_file else None,
                fetch=lambda url: self._fetch(url, issuer.network),
                clock=self._clock,
            )
        return self._sources[issuer]

    def _must_be_timely(self, claims: Mapping[str, Any], leeway: int) -> None:
        now = self._clock.now().timestamp()
        if _moment(claims, "exp") <= now - leeway:
            raise Bad("expired")
        if _moment(claims, "iat") > now + leeway:
            raise Bad("iat")
        if "nbf" in claims and _moment(claims, "nbf") > now + leeway:
            raise Bad("nbf")


def _named(token: str) -> str:
    """Return what names a refused token on the record: a hash, for it may say anything itself."""
    from hashlib import sha256

    return f"jwt_{sha256(token.encode('utf-8', 'replace')).hexdigest()[:16]}"


def _issuer(name: Any, config: Config) -> IssuerSettings:
    for issuer in config.hub.access.issuers:
        if isinstance(name, str) and name == issuer.issuer:
            return issuer
    raise Bad("issuer")


def _client(config: Config, issuer: str, subject: str) -> ClientSettings:
    """Return the client of that id; one that names no issuer serves where there is only one."""
    known = [subject] if len(config.hub.access.issuers) == 1 else []
    wanted = {f"{issuer}#{subject}", *known}
    found = [client for client in config.clients.values() if client.subject in wanted]
    if len(found) != 1 or not found[0].enabled:
        raise Bad("client")
    return found[0]


def _must_be_for(claims: Mapping[str, Any], audience: str) -> None:
    given = claims.get("aud")
    named = given if isinstance(given, list) else [given]
    if audience not in named:
        raise Bad("audience")


def _must_be_bound(claims: Mapping[str, Any], client: ClientSettings, thumbprint: str) -> None:
    """Hold a token to the certificate it names (RFC 8705, 3). What else it may be bound by
    cannot be checked here, so such a token is not good (RFC 7800, 3.1)."""
    bound = claims.get("cnf")
    if bound is None:
        needed = client.certificate is Certificate.REQUIRED
        if needed and (not thumbprint or thumbprint not in client.thumbprints):
            raise Bad("certificate")
        return
    if not isinstance(bound, dict) or set(bound) != {_THUMBPRINT}:
        raise Bad("cnf")
    wanted = bound[_THUMBPRINT]
    checked = client.certificate is not Certificate.OFF and thumbprint and isinstance(wanted, str)
    if not checked or not hmac.compare_digest(wanted.encode(), thumbprint.encode()):
        raise Bad("certificate")


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    given = claims.get("scope", "")
    if not isinstance(given, str):
        raise Bad("scope")
    return frozenset(given.split(" ")) - {""}


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT or not value.isprintable():
        raise Bad(name)
    return value


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Bad(name)
    return float(value)
