"""What follows one request through the hub: its id and the trace it belongs to (W3C)."""

import logging
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from gateway.api.wire import Malformed, parse_traceparent

__all__ = ["TraceFacts", "read_trace", "trace_of"]

log = logging.getLogger("remithub.api")

KEY = "remithub.trace"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


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
    parent = found.get(b"traceparent", b"").decode("latin-1")
    if not parent:
        return TraceFacts(request_id=request_id)
    try:
        parse_traceparent(parent)
    except Malformed:
        return TraceFacts(request_id=request_id)
    return TraceFacts(request_id=request_id, traceparent=parent)


def trace_of(scope: Any) -> TraceFacts:
    """Return the facts that the door put into a request's scope."""
    facts: TraceFacts = scope.get(KEY, _NONE)
    return facts
