"""A first pass over an artifact: what is wrong with its envelopes, before any set is believed.

Counts and control numbers of GE and IEA come after the sets they vouch for (X12.5, X12.6).
"""

import msgspec

from gateway.formats.format import Blocks
from gateway.formats.x12.delimiters import BLANKS, Delimiters, bare_delimiters
from gateway.formats.x12.scanner import MAX_PIECE_BYTES, THE_REST, Piece, scan
from gateway.formats.x12.segments import (
    behind_first,
    behind_header,
    count_segments,
    first_segment,
)
from gateway.model.finding import Finding, Severity

__all__ = ["Survey", "survey"]

_MAX_FAULTY = 50_000
"""Past so many faulty groups, everything that follows counts as faulty."""
_KEPT_BYTES = MAX_PIECE_BYTES
"""An artifact no larger than one transaction set may be is cut into pieces once, a larger one
anew for its sets."""
_BARE_BYTES = 64 * 1024
_MARKS = ("\xef\xbb\xbf", "\xff\xfe", "\xfe\xff")


class Survey(msgspec.Struct):
    """What the first pass found.

    `faults` are suspect findings by (interchange, group), counted from 1; group 0 stands for the
    whole interchange. `notes` are findings of the file as a whole. `bare` is set for X12 without
    an ISA: where it begins and its guessed delimiters. `pieces` are all of the artifact, None
    where they are too much to be kept.
    """

    bare: tuple[int, Delimiters] | None = None
    interchanges: int = 0
    sets: int = 0
    remittances: int = 0
    notes: list[Finding] = []
    faults: dict[tuple[int, int], list[Finding]] = {}
    pieces: list[Piece] | None = None

    def faults_of(self, interchange: int, group: int) -> list[Finding]:
        """Return the envelope faults that a set of this group inherits."""
        found = list(self.faults.get((interchange, 0), ()))
        if group:
            found.extend(self.faults.get((interchange, group), ()))
        if not found and len(self.faults) >= _MAX_FAULTY:
            found = [Finding(code="envelope_faults", severity=Severity.SUSPECT, offset=0)]
        return found


def survey(blocks: Blocks, *, limit: int = MAX_PIECE_BYTES) -> Survey:
    """Walk over the control segments of an artifact; never raises for any bytes.

    `limit` is the largest transaction set, in bytes, of which more than the head is looked at.
    """
    found = _survey(blocks, limit, None)
    if found.interchanges == 0:
        bare = bare_delimiters(_head(blocks))
        if bare is not None:
            return _survey(blocks, limit, bare)
    return found


def _survey(blocks: Blocks, limit: int, bare: tuple[int, Delimiters] | None) -> Survey:
    over = _Pass(Survey(bare=bare))
    pieces: list[Piece] = []
    size = 0
    for piece in scan(blocks, limit=limit, bare=bare):
        if piece.kind != THE_REST:
            over.see(piece)
        size += piece.length
        if size <= _KEPT_BYTES:
            pieces.append(piece)
        else:
            pieces.clear()
    over.end()
    if size <= _KEPT_BYTES:
        over.found.pieces = pieces
    return over.found


def _head(blocks: Blocks) -> str:
    taken = b""
    for block in blocks():
        taken += block
        if len(taken) >= _BARE_BYTES:
            break
    return taken[:_BARE_BYTES].decode("latin-1")


class _Pass:
    """The envelope that is open while the pieces go by."""

    def __init__(self, found: Survey) -> None:
        self.found = found
        self.segment = 0
        self.end_offset = 0
        self.open = False
        self.control = ""
        self.groups = 0
        self.group = 0
        self.group_open = False
        self.group_control = ""
        self.sets = 0
        self.set_open = False
        self.noted: set[str] = set()

    def see(self, piece: Piece) -> None:
        """Take note of one piece."""
        self.end_offset = piece.offset + piece.length
        if piece.delimiters is None or not piece.kind:
            self._junk(piece)
            return
        elements = first_segment(piece.text, piece.delimiters) + [""] * 17
        self.segment += 1
        if piece.kind == "SE" and not self.set_open:
            self._fault("se_unexpected", piece, self.group)
        self.set_open = piece.kind == "ST"
        match piece.kind:
            case "ISA":
                self._isa(piece)
            case "GS":
                self._gs(piece, elements)
            case "ST":
                self.sets += 1
                self.found.sets += 1
                self.found.remittances += elements[1].strip() == "835"
            case "GE":
                self._ge(piece, elements)
            case "IEA":
                self._iea(piece, elements)
        self._rest(piece, piece.delimiters)

    def end(self) -> None:
        """The artifact is over: what is still open was never closed."""
        self._close_interchange()

    def _rest(self, piece: Piece, delimiters: Delimiters) -> None:
        """Judge what follows a control segment inside its piece."""
        if piece.kind == "ST" and delimiters.segment not in BLANKS:
            self.segment += max(piece.text.count(delimiters.segment) - 1, 0)
            return
        behind = behind_header if piece.kind == "ISA" else behind_first
        rest = behind(piece.text, delimiters)
        body = "" if piece.kind == "ST" else rest.strip(BLANKS + delimiters.segment)
        if body:
            looks = (
                body[:3].rstrip(delimiters.element).isalnum() and delimiters.element in body[:4]
            )
            if looks or piece.kind != "IEA":
                self._fault("segment_outside_transaction_set", piece, self.group)
            else:
                self._note("bytes_after_interchange", piece)
        self.segment += count_segments(rest, delimiters)

    def _junk(self, piece: Piece) -> None:
        text = piece.text
        for mark in _MARKS:
            if piece.offset == 0 and text.startswith(mark):
                self._note("byte_order_mark", piece)
                text = text[len(mark) :]
        if text.strip(BLANKS):
            self._note("bytes_before_interchange", piece)

    def _isa(self, piece: Piece) -> None:
        self._close_interchange()
        self.found.interchanges += 1
        self.open = True
        self.groups = self.group = 0
        header = piece.header
        if header is None:
            return
        self.control = header.elements[13]
        for code in header.oddities:
            if code == "isa_elements_missing":
                self._fault(code, piece, 0)
            else:
                self._note(code, piece)

    def _gs(self, piece: Piece, elements: list[str]) -> None:
        self._close_group()
        self.groups += 1
        self.group += 1
        self.group_open = True
        self.group_control = elements[6].strip()
        self.sets = 0
        if not self.open and self.found.bare is None:
            self._fault("group_outside_interchange", piece, self.group)

    def _ge(self, piece: Piece, elements: list[str]) -> None:
        if not self.group_open:
            self._fault("ge_unexpected", piece, self.group)
            return
        if not _same_number(elements[1], str(self.sets)):
            self._fault("ge_count_mismatch", piece, self.group)
        self._compare("ge_control_mismatch", piece, elements[2], self.group_control)
        self.group_open = False

    def _iea(self, piece: Piece, elements: list[str]) -> None:
        self._close_group()
        if not self.open:
            self._note("iea_unexpected", piece)
            return
        if not _same_number(elements[1], str(self.groups)):
            self._fault("iea_count_mismatch", piece, 0)
        self._compare("iea_control_mismatch", piece, elements[2], self.control)
        self.open = False

    def _compare(self, code: str, piece: Piece, number: str, control: str) -> None:
        """Compare control numbers; where only the zeros in front differ, that is no fault."""
        if not _same_number(number, control):
            self._fault(code, piece, self.group if piece.kind == "GE" else 0)
        elif number.strip() != control:
            self._note(code, piece)

    def _close_group(self) -> None:
        if self.group_open:
            self._fault("ge_missing", None, self.group)
        self.group_open = False

    def _close_interchange(self) -> None:
        self._close_group()
        if self.open:
            self._fault("iea_missing", None, 0)
        self.open = False

    def _finding(self, code: str, severity: Severity, piece: Piece | None) -> Finding:
        return Finding(
            code=code,
            severity=severity,
            offset=piece.offset if piece else self.end_offset,
            segment=self.segment,
            segment_id=piece.kind if piece else code.partition("_")[0].upper(),
        )

    def _fault(self, code: str, piece: Piece | None, group: int) -> None:
        place = (self.found.interchanges, group)
        if place in self.found.faults or len(self.found.faults) < _MAX_FAULTY:
            there = self.found.faults.setdefault(place, [])
            if all(finding.code != code for finding in there):
                there.append(self._finding(code, Severity.SUSPECT, piece))

    def _note(self, code: str, piece: Piece) -> None:
        if code not in self.noted:
            self.noted.add(code)
            self.found.notes.append(self._finding(code, Severity.WARNING, piece))


def _same_number(left: str, right: str) -> bool:
    left, right = left.strip(), right.strip()
    if left.isdecimal() and right.isdecimal():
        return left.lstrip("0") == right.lstrip("0")
    return left == right
