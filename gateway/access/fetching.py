"""Gets documents from an identity provider: from addresses of the configuration, and nowhere else."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from connectors.http import (
    AiohttpTransport,
    Answer,
    NotSent,
    OutcomeUnknown,
    exchange,
    make_request,
    make_url,
)
from connectors.ssrf import Network, restrict
from gateway.errors import TryAgain

__all__ = ["Fetcher", "Get", "must_be_secure"]

Get = Callable[[str, Network], Awaitable[bytes]]
"""Gets what is at an address of the configuration, in that network. Raises TryAgain."""

SECONDS = 10.0
MAX_BYTES = 1 << 20

_TIMEOUTS = {"connect": 5.0, "read": SECONDS, "write": SECONDS, "pool": SECONDS}
_OK = 200
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class Fetcher:
    """HTTP to identity providers: no redirects, a deadline, a small answer; to public addresses
    only, unless the configuration says `network: internal`."""

    def __init__(self) -> None:
        self._transports = {network: _transport(network) for network in Network}

    async def get(self, url: str, network: Network) -> bytes:
        """Return the body at an address. Raises TryAgain where there is none."""
        answer = await self.ask("GET", url, network)
        if answer.status != _OK:
            raise _unreachable()
        return answer.body

    async def ask(
        self,
        method: str,
        url: str,
        network: Network,
        *,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Send one request and return the answer. Raises TryAgain."""
        must_be_secure(url)
        try:
            where = make_url(url)
        except ValueError:
            raise _unreachable() from None
        request = make_request(
            method,
            where,
            headers={"accept": "application/json", **(headers or {})},
            timeouts=_TIMEOUTS,
            content=body,
        )
        try:
            async with asyncio.timeout(SECONDS):
                return await exchange(self._transports[network], request)
        except (NotSent, OutcomeUnknown, TimeoutError):
            raise _unreachable() from None

    async def close(self) -> None:
        """Let the connections go."""
        for transport in self._transports.values():
            await transport.aclose()


def _transport(network: Network) -> AiohttpTransport:
    made = AiohttpTransport(connections=4, max_response_bytes=MAX_BYTES)
    restrict(made, network)
    return made


def must_be_secure(url: str) -> None:
    """Raise TryAgain for an address that is neither HTTPS nor on this machine: whoever is on the
    way could give keys of their own."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _unreachable() from None
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _HERE):
        raise _unreachable()


def _unreachable() -> TryAgain:
    return TryAgain(
        "The identity provider does not answer as it should.",
        code="issuer_unreachable",
        next_step="see that its address in hub.yaml is right, HTTPS, and reached from here; one in"
        " a network of ours needs `network: internal`.",
    )
