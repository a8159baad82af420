"""`/v1/subscriptions`: what a client has sent to its URL; its keys are shown once."""

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED, HTTP_204_NO_CONTENT

from gateway.api.bodies import read_body
from gateway.api.governed import refused
from gateway.api.guard import actor_of, caller_of
from gateway.api.interfaces import Reason
from gateway.api.negotiation import given_version, used
from gateway.api.services import HubRequest, services
from gateway.api.subscribing import NewSubscription, Subscription, SubscriptionOrder, Tried
from gateway.errors import NotFound, UsageFault
from gateway.settings import Classification, product_of_subscriber

__all__ = ["ROUTES", "RotationOrder"]

_PATH = "/v1/subscriptions/{subscription:str}"
_TAGS = ["subscriptions"]


class RotationOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many hours the old key signs beside the new one."""

    overlap_hours: Annotated[int, msgspec.Meta(ge=0, le=720)] = 24


@get("/v1/subscriptions", summary="What is sent to whom", tags=_TAGS)
async def list_subscriptions(request: HubRequest) -> list[Subscription]:
    """Return the caller's own subscriptions; on the hub's own machine all."""
    found = await services(request).subscriptions.all()
    caller = caller_of(request)
    if not caller.decision.limited:
        return found
    return [one for one in found if one.client == caller.actor.client]


@post("/v1/subscriptions", status_code=HTTP_201_CREATED, summary="Subscribe", tags=_TAGS)
async def subscribe(request: HubRequest) -> Response[NewSubscription]:
    """Have what the client may see of a contract sent to a URL from now on, as signed webhooks.

    It is what came by or goes to the client's own interfaces, in the major that is named, masked
    unless the product shows it in full. The URL must be public and https, or one of the client's
    `webhook_hosts`. The answer is the only place where the key is ever shown.
    """
    hub = services(request)
    order = await read_body(request, SubscriptionOrder)
    client = _client(request, order.client)
    if order.contract not in hub.bundle.contracts:
        raise NotFound("No message of that contract comes by here.")
    there = hub.catalogue.version(order.contract, str(order.version))
    meant = await given_version(request, there.name, there.version, str(order.version))
    version = meant.version
    kept = Classification(hub.contract(version.name, version.version).event.classification)
    if product_of_subscriber(hub.bundle.config, client, version.name, version.major, kept) is None:
        raise await refused(request, caller_of(request))
    made = await hub.subscriptions.create(
        msgspec.structs.replace(order, client=client), by=actor_of(request)
    )
    await used(request, meant)
    place = f"/v1/subscriptions/{made.facts.subscription}"
    headers = {"Location": place, "Cache-Control": "no-store"}
    return Response(made, status_code=HTTP_201_CREATED, headers=headers)


def _client(request: HubRequest, named: str) -> str:
    """Return whose it is to be: the caller's own, or on the hub's own machine whoever is named."""
    caller = caller_of(request)
    own = caller.actor.client
    if caller.decision.limited and named not in ("", own):
        raise NotFound("There is no such client.")
    found = named or own
    if not found:
        raise UsageFault("Name the `client` that it is for.", code="request_invalid")
    if found not in services(request).bundle.config.clients:
        raise NotFound("There is no such client.")
    return found


@get(_PATH, summary="One subscription", tags=_TAGS)
async def show_subscription(request: HubRequest, subscription: FromPath[str]) -> Subscription:
    """Return one; its state says what becomes of the next message."""
    return await _one(request, subscription)


@post(f"{_PATH}/rotate", status_code=HTTP_200_OK, summary="Make the next key", tags=_TAGS)
async def rotate_subscription(
    request: HubRequest, subscription: FromPath[str]
) -> Response[NewSubscription]:
    """Make the next key, shown this once; for some hours every event carries both signatures."""
    order = await read_body(request, RotationOrder)
    made = await services(request).subscriptions.rotate(
        subscription, overlap_seconds=order.overlap_hours * 3600, by=actor_of(request)
    )
    return Response(made, headers={"Cache-Control": "no-store"})


@post(f"{_PATH}/test", status_code=HTTP_200_OK, summary="Send a test event", tags=_TAGS)
async def try_subscription(request: HubRequest, subscription: FromPath[str]) -> Tried:
    """Send one signed event of type `com.remithub.subscription.tested.v1`, and say what became of
    it."""
    return await services(request).subscriptions.test(subscription)


@post(f"{_PATH}/disable", status_code=HTTP_200_OK, summary="Send nothing for now", tags=_TAGS)
async def disable_subscription(request: HubRequest, subscription: FromPath[str]) -> Subscription:
    """Send nothing until it is enabled; what it is owed meanwhile waits."""
    order = await read_body(request, Reason)
    await services(request).pause(subscription, actor=actor_of(request), reason=order.reason)
    return await _one(request, subscription)


@post(f"{_PATH}/enable", status_code=HTTP_200_OK, summary="Send again", tags=_TAGS)
async def enable_subscription(request: HubRequest, subscription: FromPath[str]) -> Subscription:
    """Send again, from what waits on; also after the URL has answered 410."""
    await services(request).resume(subscription, actor=actor_of(request))
    return await _one(request, subscription)


@post(f"{_PATH}/end", status_code=HTTP_204_NO_CONTENT, summary="End it", tags=_TAGS)
async def end_subscription(request: HubRequest, subscription: FromPath[str]) -> None:
    """Send nothing any more, also of what it is still owed."""
    await services(request).subscriptions.end(subscription, by=actor_of(request))


async def _one(request: HubRequest, name: str) -> Subscription:
    for found in await services(request).subscriptions.all():
        if found.subscription == name:
            return found
    raise NotFound("There is no such subscription.")


ROUTES = (
    list_subscriptions,
    subscribe,
    show_subscription,
    rotate_subscription,
    try_subscription,
    disable_subscription,
    enable_subscription,
    end_subscription,
)
