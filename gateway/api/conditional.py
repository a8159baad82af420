"""If-Match, If-None-Match and ETag: a change is made only to what the caller has seen (RFC 9110, 13)."""

from typing import Any

import msgspec

from gateway.access import ActorKind
from gateway.api.guard import KEY as CALLER
from gateway.api.guard import Caller
from gateway.api.problems import PreconditionFailed, PreconditionRequired
from gateway.api.services import HubRequest
from gateway.api.use import answer_with
from gateway.api.wire import EntityTag, Malformed, TagList, parse_tags, strong_tag
from gateway.errors import UsageFault

__all__ = ["creates_only", "must_be_tags", "must_match", "not_modified", "tag_of", "tagged"]

_ENCODER = msgspec.json.Encoder(order="sorted")


def tag_of(representation: Any) -> EntityTag:
    """Return the strong tag of what JSON would be made of."""
    if isinstance(representation, bytes):
        return strong_tag(representation)
    return strong_tag(_ENCODER.encode(representation))


def tagged(request: HubRequest, tag: EntityTag) -> None:
    """Say the tag on the answer."""
    answer_with(request, "ETag", str(tag))


def must_match(request: HubRequest, current: EntityTag | None) -> None:
    """Let a change pass to what has this tag; None: it is not there.

    Raises PreconditionRequired (428) where the caller names none: on the hub's own machine one
    need not; PreconditionFailed (412) where another one is named; UsageFault for a wrong header.
    """
    named = _read(request, "if-match")
    if named is None:
        if _caller(request).actor.kind is ActorKind.LOCAL:
            return
        raise PreconditionRequired(
            "A change says what it was decided on.",
            next_step="read it, and send the ETag of that answer as If-Match.",
        )
    if not named.match(current):
        if current is not None:
            tagged(request, current)
        raise PreconditionFailed(
            "It is not any more as you know it.",
            next_step="read it again, and decide on what it is now.",
        )


def must_be_tags(request: HubRequest) -> None:
    """Raise UsageFault for an If-Match that cannot be read, also where none is needed."""
    _read(request, "if-match")


def not_modified(request: HubRequest, current: EntityTag) -> bool:
    """Tell whether the caller of a read has exactly this already."""
    named = _read(request, "if-none-match")
    if named is None:
        return False
    return named.anything or any(one.opaque == current.opaque for one in named.tags)


def creates_only(request: HubRequest) -> bool:
    """Tell whether something is to be made only where it is not there: `If-None-Match: *`."""
    named = _read(request, "if-none-match")
    return named is not None and named.anything


def _read(request: HubRequest, header: str) -> TagList | None:
    given = request.headers.getall(header, [])
    if not given:
        return None
    try:
        return parse_tags(", ".join(given))
    except Malformed as fault:
        raise UsageFault(f"{header} is wrong. {fault}", code="request_invalid") from None


def _caller(request: HubRequest) -> Caller:
    found: Caller = request.scope[CALLER]  # type: ignore[literal-required]  # a key of ours
    return found
