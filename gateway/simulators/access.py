"""Who gets in at a partner: bearer token or OAuth2 client credentials, SFTP password or key."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import msgspec

from gateway.ports import Clock, Ids, SystemIds

__all__ = ["Access", "Doorkeeper", "SftpAccess"]


class Access(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The credentials a partner accepts. With none of them set it lets everybody in."""

    bearer_token: str = ""
    client_id: str = ""
    client_secret: str = ""
    token_seconds: float = 300.0
    """How long an issued access token lives."""

    def __repr__(self) -> str:
        return "Access(...)"


class SftpAccess(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The login a clearinghouse accepts: a password, a public key line, or both.

    With neither set the clearinghouse makes itself a password.
    """

    user: str = "remithub"
    password: str = ""
    authorized_key: str = ""
    """As in an authorized_keys file: `ssh-ed25519 AAAA...`."""

    def __repr__(self) -> str:
        return "SftpAccess(...)"


class Doorkeeper:
    """Issues access tokens (RFC 6749, section 4.4) and checks what a request shows (RFC 6750)."""

    def __init__(self, access: Access, clock: Clock, ids: Ids | None = None) -> None:
        self._access = access
        self._clock = clock
        self._ids = ids or SystemIds()
        self._issued: dict[str, float] = {}

    def issue(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        """Answer a token request: HTTP status and document. Credentials by Basic or in the form."""
        form = {key: values[0] for key, values in parse_qs(body.decode("latin-1")).items()}
        if form.get("grant_type") != "client_credentials":
            return 400, {"error": "unsupported_grant_type"}
        name, secret = _basic(headers.get("Authorization", "")) or (
            form.get("client_id", ""),
            form.get("client_secret", ""),
        )
        known = _same(name, self._access.client_id) and _same(secret, self._access.client_secret)
        if not self._access.client_id or not known:
            return 401, {"error": "invalid_client"}
        now = self._clock.monotonic()
        self._issued = {token: ends for token, ends in self._issued.items() if ends > now}
        token = self._ids.new("at")
        self._issued[token] = now + self._access.token_seconds
        return 200, {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(self._access.token_seconds),
        }

    def revoke(self) -> None:
        """End every access token that was issued."""
        self._issued.clear()

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Whether the request shows a token that is good now."""
        if not self._access.bearer_token and not self._access.client_id:
            return True
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return False
        if self._access.bearer_token and _same(token, self._access.bearer_token):
            return True
        return self._issued.get(token, 0.0) > self._clock.monotonic()


def _same(shown: str, wanted: str) -> bool:
    return hmac.compare_digest(shown.encode(), wanted.encode())


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    # RFC 6749, section 2.3.1: both are form-encoded before they are joined.
    return unquote_plus(name), unquote_plus(secret)
