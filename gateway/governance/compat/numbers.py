"""Finds numbers between bounds, of a step and not of others, in exact arithmetic."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import count, islice
from math import ceil, floor, lcm

from gateway.governance.compat.formula import Among, Atom, Multiple, Upper
from gateway.governance.compat.values import plain_number

__all__ = ["find_numbers"]

_SCAN = 4000


class _Line:
    """What is asked of a number."""

    def __init__(self, atoms: Iterable[Atom]) -> None:
        self.low: Fraction | None = None
        self.high: Fraction | None = None
        self.low_strict = self.high_strict = False
        self.step: Fraction | None = None
        self.not_multiples: list[Fraction] = []
        self.excluded: set[Fraction] = set()
        for atom in atoms:
            self._take(atom)

    def _take(self, atom: Atom) -> None:
        match atom:
            case Upper(bound, strict, 1):
                if self.high is None or (bound, not strict) < (self.high, not self.high_strict):
                    self.high, self.high_strict = bound, strict
            case Upper(bound, strict, _):
                if self.low is None or (bound, strict) > (self.low, self.low_strict):
                    self.low, self.low_strict = bound, strict
            case Multiple(step, True):
                self.step = _common(self.step, abs(step)) if self.step else abs(step)
            case Multiple(step, False):
                self.not_multiples.append(abs(step))
            case Among(keys, False):
                self.excluded |= keys
            case _:
                pass

    @property
    def wide(self) -> bool:
        """Whether there is more than one number between the bounds."""
        return self.low is None or self.high is None or self.low < self.high

    def fits(self, number: Fraction) -> bool:
        """Tell whether a number fits, its step aside."""
        if self.low is not None and (
            number < self.low or (self.low_strict and number == self.low)
        ):
            return False
        if self.high is not None and (
            number > self.high or (self.high_strict and number == self.high)
        ):
            return False
        return number not in self.excluded and not any(
            (number / step).denominator == 1 for step in self.not_multiples
        )


def _common(left: Fraction, right: Fraction) -> Fraction:
    """Return the least common multiple of two fractions."""
    over = left.denominator * right.denominator
    return Fraction(
        lcm(left.numerator * right.denominator, right.numerator * left.denominator), over
    )


def find_numbers(atoms: Iterable[Atom], wanted: int = 4) -> list[int | float | Decimal] | None:
    """Return some numbers that satisfy the atoms; [] if there is none, None if nobody knows."""
    line = _Line(atoms)
    found = _steps(line) if line.step else _dense(line)
    if found is None:
        return None
    numbers = list(islice(found, wanted))
    if not numbers and line.step is None and line.wide:
        return None
    return [plain_number(number) for number in numbers]


def _steps(line: _Line) -> Iterator[Fraction] | None:
    step = line.step
    if not step:
        return None
    first = None if line.low is None else ceil(line.low / step)
    last = None if line.high is None else floor(line.high / step)
    periods = [(step / other).denominator for other in line.not_multiples]
    if 1 in periods:
        return iter(())
    if first is not None and last is not None and last - first <= _SCAN:
        return (k * step for k in range(first, last + 1) if line.fits(k * step))
    period = lcm(*periods) if periods else 1
    enough = (period + 1) * (len(line.excluded) + 3)
    if enough > 200_000 or (first is not None and last is not None and last - first < enough):
        return None
    return (k * step for k in _outwards(first, last) if line.fits(k * step))


def _outwards(first: int | None, last: int | None) -> Iterator[int]:
    """Count from a bound, or from 0 both ways; the caller takes a few."""
    if (first is not None and first >= 0) or (last is None and first is not None):
        yield from count(first or 0)
    elif last is not None and (last <= 0 or first is None):
        yield from count(last, -1)
    elif first is None:
        for k in count():
            yield from (k, -k) if k else (0,)
    else:
        yield from range(first, (last or 0) + 1)


def _dense(line: _Line) -> Iterator[Fraction]:
    """Yield numbers of an interval; there are always more in it than are excluded."""
    low, high = line.low, line.high
    if low is not None and high is not None and low >= high:
        return iter((low,) if low == high and line.fits(low) else ())
    return (number for number in _candidates(low, high) if line.fits(number))


def _candidates(low: Fraction | None, high: Fraction | None) -> Iterator[Fraction]:
    start = low if low is not None else high - 1 if high is not None else Fraction(0)
    yield from (bound for bound in (low, high) if bound is not None)
    yield from (bound * 2 for bound in (low, high) if bound is not None)
    yield from (floor(start) + Fraction(k) for k in range(1, 4))
    yield from (start + Fraction(1, 2), start + Fraction(5, 4), start + Fraction(1, 1000))
    width = high - start if high is not None and high > start else Fraction(1)
    for power in range(1, 60):
        yield start + width / 2**power
        yield start + width * 3 / 2 ** (power + 1)
