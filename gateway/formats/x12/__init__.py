"""X12: reading, writing and keeping 835 remittances byte for byte."""

from gateway.formats.x12.delimiters import Delimiters
from gateway.formats.x12.lossless import RawSegment, read_segments, render
from gateway.formats.x12.reader import RemittanceFormat
from gateway.formats.x12.scanner import MAX_PIECE_BYTES, MAX_SEGMENT_BYTES
from gateway.formats.x12.writer import Envelope, envelope_of, stream_835, wrap_sets, write_835

__all__ = [
    "MAX_PIECE_BYTES",
    "MAX_SEGMENT_BYTES",
    "Delimiters",
    "Envelope",
    "RawSegment",
    "RemittanceFormat",
    "envelope_of",
    "read_segments",
    "render",
    "stream_835",
    "wrap_sets",
    "write_835",
]
