"""The pytest classes of the kit, and the same rows for a program without pytest."""

import asyncio
import unittest
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

from connectors.base import ConnectorSpec
from connectors.conformance import file_sink, file_source, life, sink, sink_faults, source, static
from connectors.conformance.bench import SinkBench, SourceBench
from connectors.conformance.rows import Finding, Row, Verdict, finding_of
from connectors.conformance.surroundings import Surroundings

__all__ = [
    "NOT_ROWS",
    "FileSinkConformance",
    "FileSourceConformance",
    "SinkConformance",
    "SourceConformance",
]

ROW_SECONDS = 120.0
_ALL = (*static.ROWS, *life.ROWS)
SOURCE_ROWS: tuple[Row, ...] = (*_ALL, *source.ROWS)
SINK_ROWS: tuple[Row, ...] = (*_ALL, *sink.ROWS, *sink_faults.ROWS)
FILE_SOURCE_ROWS: tuple[Row, ...] = (*SOURCE_ROWS, *file_source.ROWS)
FILE_SINK_ROWS: tuple[Row, ...] = (*SINK_ROWS, *file_sink.ROWS)
NOT_ROWS: Mapping[str, str] = {
    "6": "a connector has no version of its own: it is released with the hub",
    "20": "no connector receives yet: intake over HTTP is the hub's own API",
    "21": "no connector receives yet: intake over HTTP is the hub's own API",
    "22": "no connector receives yet: intake over HTTP is the hub's own API",
}
"""Rows of the design guide that no connector can be asked, and why."""

Open = Callable[[], AbstractAsyncContextManager[Any]]


async def _judged(
    one: Row,
    spec: ConnectorSpec,
    partner: Open,
    *,
    waivers: Mapping[str, str] = {},
    bench: type[SourceBench | SinkBench],
) -> Finding:
    """Run one row against a partner of its own. Never raises for what the connector does."""

    async def check() -> None:
        around = Surroundings()
        try:
            async with asyncio.timeout(ROW_SECONDS), partner() as other:
                with_bench = bench(spec, other, around)
                try:
                    await one.check(with_bench)
                finally:
                    await with_bench.close()
        finally:
            around.close()

    return await finding_of(one, check, waivers.items())


class _Suite:
    connector: ClassVar[ConnectorSpec]
    """What is tested."""
    waivers: ClassVar[Mapping[str, str]] = {}
    """Rows that are known not to pass, each with its reason."""
    bench: ClassVar[type[SourceBench | SinkBench]]
    rows: ClassVar[Sequence[Row]]

    @classmethod
    def findings(cls, partner: Open, *numbers: str) -> list[Finding]:
        """Run all rows, or those numbers, without pytest."""

        async def every() -> list[Finding]:
            return [
                await _judged(one, cls.connector, partner, waivers=cls.waivers, bench=cls.bench)
                for one in cls.rows
                if not numbers or one.number in numbers
            ]

        return asyncio.run(every())

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Make one test of each row (pytest's hook, which it also finds on a class)."""
        if "conformance_row" in metafunc.fixturenames:
            rows = self.rows
            metafunc.parametrize("conformance_row", rows, ids=[one.id for one in rows])

    def test_conforms(self, conformance_row: Row, partner: Open) -> None:
        """Fail where the row is violated; skip, with the reason, where it does not apply."""
        [finding] = self.findings(partner, conformance_row.number)
        match finding.verdict:
            case Verdict.PASSED:
                return
            case Verdict.NOT_APPLICABLE:
                raise unittest.SkipTest(str(finding))
            case Verdict.VIOLATED:
                raise AssertionError(str(finding))


class SourceConformance(_Suite):
    """Everything a source must do. Subclass it, set `connector`, write the fixture `partner`."""

    bench = SourceBench
    rows = SOURCE_ROWS


class SinkConformance(_Suite):
    """Everything a sink must do. Subclass it, set `connector`, write the fixture `partner`."""

    bench = SinkBench
    rows = SINK_ROWS


class FileSourceConformance(SourceConformance):
    """Also what a source of files in a folder must do; the partner shows its `folder`."""

    rows = FILE_SOURCE_ROWS


class FileSinkConformance(SinkConformance):
    """Also what a sink of files into a folder must do; the partner shows its `folder`."""

    rows = FILE_SINK_ROWS
