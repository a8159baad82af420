"""Sessions of people: on the server, known to the browser by a random name; idle and absolute ends."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable

import msgspec

from gateway.access.actor import Actor, ActorKind, Duty
from gateway.access.refusals import Unauthenticated
from gateway.errors import NotFound
from gateway.ports import Ports
from gateway.store import AuditEntry, Row, Statement, Store, Unit

__all__ = [
    "ABSOLUTE_SECONDS",
    "BREAK_GLASS_SECONDS",
    "IDLE_SECONDS",
    "Begun",
    "SessionFacts",
    "Sessions",
]

IDLE_SECONDS = 15 * 60
"""Without a request for so long it ends (45 CFR 164.312(a)(2)(iii), automatic logoff)."""

ABSOLUTE_SECONDS = 10 * 3600
"""It ends in any case."""

BREAK_GLASS_SECONDS = 4 * 3600
"""So does one for an emergency."""

SEEN_SECONDS = 20
"""The last request is kept to so many seconds: not every request writes."""

KEPT_MS = 400 * 24 * 3_600_000
"""How long one that has ended stays on record."""

_TOKEN = re.compile(r"[0-9a-f]{64}")
_ENDED = "The session has ended."
_SIGN_IN = "sign in again."


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A new session: what goes into the cookie, and the token that unsafe requests must repeat.
    `name` is what it is shown as."""

    session: str
    name: str
    csrf: str
    seconds: int


class SessionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A session as it is shown. `name` is no secret: it opens nothing. Times in milliseconds."""

    name: str
    subject: str
    roles: tuple[str, ...]
    created_at: int
    seen_at: int
    expires_at: int
    revoked_at: int


class Sessions:
    """The sessions in the store. Each request of a person reads its row: a session that was
    revoked, here or on another node, is gone with the next request."""

    def __init__(self, store: Store, ports: Ports, tenant: Callable[[], str]) -> None:
        self._store = store
        self._ports = ports
        self._tenant = tenant

    def _now(self) -> int:
        return int(self._ports.clock.now().timestamp() * 1000)

    async def begin(
        self,
        subject: str,
        duties: Iterable[Duty],
        *,
        seconds: int = ABSOLUTE_SECONDS,
        reason: str = "",
        said: str = "session.begin",
        detail: dict[str, str] | None = None,
    ) -> Begun:
        """Begin one, always under a new name (ASVS 7.2.4); `detail` is for the audit."""
        session, now = self._secret(), self._now()
        csrf = self._secret()
        roles = " ".join(sorted(duties))
        name = _digest(session)
        row = {
            "session_hash": name,
            "subject": subject,
            "roles": roles,
            "token_hash": _digest(csrf),
            "at": now,
            "expires_at": now + seconds * 1000,
        }
        entry = AuditEntry(
            f"person:{subject}",
            said,
            _shown(name),
            reason,
            detail={"roles": roles, **(detail or {})},
        )
        forget = Statement("session_forget", {"before": now - KEPT_MS})
        unit = Unit(statements=(Statement("session_insert", row), forget), audit=(entry,))
        await self._store.commit(unit)
        return Begun(session=session, name=_shown(name), csrf=csrf, seconds=seconds)

    def _secret(self) -> str:
        ids = self._ports.ids
        return ids.new("s")[2:] + ids.new("s")[2:]

    async def actor(self, session: str, *, csrf: str, unsafe: bool) -> Actor:
        """Return whose session it is. Raises Unauthenticated: no such session, ended, or an
        unsafe request without its token."""
        row = await self._live(session)
        if unsafe and not hmac.compare_digest(_digest(csrf), row["token_hash"]):
            raise Unauthenticated(
                "An unsafe request of a session needs its token.",
                credential=_shown(row["session_hash"]),
                next_step="send the header X-CSRF-Token with what is in the cookie __Host-remithub-csrf.",
            )
        return Actor(
            id=f"person:{row['subject']}",
            kind=ActorKind.PERSON,
            duties=frozenset(Duty(role) for role in row["roles"].split() if role in set(Duty)),
            tenant=self._tenant(),
            credential=_shown(row["session_hash"]),
        )

    async def _live(self, session: str) -> Row:
        if not _TOKEN.fullmatch(session):
            raise Unauthenticated(_ENDED, next_step=_SIGN_IN)
        name, now = _digest(session), self._now()
        rows = await self._store.fetch("session_get", session_hash=name)
        if not rows or _over(rows[0], now):
            shown = _shown(name) if rows else ""
            raise Unauthenticated(_ENDED, credential=shown, next_step=_SIGN_IN)
        if now - rows[0]["seen_at"] >= SEEN_SECONDS * 1000:
            seen = Statement("session_seen", {"session_hash": name, "at": now})
            await self._store.commit(Unit(statements=(seen,)))
        return rows[0]

    async def end(self, name: str, *, by: str, reason: str = "") -> None:
        """End a session, by its shown name or by what is in the cookie. Raises NotFound."""
        digest = _digest(name) if _TOKEN.fullmatch(name) else await self._digest_of(name)
        revoke = Statement("session_revoke", {"session_hash": digest, "at": self._now()})
        entry = AuditEntry(by, "session.end", _shown(digest), reason=reason)
        await self._store.commit(Unit(statements=(revoke,), audit=(entry,), once=0))

    async def give_up(self, session: str) -> None:
        """End what a browser holds, because it signs in anew (ASVS 7.2.4)."""
        if _TOKEN.fullmatch(session):
            await self.end(session, by="hub", reason="signed in anew")

    async def end_all(self, subject: str, *, by: str, reason: str = "") -> None:
        """End every session of a person: they have left, or a device was lost."""
        revoke = Statement("sessions_revoke_subject", {"subject": subject, "at": self._now()})
        entry = AuditEntry(by, "session.end-all", f"person:{subject}", reason=reason)
        await self._store.commit(Unit(statements=(revoke,), audit=(entry,), once=0))

    async def list(self, subject: str = "") -> list[SessionFacts]:
        """Return the sessions that are good now, of everybody or of one person."""
        asked = {"subject": subject} if subject else {}
        now = self._now()
        rows = await self._store.fetch("sessions_of", **asked)
        return [_facts(row) for row in rows if not _over(row, now)]

    async def _digest_of(self, name: str) -> str:
        for row in await self._store.fetch("sessions_of"):
            if _shown(row["session_hash"]) == name:
                return str(row["session_hash"])
        raise NotFound("There is no such session.")


def _over(row: Row, now: int) -> bool:
    idle = now - row["seen_at"] > (IDLE_SECONDS + SEEN_SECONDS) * 1000
    return bool(row["revoked_at"]) or now >= row["expires_at"] or idle


def _facts(row: Row) -> SessionFacts:
    times = ("created_at", "seen_at", "expires_at", "revoked_at")
    return SessionFacts(
        name=_shown(row["session_hash"]),
        subject=row["subject"],
        roles=tuple(row["roles"].split()),
        **{name: row[name] for name in times},
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _shown(digest: str) -> str:
    """Half of the hash: enough to name it, and the cookie cannot be found from it."""
    return f"ses_{digest[:32]}"
