"""Puts the routes together into one ASGI application, with problems and the door around it."""

from litestar import Litestar
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig
from litestar.types import ASGIApp

from gateway.api import (
    artifacts,
    deliveries,
    files,
    interfaces,
    messages,
    operations,
    set_aside,
)
from gateway.api.door import Door
from gateway.api.idempotency import Keys
from gateway.api.problems import EXCEPTION_HANDLERS
from gateway.api.schema import SchemaPage
from gateway.api.services import Services
from gateway.pipeline import milliseconds

__all__ = ["application"]

ROUTES = (
    *files.ROUTES,
    *messages.ROUTES,
    *artifacts.ROUTES,
    *deliveries.ROUTES,
    *set_aside.ROUTES,
    *interfaces.ROUTES,
    *operations.ROUTES,
)


def application(services: Services, token: str) -> ASGIApp:
    """Return the API over those services; every request but two needs the token."""
    clock = services.ports.clock
    keys = Keys(services.store, lambda: milliseconds(clock.now()))
    inside = Litestar(
        route_handlers=ROUTES,
        exception_handlers=EXCEPTION_HANDLERS,
        # Litestar would take over root logging, and quote payloads with `debug`.
        logging_config=None,
        debug=False,
        openapi_config=OpenAPIConfig(
            title="RemitHub",
            version="1",
            description="Hand over files and messages, see what became of them, act on dead letters.",
            path="/schema",
            use_handler_docstrings=True,
            render_plugins=[SchemaPage()],
        ),
        state=State({"services": services, "keys": keys}),
    )
    return Door(inside, token=token, ids=services.ports.ids, clock=clock)
