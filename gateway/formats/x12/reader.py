"""Reads an artifact of X12 835 remittances, one transaction set at a time in bounded memory.

Sources of the rules: X12.5 and X12.6 (envelopes, data types), 005010X221A1 and 004010X091A1 (the
835). What cannot be read becomes findings; no bytes make it raise.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from gateway.formats.format import Blocks, Origin, Part, VerdictScope
from gateway.formats.x12.build import Remittance, build
from gateway.formats.x12.codes import VERSIONS
from gateway.formats.x12.delimiters import BLANKS, Delimiters
from gateway.formats.x12.envelope import Survey, survey
from gateway.formats.x12.scanner import (
    MAX_PIECE_BYTES,
    MAX_SEGMENT_BYTES,
    THE_REST,
    Piece,
    scan,
)
from gateway.formats.x12.segments import (
    count_segments,
    first_segment,
    is_ended,
    readable,
    segment_offsets,
    shorten,
    split_segments,
)
from gateway.formats.x12.state import Memory, State
from gateway.model.finding import Finding, Severity

__all__ = ["RemittanceFormat"]

_MAX_SEGMENTS = 1_500_000
"""How many segments one transaction set may have."""
_MOST_SPARE = 4
_LOST_SET = re.compile(r"(?<![A-Za-z0-9])S\0?T\0?([^0-9A-Za-z ])\0?8\0?3\0?5\0?\1")
"""The beginning of an 835 in text outside all sets, one or two bytes a character."""
_MAX_KEYS = 250_000
"""How many payment keys of one artifact are remembered to find repetitions within it."""


class RemittanceFormat:
    """X12 835, 005010X221A1 and 004010X091A1; each transaction set stands or falls by itself.

    `max_set_bytes` caps one transaction set; a larger one is an unreadable part.
    """

    name = "x12-835"
    verdict_scope = VerdictScope.PART

    def __init__(self, *, max_set_bytes: int = MAX_PIECE_BYTES) -> None:
        self.max_set_bytes = max_set_bytes
        self._spare: list[Memory] = []

    def read(self, blocks: Blocks, origin: Origin) -> Iterator[Part]:
        """Yield one part per transaction set in order, at least one; never raises for any bytes.

        Envelopes first, since their faults touch every set inside: `blocks` of a large artifact
        is opened twice.
        """
        found = survey(blocks, limit=self.max_set_bytes)
        memory = self._memory()
        reading = _Reading(found, origin, memory)
        try:
            again = scan(blocks, limit=self.max_set_bytes, bare=found.bare)
            for piece in again if found.pieces is None else found.pieces:
                yield from reading.take(piece)
            yield from reading.finish()
        finally:
            # Small files come one after the other: what one taught, the next need not learn.
            if len(self._spare) < _MOST_SPARE:
                self._spare.append(memory)

    def _memory(self) -> Memory:
        """Take converters that another file has done with; reads may run in several threads."""
        try:
            return self._spare.pop()
        except IndexError:
            return Memory()


class _Reading:
    """The envelope in force, the set that waits for its SE, and what one file is told only once."""

    def __init__(self, found: Survey, origin: Origin, memory: Memory) -> None:
        self.survey = found
        self.origin = origin
        self.memory = memory
        self.waiting: Piece | None = None
        self.ordinal = 0
        self.segment = 0
        self.waiting_segment = 0
        self.interchange_number = 0
        self.group_number = 0
        self.in_interchange = False
        self.in_group = False
        self.interchange: dict[str, str] = {}
        self.group: list[str] = [""] * 9
        self.once: set[str] = set()
        self.keys: set[int] = set()
        self.end_offset = 0

    def take(self, piece: Piece) -> Iterator[Part]:
        """Take the next piece; yields the set that waited, now that its end is known."""
        ends = self.waiting is not None and piece.kind == "SE"
        yield from self._waited(piece if ends else None)
        self.end_offset = piece.offset + piece.length
        if piece.kind == THE_REST:
            yield self._unread(piece, 0, "control_segments_too_many", piece.text[:3])
            return
        if piece.delimiters is not None and piece.kind:
            self._enter(piece, piece.delimiters)
        lost = self._lost(piece) if piece.kind != "ST" and not ends else None
        if lost is not None:
            yield lost

    def _enter(self, piece: Piece, delimiters: Delimiters) -> None:
        """Keep track of envelopes and of the segment number."""
        if piece.kind == "ISA":
            self.segment += 1
        elif piece.kind != "ST":
            self.segment += count_segments(piece.text, delimiters)
        match piece.kind:
            case "ISA":
                self._isa(piece)
            case "GS":
                self.group_number += 1
                self.in_group = True
                elements = first_segment(piece.text, delimiters)
                self.group = [element.strip() for element in elements] + [""] * 9
            case "ST":
                self.waiting = piece
                self.waiting_segment = self.segment + 1
            case "GE":
                self.in_group = False
            case "IEA":
                self.in_interchange = self.in_group = False

    def finish(self) -> Iterator[Part]:
        """Yield what still waits; an artifact without any transaction set is one unreadable part."""
        yield from self._waited(None)
        if self.ordinal == 0:
            known = self.survey.interchanges or self.survey.bare
            code = "no_transaction_set" if known else "no_interchange"
            severity = Severity.WARNING if known else Severity.SUSPECT
            finding = Finding(code=code, severity=severity, offset=0)
            yield Part(
                ordinal=1,
                offset=0,
                length=self.end_offset,
                document=None,
                findings=(*self._envelope_findings(), finding),
                error=code,
                interchange=self.interchange,
            )

    def _waited(self, end: Piece | None) -> Iterator[Part]:
        """Yield the set that waited; where its end is damaged it may have swallowed another."""
        piece, self.waiting = self.waiting, None
        if piece is None:
            return
        part = self._part(piece, end)
        lost = self._lost(end or piece)
        if lost is None:
            yield part
        else:
            length = min(part.length, lost.offset - part.offset)
            yield msgspec.structs.replace(part, length=length)
            yield lost

    def _lost(self, piece: Piece) -> Part | None:
        """Make an unreadable part where text outside all sets holds an 835.

        Its own ISA is damaged or missing: money would be lost without a word.
        """
        begin = 2 if piece.kind == "ST" else 0
        found = _LOST_SET.search(piece.text, begin)
        if found is None or not (self.survey.interchanges or self.survey.bare):
            return None
        return self._unread(piece, found.start(), "transaction_set_unread", "ST")

    def _unread(self, piece: Piece, begin: int, code: str, segment_id: str) -> Part:
        """Make an unreadable part of a piece from its `begin` on."""
        self.ordinal += 1
        offset = piece.offset + begin
        fault = Finding(code=code, severity=Severity.SUSPECT, offset=offset, segment_id=segment_id)
        return Part(
            ordinal=self.ordinal,
            offset=offset,
            length=piece.length - begin,
            document=None,
            findings=(*self._envelope_findings(), fault),
            error=code,
        )

    def _isa(self, piece: Piece) -> None:
        self.interchange_number += 1
        self.group_number = 0
        self.in_interchange = True
        self.in_group = False
        self.group = [""] * 9
        values = piece.header.elements if piece.header else ("",) * 17
        self.interchange = {
            "control": values[13],
            "sender_qualifier": values[5],
            "sender": values[6],
            "receiver_qualifier": values[7],
            "receiver": values[8],
            "date": values[9],
            "time": values[10],
            "version": values[12],
            "usage": values[15],
        }

    def _envelope_findings(self) -> list[Finding]:
        """Return the findings of the file (once) and of the envelopes around the present set."""
        found = list(self.survey.notes) if self.ordinal <= 1 else []
        return found + self.survey.faults_of(self.interchange_number, self.group_number)

    def _part(self, piece: Piece, end: Piece | None) -> Part:
        """Turn the pieces of one transaction set into a part."""
        self.ordinal += 1
        delimiters = piece.delimiters or Delimiters()
        head = first_segment(piece.text, delimiters)
        number = head[2].rstrip(BLANKS) if len(head) > 2 else ""
        head = [element.strip() for element in head] + [""] * 4
        facts: dict[str, Any] = {
            "type": head[1],
            "control": number,
            "version": self.group[8] or head[3],
            "functional_id": self.group[1],
            "group_control": self.group[6],
        }
        length = piece.length
        if end is not None:
            behind = end.text.find(delimiters.segment)
            length += behind + 1 if behind >= 0 else end.length
        if head[1] != "835":
            return self._unsupported(piece, length, facts)
        if piece.cut:
            return self._error(piece, length, facts, "transaction_set_too_large")
        return self._remittance(piece, end, length, facts)

    def _unsupported(self, piece: Piece, length: int, facts: dict[str, Any]) -> Part:
        severity = Severity.INFO if self.survey.remittances else Severity.WARNING
        return self._error(piece, length, facts, "transaction_set_not_supported", severity)

    def _error(
        self,
        piece: Piece,
        length: int,
        facts: dict[str, Any],
        code: str,
        severity: Severity = Severity.SUSPECT,
    ) -> Part:
        self.segment += count_segments(piece.text, piece.delimiters or Delimiters())
        finding = Finding(
            code=code,
            severity=severity,
            offset=piece.offset,
            segment=self.waiting_segment,
            segment_id="ST",
            element=1,
        )
        return Part(
            ordinal=self.ordinal,
            offset=piece.offset,
            length=length,
            document=None,
            findings=(*self._envelope_findings(), finding),
            error=code,
            interchange=self.interchange,
            transaction_set=facts,
        )

    def _remittance(
        self, piece: Piece, end: Piece | None, length: int, facts: dict[str, Any]
    ) -> Part:
        delimiters = piece.delimiters or Delimiters()
        state = State(self.memory, delimiters, len(piece.text))
        text, cuts = shorten(piece.text, delimiters, MAX_SEGMENT_BYTES)
        if text.count(delimiters.segment) > _MAX_SEGMENTS:
            return self._error(piece, length, facts, "transaction_set_too_large")
        segments, wrapped = split_segments(text, delimiters)
        self.segment += len(segments)
        self._limit_segments(state, segments)
        if wrapped:
            self._once(state, "lines_wrapped", Severity.WARNING)
        if not piece.text.isascii():
            self._once(state, "non_ascii_bytes", Severity.INFO)
            if delimiters.element.isascii():
                segments = [readable(segment) for segment in segments]
        if end is None:
            state.suspect("se_missing", "SE", index=len(segments) - 1)
            if not is_ended(piece.text, delimiters.segment):
                state.suspect("data_truncated", "", index=len(segments) - 1)
        else:
            self._check_end(state, end, len(segments) + 1, facts["control"])
        self._check_envelope(state, facts["version"])
        remittance = build(state, segments)
        self._check_repeated(state, remittance.key)
        facts |= {"segments": len(segments) + (end is not None), "claims": len(state.claims)}
        return Part(
            ordinal=self.ordinal,
            offset=piece.offset,
            length=length,
            document=self._document(remittance, facts),
            findings=(*self._envelope_findings(), *self._findings(state, piece, text, cuts)),
            interchange=self.interchange,
            transaction_set=facts,
            payment_key=remittance.key,
            amount_cents=state.payment_cents,
            claims_paid_cents=state.claim_paid_total,
            provider_adjustments_cents=state.plb_cents,
        )

    def _limit_segments(self, state: State, segments: list[str]) -> None:
        if max(map(len, segments), default=0) <= MAX_SEGMENT_BYTES:
            return
        for index, segment in enumerate(segments):
            if len(segment) > MAX_SEGMENT_BYTES:
                state.suspect("segment_too_long", "", index=index)
                segments[index] = ""

    def _check_end(self, state: State, end: Piece, count: int, control: str) -> None:
        """Compare SE with the set it ends."""
        elements = first_segment(end.text, end.delimiters or Delimiters())
        elements += [""] * 3
        number = elements[1].strip()
        if not (number.isascii() and number.isdecimal()) or int(number[:18]) != count:
            state.suspect("se_count_mismatch", "SE", 1, index=count - 1)
        if elements[2].strip() != control.strip():
            state.suspect("se_control_mismatch", "SE", 2, index=count - 1)

    def _check_envelope(self, state: State, version: str) -> None:
        if not self.in_interchange:
            code = "isa_missing" if self.survey.bare else "set_outside_interchange"
            state.suspect(code, "ST", index=0)
        if not self.in_group:
            state.suspect("gs_missing", "ST", index=0)
        if self.interchange.get("usage") == "T" and self.origin.production:
            state.suspect("test_interchange", "ISA", 15, index=0)
        if not version.startswith(VERSIONS):
            self._once(state, "version_unknown", Severity.WARNING)

    def _check_repeated(self, state: State, key: str) -> None:
        number = int(key[:16], 16)
        if number in self.keys:
            state.suspect("payment_key_repeated", "ST", index=0)
        elif len(self.keys) < _MAX_KEYS:
            self.keys.add(number)

    def _once(self, state: State, code: str, severity: Severity) -> None:
        """Note something that is told once per file."""
        if code not in self.once:
            self.once.add(code)
            state.add(code, severity, 0, "", 0)

    def _document(self, remittance: Remittance, facts: dict[str, Any]) -> dict[str, Any]:
        document = remittance.document
        source = {
            "channel": self.origin.channel,
            "interface": self.origin.interface,
            "file_id": self.origin.artifact_id,
            "file_sha256": self.origin.sha256,
            "interchange_control": self.interchange.get("control", ""),
            "group_control": self.group[6],
            "transaction_control": facts["control"],
        }
        optional = {
            "sender_id": self.interchange.get("sender"),
            "receiver_id": self.interchange.get("receiver"),
            "usage": self.interchange.get("usage"),
            "version": facts["version"],
        }
        source.update({name: value for name, value in optional.items() if value})
        document["tenant_id"] = self.origin.tenant_id
        document["source"] = source
        return document

    def _findings(
        self, state: State, piece: Piece, text: str, cuts: list[tuple[int, int]]
    ) -> list[Finding]:
        """Give every note its place in the file; only now are offsets worked out. `text` is the
        piece's, without what was cut out of it."""
        if not state.notes:
            return []
        offset = piece.offset
        places = segment_offsets(text, piece.delimiters or Delimiters(), cuts)
        end = offset + piece.length
        return state.findings([offset + at for at in places], end, self.waiting_segment)
