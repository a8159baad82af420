"""Puts the routes together into one ASGI application, with problems and the door around it."""

from pathlib import Path

from litestar import Litestar
from litestar.datastructures import State

from gateway.access import (
    AccessTokens,
    Authenticator,
    Denials,
    Fetcher,
    Forbidden,
    Keys,
    Sessions,
)
from gateway.api import (
    artifacts,
    credentials,
    deliveries,
    files,
    interfaces,
    messages,
    operations,
    set_aside,
)
from gateway.api.door import Door
from gateway.api.guard import forbidden, guard
from gateway.api.idempotency import Keys as IdempotencyKeys
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
)


def application(services: Services, token: str, *, root: Path = Path()) -> Door:
    """Return the API over those services; every request but two needs a credential, and every
    route the right that `gateway.api.rules` says. `token` is good on this machine only; files
    that the settings name are below `root`. To be closed at the end."""
    ports, store = services.ports, services.store
    denials = Denials(ports.clock.monotonic)
    keys = Keys(store, ports)
    fetcher = Fetcher()
    tokens = AccessTokens(
        config=lambda: services.bundle.config, root=root, fetch=fetcher.get, clock=ports.clock
    )
    sessions = Sessions(store, ports, lambda: services.bundle.tenant)
    known = {
        "services": services,
        "keys": IdempotencyKeys(store, lambda: milliseconds(ports.clock.now())),
        "denials": denials,
        "credentials": keys,
        "sessions": sessions,
    }
    inside = Litestar(
        route_handlers=ROUTES,
        guards=[guard],
        exception_handlers={**EXCEPTION_HANDLERS, Forbidden: forbidden},
        # Litestar would take over root logging, and quote payloads with `debug`.
        logging_config=None,
        debug=False,
        openapi_config=described_as(),
        state=State(known),
    )
    return Door(
        inside,
        authenticator=Authenticator(
            token=token,
            keys=keys,
            sessions=sessions,
            tokens=tokens,
            config=lambda: services.bundle.config,
        ),
        settings=lambda: services.bundle.config.hub.access,
        store=store,
        denials=denials,
        ids=ports.ids,
        clock=ports.clock,
        closing=fetcher.close,
    )
