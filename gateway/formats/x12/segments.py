"""Cuts the text of a piece into segments: white space around dropped, wrapped lines joined."""

from gateway.formats.x12.delimiters import BLANKS, Delimiters

__all__ = [
    "BLANKS",
    "behind_first",
    "behind_header",
    "count_segments",
    "first_segment",
    "is_ended",
    "raw_segments",
    "readable",
    "segment_offsets",
    "shorten",
    "split_segments",
]

_BREAKS = str.maketrans("", "", "\r\n")
_SLACK = 64
"""Blanks around a segment that are no part of it."""
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


def shorten(text: str, delimiters: Delimiters, most: int) -> tuple[str, list[tuple[int, int]]]:
    """Leave out the middle of what is longer than `most` and is refused for that anyway: megabytes
    in one segment are not looked at again and again.

    Returns the text, in which such a segment still is too long, and what was left out: where in
    the new text, and how many characters. One with blanks inside that belong nowhere is left as
    it is.
    """
    end = delimiters.segment
    kept: list[str] = []
    cuts: list[tuple[int, int]] = []
    done = begin = gone = 0
    while len(text) - begin > most:
        last = text.rfind(end, begin, begin + most + 1)
        if last >= 0:
            begin = last + 1
            continue
        stop = text.find(end, begin + most)
        stop = len(text) if stop < 0 else stop
        head = begin + most + _SLACK
        if _is_long(text, begin, head, stop, most):
            kept.append(text[done:head])
            cuts.append((head - gone, stop - head))
            gone += stop - head
            done = stop
        begin = stop + 1
    return ("".join([*kept, text[done:]]), cuts) if cuts else (text, cuts)


def _is_long(text: str, begin: int, head: int, stop: int, most: int) -> bool:
    """Tell whether `text[begin:head]` alone is too long, once cleaned, for what runs to `stop`;
    never where blanks in the rest decide how the text around is cleaned."""
    if head >= stop or text[head - 1] in BLANKS or text[stop - 1] in BLANKS:
        return False
    start = head - len(text[begin:head].lstrip(BLANKS))
    blank = any(text.find(mark, start, stop) >= 0 for mark in _INSIDE_NOTHING)
    return not blank and head - start > most


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


def segment_offsets(text: str, delimiters: Delimiters, cuts: list[tuple[int, int]]) -> list[int]:
    """Return where each segment that is not blank begins, before `shorten` left out `cuts`."""
    offsets = []
    left, gone = list(reversed(cuts)), 0
    for at, _ in raw_segments(text, delimiters):
        while left and left[-1][0] <= at:
            gone += left.pop()[1]
        offsets.append(at + gone)
    return offsets


def first_segment(text: str, delimiters: Delimiters) -> list[str]:
    """Return the elements of the first segment."""
    end = text.find(delimiters.segment)
    head = (text if end < 0 else text[:end]).strip(BLANKS)
    if "\n" in head or "\r" in head:
        head = head.translate(_BREAKS)
    return head.split(delimiters.element)


def behind_first(text: str, delimiters: Delimiters) -> str:
    """Return what follows the first segment and its terminator."""
    return text.partition(delimiters.segment)[2]


def behind_header(text: str, delimiters: Delimiters) -> str:
    """Return what follows an ISA segment, inside which a line break is no terminator."""
    behind = text.split(delimiters.element, 16)[-1].lstrip(BLANKS)
    return behind.partition(delimiters.segment)[2]


def count_segments(text: str, delimiters: Delimiters) -> int:
    """Count the segments that are not blank."""
    end = delimiters.segment
    if end in BLANKS or end + end in text:
        return sum(1 for segment in text.split(end) if segment.strip(BLANKS))
    if text.endswith(end):
        return text.count(end)
    return text.count(end) + bool(text[text.rfind(end) + 1 :].strip(BLANKS))


def is_ended(text: str, end: str) -> bool:
    """Tell whether the last segment of a text has its terminator."""
    return text.rstrip(BLANKS.replace(end, "")).endswith(end)


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
