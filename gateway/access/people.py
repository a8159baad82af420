"""How people get in: the sign-in at their provider."""

import base64
import hashlib
import hmac
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.access.actor import Duty
from gateway.access.emergency import Emergency
from gateway.access.fetching import Fetcher
from gateway.access.provider import Provider
from gateway.access.refusals import Unauthenticated
from gateway.access.sessions import Begun, Sessions
from gateway.access.signed import Bad
from gateway.errors import NotFound, TryAgain, UsageFault
from gateway.ports import Ports
from gateway.settings import Config, PeopleSettings
from gateway.store import AuditEntry, Row, Statement, Store, Unit, UnitConflict

__all__ = ["People", "Started"]

log = logging.getLogger("remithub.access")

SIGN_IN_SECONDS = 600
STARTS_A_MINUTE = 600
"""Sign-ins that anybody may begin here in a minute: each is a row, kept for ten."""

_MINUTE = 60.0
_MAX_WORDS = 10
_WORD = re.compile(r"[\x21-\x7e]{1,100}")
_RETURN = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,500}|/")


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in under way: where to send the browser, and what to put into its cookie."""

    url: str
    browser: str
    seconds: int = SIGN_IN_SECONDS


class People:
    """Signs people in and begins their sessions."""

    def __init__(
        self,
        *,
        config: Callable[[], Config],
        store: Store,
        ports: Ports,
        sessions: Sessions,
        emergency: Emergency,
        fetcher: Fetcher,
        secret: Callable[[str], str],
    ) -> None:
        self._config = config
        self._store = store
        self._ports = ports
        self._sessions = sessions
        self._emergency = emergency
        self._fetcher = fetcher
        self._secret = secret
        self._provider: Provider | None = None
        self._starts = (0.0, 0)

    def _now(self) -> int:
        return int(self._ports.clock.now().timestamp() * 1000)

    def _random(self) -> str:
        return self._ports.ids.new("s")[2:] + self._ports.ids.new("s")[2:]

    def _settled(self) -> Provider:
        """Return the provider of the configuration in force. Raises NotFound without one."""
        settings = self._config().hub.access.people
        if settings is None:
            raise NotFound(
                "Nobody can sign in here.", next_step="configure `access.people` in hub.yaml."
            )
        if self._provider is None or self._provider.settings != settings:
            self._provider = Provider(
                settings, fetcher=self._fetcher, secret=self._secret, clock=self._ports.clock
            )
        return self._provider

    async def start(self, return_to: str) -> Started:
        """Begin a sign-in: state, nonce and PKCE verifier stay here (RFC 9700, 2.1). Raises
        NotFound, UsageFault (`return_to` is no path of the hub's), TryAgain."""
        if not _RETURN.fullmatch(return_to):
            raise UsageFault("`to` is not a path of this hub.")
        provider = self._settled()
        self._must_not_be_flooded()
        state, nonce, verifier, browser = (self._random() for _ in range(4))
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        url = await provider.authorization_url(state=state, nonce=nonce, challenge=challenge)
        row = {
            "state_hash": _digest(state),
            "nonce": nonce,
            "verifier": verifier,
            "browser_hash": _digest(browser),
            "return_to": return_to,
            "expires_at": self._now() + SIGN_IN_SECONDS * 1000,
        }
        forget = Statement("sign_in_forget", {"before": self._now()})
        await self._store.commit(Unit(statements=(forget, Statement("sign_in_insert", row))))
        return Started(url=url, browser=browser)

    def _must_not_be_flooded(self) -> None:
        began, count = self._starts
        now = self._ports.clock.monotonic()
        if now - began >= _MINUTE:
            began, count = now, 0
        self._starts = (began, count + 1)
        if count >= STARTS_A_MINUTE:
            raise TryAgain(
                "Too many sign-ins have been begun.",
                next_step="try again in a minute.",
                retry_after_seconds=60,
            )

    async def finish(
        self, *, code: str, state: str, issuer: str, browser: str, source: str
    ) -> tuple[Begun, str]:
        """End a sign-in: return the session and where the person wanted to go.

        `issuer` is what came back as `iss` (RFC 9207), "" where nothing did. Raises
        Unauthenticated for whatever is not as it must be, TryAgain.
        """
        provider = self._settled()
        begun = await self._taken(state, browser)
        try:
            if issuer and issuer != provider.settings.issuer:
                raise Bad("issuer")
            claims = await provider.claims(code, verifier=begun["verifier"], nonce=begun["nonce"])
        except Bad as bad:
            log.warning("A sign-in was refused: %s.", bad)
            raise _refused() from None
        duties = _duties(claims, provider.settings)
        if not duties:
            entry = AuditEntry(
                f"person:{claims['sub']}",
                "session.refused",
                "",
                outcome="denied",
                detail={"source": source},
            )
            await self._store.commit(Unit(audit=(entry,)))
            raise Unauthenticated(
                "You have no role here.",
                next_step="ask an administrator to put you into a group that has one.",
            )
        detail = {"source": source, "factors": _strength(claims)}
        session = await self._sessions.begin(claims["sub"], duties, detail=detail)
        await self._emergency.prove()
        return session, str(begun["return_to"])

    async def logged_out(self, token: str) -> None:
        """End every session of whoever has signed out at the provider, or was shut out there.

        Raises NotFound, UsageFault for whatever is no logout token of the provider's, TryAgain.
        """
        provider = self._settled()
        self._must_not_be_flooded()
        try:
            subject = await provider.logged_out(token)
        except Bad as bad:
            log.warning("A logout token was refused: %s.", bad)
            raise UsageFault("This is no logout token of the provider's.") from None
        await self._sessions.end_all(subject, by="provider", reason="signed out at the provider")

    async def _taken(self, state: str, browser: str) -> Row:
        """Return a sign-in that was begun by the same browser, once."""
        name = _digest(state)
        rows = await self._store.fetch("sign_in_get", state_hash=name)
        same = bool(rows) and hmac.compare_digest(rows[0]["browser_hash"], _digest(browser))
        if not same or rows[0]["expires_at"] <= self._now():
            raise _refused()
        try:
            take = Statement("sign_in_take", {"state_hash": name}, expect=1)
            await self._store.commit(Unit(statements=(take,)))
        except UnitConflict:
            raise _refused() from None
        return rows[0]


def _duties(claims: Mapping[str, Any], settings: PeopleSettings) -> frozenset[Duty]:
    """Map groups to roles; the claim may lie deeper (`realm_access.roles`)."""
    found: Any = claims
    for name in settings.claim.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    groups = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    roles = {
        role
        for group in groups
        if isinstance(group, str)
        for role in settings.roles.get(group, ())
    }
    return frozenset(Duty(role) for role in roles) - {Duty.LOCAL, Duty.SYSTEM, Duty.BREAK_GLASS}


def _strength(claims: Mapping[str, Any]) -> str:
    """Return what the provider says of how they signed in, as far as it is words."""
    said = [claims.get("acr"), *(claims["amr"] if isinstance(claims.get("amr"), list) else ())]
    words = [word for word in said if isinstance(word, str) and _WORD.fullmatch(word)]
    return " ".join(words[:_MAX_WORDS])


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _refused() -> Unauthenticated:
    return Unauthenticated("The sign-in did not succeed.", next_step="begin it again.")
