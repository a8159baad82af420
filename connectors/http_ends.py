"""How an HTTP call can end: an answer, certainly not sent, or unknown."""

import aiohttp
import httpx
import msgspec

from connectors.ssrf import ADDRESS_REFUSED

__all__ = [
    "Answer",
    "ConnectTimedOut",
    "NotSent",
    "OutcomeUnknown",
    "PoolTimedOut",
    "ReadTimedOut",
    "translated",
]

_HANDSHAKE_REFUSED = (
    "ALERT_CERTIFICATE_REQUIRED",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_UNKNOWN_CA",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_ACCESS_DENIED",
)
"""TLS 1.3 lets a client speak before the server has judged its certificate; these alerts
(RFC 8446, 6.2) end the handshake, so no application has seen the request."""


class NotSent(httpx.ConnectError):
    """No byte of the request left: a retry is always safe. `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    @property
    def for_a_person(self) -> bool:
        """Tell whether no later try mends it: a certificate, or an address, is refused."""
        return self.code.startswith("tls_") or self.code == ADDRESS_REFUSED


class ConnectTimedOut(NotSent, httpx.ConnectTimeout):
    """No connection within the connect timeout. Code `connect_timeout`."""


class PoolTimedOut(NotSent, httpx.PoolTimeout):
    """No free place in the pool within the pool timeout. Code `pool_timeout`."""


class OutcomeUnknown(httpx.ReadError):
    """A byte may have left and no whole answer came: the effect may be there."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ReadTimedOut(OutcomeUnknown, httpx.ReadTimeout):
    """The partner fell silent for the read timeout after the request. Code `read_timeout`."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer: status, headers by lower-case name, decoded body within the cap."""

    status: int
    headers: dict[str, str]
    body: bytes


def translated(fault: Exception, *, sent: bool) -> NotSent | OutcomeUnknown:
    """Say how a call ended that aiohttp ended with `fault`; `sent` where a byte may have left."""
    if isinstance(fault, (NotSent, OutcomeUnknown)):
        return fault
    if not sent:
        return _not_sent(fault)
    if any(alert in str(fault) for alert in _HANDSHAKE_REFUSED):
        return NotSent("tls_client_certificate")
    match fault:
        case TimeoutError():
            return ReadTimedOut("read_timeout")
        case aiohttp.ServerDisconnectedError():
            return OutcomeUnknown("disconnected")
        case aiohttp.ClientPayloadError():
            return OutcomeUnknown("reply_truncated")
        case aiohttp.ClientResponseError() | ValueError():
            return OutcomeUnknown("reply_unreadable")
        case _:
            return OutcomeUnknown("connection_lost")


def _not_sent(fault: Exception) -> NotSent:
    match fault:
        case TimeoutError():
            return ConnectTimedOut("connect_timeout")
        case aiohttp.ClientConnectorCertificateError():
            return NotSent("tls_certificate")
        case aiohttp.ClientSSLError():
            return NotSent("tls")
        case aiohttp.ClientConnectorDNSError():
            return NotSent("dns")
        case ValueError():
            return NotSent("request_unsendable")
        case _:
            return NotSent("refused")
