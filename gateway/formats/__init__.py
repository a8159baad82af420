"""Wire formats, bytes <-> plain documents; pure: no I/O, no clock, no logging of values."""

from gateway.formats.format import Blocks, Format, Origin, Part, VerdictScope
from gateway.formats.json_document import UNREADABLE, JsonDocument
from gateway.formats.x12.reader import RemittanceFormat

__all__ = ["READERS", "UNREADABLE", "Blocks", "Format", "Origin", "Part", "VerdictScope"]

READERS: dict[str, Format] = {"x12-835": RemittanceFormat(), "json": JsonDocument()}
"""Every format the hub reads, by the name an interface file uses."""
