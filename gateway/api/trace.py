"""What follows one request through the hub: its id and the trace it belongs to (W3C)."""

import logging
import re
from collections.abc import Iterable
from typing import Any

import msgspec

__all__ = ["TraceFacts", "read_trace", "trace_of"]

log = logging.getLogger("remithub.api")

KEY = "remithub.trace"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_TRACE = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class TraceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A request's own id, and the `traceparent` it came with; both empty where there is none."""

    request_id: str = ""
    traceparent: str = ""

    @property
    def trace_id(self) -> str:
        """The 32 hexadecimal digits of the trace."""
        return self.traceparent[3:35]

    def log_bug(self, error: BaseException) -> None:
        """Write down where a bug showed itself: kind and place, never its text (may quote PHI)."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else "?"
        log.error("request %s failed: %s in %s", self.request_id, type(error).__name__, place)


_NONE = TraceFacts()


def read_trace(headers: Iterable[tuple[bytes, bytes]], fresh_id: str) -> TraceFacts:
    """Read a caller's ids; an id or a trace of the wrong form counts as none (W3C, 3.2)."""
    found = {name: value for name, value in headers if name in (b"x-request-id", b"traceparent")}
    own = found.get(b"x-request-id", b"")
    request_id = own.decode() if _REQUEST_ID.fullmatch(own) else fresh_id
    parent = _TRACE.fullmatch(found.get(b"traceparent", b""))
    if parent is None or not _valid(parent):
        return TraceFacts(request_id=request_id)
    return TraceFacts(request_id=request_id, traceparent=parent[0].decode())


def _valid(parent: re.Match[bytes]) -> bool:
    """Version ff and ids of zeros are no trace; version 00 has no further fields."""
    version, trace, span, _, more = parent.groups()
    zeros = not trace.strip(b"0") or not span.strip(b"0")
    return version != b"ff" and not zeros and not (version == b"00" and more)


def trace_of(scope: Any) -> TraceFacts:
    """Return the facts that the door put into a request's scope."""
    facts: TraceFacts = scope.get(KEY, _NONE)
    return facts
