"""The one local account, for emergencies: a password and a code, while the provider is away."""

import asyncio
import hmac
import logging
from collections.abc import Callable
from datetime import timedelta

from gateway.access.actor import Duty
from gateway.access.codes import code_at, step_at
from gateway.access.paging import Alarm, Page, Pager
from gateway.access.passwords import read_kept
from gateway.access.refusals import Unauthenticated
from gateway.access.sessions import BREAK_GLASS_SECONDS, Begun, Sessions
from gateway.errors import Conflict, NotFound, UsageFault
from gateway.ports import Ports
from gateway.settings import Config
from gateway.store import AuditEntry, Statement, Store, Unit, UnitConflict

__all__ = ["PROVED", "Emergency"]

log = logging.getLogger("remithub.access")

PROVED = "oidc_proved"
"""In the store once somebody has signed in at the provider: from then on no password is good."""

USED_STEP = "break_glass_step"
"""In the store: the last step whose code was used, so that each code serves once, on all nodes."""

LOCKED_AFTER = 5
LOCKED_SECONDS = 900.0
"""So many wrong tries of one address within that time, and no more of it are heard..."""

LOCKED_FOR_ALL_AFTER = 100
"""...and so many of all addresses: a tenth of a second of work each. Who is shut out by others'
tries still has the token file on the hub's own machine."""


class Emergency:
    """Lets the local administrator in. Wrong tries are counted in each process for itself."""

    def __init__(
        self,
        *,
        config: Callable[[], Config],
        store: Store,
        ports: Ports,
        sessions: Sessions,
        pager: Pager,
        secret: Callable[[str], str],
    ) -> None:
        self._config = config
        self._store = store
        self._ports = ports
        self._sessions = sessions
        self._pager = pager
        self._secret = secret
        self._failures: list[tuple[float, str]] = []
        self._paged_until = 0.0

    async def prove(self) -> None:
        """Somebody has signed in at the provider: the local account is out of use from now on."""
        if not await self.proved():
            put = Statement("hub_put", {"key": PROVED, "value": str(self._seconds() * 1000)})
            entry = AuditEntry("hub", "break-glass.disable", PROVED)
            await self._store.commit(Unit(statements=(put,), audit=(entry,)))

    async def proved(self) -> bool:
        """Whether the sign-in at the provider has ever worked, so that no password is needed."""
        rows = await self._store.fetch("hub_get", key=PROVED)
        return bool(rows and rows[0]["value"])

    async def allow(self, *, by: str, reason: str) -> None:
        """Let the local account in again until somebody signs in at the provider: it is away."""
        put = Statement("hub_put", {"key": PROVED, "value": ""})
        entry = AuditEntry(by, "break-glass.allow", PROVED, reason=reason)
        await self._store.commit(Unit(statements=(put,), audit=(entry,)))

    async def begin(
        self, *, user: str, password: str, code: str, reason: str, source: str
    ) -> Begun:
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
        self._must_not_be_locked(source)
        known = hmac.compare_digest(user.encode(), settings.user.encode())
        good = await self._are_good(settings.secret, password, code)
        if not (known and good and await self._first_use(code)):
            await self._count_failure(settings.user, source)
            raise Unauthenticated(
                "The name, the password or the code is wrong.", next_step="try again."
            )
        self._failures = [failure for failure in self._failures if failure[1] != source]
        log.critical("Emergency access begins for %s.", settings.user)
        begun = await self._sessions.begin(
            f"break-glass/{settings.user}",
            [Duty.BREAK_GLASS],
            seconds=BREAK_GLASS_SECONDS,
            reason=reason,
            said="break-glass.begin",
            detail={"source": source, "factors": "password code"},
        )
        self._page(Alarm.BEGUN, settings.user, source, begun.seconds, session=begun.name)
        return begun

    def _page(
        self, alarm: Alarm, account: str, source: str, seconds: float, session: str = ""
    ) -> None:
        now = self._ports.clock.now()
        self._pager.tell(
            Page(
                alarm=alarm,
                account=account,
                address=source,
                session=session,
                at=now,
                until=now + timedelta(seconds=seconds),
            )
        )

    def _seconds(self) -> int:
        return int(self._ports.clock.now().timestamp())

    async def _are_good(self, name: str, password: str, code: str) -> bool:
        try:
            kept = read_kept(self._secret(name))
        except KeyError:
            return False
        if kept is None:
            return False
        wanted = code_at(step_at(self._seconds()), kept.seed)
        same = hmac.compare_digest(code.encode("utf-8", "replace"), wanted.encode())
        return await asyncio.to_thread(kept.is_of, password) and same

    async def _first_use(self, code: str) -> bool:
        """Mark the present step as used; False where it was."""
        used = {"key": USED_STEP, "value": step_at(self._seconds())}
        raised = Statement("hub_raise", used, expect=1)
        counts = (("", "break_glass_begun", 1),)
        try:
            await self._store.commit(Unit(statements=(raised,), counts=counts))
        except UnitConflict:
            return False
        return True

    async def _count_failure(self, account: str, source: str) -> None:
        """Remember a wrong try. One that shuts somebody out is on record; of many such, the first
        in a quarter of an hour pages: anybody can have wrong tries."""
        now = self._ports.clock.monotonic()
        self._failures.append((now, source))
        if not self._is_locked(source):
            return
        entry = AuditEntry(
            "hub", "break-glass.lock", "", outcome="denied", detail={"source": source}
        )
        counts = (("", "break_glass_locked", 1),)
        await self._store.commit(Unit(counts=counts, audit=(entry,)))
        if now >= self._paged_until:
            self._paged_until = now + LOCKED_SECONDS
            self._page(Alarm.LOCKED, account, source, LOCKED_SECONDS)

    def _must_not_be_locked(self, source: str) -> None:
        if self._is_locked(source):
            raise Conflict(
                "Too many wrong passwords.",
                code="break_glass_locked",
                next_step="wait a quarter of an hour.",
            )

    def _is_locked(self, source: str) -> bool:
        since = self._ports.clock.monotonic() - LOCKED_SECONDS
        self._failures = [failure for failure in self._failures if failure[0] > since]
        own = sum(where == source for _, where in self._failures)
        return own >= LOCKED_AFTER or len(self._failures) >= LOCKED_FOR_ALL_AFTER
