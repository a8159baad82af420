"""The OpenAPI document without a running hub: the same routes, contracts from a folder."""

from collections.abc import Iterable
from typing import Any

from litestar import Litestar

from gateway.api.application import ROUTES
from gateway.api.schema import described_as, openapi_document
from gateway.governance.export import Published

__all__ = ["describe"]


def describe(contracts: Iterable[Published]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of every route, over those contracts."""
    routes = Litestar(route_handlers=ROUTES, logging_config=None, openapi_config=described_as())
    return openapi_document(routes.openapi_schema.to_schema(), contracts)
