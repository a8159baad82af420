"""Puts together what decides who gets in: keys, tokens, sessions, and the sign-in of people."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.access import (
    AccessTokens,
    Authenticator,
    Denials,
    Emergency,
    Fetcher,
    Keys,
    Pager,
    People,
    Proposals,
    Sessions,
)
from gateway.api.services import Services
from gateway.settings import Secrets

__all__ = ["Entrance", "entrance"]


class Entrance(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that access is made of, for the door and the routes. To be closed."""

    authenticator: Authenticator
    keys: Keys
    sessions: Sessions
    people: People
    emergency: Emergency
    denials: Denials
    proposals: Proposals
    pager: Pager
    fetcher: Fetcher

    async def close(self) -> None:
        """Give up what is under way to others, and let the connections go."""
        await self.pager.close()
        await self.fetcher.close()


def entrance(services: Services, token: str, root: Path) -> Entrance:
    """Return it over the hub's store and the configuration in force; files are below `root`."""
    ports, store = services.ports, services.store
    fetcher = Fetcher()
    keys = Keys(store, ports)
    sessions = Sessions(store, ports, lambda: services.bundle.tenant)
    tokens = AccessTokens(
        config=lambda: services.bundle.config, root=root, fetch=fetcher.get, clock=ports.clock
    )
    secret = _secrets(services, root)
    pager = Pager(config=lambda: services.bundle.config, store=store, ports=ports, secret=secret)
    emergency, people = _for_people(services, sessions, fetcher, pager, secret)
    authenticator = Authenticator(
        token=token,
        keys=keys,
        sessions=sessions,
        tokens=tokens,
        config=lambda: services.bundle.config,
    )
    return Entrance(
        authenticator=authenticator,
        keys=keys,
        sessions=sessions,
        people=people,
        emergency=emergency,
        denials=Denials(ports.clock.monotonic),
        proposals=Proposals(store, ports),
        pager=pager,
        fetcher=fetcher,
    )


def _secrets(services: Services, root: Path) -> Callable[[str], str]:
    """Return what resolves secrets where the configuration in force says."""

    def secret(name: str) -> str:
        folder = root / services.bundle.config.hub.secrets_folder
        return Secrets(folder, os.environ)(name)

    return secret


def _for_people(
    services: Services,
    sessions: Sessions,
    fetcher: Fetcher,
    pager: Pager,
    secret: Callable[[str], str],
) -> tuple[Emergency, People]:
    """Return the ways in of people."""
    emergency = Emergency(
        config=lambda: services.bundle.config,
        store=services.store,
        ports=services.ports,
        sessions=sessions,
        pager=pager,
        secret=secret,
    )
    people = People(
        config=lambda: services.bundle.config,
        store=services.store,
        ports=services.ports,
        sessions=sessions,
        emergency=emergency,
        fetcher=fetcher,
        secret=secret,
    )
    return emergency, people
