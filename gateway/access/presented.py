"""What a request shows of whoever sent it: credential, address, certificate; proxies believed or not."""

import base64
import binascii
import hashlib
import ipaddress
import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from gateway.settings import AccessSettings

__all__ = [
    "COOKIE",
    "CSRF_HEADER",
    "PEER",
    "Peer",
    "Presented",
    "read_presented",
    "thumbprint",
]

COOKIE = "__Host-remithub"
"""The session's cookie: this host only, HTTPS only, every path (RFC 6265bis, 4.1.3.2)."""

CSRF_HEADER = b"x-csrf-token"

PEER = "remithub.peer"
"""The key in an ASGI scope for the Peer, where the server's own word for it does not do."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip", b"x-forwarded-host"})
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2}:?){32}")
_MAX_CERTIFICATE = 32_768


class Peer(msgspec.Struct, frozen=True):
    """Who is at the other end of a connection. `certificate` is the thumbprint of the one that was
    shown and verified there; `around` says that it came past what ends TLS."""

    address: str
    certificate: str = ""
    around: bool = False


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """What came with a request. Texts are "" where nothing came; `other_scheme` says that what
    stands in Authorization is no bearer's.

    `source` is the address of whoever sent it, behind a believed proxy the one it names.
    `thumbprint` is the SHA-256 of the client's certificate, base64url (RFC 8705, 3.1).
    `here` says that it was sent on this machine, straight to the hub; `around` that it came in
    plain text past the proxies that are there to end TLS.
    """

    bearer: str = ""
    other_scheme: bool = False
    session: str = ""
    csrf: str = ""
    unsafe: bool = False
    source: str = ""
    here: bool = False
    around: bool = False
    thumbprint: str = ""


def read_presented(scope: Any, settings: AccessSettings) -> Presented:
    """Read an ASGI scope. Headers of a proxy count only from the addresses that are configured."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    named = dict(headers)
    repeated = len(named) < len(headers) and _times(headers, b"authorization") > 1
    end = scope.get(PEER) or Peer((scope.get("client") or ("",))[0])
    peer = end.address
    through = _is_proxy(peer, settings.proxies)
    scheme, _, credential = named.get(b"authorization", b"").partition(b" ")
    bearer = credential.strip() if scheme.lower() == b"bearer" and not repeated else b""
    forwarded = not _FORWARDED.isdisjoint(named)
    return Presented(
        bearer=bearer.decode("latin-1"),
        other_scheme=b"authorization" in named and not bearer,
        session=_cookie(named.get(b"cookie", b"")),
        csrf=named.get(CSRF_HEADER, b"").decode("latin-1"),
        unsafe=scope["method"] not in _SAFE,
        source=_source(peer, named, settings) if through else peer,
        here=_is_loopback(peer) and not forwarded,
        around=end.around or not (through or settings.tls or _is_loopback(peer)),
        # A proxy's own certificate is not that of whoever it speaks for.
        thumbprint=_handed_on(named, settings) if through else end.certificate,
    )


def _times(headers: list[tuple[bytes, bytes]], wanted: bytes) -> int:
    return sum(name == wanted for name, _ in headers)


@lru_cache(maxsize=4096)
def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=4096)
def _is_proxy(address: str, proxies: tuple[str, ...]) -> bool:
    try:
        given = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(given in ipaddress.ip_network(proxy, strict=False) for proxy in proxies)


def _source(peer: str, named: dict[bytes, bytes], settings: AccessSettings) -> str:
    """Return the last address that no believed proxy has: what stands before it may be invented."""
    hops = named.get(b"x-forwarded-for", b"").decode("latin-1").split(",")
    for hop in reversed([hop.strip() for hop in hops]):
        try:
            ipaddress.ip_address(hop)
        except ValueError:
            return peer
        if not _is_proxy(hop, settings.proxies):
            return hop
    return peer


def _cookie(header: bytes) -> str:
    """Return the session's cookie; where two of that name came, none counts."""
    if not header:
        return ""
    wanted = COOKIE.encode()
    pairs = [piece.strip().partition(b"=") for piece in header.split(b";")]
    found = [value for name, _, value in pairs if name == wanted]
    return found[0].decode("latin-1") if len(found) == 1 else ""


def _handed_on(named: dict[bytes, bytes], settings: AccessSettings) -> str:
    """Read the header a proxy hands the certificate on in: PEM (percent-encoded or with its line
    breaks as blanks), DER in base64 (RFC 9440 between colons), or the SHA-256 in hexadecimal."""
    if not settings.certificate_header:
        return ""
    raw = named.get(settings.certificate_header.lower().encode(), b"")
    if not raw or len(raw) > _MAX_CERTIFICATE:
        return ""
    text = unquote_to_bytes(raw).decode("latin-1").strip()
    if _HEXADECIMAL.fullmatch(text):
        return _base64url(bytes.fromhex(text.replace(":", "")))
    body = re.sub(r"-----(BEGIN|END) CERTIFICATE-----|\s", "", text).strip(":")
    try:
        der = base64.b64decode(body, validate=True)
        return thumbprint(der) if der else ""
    except (binascii.Error, ValueError):
        return ""


def thumbprint(der: bytes) -> str:
    """Return how a certificate is named in tokens and settings (RFC 8705, 3.1)."""
    return _base64url(hashlib.sha256(der).digest())


def _base64url(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
