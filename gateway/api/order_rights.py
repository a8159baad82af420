"""Whether an order over what is set aside may be given: one by one, or as a bulk order."""

import msgspec

from gateway.access import Resource, Right
from gateway.api.guard import may, must_be_allowed
from gateway.api.resources import is_test
from gateway.api.services import HubRequest, Services, services
from gateway.delivery import Action, Aside, Selection

__all__ = ["MANY", "allowed_selection"]

MANY = 100
"""A larger order is a bulk order, with a right of its own."""


def _right(action: Action) -> Right:
    match action:
        case Action.REPLAY | Action.PARK:
            return Right.RETRY
        case Action.RELEASE:
            return Right.RESOLVE
        case Action.CONFIRM:
            return Right.FORCE
        case Action.DISCARD:
            return Right.DISCARD


async def allowed_selection(
    request: HubRequest, action: Action, selection: Selection
) -> Selection:
    """Ask for the rights that depend on what is selected, and return what was asked about.

    For whoever may do it to anything that is the selection itself, for others what it has now:
    what joins it later was not asked about. A bulk order tries nothing again that may have arrived,
    unless who gives it might do that one by one. Raises Forbidden, NotFound.
    """
    right = _right(action)
    if may(request, right, Right.RETRY_MANY, Right.FORCE) or selection.empty:
        return selection
    hub = services(request)
    found = await hub.operator.find(selection, limit=MANY + 1)
    if len(found) > MANY:
        await must_be_allowed(request, Right.RETRY_MANY, Resource(kind="bulk order"))
        sure = action is Action.REPLAY and not may(request, Right.FORCE)
        return msgspec.structs.replace(selection, sure=sure)
    for aside in found:
        resource = _resource(hub, aside)
        await must_be_allowed(request, right, resource)
        if action is Action.REPLAY and aside.may_have_arrived:
            await must_be_allowed(request, Right.FORCE, resource)
    return msgspec.structs.replace(selection, only=frozenset(aside.id for aside in found))


def _resource(hub: Services, aside: Aside) -> Resource:
    return Resource(
        kind="thing set aside",
        id=aside.id,
        tenant=hub.bundle.tenant,
        interfaces=frozenset({aside.interface}),
        test=is_test(hub.bundle, aside.interface),
    )
