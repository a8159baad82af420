"""An OpenID provider as the hub sees it: its discovery document, its keys, its token endpoint."""

import base64
import hmac
import json
import math
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from gateway.access.fetching import Fetcher, must_be_secure
from gateway.access.jwks import KeySource
from gateway.access.sessions import ABSOLUTE_SECONDS
from gateway.access.signed import Bad, peek, verify
from gateway.errors import TryAgain
from gateway.ports import Clock
from gateway.settings import PeopleSettings

__all__ = ["Provider"]

FRESH_SECONDS = 3600.0
LEEWAY_SECONDS = 30
_WELL_KNOWN = "/.well-known/openid-configuration"
_LOGOUT_TYPES = frozenset({"logout+jwt", "application/logout+jwt"})
_LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_OK = 200


class Provider:
    """One provider, by one set of settings. `secret` gives a secret's value by its name."""

    def __init__(
        self,
        settings: PeopleSettings,
        *,
        fetcher: Fetcher,
        secret: Callable[[str], str],
        clock: Clock,
    ) -> None:
        self.settings = settings
        self._fetcher = fetcher
        self._secret = secret
        self._clock = clock
        self._document: dict[str, Any] = {}
        self._read_at = float("-inf")
        self._keys: KeySource | None = None

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends people back to."""
        return self.settings.public_url.rstrip("/") + "/auth/callback"

    async def discovered(self) -> Mapping[str, Any]:
        """Return the discovery document (OpenID Connect Discovery 1.0, 4). Raises TryAgain."""
        if self._clock.monotonic() - self._read_at < FRESH_SECONDS:
            return self._document
        raw = await self._get(self.settings.issuer.rstrip("/") + _WELL_KNOWN)
        try:
            document = json.loads(raw)
        except ValueError:
            raise _odd() from None
        if not isinstance(document, dict) or document.get("issuer") != self.settings.issuer:
            raise _odd()  # 4.3: exactly the issuer that was asked, or it is another's document
        for name in _ENDPOINTS:
            if not isinstance(document.get(name), str):
                raise _odd()
            must_be_secure(document[name])
        if self._keys is None or document["jwks_uri"] != self._document.get("jwks_uri"):
            self._keys = KeySource(
                url=document["jwks_uri"], file=None, fetch=self._get, clock=self._clock
            )
        self._document, self._read_at = document, self._clock.monotonic()
        return document

    async def _get(self, url: str) -> bytes:
        return await self._fetcher.get(url, self.settings.network)

    async def authorization_url(self, *, state: str, nonce: str, challenge: str) -> str:
        """Return where to send a browser (OpenID Connect Core 3.1.2.1, RFC 7636 4.3)."""
        document = await self.discovered()
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.settings.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "max_age": str(ABSOLUTE_SECONDS),
        }
        if self.settings.acr:
            asked["acr_values"] = " ".join(self.settings.acr)
        endpoint: str = document["authorization_endpoint"]
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    async def claims(self, code: str, *, verifier: str, nonce: str) -> Mapping[str, Any]:
        """Redeem a code; return the verified claims of the ID token, with those of the userinfo
        endpoint where the one that holds the groups is only there.

        Raises Bad for whatever is not as it must be, TryAgain where the provider is away.
        """
        tokens = await self._redeem(code, verifier)
        claims = await self._id_token(tokens.get("id_token"), nonce)
        if self.settings.claim.partition(".")[0] in claims:
            return claims
        return {**await self._userinfo(tokens, claims["sub"]), **claims}

    async def _redeem(self, code: str, verifier: str) -> Mapping[str, Any]:
        document = await self.discovered()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded"}
        headers |= self._credentials(document, form)
        body = urlencode(form).encode()
        answer = await self._fetcher.ask(
            "POST", document["token_endpoint"], self.settings.network, headers=headers, body=body
        )
        if answer.status != _OK:
            raise Bad("code")
        return _object(answer.body)

    def _credentials(self, document: Mapping[str, Any], form: dict[str, str]) -> dict[str, str]:
        """Say who the hub is: a header, or in the form where the provider takes nothing else
        (RFC 6749, 2.3.1)."""
        known = self.settings
        if not known.client_secret:
            form["client_id"] = known.client_id
            return {}
        try:
            secret = self._secret(known.client_secret)
        except KeyError:
            raise _odd() from None
        methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if "client_secret_basic" in methods:
            pair = f"{quote(known.client_id, safe='')}:{quote(secret, safe='')}"
            return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        form |= {"client_id": known.client_id, "client_secret": secret}
        return {}

    async def logged_out(self, token: str) -> str:
        """Judge a logout token (OpenID Connect Back-Channel Logout 1.0, 2.6); return who has signed
        out there. Raises Bad, TryAgain."""
        await self.discovered()
        header, claims = await self._verified(token)
        if str(header.get("typ", "")).lower() not in _LOGOUT_TYPES or "nonce" in claims:
            raise Bad("type")
        events = claims.get("events")
        if not isinstance(events, dict) or not isinstance(events.get(_LOGOUT), dict):
            raise Bad("events")
        return _subject(claims)

    async def _verified(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return header and claims of a token that the provider has made for the hub, now."""
        if self._keys is None:
            raise Bad("keys")
        header, _ = peek(token)
        keys = await self._keys.keys(header.get("kid"))
        header, claims = verify(token, keys, self.settings.algorithms)
        if claims.get("iss") != self.settings.issuer:
            raise Bad("issuer")
        self._must_be_for_the_hub(claims)
        self._must_be_timely(claims)
        return header, claims

    async def _id_token(self, token: Any, nonce: str) -> dict[str, Any]:
        """Judge an ID token (OpenID Connect Core, 3.1.3.7)."""
        if not isinstance(token, str):
            raise Bad("id_token")
        header, claims = await self._verified(token)
        if str(header.get("typ", "JWT")).upper() != "JWT":
            raise Bad("type")
        self._must_be_recent(claims)
        given = claims.get("nonce")
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
            raise Bad("nonce")
        self._must_be_strong(claims)
        _subject(claims)
        return claims

    def _must_be_strong(self, claims: Mapping[str, Any]) -> None:
        """Hold the sign-in to what is asked for: a class, else a method (RFC 8176). A provider
        that says neither has shown no more than one factor (ASVS 6.8.4)."""
        known = self.settings
        if known.acr:
            if claims.get("acr") not in known.acr:
                raise Bad("acr")
            return
        given = claims.get("amr")
        methods = given if isinstance(given, list) else []
        if known.amr and not any(method in known.amr for method in methods):
            raise Bad("amr")

    def _must_be_for_the_hub(self, claims: Mapping[str, Any]) -> None:
        given = claims.get("aud")
        named = given if isinstance(given, list) else [given]
        if self.settings.client_id not in named:
            raise Bad("audience")
        party = claims.get("azp", None if len(named) > 1 else self.settings.client_id)
        if party != self.settings.client_id:
            raise Bad("azp")

    def _must_be_timely(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now().timestamp()
        ends, made = claims.get("exp"), claims.get("iat")
        for value in (ends, made):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not math.isfinite(value):  # type: ignore[arg-type]  # a number here
                raise Bad("time")
        if ends <= now - LEEWAY_SECONDS or made > now + LEEWAY_SECONDS:  # type: ignore[operator]  # as above
            raise Bad("expired")

    def _must_be_recent(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now().timestamp()
        when = claims.get("auth_time")  # 2: there, because `max_age` was asked for
        if isinstance(when, bool) or not isinstance(when, int | float):
            raise Bad("auth_time")
        if not now - ABSOLUTE_SECONDS - LEEWAY_SECONDS <= when <= now + LEEWAY_SECONDS:
            raise Bad("auth_time")

    async def _userinfo(self, tokens: Mapping[str, Any], subject: str) -> Mapping[str, Any]:
        endpoint, token = self._document.get("userinfo_endpoint"), tokens.get("access_token")
        if not isinstance(endpoint, str) or not isinstance(token, str) or not token.isascii():
            return {}
        answer = await self._fetcher.ask(
            "GET",
            endpoint,
            self.settings.network,
            headers={"authorization": f"Bearer {token}"},
        )
        if answer.status != _OK:
            return {}
        found = _object(answer.body)
        if found.get("sub") != subject:  # 5.3.2: another's claims would give another's roles
            raise Bad("userinfo")
        return found


def _subject(claims: Mapping[str, Any]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise Bad("sub")
    return subject


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise Bad("json") from None
    if not isinstance(found, dict):
        raise Bad("json")
    return found


def _odd() -> TryAgain:
    return TryAgain(
        "The identity provider is not set up as the hub needs it.",
        code="provider_unusable",
        next_step="compare `access.people` in hub.yaml with the provider's discovery document.",
    )
