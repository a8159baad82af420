"""How people get in: the sign-in at their provider, and the one local account for emergencies."""

import asyncio
import base64
import hashlib
import hmac
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.access.actor import Duty
from gateway.access.fetching import Fetcher
from gateway.access.passwords import check_password
from gateway.access.provider import Provider
from gateway.access.refusals import Unauthenticated
from gateway.access.sessions import BREAK_GLASS_SECONDS, Begun, Sessions
from gateway.access.signed import Bad
from gateway.errors import Conflict, NotFound, TryAgain, UsageFault
from gateway.ports import Ports
from gateway.settings import Config, PeopleSettings
from gateway.store import AuditEntry, Row, Statement, Store, Unit, UnitConflict

__all__ = ["PROVED", "People", "Started"]

log = logging.getLogger("remithub.access")

PROVED = "oidc_proved"
"""In the store once somebody has signed in at the provider: from then on no password is good."""

SIGN_IN_SECONDS = 600
STARTS_A_MINUTE = 600
"""Sign-ins that anybody may begin here in a minute: each is a row, kept for ten."""

LOCKED_AFTER = 5
LOCKED_SECONDS = 900.0

_MINUTE = 60.0
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
        fetcher: Fetcher,
        secret: Callable[[str], str],
    ) -> None:
        self._config = config
        self._store = store
        self._ports = ports
        self._sessions = sessions
        self._fetcher = fetcher
        self._secret = secret
        self._provider: Provider | None = None
        self._failures: list[float] = []
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
        self, *, code: str, state: str, issuer: str, browser: str
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
            entry = AuditEntry(f"person:{claims['sub']}", "session.refused", "", outcome="denied")
            await self._store.commit(Unit(audit=(entry,)))
            raise Unauthenticated(
                "You have no role here.",
                next_step="ask an administrator to put you into a group that has one.",
            )
        session = await self._sessions.begin(claims["sub"], duties)
        await self._prove()
        return session, str(begun["return_to"])

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

    async def _prove(self) -> None:
        if not await self.proved():
            put = Statement("hub_put", {"key": PROVED, "value": str(self._now())})
            entry = AuditEntry("hub", "break-glass.disable", PROVED)
            await self._store.commit(Unit(statements=(put,), audit=(entry,)))

    async def proved(self) -> bool:
        """Whether the sign-in at the provider has ever worked, so that no password is needed."""
        rows = await self._store.fetch("hub_get", key=PROVED)
        return bool(rows and rows[0]["value"])

    async def allow_break_glass(self, *, by: str, reason: str) -> None:
        """Let the local account in again until somebody signs in at the provider: it is away."""
        put = Statement("hub_put", {"key": PROVED, "value": ""})
        entry = AuditEntry(by, "break-glass.allow", PROVED, reason=reason)
        await self._store.commit(Unit(statements=(put,), audit=(entry,)))

    async def break_glass(self, *, user: str, password: str, reason: str) -> Begun:
        """Let the local administrator in for an emergency, four hours at most.

        Raises NotFound (there is none), Conflict (`break_glass_disabled`, `break_glass_locked`),
        UsageFault (no reason), Unauthenticated.
        """
        settings = self._config().hub.access.break_glass
        if settings is None:
            raise NotFound("There is no local account.")
        if await self.proved():
            raise Conflict(
                "The local account is out of use: sign-in at the provider works.",
                code="break_glass_disabled",
                next_step="sign in there; where it is away, `remithub client break-glass` first.",
            )
        if not reason.strip():
            raise UsageFault("An emergency needs a reason.", next_step="say what has happened.")
        self._must_not_be_locked()
        good = await self._password_is(settings.secret, password)
        if not (good and hmac.compare_digest(user.encode(), settings.user.encode())):
            self._failures.append(self._ports.clock.monotonic())
            entry = AuditEntry("nobody", "break-glass.refused", "", outcome="denied")
            await self._store.commit(Unit(audit=(entry,)))
            raise Unauthenticated("The name or the password is wrong.", next_step="try again.")
        self._failures.clear()
        log.critical("Emergency access begins for %s: tell the security contact.", settings.user)
        return await self._sessions.begin(
            f"break-glass/{settings.user}",
            [Duty.BREAK_GLASS],
            seconds=BREAK_GLASS_SECONDS,
            reason=reason,
            said="break-glass.begin",
        )

    async def _password_is(self, name: str, password: str) -> bool:
        try:
            kept = self._secret(name)
        except KeyError:
            return False
        return await asyncio.to_thread(check_password, password, kept)

    def _must_not_be_locked(self) -> None:
        since = self._ports.clock.monotonic() - LOCKED_SECONDS
        self._failures = [at for at in self._failures if at > since]
        if len(self._failures) >= LOCKED_AFTER:
            raise Conflict(
                "Too many wrong passwords.",
                code="break_glass_locked",
                next_step="wait a quarter of an hour.",
            )


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


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _refused() -> Unauthenticated:
    return Unauthenticated("The sign-in did not succeed.", next_step="begin it again.")
