"""A contract document handed over as it is: one JSON object is one part."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

import msgspec

from gateway.formats.format import Blocks, Origin, Part, VerdictScope

__all__ = ["UNREADABLE", "JsonDocument"]


DECODER = msgspec.json.Decoder(type=dict, float_hook=Decimal)

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, InvalidOperation, RecursionError)
"""What the decoder raises where bytes are no JSON: its own error, and for what is no UTF-8, an
exponent of more than 18 digits, or too much within each other, three of Python's."""


class JsonDocument:
    """Reads an artifact that is one JSON object. Numbers with a point stay exact decimals."""

    name = "json"
    verdict_scope = VerdictScope.PART

    def read(self, blocks: Blocks, origin: Origin) -> Iterator[Part]:
        """Yield one part; its error is `not_json` where the bytes are no JSON object."""
        raw = b"".join(blocks())
        try:
            document = DECODER.decode(raw)
        except UNREADABLE:
            yield Part(
                ordinal=1, offset=0, length=len(raw), document=None, findings=(), error="not_json"
            )
            return
        yield Part(ordinal=1, offset=0, length=len(raw), document=document, findings=())
