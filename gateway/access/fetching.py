"""Gets documents from an identity provider: from addresses of the configuration, and nowhere else."""

import asyncio
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
from gateway.errors import TryAgain

__all__ = ["Fetcher", "must_be_secure"]

SECONDS = 10.0
MAX_BYTES = 1 << 20

_TIMEOUTS = {"connect": 5.0, "read": SECONDS, "write": SECONDS, "pool": SECONDS}
_OK = 200
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class Fetcher:
    """HTTP to identity providers: no redirects, a deadline, a small answer."""

    def __init__(self) -> None:
        self._transport = AiohttpTransport(connections=4, max_response_bytes=MAX_BYTES)

    async def get(self, url: str) -> bytes:
        """Return the body at an address. Raises TryAgain where there is none."""
        answer = await self.ask("GET", url)
        if answer.status != _OK:
            raise _unreachable()
        return answer.body

    async def ask(
        self, method: str, url: str, *, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """Send one request and return the answer. Raises TryAgain."""
        must_be_secure(url)
        request = make_request(
            method,
            make_url(url),
            headers={"accept": "application/json", **(headers or {})},
            timeouts=_TIMEOUTS,
            content=body,
        )
        try:
            async with asyncio.timeout(SECONDS):
                return await exchange(self._transport, request)
        except (NotSent, OutcomeUnknown, TimeoutError):
            raise _unreachable() from None

    async def close(self) -> None:
        """Let the connections go."""
        await self._transport.aclose()


def must_be_secure(url: str) -> None:
    """Raise TryAgain for an address that is neither HTTPS nor on this machine: whoever is on the
    way could give keys of their own."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _HERE):
        raise _unreachable()


def _unreachable() -> TryAgain:
    return TryAgain(
        "The identity provider does not answer as it should.",
        code="issuer_unreachable",
        next_step="see that its address in hub.yaml is right, HTTPS, and reached from here.",
    )
