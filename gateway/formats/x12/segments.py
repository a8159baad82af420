"""Cuts the text of a piece into segments: white space around dropped, wrapped lines joined."""

from gateway.formats.x12.delimiters import BLANKS, Delimiters

__all__ = [
    "BLANKS",
    "behind_header",
    "count_segments",
    "first_segment",
    "raw_segments",
    "readable",
    "split_segments",
]

_BREAKS = str.maketrans("", "", "\r\n")
_INSIDE_NOTHING = BLANKS.replace(" ", "")
"""Blanks that belong into no element: where there is one, every segment is cleaned."""


def split_segments(text: str, delimiters: Delimiters) -> tuple[list[str], bool]:
    """Return the segments that are not blank, cleaned, and whether lines had been wrapped.

    Line breaks inside a segment are removed: they come from hard wrapping at a width.
    """
    end = delimiters.segment
    segments = text.split(end)
    if not _is_tidy(text, end):
        segments = [segment.strip(BLANKS) for segment in segments]
    segments = [segment for segment in segments if segment]
    wrapped = False
    if "\n" in text or "\r" in text:
        joined = [
            segment.translate(_BREAKS) if "\n" in segment or "\r" in segment else segment
            for segment in segments
        ]
        wrapped = joined != segments
        segments = joined
    return segments, wrapped


def raw_segments(text: str, delimiters: Delimiters) -> list[tuple[int, str]]:
    """Return where each segment that is not blank begins in `text`, with its raw text."""
    found = []
    at = 0
    for raw in text.split(delimiters.segment):
        body = raw.lstrip(BLANKS)
        if body:
            found.append((at + len(raw) - len(body), body))
        at += len(raw) + 1
    return found


def first_segment(text: str, delimiters: Delimiters) -> tuple[list[str], str]:
    """Return the elements of the first segment and the text behind its terminator."""
    head, _, rest = text.partition(delimiters.segment)
    head = head.strip(BLANKS)
    if "\n" in head or "\r" in head:
        head = head.translate(_BREAKS)
    return head.split(delimiters.element), rest


def behind_header(text: str, delimiters: Delimiters) -> str:
    """Return what follows an ISA segment, inside which a line break is no terminator."""
    behind = text.split(delimiters.element, 16)[-1].lstrip(BLANKS)
    return behind.partition(delimiters.segment)[2]


def count_segments(text: str, delimiters: Delimiters) -> int:
    """Count the segments that are not blank."""
    end = delimiters.segment
    if end in BLANKS or end + end in text:
        return sum(1 for segment in text.split(end) if segment.strip(BLANKS))
    return text.count(end) + bool(text[text.rfind(end) + 1 :].strip(BLANKS))


def readable(segment: str) -> str:
    """Show text as UTF-8 where its bytes are that, else as latin-1."""
    if segment.isascii():
        return segment
    try:
        return segment.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return segment


def _is_tidy(text: str, end: str) -> bool:
    """Tell whether nothing but segments and terminators is there: the fast way is enough."""
    return not (
        any(blank in text for blank in _INSIDE_NOTHING) or f"{end} " in text or f" {end}" in text
    )
