"""Reads patterns of the regular subset of ECMA 262 and builds the automaton of each.

Classes mean what the validator's engine means by them: `\\d` and `\\w` are ASCII, `\\s` is
Unicode white space, `.` is everything but a line feed, `$` is the very end.
Look-around, back references, `\\b` and `\\p{..}` are not regular or not read: NotRegular.
"""

from functools import lru_cache
from typing import Any

__all__ = [
    "ANY", "Nfa", "NotRegular", "Ranges", "compile_literal", "compile_pattern", "conjuncts",
    "nests_repetition",
]  # fmt: skip

Ranges = tuple[tuple[int, int], ...]
ANY: Ranges = ((0, 0xD7FF), (0xE000, 0x10FFFF))
_DIGIT: Ranges = ((48, 57),)
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Ranges = (
    (9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
    (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
)  # fmt: skip
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "0": 0}
_MAX_STATES = 6000


class NotRegular(Exception):
    """The pattern is outside of what automata are built for."""


def normal(ranges: list[tuple[int, int]]) -> Ranges:
    """Return ranges sorted and merged, inside of Unicode without surrogates."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return _meet(tuple(merged), ANY)


def _meet(left: Ranges, right: Ranges) -> Ranges:
    return tuple(
        (max(a, c), min(b, d)) for a, b in left for c, d in right if max(a, c) <= min(b, d)
    )


def complement(ranges: Ranges) -> Ranges:
    """Return every other character."""
    found: list[tuple[int, int]] = []
    start = 0
    for low, high in normal(list(ranges)):
        if start < low:
            found.append((start, low - 1))
        start = high + 1
    if start <= 0x10FFFF:
        found.append((start, 0x10FFFF))
    return _meet(tuple(found), ANY)


def conjuncts(pattern: str) -> list[tuple[str, bool]]:
    """Return patterns to be found and not to be found that mean the same together.

    Look-ahead at the very start, as in "^(?=.*[0-9])[a-z0-9]+$", becomes a pattern of its own.
    """
    found: list[tuple[str, bool]] = []
    at = 1
    while pattern.startswith("^") and pattern.startswith(("(?=", "(?!"), at):
        end = _group_end(pattern, at + 1)
        if end < 0 or pattern[end + 1 : end + 2] in {"*", "+", "?", "{"}:
            return [(pattern, True)]
        found.append((f"^(?:{pattern[at + 3 : end]})", pattern[at + 2] == "="))
        at = end + 1
    if not found or _group_end(f"{pattern[at:]})", 0, "|") >= 0:
        return [(pattern, True)]
    return [*found, ("^" + pattern[at:], True)]


def _group_end(text: str, at: int, stop: str = ")") -> int:
    """Return where, from inside of a group, `stop` stands outside of inner groups; -1: nowhere."""
    depth, in_class = 0, False
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
        elif in_class or char == "[":
            in_class = char != "]"
        elif char == stop and depth == 0:
            return at
        elif char in "()":
            depth += 1 if char == "(" else -1
            if depth < 0:
                return -1
        at += 1
    return -1


class _Parser:
    """Recursive descent: alternatives of sequences of repeated atoms. Trees are tuples."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        char = self.peek()
        if not char:
            raise NotRegular("it ends too early")
        self.at += 1
        return char

    def eat(self, text: str) -> bool:
        if self.text.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def alternatives(self) -> Any:
        options = [self.sequence()]
        while self.eat("|"):
            options.append(self.sequence())
        return options[0] if len(options) == 1 else ("alt", options)

    def sequence(self) -> Any:
        parts = []
        while self.peek() and self.peek() not in "|)":
            parts.append(self.repeated())
        return ("cat", parts)

    def repeated(self) -> Any:
        tree = self.atom()
        while True:
            bounds = self.bounds()
            if bounds is None:
                return tree
            if tree[0] in {"bol", "eol"}:
                raise NotRegular("an anchor is repeated")
            self.eat("?")
            if self.peek() and self.peek() in "*+?{":
                raise NotRegular("a repetition is repeated")
            tree = ("rep", tree, *bounds)

    def bounds(self) -> tuple[int, int | None] | None:
        char = self.peek()
        if char and char in "*+?":
            self.at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        if char != "{":
            return None
        end = self.text.find("}", self.at)
        low, comma, high = self.text[self.at + 1 : max(end, self.at + 1)].partition(",")
        if end < 0 or not low.isdigit() or (high and not high.isdigit()):
            raise NotRegular("a brace is no repetition")
        self.at = end + 1
        least, most = int(low), (int(high) if high else None) if comma else int(low)
        if most is not None and most < least:
            raise NotRegular("a repetition ends before it begins")
        return least, most

    def atom(self) -> Any:
        char = self.take()
        match char:
            case "(":
                return self.group()
            case "[":
                return ("set", self.bracket())
            case ".":
                return ("set", complement(((10, 10),)))
            case "^":
                return ("bol",)
            case "$":
                return ("eol",)
            case "\\":
                return ("set", self.escape(inside=False))
            case "*" | "+" | "?" | "{" | "}" | "]":
                raise NotRegular(f"a lone {char}")
            case _:
                return ("set", ((ord(char), ord(char)),))

    def group(self) -> Any:
        if self.eat("?") and not self.eat(":"):
            raise NotRegular("a group of a special kind")
        tree = self.alternatives()
        if not self.eat(")"):
            raise NotRegular("a group is not closed")
        return tree

    def escape(self, *, inside: bool) -> Ranges:
        char = self.take()
        classes = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
        if char in classes:
            return classes[char]
        if char.lower() in classes:
            return complement(classes[char.lower()])
        if char in _CONTROLS:
            if char == "0" and self.peek().isdigit():
                raise NotRegular("an octal escape")
            code = _CONTROLS[char]
        elif char in "xu":
            code = self.hexadecimal(char)
        elif char.isalnum() or (inside and char == "b"):
            raise NotRegular("an escape of a special kind")
        else:
            code = ord(char)
        return ((code, code),)

    def hexadecimal(self, kind: str) -> int:
        if kind == "u" and self.eat("{"):
            end = self.text.find("}", self.at)
            digits = self.text[self.at : max(end, self.at)]
            self.at = end + 1
        else:
            length = 2 if kind == "x" else 4
            digits = self.text[self.at : self.at + length]
            self.at += length
            if len(digits) != length:
                raise NotRegular("an escape is cut off")
        try:
            code = int(digits, 16)
        except ValueError:
            raise NotRegular("an escape is no number") from None
        if 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
            raise NotRegular("an escape is no character")
        return code

    def bracket(self) -> Ranges:
        negative = self.eat("^")
        found: list[tuple[int, int]] = []
        while not self.eat("]"):
            low = self.member()
            range_follows = self.peek() == "-" and self.text[self.at + 1 : self.at + 2] != "]"
            if not range_follows:
                found += low
                continue
            self.at += 1
            high = self.member()
            single = len(low) == len(high) == 1 and low[0][0] == low[0][1]
            if not single or high[0][0] != high[0][1] or high[0][0] < low[0][0]:
                raise NotRegular("a range of a special kind")
            found.append((low[0][0], high[0][0]))
        ranges = normal(found)
        return complement(ranges) if negative else ranges

    def member(self) -> Ranges:
        char = self.take()
        if char == "\\":
            return self.escape(inside=True)
        following = self.peek()
        if char == "[" or (char in "&~-" and following == char):
            raise NotRegular("set notation inside a class")
        return ((ord(char), ord(char)),)


class Nfa:
    """A Thompson automaton. `moves[s]` are edges (low, high, target); `silent[s]` are edges
    (condition, target): "" always, "^" only at the start, "$" only at the end."""

    def __init__(self) -> None:
        self.moves: list[list[tuple[int, int, int]]] = []
        self.silent: list[list[tuple[str, int]]] = []
        self.start = self.state()
        self.end = self.state()

    def state(self) -> int:
        """Add a state. Raises NotRegular where there are too many."""
        if len(self.moves) >= _MAX_STATES:
            raise NotRegular("it needs too many states")
        self.moves.append([])
        self.silent.append([])
        return len(self.moves) - 1

    def add(self, tree: Any, begin: int) -> int:
        """Build `tree` from state `begin` on and return where it ends."""
        match tree:
            case ("set", ranges):
                end = self.state()
                self.moves[begin] += [(low, high, end) for low, high in ranges]
                return end
            case ("cat", parts):
                for part in parts:
                    begin = self.add(part, begin)
                return begin
            case ("alt", options):
                return self._alternatives(options, begin)
            case ("rep", part, low, high):
                return self._repeat(part, low, high, begin)
            case _:
                end = self.state()
                self.silent[begin].append(("^" if tree[0] == "bol" else "$", end))
                return end

    def _alternatives(self, options: list[Any], begin: int) -> int:
        end = self.state()
        for option in options:
            first = self.state()
            self.silent[begin].append(("", first))
            self.silent[self.add(option, first)].append(("", end))
        return end

    def _repeat(self, part: Any, low: int, high: int | None, begin: int) -> int:
        for _ in range(low):
            begin = self.add(part, begin)
        end = self.state()
        if high is None:
            loop = self.state()
            self.silent[begin].append(("", loop))
            self.silent[self.add(part, loop)].append(("", loop))
            self.silent[loop].append(("", end))
            return end
        for _ in range(high - low):
            self.silent[begin].append(("", end))
            begin = self.add(part, begin)
        self.silent[begin].append(("", end))
        return end


def _tree(pattern: str) -> Any:
    parser = _Parser(pattern)
    tree = parser.alternatives()
    if parser.peek():
        raise NotRegular("a bracket is closed that was not opened")
    return tree


def nests_repetition(pattern: str) -> bool:
    """Tell whether something is repeated in which the number of repetitions is open, as in
    "(a+)+": an engine that tries one after the other may try them all. False where the pattern
    is not regular."""
    try:
        return _nests(_tree(pattern), inside=False)
    except NotRegular:
        return False


def _nests(tree: Any, *, inside: bool) -> bool:
    match tree:
        case ("cat" | "alt", parts):
            return any(_nests(part, inside=inside) for part in parts)
        case ("rep", part, low, high):
            return (inside and low != high) or _nests(part, inside=inside or high != 1)
        case _:
            return False


@lru_cache(maxsize=2048)
def compile_pattern(pattern: str) -> Nfa:
    """Return the automaton of "the pattern finds something in the text". Raises NotRegular."""
    tree = _tree(pattern)
    nfa = Nfa()
    first = nfa.state()
    nfa.moves[nfa.start] += [(low, high, nfa.start) for low, high in ANY]
    nfa.silent[nfa.start].append(("", first))
    nfa.silent[nfa.add(tree, first)].append(("", nfa.end))
    nfa.moves[nfa.end] += [(low, high, nfa.end) for low, high in ANY]
    return nfa


@lru_cache(maxsize=2048)
def compile_literal(texts: frozenset[str]) -> Nfa:
    """Return the automaton of exactly these texts."""
    nfa = Nfa()
    for text in sorted(texts):
        at = nfa.start
        for char in text:
            at = nfa.add(("set", ((ord(char), ord(char)),)), at)
        nfa.silent[at].append(("", nfa.end))
    return nfa
