"""Finds texts that some automata accept and others refuse, or proves that there are none.

Each automaton is made deterministic only as far as the search goes. The search runs over
products of their states, character by character, so lengths need no automaton of their own:
with n products that can still succeed, a text of at least `low` characters exists only if one
shorter than `low + n` does.
"""

from bisect import bisect_right
from functools import lru_cache

from gateway.governance.compat.regex import ANY, Nfa, compile_literal, compile_pattern

__all__ = ["Dfa", "TooLarge", "literal_dfa", "matches", "pattern_dfa", "search"]

_MAX_PRODUCTS = 6000
_MAX_LEVEL_STATES = 300_000
_PREFERRED = tuple(ord(char) for char in "a0A1b-Z9 ._")


class TooLarge(Exception):
    """The product has more states than the search may visit: nothing is known."""


Edges = tuple[tuple[int, ...], tuple[int, ...]]
"""Where ranges of characters begin, and the state each range leads to (-1: nowhere)."""


class Dfa:
    """A deterministic view of an automaton, built on demand. State 0 is the start."""

    def __init__(self, nfa: Nfa) -> None:
        self._nfa = nfa
        self._ids: dict[frozenset[int], int] = {}
        self._sets: list[frozenset[int]] = []
        self._edges: dict[int, Edges] = {}
        self._accepting: list[bool] = []
        self._state(frozenset((nfa.start,)), first=True)

    def _closure(self, kernel: frozenset[int], conditions: str) -> frozenset[int]:
        found = set(kernel)
        todo = list(kernel)
        while todo:
            for condition, target in self._nfa.silent[todo.pop()]:
                allowed = not condition or condition in conditions
                if allowed and target not in found:
                    found.add(target)
                    todo.append(target)
        return frozenset(found)

    def _state(self, kernel: frozenset[int], *, first: bool = False) -> int:
        start = "^" if first else ""
        closure = self._closure(kernel, start)
        if self._nfa.end in closure and self._nfa.moves[self._nfa.end]:
            closure = frozenset((self._nfa.end,))
        key = closure if not first else frozenset((*closure, -1))
        if key not in self._ids:
            self._ids[key] = len(self._sets)
            self._sets.append(closure)
            self._accepting.append(self._nfa.end in self._closure(closure, start + "$"))
        return self._ids[key]

    def accepts(self, state: int) -> bool:
        """Tell whether a text may end here."""
        return state >= 0 and self._accepting[state]

    def edges(self, state: int) -> Edges:
        """Return where each character leads from a state (not -1)."""
        if state not in self._edges:
            self._edges[state] = self._computed(state)
        return self._edges[state]

    def _computed(self, state: int) -> Edges:
        moves = [move for inner in self._sets[state] for move in self._nfa.moves[inner]]
        borders = {0}
        for low, high, _ in moves:
            borders |= {low, high + 1}
        starts = sorted(borders - {0x110000})
        targets = []
        for start in starts:
            kernel = frozenset(target for low, high, target in moves if low <= start <= high)
            targets.append(self._state(kernel) if kernel else -1)
        return tuple(starts), tuple(targets)

    def step(self, state: int, code: int) -> int:
        """Return where one character leads; -1 is nowhere."""
        if state < 0:
            return -1
        starts, targets = self.edges(state)
        return targets[bisect_right(starts, code) - 1]


@lru_cache(maxsize=1024)
def pattern_dfa(pattern: str) -> Dfa:
    """Return the automaton of a pattern (see `compile_pattern`). Raises NotRegular."""
    return Dfa(compile_pattern(pattern))


@lru_cache(maxsize=1024)
def literal_dfa(texts: frozenset[str]) -> Dfa:
    """Return the automaton of exactly these texts."""
    return Dfa(compile_literal(texts))


def matches(dfa: Dfa, text: str) -> bool:
    """Tell whether the automaton accepts the text."""
    state = 0
    for char in text:
        state = dfa.step(state, ord(char))
        if state < 0:
            return False
    return dfa.accepts(state)


Product = tuple[int, ...]


class _Search:
    def __init__(self, wanted: tuple[Dfa, ...], refused: tuple[Dfa, ...]) -> None:
        self.automata = (*wanted, *refused)
        self.wanted = len(wanted)
        self.edges: dict[Product, dict[Product, int]] = {}
        self.live: set[Product] = set()

    def accepts(self, product: Product) -> bool:
        pairs = enumerate(zip(self.automata, product, strict=True))
        return all(dfa.accepts(state) == (at < self.wanted) for at, (dfa, state) in pairs)

    def follow(self, product: Product) -> dict[Product, int]:
        """Return the products one character further, each with a character that leads there."""
        borders = {0}
        for dfa, state in zip(self.automata, product, strict=True):
            if state >= 0:
                borders.update(dfa.edges(state)[0])
        starts = sorted(borders)
        ends = [*starts[1:], 0x110000]
        found: dict[Product, int] = {}
        for start, end in zip(starts, ends, strict=True):
            code = _character(start, end - 1)
            if code < 0:
                continue
            pairs = zip(self.automata, product, strict=True)
            target = tuple(dfa.step(state, start) for dfa, state in pairs)
            if -1 in target[: self.wanted]:
                continue
            if target not in found or _rank(code) < _rank(found[target]):
                found[target] = code
        return found

    def explore(self) -> None:
        """Find every product that is reachable and can still end well."""
        start = (0,) * len(self.automata)
        before: dict[Product, list[Product]] = {start: []}
        todo = [start]
        while todo:
            product = todo.pop()
            self.edges[product] = self.follow(product)
            for target in self.edges[product]:
                if target not in before:
                    before[target] = []
                    todo.append(target)
                before[target].append(product)
            if len(before) > _MAX_PRODUCTS:
                raise TooLarge
        todo = [product for product in before if self.accepts(product)]
        self.live = set(todo)
        while todo:
            for earlier in before[todo.pop()]:
                if earlier not in self.live:
                    self.live.add(earlier)
                    todo.append(earlier)

    def texts(self, low: int, high: int | None, count: int) -> list[str]:
        start = (0,) * len(self.automata)
        levels: list[dict[Product, tuple[Product, int]]] = [{}]
        present: dict[Product, tuple[Product, int]] = {start: (start, 0)}
        present = {key: value for key, value in present.items() if key in self.live}
        last = low + len(self.live)
        last = last if high is None else min(last, high)
        found: list[str] = []
        visited = 0
        for length in range(last + 1):
            levels.append(present)
            if length >= low:
                ends = [product for product in present if self.accepts(product)]
                found += [_text(levels, product) for product in ends]
            visited += len(present)
            if len(found) >= count or not present or visited > _MAX_LEVEL_STATES:
                break
            present = self.next_level(present)
        if not found and visited > _MAX_LEVEL_STATES:
            raise TooLarge
        return found[:count]

    def next_level(
        self, present: dict[Product, tuple[Product, int]]
    ) -> dict[Product, tuple[Product, int]]:
        following: dict[Product, tuple[Product, int]] = {}
        for product in present:
            for target, code in self.edges[product].items():
                if target in self.live and target not in following:
                    following[target] = (product, code)
        return following


def _text(levels: list[dict[Product, tuple[Product, int]]], product: Product) -> str:
    codes = []
    for level in reversed(levels[2:]):
        product, code = level[product]
        codes.append(chr(code))
    return "".join(reversed(codes))


def _rank(code: int) -> int:
    return _PREFERRED.index(code) if code in _PREFERRED else 1000


def _character(low: int, high: int) -> int:
    """Return a character of a range that people can read, where there is one; -1 for none."""
    for code in _PREFERRED:
        if low <= code <= high:
            return code
    for first, last in ((33, 126), (0xA1, 0xD7FF), *ANY):
        if max(first, low) <= min(last, high):
            return max(first, low)
    return -1


@lru_cache(maxsize=8192)
def search(
    wanted: tuple[Dfa, ...],
    refused: tuple[Dfa, ...],
    low: int,
    high: int | None,
    count: int = 3,
) -> tuple[str, ...]:
    """Return up to `count` texts of `low` to `high` characters that every wanted automaton
    accepts and every refused one does not; none means there is none. Raises TooLarge."""
    if not wanted and not refused:
        return _plain(low, high, count)
    run = _Search(wanted, refused)
    run.explore()
    return tuple(run.texts(low, high, count))


def _plain(low: int, high: int | None, count: int) -> tuple[str, ...]:
    last = low + count - 1 if high is None else min(high, low + count - 1)
    return tuple("a" * length for length in range(low, last + 1))
