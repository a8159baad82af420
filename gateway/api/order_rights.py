"""Whether an order over what is set aside may be given: one by one, or as a bulk order."""

from gateway.access import Resource, Right
from gateway.api.guard import may, must_be_allowed
from gateway.api.resources import is_test
from gateway.api.services import HubRequest, Services, services
from gateway.delivery import Action, Aside, Selection
from gateway.errors import NotFound
from gateway.model.states import RetryState

__all__ = ["MANY", "allowed_selection"]

MANY = 100
"""A larger order is a bulk order, with a right of its own."""

UNSURE = ("unknown", "unconfirmed")
"""Failures of a delivery that may have arrived: tried again, it may take effect twice."""


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

    For whoever may do it to anything that is the selection itself, for others the ids that it
    has now: what joins it later was not asked about. Raises Forbidden, NotFound.
    """
    right = _right(action)
    if may(request, right, Right.RETRY_MANY, Right.FORCE) or selection.empty:
        return selection
    hub = services(request)
    found = await hub.operator.find(selection, limit=MANY + 1)
    if len(found) > MANY:
        await must_be_allowed(request, Right.RETRY_MANY, Resource(kind="bulk order"))
        return selection
    if not found:
        raise NotFound("Nothing of that kind is set aside.")
    for aside in found:
        resource = _resource(hub, aside)
        await must_be_allowed(request, right, resource)
        if action is Action.REPLAY and _may_have_arrived(aside):
            await must_be_allowed(request, Right.FORCE, resource)
    return Selection(ids=tuple(aside.id for aside in found))


def _may_have_arrived(aside: Aside) -> bool:
    return aside.state is RetryState.PARKED and aside.failure in UNSURE


def _resource(hub: Services, aside: Aside) -> Resource:
    return Resource(
        kind="thing set aside",
        id=aside.id,
        tenant=hub.bundle.tenant,
        interfaces=frozenset({aside.interface}),
        test=is_test(hub.bundle, aside.interface),
    )
