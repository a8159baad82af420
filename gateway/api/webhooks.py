"""`POST /v1/webhooks/{interface}`: what a sender delivers by webhook, proved by its signature."""

import contextlib
from functools import partial

from litestar import Response, post
from litestar.params import FromPath
from litestar.status_codes import HTTP_202_ACCEPTED

from connectors.base import ReceiverRefusal
from gateway.access import DENIED, Actor, ActorKind, Denials, read_presented
from gateway.api.conversion import same_document
from gateway.api.envelopes import opened, pairs_of
from gateway.api.files import Given, bounded, must_be_raw, must_fit, one_block, take
from gateway.api.guard import KEY, Caller, note_denial
from gateway.api.problems import Problem, problem_of
from gateway.api.services import HubRequest, Services, services
from gateway.api.trace import trace_of
from gateway.api.wire import JSON
from gateway.errors import HubError, Reject
from gateway.pipeline import Accepted
from gateway.store import AuditEntry

__all__ = ["ROUTES", "WebhookRefused", "refused"]

_CODES = {400: "webhook_malformed", 401: "webhook_unverified", 413: "artifact_too_large"}
_CHALLENGE = 'Standard-Webhooks realm="remithub"'
_UNPROVED = 401


class WebhookRefused(HubError):
    """A webhook that is not taken; its code is `webhook_malformed`, `webhook_unverified` or
    `artifact_too_large`."""


@post(
    "/v1/webhooks/{interface:str}",
    status_code=HTTP_202_ACCEPTED,
    request_max_body_size=None,
    summary="Deliver a webhook",
    tags=["intake"],
)
async def deliver_webhook(request: HubRequest, interface: FromPath[str]) -> Response[Accepted]:
    """Take a webhook signed after Standard Webhooks, at an interface with `connector: webhook`.

    202 means durable. The same `webhook-id` gets the first answer again. Where documents satisfy
    the interface's contract already, that of a CloudEvent is its data. Whoever is not proved is
    not told whether there is such an interface.
    """
    hub = services(request)
    presented = read_presented(request.scope, hub.bundle.config.hub.access)
    receiver = hub.receiver(interface)
    must_fit(request, receiver.max_bytes)
    must_be_raw(request)
    raw = b"".join([part async for part in bounded(request.stream(), receiver.max_bytes)])
    try:
        if presented.around:
            raise ReceiverRefusal(_UNPROVED, "plain_http")
        received = receiver.receive(pairs_of(request), raw)
    except ReceiverRefusal as refusal:
        raise await _refusal(request, interface, presented.source, refusal) from None
    request.scope[KEY] = Caller(actor=_sender(hub, interface), source=presented.source)  # type: ignore[literal-required]  # a key of ours
    source = hub.bundle.sources[interface]
    # A mapping reads the event as it came; a contract is what its data satisfies.
    event = opened(pairs_of(request), raw, source.contract.name) if not source.mapping else None
    document = event.document if event else raw
    given = Given(
        same=partial(_same, document),
        meta={"webhook_id": received.id, **(event.meta if event else {})},
        known_as=received.id,
        by_name_only=True,
        media_type=JSON if event else "",
    )
    return await take(request, interface, one_block(document), given)


def _sender(hub: Services, interface: str) -> Actor:
    """Return who the signature stands for: the interface's sender, who may do nothing else."""
    return Actor(
        id=f"webhook:{interface}",
        kind=ActorKind.SYSTEM,
        duties=frozenset(),
        tenant=hub.bundle.tenant,
        interfaces=frozenset({interface}),
        credential="signature",
    )


def _same(one: bytes, other: bytes) -> bool:
    with contextlib.suppress(Reject):
        return same_document(one, other)
    return False


async def _refusal(
    request: HubRequest, interface: str, address: str, refusal: ReceiverRefusal
) -> WebhookRefused:
    """Put on record what was not proved, and return what is raised for it."""
    hub = services(request)
    if refusal.status == _UNPROVED:
        known = interface if interface in hub.bundle.sources else ""
        detail = {"source": address, "credential": "signature", "rule": refusal.code}
        entry = AuditEntry("nobody", DENIED, known, outcome="denied", detail=detail)
        denials: Denials = request.app.state["denials"]
        await note_denial(hub.store, denials, entry, address)
    return WebhookRefused(
        f"The webhook is not taken: {refusal.code}.",
        code=_CODES[refusal.status],
        next_step="sign id, time and body after Standard Webhooks with the key agreed on.",
    )


def refused(request: HubRequest, error: WebhookRefused) -> Response[bytes]:
    """Answer with the status of the code; 401 says what proves a webhook (RFC 9110, 11.6.1)."""
    problem: Problem = problem_of(error, trace_of(request.scope))
    headers = {"WWW-Authenticate": _CHALLENGE} if problem.status == _UNPROVED else {}
    return problem.response(headers)


ROUTES = (deliver_webhook,)
