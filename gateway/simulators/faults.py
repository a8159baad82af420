"""Fault knobs of the simulated partners: what goes wrong, how often, for how long."""

import threading
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.errors import UsageFault
from gateway.ports import Clock

__all__ = ["Fault", "FaultBoard", "FaultKind", "Scope"]


class FaultKind(StrEnum):
    """What goes wrong. The first ten belong to the HTTP partners, the marked ones to SFTP too."""

    DOWN = "down"
    """HTTP 503, with Retry-After where `retry_after_seconds` is set. No effect."""
    THROTTLED = "throttled"
    """HTTP 429, with Retry-After where `retry_after_seconds` is set. No effect."""
    SLOW = "slow"
    """Waits `delay_seconds` before anything else. SFTP: before every operation."""
    BAD_CREDENTIALS = "bad_credentials"
    """HTTP 401 whatever is shown. SFTP: every login is refused. No effect."""
    RESET = "reset"
    """Resets the connection before the effect."""
    REPLY_LOST_AFTER_COMMIT = "reply_lost_after_commit"
    """Makes the effect, then resets the connection instead of answering."""
    BUSINESS_REFUSAL = "business_refusal"
    """Refuses the document in the partner's own words, inside HTTP 200. No effect."""
    HTML_500 = "html_500"
    """HTTP 500 with an HTML page, as a proxy or a crashed servlet writes it. No effect."""
    TRUNCATED_JSON = "truncated_json"
    """Makes the effect, then answers 200 with the first half of the document."""
    TRUNCATED_BODY = "truncated_body"
    """Makes the effect, then closes after half of the bytes that Content-Length promised."""
    DROP_MID_FILE = "drop_mid_file"
    """SFTP only: resets the connection once `after_bytes` of a file were asked for."""


class Scope(StrEnum):
    """Which requests a fault hits."""

    WRITE = "write"
    """The request that makes an effect."""
    LOOKUP = "lookup"
    """The question whether an effect is there."""
    TOKEN = "token"  # noqa: S105 -- the name of an endpoint, not a secret
    """The OAuth2 token endpoint."""
    ALL = "all"


_HITS_EVERYTHING = {FaultKind.DOWN, FaultKind.SLOW, FaultKind.BAD_CREDENTIALS, FaultKind.THROTTLED}


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault. Without `count` and `seconds` it stays until it is cleared."""

    kind: FaultKind
    scope: Scope | None = None
    """None: everything for down, slow, throttled and bad_credentials; else only the write."""
    count: Annotated[int, Meta(ge=1)] | None = None
    """How many requests it hits."""
    seconds: Annotated[float, Meta(gt=0)] | None = None
    """How long it lasts, from the moment it is set."""
    delay_seconds: Annotated[float, Meta(ge=0)] = 0.0
    retry_after_seconds: Annotated[int, Meta(ge=0)] | None = None
    after_bytes: Annotated[int, Meta(ge=0)] = 0

    def hits(self, scope: Scope) -> bool:
        """Whether a request of that scope is hit; ALL asks for any request."""
        aim = self.scope or (Scope.ALL if self.kind in _HITS_EVERYTHING else Scope.WRITE)
        return Scope.ALL in (aim, scope) or aim == scope


class _Armed(msgspec.Struct):
    fault: Fault
    left: int | None
    ends_at: float | None


class FaultBoard:
    """The faults in force at one partner, of the `kinds` it can show. Safe to use from threads."""

    def __init__(
        self, clock: Clock, kinds: frozenset[FaultKind], faults: tuple[Fault, ...] = ()
    ) -> None:
        self._clock = clock
        self._kinds = kinds
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []
        for fault in faults:
            self.set(fault)

    def set(self, fault: Fault) -> None:
        """Put a fault in force, beside those that are. Raises UsageFault for a kind that this
        partner cannot show."""
        if fault.kind not in self._kinds:
            raise UsageFault(f"This partner cannot show the fault {fault.kind}.")
        ends_at = None if fault.seconds is None else self._clock.monotonic() + fault.seconds
        with self._lock:
            self._armed.append(_Armed(fault, fault.count, ends_at))

    def clear(self, kind: FaultKind | None = None) -> None:
        """End the faults of that kind, or all."""
        with self._lock:
            self._armed = [a for a in self._armed if kind is not None and a.fault.kind != kind]

    def active(self) -> list[Fault]:
        """Return the faults in force, oldest first; `count` is what is left of it."""
        with self._lock:
            self._forget_ended()
            return [msgspec.structs.replace(a.fault, count=a.left) for a in self._armed]

    def peek(self, kind: FaultKind) -> Fault | None:
        """Return the oldest fault of that kind without using it up."""
        return next((fault for fault in self.active() if fault.kind == kind), None)

    def take(self, kind: FaultKind, scope: Scope = Scope.ALL) -> Fault | None:
        """Return the oldest fault of that kind that hits the request, one less of its count."""
        if not self._armed:
            return None
        with self._lock:
            self._forget_ended()
            for armed in self._armed:
                if armed.fault.kind == kind and armed.fault.hits(scope):
                    if armed.left is not None:
                        armed.left -= 1
                        self._forget_ended()
                    return armed.fault
        return None

    def _forget_ended(self) -> None:
        now = self._clock.monotonic()
        self._armed = [
            armed
            for armed in self._armed
            if armed.left != 0 and (armed.ends_at is None or now < armed.ends_at)
        ]
