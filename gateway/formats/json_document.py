"""A contract document handed over as it is: one JSON object is one part."""

from collections.abc import Iterator

import msgspec

from gateway.formats.format import Blocks, Origin, Part, VerdictScope

__all__ = ["JsonDocument"]


class JsonDocument:
    """Reads an artifact that is one JSON object. Numbers with a point stay exact decimals."""

    name = "json"
    verdict_scope = VerdictScope.PART

    def read(self, blocks: Blocks, origin: Origin) -> Iterator[Part]:  # noqa: ARG002 - the protocol's signature
        """Yield one part; its error is `not_json` where the bytes are no JSON object."""
        raw = b"".join(blocks())
        document = None
        try:
            document = msgspec.json.decode(raw, type=dict, strict=True)
        except (msgspec.DecodeError, RecursionError):
            yield Part(
                ordinal=1, offset=0, length=len(raw), document=None, findings=(), error="not_json"
            )
            return
        yield Part(ordinal=1, offset=0, length=len(raw), document=document, findings=())
