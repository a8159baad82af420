"""Finds texts of given lengths, patterns and formats."""

from collections.abc import Iterable
from contextlib import suppress

from gateway.governance.compat.automata import Dfa, TooLarge, literal_dfa, pattern_dfa, search
from gateway.governance.compat.formula import Among, Atom, Holds, Matches, Size
from gateway.governance.compat.regex import NotRegular

__all__ = ["FORMAT_SAMPLES", "find_texts"]

_YEAR = "([1-9][0-9]{3}|0([1-9][0-9]{2}|0([1-9][0-9]|0[1-9])))"
_FOURTH = "(0[48]|[2468][048]|[13579][26])"
_MONTHS = (
    "(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])",
    "(0[469]|11)-(0[1-9]|[12][0-9]|30)",
    "02-(0[1-9]|1[0-9]|2[0-8])",
)
_DAY = f"({_YEAR}-({'|'.join(_MONTHS)})|([0-9]{{2}}{_FOURTH}|{_FOURTH}00)-02-29)"
_HOUR = "([01][0-9]|2[0-3]):[0-5][0-9]"
_OUTLINES = {
    "date": f"^{_DAY}$",
    "date-time": f"^{_DAY}[Tt]{_HOUR}:([0-5][0-9]|60)(\\.[0-9]+)?([Zz]|[+-]{_HOUR})$",
    "duration": "^P",
    "email": "[\\s\\S]@[\\s\\S]",
    "ipv4": "^[0-9]{1,3}(\\.[0-9]{1,3}){3}$",
    "ipv6": "^[0-9A-Fa-f:.]{2,45}$",
    "json-pointer": "^($|/)",
    "time": "^[0-9]{2}:[0-9]{2}:[0-9]{2}",
    "uri": "^[A-Za-z][A-Za-z0-9+.-]*:",
    "uuid": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
}
"""Patterns that every text of the format matches; what matches need not be of the format."""
_EXACT = frozenset({"date", "uuid"})

FORMAT_SAMPLES: dict[str, tuple[str, ...]] = {
    "base64-json": ("e30=", "bnVsbA=="),
    "json-text": ("{}", "null", "[1, 2]"),
    "date": ("2024-02-29", "1999-12-31", "2000-01-01"),
    "date-time": (
        "2024-02-29T23:59:59Z", "2024-02-29T23:59:59.123456+01:30", "2000-01-01t00:00:00z",
    ),
    "duration": ("P1D", "PT1H30M", "P2W"),
    "email": ("a@b.co", "some.body@example.org"),
    "hostname": ("example.org", "a"),
    "idn-email": ("a@b.co", "ü@example.org"),
    "idn-hostname": ("example.org", "bücher.example"),
    "ipv4": ("10.0.0.1", "192.168.100.200"),
    "ipv6": ("::1", "2001:db8::8a2e:370:7334"),
    "iri": ("http://example.org/", "http://example.org/ü"),
    "iri-reference": ("/a", "#ü", "http://example.org/"),
    "json-pointer": ("", "/a/0"),
    "regex": ("a*", "^[0-9]$", ""),
    "relative-json-pointer": ("0", "1/a", "0#"),
    "time": ("23:59:59Z", "10:00:00+01:00"),
    "uri": ("http://example.org/", "urn:a:b", "mailto:a@b.co"),
    "uri-reference": ("/a", "#a", "http://example.org/"),
    "uri-template": ("http://example.org/{a}", "a"),
    "uuid": ("00000000-0000-4000-8000-000000000000", "AbCdEf01-2345-4678-89ab-cdef01234567"),
}  # fmt: skip


class _Text:
    """What is asked of a text, as far as automata can tell."""

    def __init__(self, atoms: Iterable[Atom]) -> None:
        self.low = 0
        self.high: int | None = None
        self.wanted: dict[Dfa, None] = {}
        self.refused: dict[Dfa, None] = {}
        self.formats: list[str] = []
        excluded: set[str] = set()
        for atom in atoms:
            match atom:
                case Size(low, high):
                    self.low = max(self.low, low)
                    self.high = _least(self.high, high)
                case Among(keys, False):
                    excluded |= keys
                case Matches(pattern, positive):
                    self._pattern(pattern, self.wanted if positive else self.refused)
                case Holds(name, positive):
                    self._format(name, positive=positive)
                case _:
                    pass
        if excluded:
            self.refused[literal_dfa(frozenset(excluded))] = None

    def _pattern(self, pattern: str, among: dict[Dfa, None]) -> None:
        with suppress(NotRegular):
            among[pattern_dfa(pattern)] = None

    def _format(self, name: str, *, positive: bool) -> None:
        if positive:
            self.formats.append(name)
        if name in _OUTLINES and (positive or name in _EXACT):
            self._pattern(_OUTLINES[name], self.wanted if positive else self.refused)


def find_texts(atoms: Iterable[Atom]) -> list[str] | None:
    """Return texts that may satisfy the atoms, to be checked; None where it is proved that none
    does. An empty list means that nobody knows."""
    asked = _Text(atoms)
    if asked.high is not None and asked.low > asked.high:
        return None
    guesses = [text for name in asked.formats for text in FORMAT_SAMPLES.get(name, ())]
    try:
        found = search(
            tuple(asked.wanted), tuple(asked.refused), asked.low, asked.high, 40 if guesses else 6
        )
    except TooLarge:
        return [*guesses, *_simple(asked)]
    return [*guesses, *found] if found else None


def _simple(asked: _Text) -> list[str]:
    found = ["a" * asked.low]
    for dfa in asked.wanted:
        try:
            found += search((dfa,), (), asked.low, asked.high)
        except TooLarge:
            continue
    return found


def _least(left: int | None, right: int | None) -> int | None:
    return right if left is None else left if right is None else min(left, right)
