"""The table of rows in the kit's README is that of the kit."""

from pathlib import Path

import connectors.conformance
from connectors.conformance import NOT_ROWS
from connectors.conformance.suite import FILE_SINK_ROWS, FILE_SOURCE_ROWS

README = Path(connectors.conformance.__file__).with_name("README.md")


def table() -> str:
    sources, sinks = (
        {one.number: one for one in rows} for rows in (FILE_SOURCE_ROWS, FILE_SINK_ROWS)
    )
    lines = ["| row | asked of | what must hold |", "| --- | --- | --- |"]
    for number, one in {**sources, **sinks}.items():
        asked = [name for name, rows in (("source", sources), ("sink", sinks)) if number in rows]
        lines.append(f"| {number} | {' and '.join(asked)} | {one.title} |")
    lines += [f"| {number} | nobody | {reason} |" for number, reason in NOT_ROWS.items()]
    return "\n".join(lines)


def test_the_table_is_up_to_date():
    assert table() in README.read_text(encoding="utf-8"), table()
