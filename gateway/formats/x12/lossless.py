"""Keeps X12 byte for byte: every segment with what stood around it."""

from collections.abc import Iterable, Iterator

import msgspec

from gateway.errors import Reject
from gateway.formats.format import Blocks
from gateway.formats.x12.delimiters import BLANKS, Delimiters
from gateway.formats.x12.envelope import survey
from gateway.formats.x12.scanner import THE_REST, Piece, scan
from gateway.formats.x12.segments import behind_header

__all__ = ["RawSegment", "read_segments", "render"]

_BREAKS = str.maketrans("", "", "\r\n")


class RawSegment(msgspec.Struct, frozen=True, kw_only=True):
    """A segment as it stands in the file; the text is latin-1, one character per byte.

    `lead` is what stands before it (line breaks, mail text), `text` the segment with any line
    breaks inside, `end` its terminator or nothing. `offset` is where `text` begins, in bytes.
    `delimiters` are None for bytes outside any interchange, and for those behind more control
    segments than are read, which come as a `lead` alone.
    """

    offset: int
    lead: str
    text: str
    end: str
    delimiters: Delimiters | None = None

    @property
    def elements(self) -> list[str]:
        """The elements, segment id first; wrapped lines joined, white space around dropped."""
        if self.delimiters is None:
            return []
        return self.text.rstrip(BLANKS).translate(_BREAKS).split(self.delimiters.element)


def read_segments(blocks: Blocks) -> Iterator[RawSegment]:
    """Yield every segment of an artifact; `render` of them gives the same bytes.

    Raises Reject (`transaction_set_too_large`) where a transaction set is above the cap.
    """
    bare = survey(blocks).bare
    lead = ""
    end = 0
    for piece in scan(blocks, bare=bare, whole=True):
        if piece.cut:
            raise Reject(
                f"The transaction set at byte {piece.offset} is larger than can be kept whole.",
                code="transaction_set_too_large",
                next_step="ask the sender for smaller transaction sets.",
            )
        end = piece.offset + piece.length
        if piece.delimiters is None or piece.kind in ("", THE_REST):
            lead += piece.text
            continue
        for segment in _segments(piece, piece.delimiters, lead):
            lead = "" if segment.text else segment.lead
            if segment.text:
                yield segment
    if lead:
        yield RawSegment(offset=end, lead=lead, text="", end="")


def render(segments: Iterable[RawSegment]) -> bytes:
    """Write segments back: the very bytes they were read from."""
    return b"".join(
        f"{segment.lead}{segment.text}{segment.end}".encode("latin-1") for segment in segments
    )


def _segments(piece: Piece, delimiters: Delimiters, lead: str) -> Iterator[RawSegment]:
    """Cut a piece; the last one yielded is only a lead when blanks follow the last terminator."""
    rest, at = piece.text, piece.offset
    if piece.kind == "ISA":
        behind = behind_header(rest, delimiters)
        head = rest[: len(rest) - len(behind)]
        end = delimiters.segment if head.endswith(delimiters.segment) else ""
        text = head.removesuffix(end) if end else head
        yield RawSegment(offset=at, lead=lead, text=text, end=end, delimiters=delimiters)
        lead, rest, at = "", behind, at + len(head)
    bodies = rest.split(delimiters.segment)
    for number, body in enumerate(bodies, 1):
        end = delimiters.segment if number < len(bodies) else ""
        text = body.lstrip(BLANKS)
        blank = body[: len(body) - len(text)]
        if text:
            yield RawSegment(
                offset=at + len(blank),
                lead=lead + blank,
                text=text,
                end=end,
                delimiters=delimiters,
            )
            lead = ""
        else:
            lead += blank + end
        at += len(body) + len(end)
    yield RawSegment(offset=at, lead=lead, text="", end="", delimiters=delimiters)
