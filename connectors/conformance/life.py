"""Rows 7 to 9: opening, closing, probing, and what must never be said."""

import contextlib
from typing import Any

from connectors.base import SourceFault
from connectors.conformance.bench import SinkBench, SourceBench
from connectors.conformance.rows import Row, expect, row
from connectors.conformance.surroundings import leaks_nothing

__all__ = ["ROWS"]

CANARY = b"CANARY-CONTENT-Q7" * 40
Bench = Any
"""A SourceBench or a SinkBench."""


async def _put_something(bench: Bench) -> None:
    if isinstance(bench, SourceBench):
        await bench.partner.put("canary.835", CANARY)


async def _leaks(bench: Bench) -> None:
    await _put_something(bench)
    await leaks_nothing(bench.once)


async def _healthy_check(bench: Bench) -> None:
    await _put_something(bench)
    before = await bench.partner.state()
    part = bench.opened()
    try:
        for _ in range(2):
            report = await part.check()
            failed = [probe.name for probe in report.probes if not probe.passed]
            expect(report.passed and report.probes, f"a healthy partner fails {failed}")
    finally:
        await part.close()
    expect(await bench.partner.state() == before, "check has changed something at the partner")


async def _wrong_check(bench: Bench) -> None:
    expect(bench.partner.wrong, "the case names no mistake that check must find")
    for mistake in bench.partner.wrong:
        part = bench.opened(mistake.settings, mistake.secrets)
        try:
            report = await part.check()
        finally:
            await part.close()
        bench.note_report(report)
        failed = [probe.name for probe in report.probes if not probe.passed]
        expect(failed == [mistake.probe], f"{failed} named where {mistake.probe} is wrong")


async def _silent(bench: Bench) -> None:
    """Use the connector well and badly, with every logger open."""
    await _put_something(bench)
    with bench.ears.open():
        await bench.once()
        await _misused(bench)
    for number, secret in enumerate(bench.canaries()):
        expect(not bench.ears.heard(secret), f"canary {number} is in a log or an error")
    if isinstance(bench, SourceBench):
        expect(not bench.ears.heard(CANARY.decode()), "the content is in a log or an error")
        expect(not bench.ears.heard("CANARY-CONTENT-Q7"), "the content is in a log or an error")


async def _misused(bench: Bench) -> None:
    for mistake in bench.partner.wrong:
        part = bench.opened(mistake.settings, mistake.secrets)
        try:
            bench.note_report(await part.check())
            if isinstance(bench, SinkBench):
                await bench.deliver(part)
            else:
                with contextlib.suppress(SourceFault):
                    await bench.poll(part)
        finally:
            await part.close()


ROWS: tuple[Row, ...] = (
    row("7", "opening and closing twenty times leaks nothing")(_leaks),
    row("8", "check passes at a healthy partner and changes nothing")(_healthy_check),
    row("8a", "check names the probe that fails")(_wrong_check),
    row("9", "no secret and no payload in logs and errors")(_silent),
)
