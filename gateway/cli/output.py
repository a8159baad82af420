"""How every verb speaks: data on stdout, talk and progress on stderr, `--json` for programs."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import msgspec

from gateway.ports import Clock, SystemClock

__all__ = ["Column", "Output", "Progress", "cell", "json_line"]

LINE_EVERY_SECONDS = 10.0


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a table: the key in the rows, the heading, and whether it holds figures."""

    key: str
    title: str
    figures: bool = False


def cell(value: object) -> str:
    """Write one value for people: nothing as "-", yes and no, figures with thousands."""
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.1f}"
        case list() | tuple():
            return ", ".join(cell(part) for part in value) or "-"
        case _:
            return str(value)


def _harmless(text: str) -> str:
    """Show what a terminal would obey (escape sequences, bells, marks that turn the reading
    direction) as "?": names and numbers in a table may come from a partner."""
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


def _flat(value: object) -> str:
    """Write one value for people on one line: a name with a line break makes no row of its own."""
    return _harmless(cell(value)).replace("\n", " ").replace("\t", " ")


def json_line(document: object) -> bytes:
    """Write a document as one line of JSON in which a terminal finds nothing to obey, either: what
    cannot be printed is an escape, which means the same."""
    raw = msgspec.json.encode(document)
    if not raw.isascii() or b"\x7f" in raw:
        text = raw.decode()
        if not text.isprintable():
            raw = "".join(c if c.isprintable() else _escape(c) for c in text).encode()
    return raw + b"\n"


def _escape(char: str) -> str:
    units = char.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


class Output:
    """Where a verb writes. Rich tables and bars on a terminal, plain aligned lines elsewhere;
    NO_COLOR is honoured. With `json` every data method prints exactly one JSON document a line."""

    def __init__(
        self,
        *,
        json: bool = False,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.json = json
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr
        self._clock = clock or SystemClock()

    @property
    def terminal(self) -> bool:
        """Whether a person looks at stdout."""
        return self._stdout.isatty() and os.environ.get("TERM") != "dumb"

    def data(self, document: object) -> None:
        """Print one JSON document on a line of stdout, whatever the mode."""
        self._stdout.write(json_line(document).decode())

    def line(self, text: str) -> None:
        """Print one line of data on stdout."""
        self._stdout.write(_harmless(text) + "\n")

    def say(self, text: str) -> None:
        """Tell the person something on stderr; not data."""
        self._stderr.write(_harmless(text) + "\n")
        self._stderr.flush()

    def record(self, values: Mapping[str, object], *, title: str = "") -> None:
        """Print one thing as "name: value" lines, or as one JSON object."""
        if self.json:
            self.data(dict(values))
            return
        if title:
            self.line(title)
        width = max((len(name) for name in values), default=0)
        for name, value in values.items():
            self.line(f"{name.replace('_', ' '):<{width}}  {_flat(value)}")

    def table(
        self,
        columns: Sequence[Column],
        rows: Iterable[Mapping[str, Any]],
        *,
        title: str = "",
        empty: str = "Nothing here.",
    ) -> None:
        """Print rows: a table for people, or a JSON array of the rows as they are.

        `empty` is said on stderr where there is no row.
        """
        listed = list(rows)
        if self.json:
            self.data(listed)
        elif not listed:
            self.say(empty)
        elif self.terminal:
            self._rich_table(columns, listed, title)
        else:
            self._plain_table(columns, listed)

    def _rich_table(
        self, columns: Sequence[Column], rows: list[Mapping[str, Any]], title: str
    ) -> None:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD)
        for column in columns:
            table.add_column(column.title, justify="right" if column.figures else "left")
        for row in rows:
            table.add_row(*(Text(_flat(row.get(column.key))) for column in columns))
        Console(file=self._stdout).print(table)

    def _plain_table(self, columns: Sequence[Column], rows: list[Mapping[str, Any]]) -> None:
        lines = [[column.title for column in columns]]
        lines += [[_flat(row.get(column.key)) for column in columns] for row in rows]
        widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
        for line in lines:
            cells = (
                text.rjust(width) if column.figures else text.ljust(width)
                for text, width, column in zip(line, widths, columns, strict=True)
            )
            self.line("  ".join(cells).rstrip())

    @contextmanager
    def progress(self, label: str, *, total: int | None = None) -> Iterator["Progress"]:
        """Show how far a long thing is, on stderr: a bar on a terminal, else a line per 10 s.

        With `json` nothing is shown. Call `advance` on what is yielded.
        """
        if self.json:
            yield Progress()
        elif self._stderr.isatty():
            with self._bar(label, total) as bar:
                yield bar
        else:
            lines = _Lines(self, self._clock, label, total)
            yield lines
            lines.finish()

    @contextmanager
    def _bar(self, label: str, total: int | None) -> Iterator["Progress"]:
        from rich import progress
        from rich.console import Console

        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            _rate_column(),
            progress.TimeRemainingColumn(),
        )
        with progress.Progress(*columns, console=Console(file=self._stderr)) as shown:
            yield _Bar(shown, shown.add_task(label, total=total))


class Progress:
    """How far a long thing is. This one shows nothing."""

    def advance(self, by: int = 1) -> None:
        """Count `by` more as done."""


class _Bar(Progress):
    def __init__(self, shown: Any, task: Any) -> None:
        self._shown = shown
        self._task = task

    def advance(self, by: int = 1) -> None:
        self._shown.advance(self._task, by)


class _Lines(Progress):
    def __init__(self, output: Output, clock: Clock, label: str, total: int | None) -> None:
        self._output = output
        self._clock = clock
        self._label = label
        self._total = total
        self._done = 0
        self._started = self._said = clock.monotonic()

    def advance(self, by: int = 1) -> None:
        self._done += by
        if self._clock.monotonic() - self._said >= LINE_EVERY_SECONDS:
            self._say()

    def finish(self) -> None:
        if self._done:
            self._say()

    def _say(self) -> None:
        now = self._said = self._clock.monotonic()
        rate = self._done / max(now - self._started, 1e-6)
        text = f"{self._label}: {self._done:,}"
        if self._total is not None:
            text += f" of {self._total:,}"
        text += f", {rate:,.1f}/s"
        left = (self._total or 0) - self._done
        if left > 0:
            text += f", {left / rate:,.0f} s left"
        self._output.say(text)


def _rate_column() -> Any:
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Rate(ProgressColumn):
        """Pieces a second."""

        def render(self, task: Task) -> Text:
            """Write the present rate."""
            return Text(f"{task.speed:,.1f}/s" if task.speed else "")

    return Rate()
