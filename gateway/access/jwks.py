"""The public keys of an issuer: from one file or one address of the configuration, kept a while."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway.access.signed import Bad, VerifyingKey, read_keys
from gateway.errors import TryAgain
from gateway.ports import Clock

__all__ = ["Fetch", "KeySource"]

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets what is at an address of the configuration. Raises TryAgain."""

FRESH_SECONDS = 3600.0
"""After so long the keys are fetched again."""

STALE_SECONDS = 24 * 3600.0
"""For so long the last ones are used where the issuer cannot be reached."""

PAUSE_SECONDS = 60.0
"""An unknown key id makes the keys be fetched again, but not more often than this: whoever invents
ids makes no load at the issuer."""

MAX_FILE_BYTES = 1 << 20


class KeySource:
    """Gives the keys that may have signed. One of `url` and `file` is set."""

    def __init__(self, *, url: str, file: Path | None, fetch: Fetch, clock: Clock) -> None:
        self._url = url
        self._file = file
        self._fetch = fetch
        self._clock = clock
        self._keys: list[VerifyingKey] = []
        self._read_at = float("-inf")
        self._tried_at = float("-inf")
        self._reading = asyncio.Lock()

    async def keys(self, kid: str | None) -> list[VerifyingKey]:
        """Return the keys, fetched again where they are old or none has that id.

        Raises TryAgain where there are none and none can be had.
        """
        if self._must_read(kid):
            async with self._reading:
                if self._must_read(kid):
                    await self._read()
        if self._clock.monotonic() - self._read_at > STALE_SECONDS:
            raise _unreachable()
        return self._keys

    def _must_read(self, kid: str | None) -> bool:
        now = self._clock.monotonic()
        if now - self._tried_at < PAUSE_SECONDS:
            return False
        unknown = kid is not None and all(found[0] != kid for found in self._keys)
        return unknown or now - self._read_at >= FRESH_SECONDS

    async def _read(self) -> None:
        self._tried_at = self._clock.monotonic()
        try:
            self._keys = read_keys(await self._text())
        except (TryAgain, Bad, OSError):
            return  # the last ones serve on, for a while
        self._read_at = self._clock.monotonic()

    async def _text(self) -> bytes:
        if self._file is None:
            return await self._fetch(self._url)
        file = self._file
        if file.stat().st_size > MAX_FILE_BYTES:
            raise Bad("size")
        return await asyncio.to_thread(file.read_bytes)


def _unreachable() -> TryAgain:
    return TryAgain(
        "The keys of the token's issuer cannot be read.",
        code="issuer_unreachable",
        next_step="see that `jwks_url` or `jwks_file` in hub.yaml can be read from here.",
    )
