"""Writes 835 remittances (005010X221A1) from remittance-advice documents."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from gateway.errors import Reject
from gateway.formats.x12.delimiters import Delimiters
from gateway.formats.x12.remittance_segments import COMPONENT, remittance_segments

__all__ = ["Envelope", "envelope_of", "stream_835", "wrap_sets", "write_835"]

Document = dict[str, Any]


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends to whom, and the numbers. `date` is CCYYMMDD, `time` HHMM."""

    sender_id: str = "REMITHUB"
    receiver_id: str = "RECEIVER"
    sender_qualifier: str = "ZZ"
    receiver_qualifier: str = "ZZ"
    date: str = "20260401"
    time: str = "1200"
    control: str = "000000001"
    group_control: str = "1"
    usage: str = "P"
    version: str = "005010X221A1"


def envelope_of(document: Document) -> Envelope:
    """Return an envelope with the numbers and names a document came under."""
    source = document.get("source", {})
    fields = {
        "sender_id": source.get("sender_id"),
        "receiver_id": source.get("receiver_id"),
        "control": source.get("interchange_control"),
        "group_control": source.get("group_control"),
        "usage": source.get("usage"),
        "version": source.get("version"),
    }
    return Envelope(**{name: value for name, value in fields.items() if value})


def write_835(
    documents: Iterable[Document],
    envelope: Envelope | None = None,
    delimiters: Delimiters | None = None,
) -> bytes:
    """Write documents as one interchange with one group, one transaction set per document.

    ST02 is the document's `source.transaction_control`, else its place. Raises Reject
    (`delimiter_in_data`) naming segment and element where text holds a delimiter or line break.
    """
    return b"".join(stream_835(documents, envelope, delimiters))


def stream_835(
    documents: Iterable[Document],
    envelope: Envelope | None = None,
    delimiters: Delimiters | None = None,
) -> Iterator[bytes]:
    """Write like `write_835`, one transaction set at a time in bounded memory."""
    marks = delimiters or Delimiters()
    sets = (
        _transaction_set(document, f"{place:04d}", marks)
        for place, document in enumerate(documents, 1)
    )
    return wrap_sets(sets, envelope or Envelope(), marks)


def wrap_sets(
    sets: Iterable[bytes], envelope: Envelope, delimiters: Delimiters
) -> Iterator[bytes]:
    """Put transaction sets (ST to SE with its terminator, byte for byte) into a new envelope.

    The sets must have been written with the same delimiters.
    """
    element, end = delimiters.element, delimiters.segment
    isa = element.join(
        (
            "ISA",
            "00",
            " " * 10,
            "00",
            " " * 10,
            envelope.sender_qualifier.ljust(2)[:2],
            envelope.sender_id.ljust(15)[:15],
            envelope.receiver_qualifier.ljust(2)[:2],
            envelope.receiver_id.ljust(15)[:15],
            envelope.date[2:8],
            envelope.time[:4],
            delimiters.repetition or "U",
            "00401" if envelope.version.startswith("004") else "00501",
            envelope.control.rjust(9, "0"),
            "0",
            envelope.usage,
            delimiters.component,
        )
    )
    gs = element.join(
        (
            "GS",
            "HP",
            envelope.sender_id.strip(),
            envelope.receiver_id.strip(),
            envelope.date,
            envelope.time,
            envelope.group_control,
            "X",
            envelope.version,
        )
    )
    yield f"{isa}{end}{gs}{end}".encode()
    count = 0
    for count, one in enumerate(sets, 1):  # noqa: B007  used behind the loop
        yield one
    control = envelope.control.rjust(9, "0")
    ge = element.join(("GE", str(count), envelope.group_control))
    iea = element.join(("IEA", "1", control))
    yield f"{ge}{end}{iea}{end}".encode()


def _transaction_set(document: Document, place: str, delimiters: Delimiters) -> bytes:
    """Write ST to SE of one document as UTF-8."""
    control = document.get("source", {}).get("transaction_control") or place
    element, end = delimiters.element, delimiters.segment
    forbidden = re.compile(
        f"[{re.escape(element + end + delimiters.component)}\r\n]"
        if delimiters.component
        else f"[{re.escape(element + end)}\r\n]"
    )
    segments = [["ST", "835", control]]
    segments.extend(remittance_segments(document))
    segments.append(["SE", str(len(segments) + 1), control])
    lines = []
    for segment in segments:
        if forbidden.search("".join(segment)):
            _refuse(segment, forbidden)
        while not segment[-1]:
            segment.pop()
        lines.append(element.join(segment))
    text = end.join(lines) + end
    return text.replace(COMPONENT, delimiters.component).encode()


def _refuse(segment: list[str], forbidden: re.Pattern[str]) -> None:
    place = next(at for at, value in enumerate(segment) if forbidden.search(value))
    raise Reject(
        f"{segment[0]}{place:02d} holds a delimiter or a line break, which X12 cannot carry.",
        code="delimiter_in_data",
        next_step="write with other delimiters or correct the field.",
    )
