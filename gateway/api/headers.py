"""The security headers of every answer, whatever gave it: they are put on at the door."""

from collections.abc import Iterable
from functools import lru_cache

from gateway.settings import AccessSettings

__all__ = ["with_security"]

Headers = list[tuple[bytes, bytes]]

_ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
"""Nothing is guessed, nothing is told to other sites, nothing is shown inside of them."""

_POLICY = (
    b"default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none';"
    b" frame-ancestors 'none'; sandbox"
)
_UNLESS_SAID: Headers = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", _POLICY),
]
"""What a route may say otherwise: a page needs a policy of its own. An answer of the API that is
opened as a document loads and runs nothing."""

_OVER_TLS: Headers = [
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
]


def with_security(given: Iterable[tuple[bytes, bytes]], access: AccessSettings) -> Headers:
    """Return an answer's headers with those of the door (ASVS 3.2.1, 3.4, 14.3.2).

    HSTS goes along where the hub, or a proxy before it, ends TLS (RFC 6797, 7.2).
    """
    headers = list(given)
    headers += _unsaid(tuple(name for name, _ in headers))
    if access.tls is not None or access.proxies:
        headers += _OVER_TLS
    return headers


@lru_cache(maxsize=256)
def _unsaid(names: tuple[bytes, ...]) -> Headers:
    said = {name.lower() for name in names}
    return [header for header in (*_ALWAYS, *_UNLESS_SAID) if header[0] not in said]
