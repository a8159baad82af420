"""Cuts an artifact into pieces at its control segments, in bounded memory and without loss.

A piece begins at a control segment (ISA, TA1, GS, ST, SE, GE, IEA) and runs to the next one; the
texts of all pieces together are the artifact. Text is latin-1: one character is one byte.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from gateway.formats.format import Blocks
from gateway.formats.x12.delimiters import (
    BLANKS,
    HEADER_BYTES,
    SEPARATOR,
    Delimiters,
    Header,
    read_header,
)

__all__ = ["MAX_PIECE_BYTES", "MAX_SEGMENT_BYTES", "THE_REST", "Piece", "scan"]

MAX_PIECE_BYTES = 32 * 1024 * 1024
"""The largest transaction set that is read as one; of a larger piece only the head is kept."""
MAX_SEGMENT_BYTES = 64 * 1024
"""The longest segment that is looked into."""

THE_REST = "rest"
"""The kind of the piece that is all the rest of an artifact whose envelopes are too many."""

_FREE_PIECES = 8_192
_PIECE_BYTES = 32
"""An artifact may have so many control segments, and one more for so many bytes. The smallest 835s,
without claims, have one in fifty bytes: what has more is envelopes for their own sake, each of
which costs more to read than a segment full of money."""
_MOST_DELIMITERS = 256
"""How many pairs of separator and terminator the interchanges of one artifact may have: each has
patterns of its own, which cost a hundred envelopes to make."""

_HEAD_BYTES = 512
_OTHER_BYTES = 1024 * 1024
_FILL_BYTES = 64 * 1024
_LOOKBACK = 48
_MOST_BLANKS = 64
_BREAKS = str.maketrans("", "", "\r\n")
_STRICT_ISA = re.compile(
    r"ISA(.)[0-9]{2}\1.{10}\1[0-9]{2}\1.{10}\1..\1.{15}\1..\1.{15}\1[0-9]{6}\1[0-9]{4}"
    r"\1.\1.{5}\1.{9}\1.\1.\1.{1,8}(?:GS|TA1)\1",
    re.DOTALL,
)
_ISA_ANYWHERE = (
    rf"(?:(?<![A-Za-z0-9])(?=ISA{SEPARATOR})"
    r"|(?=ISA[^\w ][0-9]{2}[^\w ].{10}[^\w ][0-9]{2}[^\w ].{10}[^\w ]))(ISA)"
)
"""An ISA that begins a word, or wherever it has the standard's widths."""
_FIRST_ISA = re.compile(_ISA_ANYWHERE)


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A control segment and everything up to the next one.

    `kind` is its segment id, empty for what stands before the first, or `THE_REST`. `offset` and
    `length` are bytes. `header` is set on ISA. With `cut`, the piece was larger than the limit and
    `text` is only its head. `delimiters` are those it was read with, None before the first ISA.
    """

    kind: str
    offset: int
    length: int
    text: str
    delimiters: Delimiters | None
    header: Header | None = None
    cut: bool = False


def scan(
    blocks: Blocks,
    *,
    limit: int = MAX_PIECE_BYTES,
    bare: tuple[int, Delimiters] | None = None,
    whole: bool = False,
) -> Iterator[Piece]:
    """Yield the pieces of an artifact in order; none for an empty one.

    `bare` is where X12 without an ISA begins and its guessed delimiters. With `whole`, text that
    is no transaction set is kept up to `limit`, too; otherwise less of it is enough.
    """
    scanner = _Scanner(blocks(), limit, limit if whole else min(limit, _OTHER_BYTES))
    if bare is not None:
        yield from scanner.begin_at(*bare)
    yield from scanner.pieces()


@lru_cache(maxsize=2 * _MOST_DELIMITERS)
def _patterns(element: str, segment: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return patterns that find the next control segment: inside an interchange, and after IEA.

    Line breaks inside a segment id come from hard wrapping. A terminator that is a blank itself
    has a bounded number of blanks behind it: in a run of them, each begins a run of its own.
    """
    mark, end = re.escape(element), re.escape(segment)
    gap = r"[\r\n]*"
    names = "|".join(gap.join(name) for name in ("ST", "SE", "GS", "GE", "IEA", "TA1"))
    ids = rf"(?:{names})(?={gap}(?:{mark}|{end}))|I{gap}S{gap}A(?={gap}{SEPARATOR})"
    most = _MOST_BLANKS if segment in BLANKS else ""
    inside = rf"{end}[{BLANKS}]{{0,{most}}}+({ids})"
    return re.compile(inside), re.compile(rf"{inside}|{_ISA_ANYWHERE}")


@lru_cache(maxsize=256)
def _header_token(element: str) -> re.Pattern[str]:
    """Return what finds the beginning of an ISA; half the time of `str.find`."""
    return re.compile(re.escape(f"ISA{element}"))


class _Scanner:
    """The buffer, the open piece and the delimiters in force."""

    def __init__(self, source: Iterator[bytes], limit: int, other_limit: int) -> None:
        self.source = source
        self.limit = limit
        self.other_limit = other_limit
        self.ended = False
        self.buffer = ""
        self.base = 0
        """Offset in the artifact of the buffer's first character."""
        self.search_from = 0
        self.pinned = False
        """An ISA is in the buffer, but not all that is needed to read it."""
        self.delimiters: Delimiters | None = None
        self.loose = True
        """An ISA may stand anywhere: before the first interchange and after an IEA."""
        self.kind = ""
        self.header: Header | None = None
        self.begin = 0
        """Where in the buffer the rest of the open piece begins; what came before is held."""
        self.held: list[str] = []
        self.held_bytes = 0
        self.opened = 0
        self.met: set[tuple[str, str]] = set()

    def begin_at(self, start: int, delimiters: Delimiters) -> Iterator[Piece]:
        """Open a piece at `start` with guessed delimiters: a file without an ISA."""
        while len(self.buffer) <= start + 2 and self._more(0):
            pass
        piece, _ = self._close(start)
        if piece.length:
            yield piece
        self._open(start, self.buffer[start : start + 2], None)
        self.delimiters = delimiters

    def pieces(self) -> Iterator[Piece]:
        """Yield the open piece and all that follow."""
        while True:
            found, cut = (None, len(self.buffer)) if self.kind == THE_REST else self._find()
            if found is None and self._more(cut):
                continue
            piece, hidden = self._close(found[0] if found else len(self.buffer))
            if piece.length:
                yield piece
            if hidden is not None:
                self._open(self.begin, "ISA", hidden)
            elif found is None:
                return
            else:
                self._open(*found)

    def _find(self) -> tuple[tuple[int, str, Header | None] | None, int]:
        """Find the next control segment in the buffer, else up to where the text is done with."""
        pattern = _FIRST_ISA
        if self.delimiters is not None:
            both = _patterns(self.delimiters.element, self.delimiters.segment)
            pattern = both[self.loose]
            if not self.loose and self.delimiters.segment not in self.buffer:
                return None, self._done_with()  # megabytes in one segment
        match = pattern.search(self.buffer, self.search_from)
        while match:
            group = match.lastindex or 1
            index, kind = match.start(group), match[group]
            if len(kind) > 2:
                kind = kind.translate(_BREAKS)
            if kind != "ISA":
                return (index, kind, None), 0
            if len(self.buffer) - index < HEADER_BYTES and not self.ended:
                self.pinned = True
                return None, match.start()
            header = read_header(self.buffer, index)
            if header is not None:
                return (index, kind, header), 0
            self.search_from = index + 3
            match = pattern.search(self.buffer, self.search_from)
        self.pinned = False
        return None, self._done_with()

    def _done_with(self) -> int:
        """Return up to where no control segment can begin, whatever follows."""
        size = len(self.buffer)
        cut = size
        if self.delimiters is not None:
            last = self.buffer.rfind(self.delimiters.segment, self.begin)
            cut = last if last >= 0 and size - last <= MAX_SEGMENT_BYTES else size
        return min(cut, size - _LOOKBACK) if self.loose else cut

    def _more(self, cut: int) -> bool:
        """Hold the open piece up to `cut` and read on; False when there is nothing more."""
        if self.ended:
            return False
        cut = max(cut, self.begin)
        self._hold(self.buffer[self.begin : cut])
        blocks = [self.buffer[cut:]]
        wanted = len(blocks[0]) + _FILL_BYTES
        got = len(blocks[0])
        while got < wanted:
            block = next(self.source, None)
            if block is None:
                self.ended = True
                break
            blocks.append(block.decode("latin-1"))
            got += len(block)
        self.buffer = "".join(blocks)
        self.base += cut
        self.begin = 0
        mark = self.delimiters.segment if self.delimiters else ""
        # The first character kept may only tell what an ISA behind it follows.
        known = self.pinned or self.buffer[:1] == mark
        self.search_from = 1 if self.loose and cut and not known else 0
        return True

    def _hold(self, text: str) -> None:
        if text and self.held_bytes <= self._limit():
            self.held.append(text)
        self.held_bytes += len(text)
        if self.held_bytes > self._limit() and len(self.held) > 1:
            self.held = ["".join(self.held)[:_HEAD_BYTES]]

    def _limit(self) -> int:
        return self.limit if self.kind == "ST" else self.other_limit

    def _close(self, index: int) -> tuple[Piece, Header | None]:
        """End the open piece before `index`, or before an ISA hidden in it (a file cut short)."""
        offset = self.base + self.begin - self.held_bytes
        length = self.held_bytes + index - self.begin
        cut = length > self._limit()
        text = self.buffer[self.begin : min(index, self.begin + self._limit())]
        if self.held:
            text = "".join([*self.held, text])
        hidden = None if cut else self._hidden(text, index)
        if hidden is not None:
            length = hidden[0]
            text = text[:length]
        elif cut:
            text = text[:_HEAD_BYTES]
        piece = Piece(
            kind=self.kind,
            offset=offset,
            length=length,
            text=text,
            delimiters=self.delimiters,
            header=self.header,
            cut=cut,
        )
        self.held = []
        self.held_bytes = 0
        return piece, hidden[1] if hidden else None

    def _hidden(self, text: str, index: int) -> tuple[int, Header] | None:
        """Find an interchange that begins in the middle of a piece, and go back to it.

        Only one of the standard's widths with a GS or TA1 behind it: data may say "ISA" too.
        """
        if self.delimiters is None or self.kind == THE_REST:
            return None
        for token in _header_token(self.delimiters.element).finditer(text, 3):
            at = token.start()
            rest = text[at : at + HEADER_BYTES] + self.buffer[index : index + HEADER_BYTES]
            header = read_header(rest) if _STRICT_ISA.match(rest) else None
            if header is not None:
                self._go_back(text, at, index)
                return at, header
        return None

    def _go_back(self, text: str, at: int, index: int) -> None:
        """Make `text[at]` the place in the buffer where the next piece begins."""
        if not self.held:
            self.begin += at
            return
        self.base += index - (len(text) - at)
        self.buffer = text[at:] + self.buffer[index:]
        self.begin = 0

    def _open(self, index: int, kind: str, header: Header | None) -> None:
        self.begin = index
        self.search_from = index + 2
        self.opened += 1
        self.kind = THE_REST if self._too_many() else kind
        self.header = header
        self.loose = kind == "IEA"
        if header is not None:
            self.delimiters = header.delimiters
            self.met.add((self.delimiters.element, self.delimiters.segment))

    def _too_many(self) -> bool:
        """Tell whether there are more control segments, or delimiters, than are read."""
        most = _FREE_PIECES + (self.base + self.begin) // _PIECE_BYTES
        return self.opened > most or len(self.met) > _MOST_DELIMITERS
