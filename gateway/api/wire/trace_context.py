"""Reads traceparent (W3C Trace Context, 3.2)."""

import re

import msgspec

from gateway.api.wire.structured import Malformed

__all__ = ["TraceParent", "parse_traceparent"]

_TRACE = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class TraceParent(msgspec.Struct, frozen=True, kw_only=True):
    """A trace, the span that called, and its flags (1: sampled)."""

    trace_id: str
    parent_id: str
    flags: int


def parse_traceparent(text: str) -> TraceParent:
    """Read one. Raises Malformed: for upper case, version ff, ids of zeros, and for version 00
    with further fields; later versions may have them."""
    found = _TRACE.fullmatch(text)
    if found is None:
        raise Malformed("traceparent has another form.")
    version, trace, span, flags, more = found.groups()
    if version == "ff" or not trace.strip("0") or not span.strip("0"):
        raise Malformed("traceparent names no trace.")
    if version == "00" and more:
        raise Malformed("traceparent of version 00 has four fields.")
    return TraceParent(trace_id=trace, parent_id=span, flags=int(flags, 16))
