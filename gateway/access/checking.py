"""What of the access configuration makes no sense; found when it is read, not when somebody calls."""

import ipaddress
from collections.abc import Collection, Iterable, Iterator

from connectors.ssrf import Network
from gateway.access.actor import Duty
from gateway.access.authenticate import FOR_SYSTEMS
from gateway.access.fetching import must_be_secure
from gateway.access.rights import Right
from gateway.errors import ConfigError, TryAgain
from gateway.settings import (
    BreakGlassSettings,
    ClientSettings,
    Config,
    IssuerSettings,
    PeopleSettings,
)

__all__ = ["access_faults", "may_listen", "must_make_sense"]

_HUB = "hub.yaml"


def must_make_sense(config: Config) -> None:
    """Raise ConfigError (file, line) for the first fault."""
    for fault in access_faults(config):
        raise fault


def access_faults(config: Config) -> Iterator[ConfigError]:
    """Give what is wrong about proxies, issuers, people, pages, clients and the scopes of products."""
    access = config.hub.access
    for at, proxy in enumerate(access.proxies):
        try:
            ipaddress.ip_network(proxy, strict=False)
        except ValueError:
            place = f"$.access.proxies[{at}]"
            yield config.place(_HUB, place, f"'{proxy}' is no address or network")
    yield from _certificates(config)
    for at, issuer in enumerate(access.issuers):
        yield from _issuer(config, issuer, f"$.access.issuers[{at}]")
    if access.people is not None:
        yield from _people(config, access.people)
    yield from _page(config, access.break_glass)
    for client in config.clients.values():
        yield from _client(config, client)
    yield from _products(config)
    if not may_listen(config):
        yield config.place(
            _HUB,
            "$.api.host",
            f"the API may not listen on '{config.hub.api.host}': beyond loopback it needs"
            " `access.tls` or `access.proxies`, and `clients/` or `access.people`",
        )


def _certificates(config: Config) -> Iterator[ConfigError]:
    access = config.hub.access
    if access.certificate_header and not access.proxies:
        reason = "a certificate header is believed from `proxies` only, and there are none"
        yield config.place(_HUB, "$.access.certificate_header", reason)
    if access.tls and access.tls.client_revocations and not access.tls.client_authorities:
        reason = "what is revoked counts for `client_authorities` only, and there are none"
        yield config.place(_HUB, "$.access.tls.client_revocations", reason)


def _issuer(config: Config, issuer: IssuerSettings, place: str) -> Iterator[ConfigError]:
    if bool(issuer.jwks_url) == bool(issuer.jwks_file):
        yield config.place(_HUB, place, "an issuer has either `jwks_url` or `jwks_file`")
    if issuer.jwks_url and not _is_secure(issuer.jwks_url):
        yield config.place(_HUB, f"{place}.jwks_url", "keys are fetched over HTTPS only")


def _people(config: Config, people: PeopleSettings) -> Iterator[ConfigError]:
    if not _is_secure(people.issuer):
        yield config.place(
            _HUB, "$.access.people.issuer", "the provider is reached over HTTPS only"
        )
    if not _is_secure(people.public_url):
        reason = "people reach the hub over HTTPS only: the session's cookie needs it"
        yield config.place(_HUB, "$.access.people.public_url", reason)
    known = set(Duty) - {Duty.SYSTEM, Duty.LOCAL, Duty.BREAK_GLASS}
    for group, roles in people.roles.items():
        for role in roles:
            if role not in known:
                place = f"$.access.people.roles.{group}"
                yield config.place(_HUB, place, _unknown("role", role, known))


def _page(config: Config, account: BreakGlassSettings | None) -> Iterator[ConfigError]:
    page = account.page if account is not None else None
    if page is not None and page.url.startswith("http:") and page.network is Network.PUBLIC:
        reason = "a page crosses a public network over HTTPS only"
        yield config.place(_HUB, "$.access.break_glass.page.url", reason)


def _client(config: Config, client: ClientSettings) -> Iterator[ConfigError]:
    file = f"clients/{client.client}.yaml"
    checks: tuple[tuple[str, str, Collection[str], Collection[str]], ...] = (
        ("interfaces", "interface", client.interfaces, set(config.interfaces)),
        ("scopes", "scope", client.scopes, set(Right)),
        ("roles", "role of a system", client.roles, FOR_SYSTEMS),
    )
    for field, word, given, known in checks:
        for at, name in enumerate(given):
            if name not in known:
                yield config.place(file, f"$.{field}[{at}]", _unknown(word, name, known))


def _products(config: Config) -> Iterator[ConfigError]:
    known = set(Right)
    for product in config.products.values():
        for at, scope in enumerate(product.scopes):
            if scope not in known:
                file = f"products/{product.product}.yaml"
                yield config.place(file, f"$.scopes[{at}]", _unknown("scope", scope, known))


def _unknown(word: str, name: str, known: Iterable[str]) -> str:
    return f"there is no {word} '{name}' (there are: {', '.join(sorted(known)) or 'none'})"


def _is_secure(url: str) -> bool:
    try:
        must_be_secure(url)
    except TryAgain:
        return False
    return True


def may_listen(config: Config) -> bool:
    """Whether the API may listen where it is told to: on this machine always; beyond, with access
    control configured, and TLS of its own or proxies that end it."""
    host, access = config.hub.api.host, config.hub.access
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    guarded = bool(config.clients) or access.people is not None
    return loopback or (guarded and (access.tls is not None or bool(access.proxies)))
