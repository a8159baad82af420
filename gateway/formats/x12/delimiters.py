"""The delimiters of an interchange, read from its ISA segment however it was padded."""

import re
from functools import lru_cache

import msgspec

__all__ = [
    "BLANKS",
    "HEADER_BYTES",
    "SEPARATOR",
    "Delimiters",
    "Header",
    "bare_delimiters",
    "read_header",
]

HEADER_BYTES = 1200
"""How far behind the start of an ISA its end and the next segment are looked for."""

BLANKS = " \t\r\n\0\x0b\x0c"
"""What may stand around a segment without belonging to it. Not Python's idea of white space:
that has the control characters FS to US in it, which are used as delimiters."""

_ELEMENTS = 16
_FIXED_WIDTH = 103
"""Position of the 16th separator in an ISA of the standard's fixed widths (X12.5)."""
_LEAST_SEPARATORS = 11
_BREAKS = str.maketrans("", "", "\r\n")
_NO_BLANKS = str.maketrans("", "", BLANKS)
SEPARATOR = r"[^0-9A-Za-z \r\n\0\x0b\x0c]"
"""Pattern of what may separate elements: a tab, an underscore, letters beyond ASCII, too."""
_MARKS = "".join(chr(code) for code in range(33, 127) if not chr(code).isalnum())
_NO_SEPARATOR = re.compile(rf"(?!{SEPARATOR})")


class Delimiters(msgspec.Struct, frozen=True, kw_only=True):
    """The four characters of X12. `component` and `repetition` are empty where there is none."""

    element: str = "*"
    component: str = ":"
    segment: str = "~"
    repetition: str = "^"


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """An ISA: its delimiters, its elements (index 1 to 16, spaces around removed) and oddities.

    `oddities` are finding codes in the order met.
    """

    delimiters: Delimiters
    elements: tuple[str, ...]
    oddities: tuple[str, ...] = ()


def read_header(text: str, start: int = 0) -> Header | None:
    """Read the ISA that begins at `text[start]`; None when this is no interchange header.

    The separator is the fourth character. The 16th separator ends ISA15; what stands between it
    and the next segment, white space aside, is the component separator and the terminator, or a
    newline where only one or none is there (X12.5 fixes the positions; senders do not).
    """
    window = text[start : start + HEADER_BYTES]
    separator = window[3:4]
    if not separator or _NO_SEPARATOR.match(separator) or "ISA" in window[3:12]:
        return None
    pieces = window.split(separator, _ELEMENTS)
    if len(pieces) > _ELEMENTS:
        at_once, anywhere = _next_segment(separator)
        following = at_once.match(pieces[_ELEMENTS])
        later = anywhere.search(window, 4)
        if following or later is None or later.start() > len(window) - len(pieces[_ELEMENTS]):
            return _complete(separator, pieces, following)
    return _damaged(separator, window)


def bare_delimiters(text: str) -> tuple[int, Delimiters] | None:
    """Guess where X12 without an ISA begins and its delimiters, from its first GS or ST."""
    match = re.search(
        rf"(?<![A-Za-z0-9])(?:GS({SEPARATOR})[A-Z]{{2}}\1|ST({SEPARATOR})[0-9]{{3}}\2)", text
    )
    if match is None:
        return None
    separator = match[1] or match[2]
    mark = re.escape(separator)
    ending = re.search(
        rf"ST{mark}[0-9]{{3}}(?:{mark}[A-Za-z0-9 ]*)*([^\w \t\r\n\0])?[ \t\r\n\0]*[A-Z][A-Z0-9]{{1,2}}{mark}",
        text[match.start() : match.start() + HEADER_BYTES],
    )
    terminator = (ending[1] if ending else None) or ("\n" if "\n" in text else "~")
    component = ">" if re.search(rf"SVC{mark}[A-Z0-9]{{2}}>", text) else ":"
    found = Delimiters(element=separator, component=component, segment=terminator)
    return match.start(), found


@lru_cache(maxsize=256)  # every character of latin-1: a file may use them all
def _next_segment(separator: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return patterns for the segment behind an ISA: right at its end, and anywhere."""
    mark = re.escape(separator)
    ids = f"(?:GS|TA1|ST|IEA|ISA){mark}"
    at_once = re.compile(rf"[^A-Za-z0-9]{{0,60}}?(?={ids})")
    return at_once, re.compile(rf"(?<![A-Za-z0-9]){ids}")


def _complete(separator: str, pieces: list[str], following: re.Match[str] | None) -> Header:
    """Assemble a header that has all its separators; the last piece is what stands behind them."""
    values, rest = pieces[:_ELEMENTS], pieces[_ELEMENTS]
    head = separator.join(values)
    oddities = []
    if len(head) != _FIXED_WIDTH or "\n" in head or "\r" in head:
        oddities.append("isa_not_fixed_width")
    between = _clean(following[0]) if following else _clean(rest[:40])[:2]
    component, terminator, odd = _tail(between, separator, rest)
    return _header(
        values,
        Delimiters(element=separator, component=component, segment=terminator),
        (*oddities, *odd),
    )


def _damaged(separator: str, window: str) -> Header | None:
    """Read a header that lost separators: the last marks before the next segment decide."""
    following = _next_segment(separator)[1].search(window, 4)
    values = window[: following.start()].split(separator) if following else []
    if following is None or len(values) <= _LEAST_SEPARATORS:
        return None
    component, terminator, odd = _tail(_ending(values[-1]), separator, window[following.start() :])
    delimiters = Delimiters(element=separator, component=component, segment=terminator)
    return _header(values[:_ELEMENTS], delimiters, ("isa_elements_missing", *odd))


def _header(values: list[str], marks: Delimiters, oddities: tuple[str, ...]) -> Header:
    head = marks.element.join(values).translate(_BREAKS)
    cleaned = [value.strip(BLANKS) for value in head.split(marks.element)]
    cleaned += [""] * (_ELEMENTS - len(cleaned)) + [marks.component]
    repetition = cleaned[11]
    if len(repetition) != 1 or repetition.isalnum():
        repetition = ""
    delimiters = Delimiters(
        element=marks.element,
        component=marks.component,
        segment=marks.segment,
        repetition=repetition,
    )
    return Header(delimiters=delimiters, elements=tuple(cleaned), oddities=oddities)


def _newline(rest: str) -> str:
    """Return the kind of line break that ends an ISA: the next interchange may have another."""
    blanks = rest[: len(rest) - len(rest.lstrip(BLANKS + _MARKS))]
    sample = blanks if "\r" in blanks or "\n" in blanks else rest
    return "\r" if "\r" in sample and "\n" not in sample else "\n"


def _clean(between: str) -> str:
    return between.translate(_NO_BLANKS)


def _ending(text: str) -> str:
    """Return the one or two marks that end a text."""
    marks = _clean(text)
    size = len(marks)
    while size and not marks[size - 1].isalnum():
        size -= 1
    return marks[size:][-2:]


def _tail(between: str, separator: str, rest: str) -> tuple[str, str, tuple[str, ...]]:
    """Tell component separator and terminator from what stands behind ISA15.

    Of several marks the terminator is the one that also stands right before ST, else the second
    or the last. A single mark is the terminator when it stands there, else the component separator.
    """
    found = _before_set(separator).search(rest) if f"ST{separator}" in rest else None
    before_set = found[1] if found else ""
    for mark in (before_set, between[1:2], between[-1:]):
        if mark and mark in between[1:] and mark != between[0] and not _is_data(mark):
            return between[0], mark, ()
    newline = _newline(rest)
    if not between:
        return "", newline, ("terminator_is_newline", "component_separator_missing")
    if before_set == between[0]:
        return "", between[0], ("component_separator_missing",)
    return between[0], newline, ("terminator_is_newline",)


@lru_cache(maxsize=256)
def _before_set(separator: str) -> re.Pattern[str]:
    """Return what finds the mark that stands right before a transaction set."""
    return re.compile(rf"([^{BLANKS}])[{BLANKS}]*ST{re.escape(separator)}")


def _is_data(mark: str) -> bool:
    """Tell whether a character is a letter or digit of ASCII, which never ends a segment."""
    return mark.isascii() and mark.isalnum()
