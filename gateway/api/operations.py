"""`/healthz`, `/readyz`, `/metrics`, `/v1/reload`, `/problems/{code}`."""

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK

from gateway.access import Resource, Right
from gateway.api.bodies import read_body
from gateway.api.guard import actor_of, must_be_allowed
from gateway.api.problems import PROBLEMS, NotReady
from gateway.api.services import HubRequest, ReloadReport, services
from gateway.errors import NotFound

__all__ = ["ROUTES", "ReloadOrder"]

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class ReloadOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to reload: `dry_run` only says what would happen."""

    dry_run: bool = False


@get("/healthz", summary="The process answers", tags=["operations"])
async def healthz() -> dict[str, str]:
    """Say that the event loop runs. No token needed."""
    return {"status": "ok"}


@get("/readyz", summary="The hub takes and delivers", tags=["operations"])
async def readyz(request: HubRequest) -> dict[str, str]:
    """Say whether lanes are owned and work goes on; 503 while starting or stopping, 507 while
    the disk has no room to take anything in."""
    hub = services(request)
    if not hub.ready:
        raise NotReady("The hub is starting or stopping.")
    hub.flow.space.must_have_room()
    return {"status": "ready"}


@get("/metrics", summary="Figures for Prometheus", tags=["operations"])
async def metrics(request: HubRequest) -> Response[bytes]:
    """Return the figures in the text format; every metric is explained there."""
    return Response(await services(request).metrics(), media_type=TEXT_FORMAT)


@post(
    "/v1/reload",
    status_code=HTTP_200_OK,
    summary="Read the configuration again",
    tags=["operations"],
)
async def reload(request: HubRequest) -> ReloadReport:
    """Follow the root folder as it is now. 422 with file and line where it is wrong: the old stays."""
    order = await read_body(request, ReloadOrder)
    if not order.dry_run:
        await must_be_allowed(request, Right.CONFIG_RELOAD, Resource(kind="configuration"))
    return await services(request).reload(actor=actor_of(request), dry_run=order.dry_run)


@get("/problems/{code:str}", summary="What a problem's code means", tags=["operations"])
async def explain_problem(code: FromPath[str]) -> dict[str, Any]:
    """Return the row of the table that a problem's `type` leads to."""
    if code not in PROBLEMS:
        raise NotFound("There is no row for that code: it is a finer case of its status.")
    return {"code": code, "status": PROBLEMS[code].status, "title": PROBLEMS[code].title}


ROUTES = (healthz, readyz, metrics, reload, explain_problem)
