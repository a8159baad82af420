"""Credentials of a request: fixed headers, or an OAuth 2 token that is kept and renewed."""

import asyncio
import base64
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import quote, urlencode

import msgspec

from connectors.base import Clock, Context, Failure
from connectors.http import (
    NotSent,
    OutcomeUnknown,
    Request,
    Transport,
    exchange,
    make_request,
    make_url,
)
from connectors.http_api.settings import (
    ApiKeyAuth,
    Auth,
    BasicAuth,
    BearerAuth,
    NoAuth,
    OAuth2Auth,
)
from connectors.retry_after import retry_after_seconds
from connectors.secret_text import with_secrets

__all__ = ["Authenticator", "CredentialFault", "authenticator"]

DEFAULT_TOKEN_SECONDS = 300
_FORM = "application/x-www-form-urlencoded"


class CredentialFault(Exception):
    """No token could be had; nothing of the document has left."""

    def __init__(
        self, failure: Failure, code: str, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(code)
        self.failure = failure
        self.code = code
        self.retry_after_seconds = retry_after_seconds


class Authenticator(Protocol):
    """Gives the headers that let a request in."""

    renewable: bool
    """Whether a 401 is worth one more try with a fresh credential."""

    async def headers(self) -> Mapping[str, str]:
        """Return the headers. Raises CredentialFault."""
        ...

    def forget(self, headers: Mapping[str, str]) -> None:
        """The partner refused these headers: the next call gets others."""
        ...


class _Fixed:
    renewable = False

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers

    async def headers(self) -> Mapping[str, str]:
        return self._headers

    def forget(self, headers: Mapping[str, str]) -> None:
        """A fixed credential has no other."""


class _Token(msgspec.Struct):
    """A token endpoint's answer (RFC 6749, 5.1)."""

    access_token: str
    expires_in: int | str = DEFAULT_TOKEN_SECONDS


class _ClientCredentials:
    renewable = True

    def __init__(
        self,
        request: Callable[[], Request],
        transport: Transport,
        clock: Clock,
        margin_percent: int,
    ) -> None:
        self._request = request
        self._transport = transport
        self._clock = clock
        self._kept_part = 1 - margin_percent / 100
        self._one_at_a_time = asyncio.Lock()
        self._headers: dict[str, str] | None = None
        self._renew_at = 0.0

    async def headers(self) -> Mapping[str, str]:
        async with self._one_at_a_time:
            if self._headers is None or self._clock.monotonic() >= self._renew_at:
                self._headers = await self._fetch()
            return self._headers

    def forget(self, headers: Mapping[str, str]) -> None:
        if self._headers is headers:  # else another call has renewed it already
            self._headers = None

    async def _fetch(self) -> dict[str, str]:
        asked_at = self._clock.monotonic()
        try:
            answer = await exchange(self._transport, self._request())
        except NotSent as fault:
            failure = Failure.CREDENTIAL if fault.for_a_person else Failure.DESTINATION
            raise CredentialFault(failure, f"token_{fault.code}") from None
        except OutcomeUnknown as fault:
            raise CredentialFault(Failure.DESTINATION, f"token_{fault.code}") from None
        if answer.status == 429 or answer.status >= 500:
            wait = retry_after_seconds(answer.headers, self._clock.now())
            failure = Failure.THROTTLED if answer.status == 429 else Failure.DESTINATION
            raise CredentialFault(failure, f"token_http_{answer.status}", wait)
        if answer.status >= 300:
            raise CredentialFault(Failure.CREDENTIAL, f"token_http_{answer.status}")
        try:
            token = msgspec.json.decode(answer.body, type=_Token)
            seconds = int(token.expires_in)
        except (msgspec.DecodeError, ValueError):
            raise CredentialFault(Failure.DESTINATION, "token_unreadable") from None
        self._renew_at = asked_at + seconds * self._kept_part
        return {"Authorization": f"Bearer {token.access_token}"}


def authenticator(
    auth: Auth, context: Context, transport: Transport, timeouts: dict[str, float]
) -> Authenticator:
    """Return the authenticator of the settings. Raises KeyError for a missing secret."""

    def told(text: str) -> str:
        return with_secrets(text, context.secret)

    match auth:
        case NoAuth():
            return _Fixed({})
        case BasicAuth():
            return _Fixed({"Authorization": _basic(told(auth.username), told(auth.password))})
        case BearerAuth():
            return _Fixed({"Authorization": f"Bearer {told(auth.token)}"})
        case ApiKeyAuth():
            return _Fixed({auth.header: told(auth.value)})
        case OAuth2Auth():
            request = _token_request(auth, told, timeouts)
            return _ClientCredentials(request, transport, context.clock, auth.margin_percent)


def _basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _token_request(
    auth: OAuth2Auth, told: Callable[[str], str], timeouts: dict[str, float]
) -> Callable[[], Request]:
    form = {"grant_type": "client_credentials"}
    if auth.scope:
        form["scope"] = auth.scope
    form |= {name: told(value) for name, value in auth.extra.items()}
    headers = {"Content-Type": _FORM, "Accept": "application/json"}
    client_id, client_secret = told(auth.client_id), told(auth.client_secret)
    if auth.send == "basic":  # both parts form-encoded first (RFC 6749, 2.3.1)
        headers["Authorization"] = _basic(quote(client_id, safe=""), quote(client_secret, safe=""))
    else:
        form |= {"client_id": client_id, "client_secret": client_secret}
    content = urlencode(form).encode()
    url = make_url(told(auth.token_url))
    return lambda: make_request("POST", url, headers=headers, timeouts=timeouts, content=content)
