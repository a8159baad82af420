"""What `remithub doctor --prod` looks at beyond `doctor`: what does for trying, not for patients."""

import ipaddress
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509

from connectors.secret_text import with_secrets
from connectors.webhook.keys import signing_keys
from gateway.access.passwords import read_kept
from gateway.cli.examination import Mark, Sight
from gateway.settings import AccessSettings, Config, PageSettings, Secrets, TlsSettings

__all__ = ["harden"]

WIDEST_PROXY_PREFIX = 16
"""A network of proxies that is wider has strangers in it."""

LEAST_DAYS = 30
_VERIFYING = frozenset({"verify-full", "verify-ca"})


def harden(
    root: Path, config: Config, environment: Mapping[str, str], now: datetime
) -> Iterator[Sight]:
    """Yield what is odd or broken for production; nothing where all is well. Only reads."""
    access = config.hub.access
    yield from _partners(config)
    yield from _database(config.hub.store.postgres)
    if access.tls is not None:
        yield from _certificate(root, access.tls, now)
        if access.tls.client_authorities:
            yield from _of_clients(root, access.tls, now)
    yield from _access(access)
    yield from _emergency(access, Secrets(root / config.hub.secrets_folder, environment))
    yield from _machine(root, environment)


def _broken(about: str, found: str, next_step: str) -> Sight:
    return Sight(mark=Mark.BROKEN, about=about, found=found, next_step=next_step)


def _odd(about: str, found: str, next_step: str) -> Sight:
    return Sight(mark=Mark.ODD, about=about, found=found, next_step=next_step)


def _partners(config: Config) -> Iterator[Sight]:
    """Find partners that are reached in plain text or by weak algorithms (45 CFR 164.312(e))."""
    for name, interface in sorted(config.interfaces.items()):
        about = f"interface {name}"
        if any(map(_in_the_clear, _texts(interface.settings))):
            yield _broken(about, "it is reached over plain HTTP", "use its HTTPS address.")
        if interface.settings.get("algorithms", "modern") != "modern":
            yield _odd(about, "it takes old SSH algorithms", "say `algorithms: modern`.")


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            yield from _texts(list(value.values()))
        case list():
            for one in value:
                yield from _texts(one)


def _in_the_clear(text: str) -> bool:
    if not text.startswith("http://"):
        return False
    try:
        return not _here(urlsplit(text).hostname or "")
    except ValueError:
        return True


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _database(dsn: str) -> Iterator[Sight]:
    parts = urlsplit(dsn)
    if not dsn or _here(parts.hostname or "localhost"):
        return
    modes = parse_qs(parts.query).get("sslmode", [""])
    if modes[-1] not in _VERIFYING:
        advice = "say `?sslmode=verify-full` in `store.postgres`."
        yield _broken("database", "its connection does not verify the server", advice)


def _certificate(root: Path, tls: TlsSettings, now: datetime) -> Iterator[Sight]:
    try:
        chain = (root / tls.certificate).read_bytes()
        own = x509.load_pem_x509_certificates(chain)[0]
    except (OSError, ValueError, IndexError):
        yield _broken("certificate", "it cannot be read", "see `access.tls.certificate`.")
        return
    if own.issuer == own.subject:
        advice = "use one of an authority that its callers trust."
        yield _odd("certificate", "it vouches for itself", advice)
    days = (own.not_valid_after_utc - now).days
    if days < LEAST_DAYS:
        yield _broken("certificate", f"it ends in {days} days", "renew it.")


def _of_clients(root: Path, tls: TlsSettings, now: datetime) -> Iterator[Sight]:
    """Find what will shut out clients that show a certificate."""
    about = "certificates of clients"
    try:
        authorities = x509.load_pem_x509_certificates((root / tls.client_authorities).read_bytes())
        lists = _revocations(root / tls.client_revocations) if tls.client_revocations else []
    except (OSError, ValueError):
        yield _broken(about, "a file cannot be read", "see `access.tls.client_authorities`.")
        return
    current = {one.issuer for one in lists if (one.next_update_utc or now) >= now}
    for one in authorities:
        name, days = one.subject.rfc4514_string(), (one.not_valid_after_utc - now).days
        if days < LEAST_DAYS:
            yield _broken(about, f"the authority {name} ends in {days} days", "add its next one.")
        if tls.client_revocations and one.subject not in current:
            found = f"no list of what {name} has revoked is current: nobody with its is let in"
            yield _odd(about, found, "fetch it, and often; of one that signs no clients, none.")


def _revocations(file: Path) -> list[x509.CertificateRevocationList]:
    begin = b"-----BEGIN X509 CRL-----"
    pieces = file.read_bytes().split(begin)[1:]
    return [x509.load_pem_x509_crl(begin + piece) for piece in pieces]


def _access(access: AccessSettings) -> Iterator[Sight]:
    wide = [proxy for proxy in access.proxies if _is_wide(proxy)]
    if wide:
        advice = "name the addresses of the proxies themselves."
        yield _broken("access", f"the proxies {', '.join(wide)} have strangers in them", advice)
    people = access.people
    if people is not None and not people.acr and not people.amr:
        advice = "say `acr` or `amr`, unless the provider asks everybody for a second factor."
        yield _odd("access", "one factor may be enough to sign in", advice)


def _is_wide(proxy: str) -> bool:
    network = ipaddress.ip_network(proxy, strict=False)
    return not network.is_loopback and network.prefixlen < WIDEST_PROXY_PREFIX


def _emergency(access: AccessSettings, secrets: Secrets) -> Iterator[Sight]:
    if access.people is None and access.break_glass is None:
        return
    about = "emergency access"
    if access.break_glass is None:
        advice = "configure `access.break_glass`."
        yield _odd(about, "without the provider nobody gets in", advice)
        return
    try:
        kept = read_kept(secrets(access.break_glass.secret))
    except KeyError:
        kept = None
    if kept is None:
        advice = "keep what `remithub client password` prints as that secret."
        yield _broken(about, "its password is not there, or has no codes", advice)
    yield from _page(access.break_glass.page, secrets)


def _page(page: PageSettings | None, secrets: Secrets) -> Iterator[Sight]:
    about = "security contact"
    if page is None:
        advice = "configure `access.break_glass.page`."
        yield _odd(about, "nobody is told when the local account is used", advice)
        return
    if _in_the_clear(page.url):
        yield _broken(about, "the page goes over plain HTTP", "use its HTTPS address.")
    try:
        signing_keys([with_secrets(text, secrets) for text in page.secrets])
    except (KeyError, ValueError):
        advice = "keep a key as the secret that `access.break_glass.page.secrets` names."
        yield _broken(about, "the page cannot be signed", advice)


def _machine(root: Path, environment: Mapping[str, str]) -> Iterator[Sight]:
    if environment.get("REMITHUB_DEBUG", "") not in {"", "0"}:
        yield _broken("debugging", "REMITHUB_DEBUG is set", "unset it: it shows tracebacks.")
    if os.geteuid() == 0:
        yield _odd("user", "this is root", "run the hub, and this, as a user of its own.")
    for file in _writable(root / "config", root / "contracts", root / "mappings"):
        yield _broken("configuration", f"{file} may be written by everybody", f"chmod o-w {file}")


def _writable(*folders: Path) -> Iterable[Path]:
    files = (file for folder in folders for file in (folder, *sorted(folder.rglob("*"))))
    return (file for file in files if file.exists() and file.stat().st_mode & 0o002)
