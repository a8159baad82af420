"""Puts the routes together into one ASGI application, with problems and the door around it."""

from pathlib import Path

from litestar import Litestar
from litestar.datastructures import State

from gateway.access import Forbidden, Unauthenticated
from gateway.api import (
    artifacts,
    credentials,
    deliveries,
    files,
    interfaces,
    messages,
    operations,
    set_aside,
    sign_in,
)
from gateway.api.door import Door
from gateway.api.entrance import entrance
from gateway.api.guard import forbidden, guard, unauthenticated
from gateway.api.idempotency import Keys
from gateway.api.problems import EXCEPTION_HANDLERS
from gateway.api.schema import described_as
from gateway.api.services import Services
from gateway.pipeline import milliseconds

__all__ = ["ROUTES", "application"]

ROUTES = (
    *files.ROUTES,
    *messages.ROUTES,
    *artifacts.ROUTES,
    *deliveries.ROUTES,
    *set_aside.ROUTES,
    *interfaces.ROUTES,
    *operations.ROUTES,
    *credentials.ROUTES,
    *sign_in.ROUTES,
)


def application(services: Services, token: str, *, root: Path = Path()) -> Door:
    """Return the API over those services; every request but few needs a credential, and every
    route the right that `gateway.api.rules` says. `token` is good on this machine only; files
    that the settings name are below `root`. To be closed at the end."""
    ports, store = services.ports, services.store
    ways = entrance(services, token, root)
    known = {
        "services": services,
        "keys": Keys(store, lambda: milliseconds(ports.clock.now())),
        "denials": ways.denials,
        "credentials": ways.keys,
        "sessions": ways.sessions,
        "people": ways.people,
    }
    inside = Litestar(
        route_handlers=ROUTES,
        guards=[guard],
        exception_handlers={
            **EXCEPTION_HANDLERS,
            Forbidden: forbidden,
            Unauthenticated: unauthenticated,
        },
        # Litestar would take over root logging, and quote payloads with `debug`.
        logging_config=None,
        debug=False,
        openapi_config=described_as(),
        state=State(known),
    )
    return Door(
        inside,
        authenticator=ways.authenticator,
        settings=lambda: services.bundle.config.hub.access,
        store=store,
        denials=ways.denials,
        ids=ports.ids,
        clock=ports.clock,
        closing=ways.fetcher.close,
    )
