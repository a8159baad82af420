"""What a subscriber's answer means (Standard Webhooks 1.0, "Delivery success and failure"; pure)."""

from collections.abc import Collection
from datetime import datetime

from connectors.base import Delivered, Failed, Failure, Outcome, Unknown
from connectors.http import Answer, NotSent
from connectors.retry_after import retry_after_seconds

__all__ = ["GONE", "not_sent", "outcome_of"]

GONE = "subscription_gone"
"""The subscriber wants no more events (HTTP 410): the destination is paused until a person ends
the subscription or resumes it."""

_NO_ENTRY = (401, 403, 407)
_NOT_DONE = (501, 503, 505)
"""Statuses of 500 and above by which a server says that it did nothing (RFC 9110)."""


def outcome_of(
    answer: Answer, webhook_id: str, refused_status: Collection[int], now: datetime
) -> Outcome:
    """Judge an answer. 2xx is done, whatever its body; everything else is a failure, also 3xx.

    502, 504 and the like are unknown: a gateway says so, too, when the system behind it has
    finished; the next try carries the same `webhook-id`. 400 and 404 are tried again: it is what
    receivers answer while their secret or their route is wrong.
    """
    status = answer.status
    if 200 <= status < 300:
        return Delivered(external_id=webhook_id)
    code = f"http_{status}"
    if status == 410:
        return Failed(failure=Failure.CREDENTIAL, code=GONE)
    if status in _NO_ENTRY:
        return Failed(failure=Failure.CREDENTIAL, code=code)
    if status in refused_status:
        return Failed(failure=Failure.MESSAGE, code=code)
    if status >= 500 and status not in _NOT_DONE:
        return Unknown(code=code)
    return Failed(
        failure=Failure.THROTTLED if status == 429 else Failure.DESTINATION,
        code="redirect" if 300 <= status < 400 else code,
        retry_after_seconds=retry_after_seconds(answer.headers, now),
    )


def not_sent(fault: NotSent) -> Failed:
    """Judge a request that did not leave. A certificate or an address that is refused waits for
    a person: no later try mends it, and neither should happen to an honest subscriber."""
    failure = Failure.CREDENTIAL if fault.for_a_person else Failure.DESTINATION
    return Failed(failure=failure, code=fault.code)
