"""OPTIONS: which methods an address has, as the table of rights knows them."""

from typing import Any

from litestar import Request, Response
from litestar.status_codes import HTTP_204_NO_CONTENT

from gateway.api.once import once
from gateway.api.rules import methods_of
from gateway.api.services import services

__all__ = ["before"]


async def before(request: Request[Any, Any, Any]) -> Response[Any] | None:
    """Litestar's `before_request`: answer OPTIONS; an order goes through `once`."""
    if request.method != "OPTIONS":
        return await once(request)
    methods = methods_of(request.scope["path_template"])
    contract = request.path_params.get("contract", request.path_params.get("message_id", ""))
    if methods == {"GET", "POST"} and contract:
        # The router has one place for what a contract takes and for a message that is read.
        methods = {"POST"} if services(request).catalogue.knows(contract) else {"GET"}
    allow = ", ".join(sorted({"OPTIONS", *methods}))
    return Response(None, status_code=HTTP_204_NO_CONTENT, headers={"Allow": allow})
