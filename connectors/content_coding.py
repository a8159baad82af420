"""Takes off the content coding of an HTTP answer, in pieces that cannot explode (pure)."""

import zlib
from collections.abc import Iterator
from typing import Protocol

__all__ = ["Decoder", "decoder_of"]

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class Decoder(Protocol):
    """Turns received blocks into content."""

    @property
    def whole(self) -> bool:
        """Whether the content may end here."""
        ...

    def feed(self, block: bytes, limit: int) -> Iterator[bytes]:
        """Yield pieces of at most `limit` bytes. Raises ValueError for damaged input."""
        ...


def decoder_of(coding: str) -> Decoder | None:
    """Return the decoder of a `Content-Encoding` (RFC 9110, 8.4), None for an unknown one."""
    match coding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip" | "deflate":
            return _Inflater()
        case _:
            return None


class _Plain:
    """Passes blocks on; the length is the transport's to check."""

    whole = True

    def feed(self, block: bytes, limit: int) -> Iterator[bytes]:
        """Yield the block, whatever the limit: it is in memory already."""
        del limit
        yield block


class _Inflater:
    """Inflates gzip (any number of members) or zlib."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_GZIP_OR_ZLIB)
        self.whole = True

    def feed(self, block: bytes, limit: int) -> Iterator[bytes]:
        """Yield pieces of at most `limit` bytes. Raises ValueError for damaged input."""
        while block:
            self.whole = False
            try:
                yield self._stream.decompress(block, limit)
            except zlib.error:
                raise ValueError("damaged") from None
            block = self._stream.unconsumed_tail or self._stream.unused_data
            if self._stream.eof:
                self.whole = True
                self._stream = zlib.decompressobj(_GZIP_OR_ZLIB)
