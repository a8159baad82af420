"""`/v1/interfaces`: state, counters, backlog, money that waits; pause, resume, poll now."""

import msgspec
from litestar import get, post
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK

from connectors.base import CheckReport
from gateway.api.bodies import read_body
from gateway.api.conditional import must_match, tag_of, tagged
from gateway.api.guard import actor_of, sees
from gateway.api.services import HubRequest, Polled, services
from gateway.api.wire import EntityTag
from gateway.health import InterfaceHealth

__all__ = ["ROUTES", "Reason"]


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why somebody pauses an interface; for the audit."""

    reason: str = ""


@get("/v1/interfaces", summary="Every interface and how it is", tags=["interfaces"])
async def list_interfaces(request: HubRequest) -> list[InterfaceHealth]:
    """Return state, counters, backlog, oldest, and what is set aside, with its money."""
    found = await services(request).interfaces()
    return [health for health in found if sees(request, {health.name})]


@get("/v1/interfaces/{name:str}", summary="One interface", tags=["interfaces"])
async def show_interface(request: HubRequest, name: FromPath[str]) -> InterfaceHealth:
    """Return the health of one interface. Its ETag is that of what pause and resume change."""
    found = (await services(request).interfaces([name]))[0]
    tagged(request, control_tag(found))
    return found


@post(
    "/v1/interfaces/{name:str}/pause",
    status_code=HTTP_200_OK,
    summary="Try or poll nothing there",
    tags=["interfaces"],
)
async def pause(request: HubRequest, name: FromPath[str]) -> InterfaceHealth:
    """Stop attempts at a destination, or polls of a source, until it is resumed. Needs If-Match."""
    order = await read_body(request, Reason)
    await _must_match(request, name)
    await services(request).pause(name, actor=actor_of(request), reason=order.reason)
    return await _changed(request, name)


@post(
    "/v1/interfaces/{name:str}/resume",
    status_code=HTTP_200_OK,
    summary="Let it run again",
    tags=["interfaces"],
)
async def resume(request: HubRequest, name: FromPath[str]) -> InterfaceHealth:
    """Forget pause and breaker: a person says that the other side is well. Needs If-Match."""
    await _must_match(request, name)
    await services(request).resume(name, actor=actor_of(request))
    return await _changed(request, name)


async def _must_match(request: HubRequest, name: str) -> None:
    found = (await services(request).interfaces([name]))[0]
    must_match(request, control_tag(found))


async def _changed(request: HubRequest, name: str) -> InterfaceHealth:
    found = (await services(request).interfaces([name]))[0]
    tagged(request, control_tag(found))
    return found


def control_tag(found: InterfaceHealth) -> EntityTag:
    """Return the tag of what pause and resume change: counters and figures do not count, else no
    decision about a busy interface would ever be in time."""
    return tag_of([found.name, found.state])


@post(
    "/v1/interfaces/{name:str}/poll",
    status_code=HTTP_200_OK,
    summary="Look at the source now",
    tags=["interfaces"],
)
async def poll(request: HubRequest, name: FromPath[str]) -> Polled:
    """Poll once, out of turn, and say how many files were taken."""
    return await services(request).poll(name)


@post(
    "/v1/interfaces/{name:str}/check",
    status_code=HTTP_200_OK,
    summary="Probe the other side",
    tags=["interfaces"],
)
async def check(request: HubRequest, name: FromPath[str]) -> CheckReport:
    """Probe name, reach, encryption and credentials, without side effects."""
    return await services(request).check(name)


ROUTES = (list_interfaces, show_interface, pause, resume, poll, check)
