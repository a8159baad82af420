"""Puts the routes together into one ASGI application, with problems and the door around it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from litestar import Litestar
from litestar.datastructures import State

from gateway.access import Forbidden, Peer, Unauthenticated
from gateway.api import (
    artifacts,
    audit,
    contract_steps,
    contracts,
    credentials,
    deliveries,
    feeds,
    files,
    interfaces,
    messages,
    operations,
    proposals,
    set_aside,
    sign_in,
    subscriptions,
    webhooks,
)
from gateway.api.direct import Direct
from gateway.api.door import Door
from gateway.api.entrance import Entrance, entrance
from gateway.api.four_eyes import Proposed, proposed
from gateway.api.governed import Governed, guarded
from gateway.api.guard import forbidden, unauthenticated
from gateway.api.idempotency import Keys
from gateway.api.methods import before
from gateway.api.problems import EXCEPTION_HANDLERS
from gateway.api.quota import Quotas
from gateway.api.schema import described_as
from gateway.api.services import Services
from gateway.api.versions import Versions
from gateway.pipeline import milliseconds

__all__ = ["ROUTES", "application"]

ROUTES = (
    *files.ROUTES,
    *messages.ROUTES,
    *feeds.ROUTES,
    *contracts.ROUTES,
    *contract_steps.ROUTES,
    *artifacts.ROUTES,
    *deliveries.ROUTES,
    *set_aside.ROUTES,
    *interfaces.ROUTES,
    *operations.ROUTES,
    *credentials.ROUTES,
    *sign_in.ROUTES,
    *proposals.ROUTES,
    *audit.ROUTES,
    *webhooks.ROUTES,
    *subscriptions.ROUTES,
)


def application(
    services: Services,
    token: str,
    *,
    root: Path = Path(),
    peers: Mapping[tuple[str, int], Peer] | None = None,
) -> Door:
    """Return the API over those services; every request but few needs a credential, and every
    route the right that `gateway.api.rules` says. `token` is good on this machine only; files
    that the settings name are below `root`; `peers` are the door's. To be closed at the end."""
    ports, store = services.ports, services.store
    ways = entrance(services, token, root)
    versions = Versions(store, ports.clock)

    return Door(
        Governed(Direct(_routes(_known(services, ways, versions)))),
        authenticator=ways.authenticator,
        settings=lambda: services.bundle.config.hub.access,
        store=store,
        denials=ways.denials,
        ids=ports.ids,
        clock=ports.clock,
        closing=ways.close,
        peers=peers,
    )


def _known(services: Services, ways: Entrance, versions: Versions) -> dict[str, Any]:
    """Return what routes find in the application's state, by name."""
    ports, store = services.ports, services.store
    return {
        "services": services,
        "keys": Keys(store, lambda: milliseconds(ports.clock.now())),
        "denials": ways.denials,
        "credentials": ways.keys,
        "sessions": ways.sessions,
        "people": ways.people,
        "emergency": ways.emergency,
        "proposals": ways.proposals,
        "quotas": Quotas(store, ports.clock, lambda: services.api_nodes),
        "versions": versions,
        "comparing": asyncio.Semaphore(1),
        "verifying": asyncio.Semaphore(1),
        "followers": feeds.Followers(),
    }


def _routes(known: dict[str, Any]) -> Litestar:
    return Litestar(
        route_handlers=ROUTES,
        guards=[guarded],
        before_request=before,
        exception_handlers={
            **EXCEPTION_HANDLERS,
            Forbidden: forbidden,
            Proposed: proposed,
            Unauthenticated: unauthenticated,
            webhooks.WebhookRefused: webhooks.refused,
        },
        # Litestar would take over root logging, and quote payloads with `debug`.
        logging_config=None,
        debug=False,
        openapi_config=described_as(),
        state=State(known),
    )
