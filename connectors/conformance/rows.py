"""A row of the conformance kit, and how it can end: passed, violated, not applicable."""

from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from typing import Any

import msgspec

__all__ = ["Finding", "NotApplicable", "Row", "Violation", "expect", "finding_of", "row"]

Check = Callable[[Any], Awaitable[None]]
"""Looks at one thing, on a bench of its own; raises Violation or NotApplicable."""


class Violation(AssertionError):
    """The connector does not do what its row asks."""


class NotApplicable(Exception):
    """The row asks for what this connector or this partner cannot do; the text says why."""


class Verdict(StrEnum):
    """How a row ended."""

    PASSED = "passed"
    VIOLATED = "violated"
    NOT_APPLICABLE = "not applicable"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row: its number (that of the design guide; F1 and on are the rows for files), a
    sentence, and the check."""

    number: str
    title: str
    check: Check

    @property
    def id(self) -> str:
        """The row as a test's id."""
        return f"{self.number}-{self.title.replace(' ', '_')}"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """How one row ended, and why. `reason` never holds a payload or a secret."""

    row: Row
    verdict: Verdict
    reason: str = ""

    @property
    def number(self) -> str:
        """The row's number."""
        return self.row.number

    def __str__(self) -> str:
        text = f"row {self.row.number} ({self.row.title})"
        return f"{text}: {self.verdict.value}" + (f": {self.reason}" if self.reason else "")


def row(number: str, title: str) -> Callable[[Check], Row]:
    """Make a row of a check."""
    return lambda check: Row(number=number, title=title, check=check)


def expect(condition: object, otherwise: str) -> None:
    """Raise Violation with the sentence `otherwise` unless the condition holds."""
    if not condition:
        raise Violation(otherwise)


async def finding_of(
    one: Row, check: Callable[[], Awaitable[None]], waivers: Iterable[tuple[str, str]]
) -> Finding:
    """Run a row's check and say how it ended.

    Whatever a connector lets out is a violation of the row: an exception's type is told, its
    text is not, because it may quote what must not be seen. A waived row that does not pass is
    not applicable, with the waiver's reason; one that passes needs no waiver and is violated.
    """
    waived = dict(waivers).get(one.number, "")
    try:
        await check()
    except NotApplicable as reason:
        return Finding(row=one, verdict=Verdict.NOT_APPLICABLE, reason=waived or str(reason))
    except Violation as violation:
        verdict, text = Verdict.VIOLATED, str(violation)
    except TimeoutError:
        verdict, text = Verdict.VIOLATED, "it did not end in time"
    except Exception as fault:
        verdict, text = Verdict.VIOLATED, f"{type(fault).__name__} escaped{_place(fault)}"
    else:
        if waived:
            return Finding(row=one, verdict=Verdict.VIOLATED, reason="it passes: drop the waiver")
        return Finding(row=one, verdict=Verdict.PASSED)
    if waived:
        return Finding(row=one, verdict=Verdict.NOT_APPLICABLE, reason=f"waived: {waived}")
    return Finding(row=one, verdict=verdict, reason=text)


def _place(fault: BaseException) -> str:
    trace, place = fault.__traceback__, ""
    while trace is not None:
        place = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
