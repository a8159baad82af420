"""Output: plain lines off a terminal, tables on it, one JSON document for programs.

F-LOG: names and values of others steer no terminal, and make no line of their own.
"""

import io
import json
import random
import re

import msgspec
import pytest

from gateway.cli.output import Column, Output, cell

COLUMNS = (
    Column(key="interface", title="Interface"),
    Column(key="files", title="Files", figures=True),
)
ROWS = [
    {"interface": "harbor-835", "files": 12345},
    {"interface": "[bold]odd[/bold]", "files": 7},
]


class Terminal(io.StringIO):
    """A stream that says a person looks at it."""

    def isatty(self) -> bool:
        return True


class StandingClock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds


def test_plain_rows_are_aligned_and_figures_stand_right() -> None:
    out = io.StringIO()
    Output(stdout=out).table(COLUMNS, ROWS)
    assert out.getvalue().splitlines() == [
        "Interface          Files",
        "harbor-835        12,345",
        "[bold]odd[/bold]       7",
    ]


def test_a_terminal_gets_a_table_and_markup_in_data_stays_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    Output(stdout=out).table(COLUMNS, ROWS, title="Feeds")
    assert "Feeds" in out.getvalue()
    assert "─" in out.getvalue()
    assert "[bold]odd[/bold]" in out.getvalue()


def test_json_is_one_document_with_the_values_as_they_are() -> None:
    out = io.StringIO()
    Output(json=True, stdout=out).table(COLUMNS, ROWS)
    assert msgspec.json.decode(out.getvalue()) == ROWS
    assert out.getvalue().count("\n") == 1


def test_no_rows_are_said_on_stderr_and_are_an_empty_array_for_programs() -> None:
    out, talk = io.StringIO(), io.StringIO()
    Output(stdout=out, stderr=talk).table(COLUMNS, [], empty="No feeds.")
    assert (out.getvalue(), talk.getvalue()) == ("", "No feeds.\n")
    Output(json=True, stdout=out, stderr=talk).table(COLUMNS, [])
    assert out.getvalue() == "[]\n"


def test_a_record_is_named_lines_or_one_object() -> None:
    out = io.StringIO()
    Output(stdout=out).record({"files_taken": 3, "late": False, "note": ""}, title="Feed")
    assert out.getvalue() == "Feed\nfiles taken  3\nlate         no\nnote         -\n"
    out = io.StringIO()
    Output(json=True, stdout=out).record({"files_taken": 3, "late": False})
    assert out.getvalue() == '{"files_taken":3,"late":false}\n'


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), ("", "-"), (True, "yes"), (1234, "1,234"), ("1.50", "1.50"), (["a", 1], "a, 1")],
)
def test_a_cell_is_written_for_people(value: object, text: str) -> None:
    assert cell(value) == text


def test_progress_off_a_terminal_is_a_line_every_ten_seconds_and_one_at_the_end() -> None:
    talk, clock = io.StringIO(), StandingClock()
    output = Output(stderr=talk, clock=clock)  # type: ignore[arg-type]  # only monotonic is used
    with output.progress("Replayed", total=40) as done:
        for _ in range(20):
            clock.seconds += 1
            done.advance()
    assert talk.getvalue().splitlines() == [
        "Replayed: 10 of 40, 1.0/s, 30 s left",
        "Replayed: 20 of 40, 1.0/s, 20 s left",
        "Replayed: 20 of 40, 1.0/s, 20 s left",
    ]


def test_progress_on_a_terminal_is_a_bar_with_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    talk = Terminal()
    with Output(stderr=talk).progress("Replayed", total=2) as done:
        done.advance(2)
    assert "2/2" in talk.getvalue()


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_no_color_is_honoured(
    monkeypatch: pytest.MonkeyPatch, no_color: str, coloured: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    talk = Terminal()
    with Output(stderr=talk).progress("Replayed", total=2) as done:
        done.advance(2)
    assert bool(re.search(r"\x1b\[(\d+;)*[34]\d(;|m)", talk.getvalue())) is coloured


def test_progress_says_nothing_to_a_program() -> None:
    talk = Terminal()
    with Output(json=True, stderr=talk).progress("Replayed", total=2) as done:
        done.advance(2)
    assert talk.getvalue() == ""


def test_what_a_terminal_would_obey_is_shown_as_question_marks() -> None:
    out, err = io.StringIO(), io.StringIO()
    output = Output(stdout=out, stderr=err)
    hostile = "\x1b]0;owned\x07 \x9b31m a\r\x08b \u202egnp.exe \u2066"
    output.line(hostile)
    output.say(hostile)
    output.table([Column(key="a", title="A")], [{"a": hostile}])
    output.record({"a": hostile})
    for text in (out.getvalue(), err.getvalue()):
        assert "owned" in text
        assert all(char.isprintable() or char == "\n" for char in text)


ODD = (
    *(
        "\x1b[2J",
        "\x1b]0;owned\x07",
        "\x9b31m",
        "\x85",
        "\x08",
        "\x7f",
        "\x00",
        "\u2028",
        "\u202e",
    ),
    *("\u2066", "\ufeff", "\U000e0001", "\r\n", "\n", "\r", "\t", "\v", "\f"),
    *(
        "harbor-835       up",
        "\nclear-835  down",
        "[red]x[/red]",
        "\\",
        '"',
        "é",
        "漢",
        "😀",
        "ISA",
    ),
)


def hostile(count: int, *more: str) -> list[str]:
    chance = random.Random(12)
    return ["".join(chance.choices((*ODD, *more), k=5)) for _ in range(count)]


def test_ten_thousand_hostile_values_are_ten_thousand_rows_of_a_table() -> None:
    out, names = io.StringIO(), hostile(10_000, "\ud800")
    columns = [Column(key="name", title="Name"), Column(key="list", title="List")]
    Output(stdout=out).table(columns, [{"name": name, "list": [name, 1]} for name in names])
    lines = out.getvalue().split("\n")
    assert len(lines) == 10_002  # the titles, and nothing behind the last line end
    assert all(line.isprintable() for line in lines)
    assert len(out.getvalue().splitlines()) == 10_001


def test_a_record_with_hostile_values_has_a_line_for_each() -> None:
    out, names = io.StringIO(), hostile(1_000, "\ud800")
    Output(stdout=out).record({f"name_{at}": name for at, name in enumerate(names)})
    assert len(out.getvalue().splitlines()) == 1_000
    assert all(line.isprintable() for line in out.getvalue().splitlines())


def test_a_table_on_a_terminal_holds_nothing_that_it_obeys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "400")
    out = Terminal()
    rows = [{"name": name} for name in hostile(300, "\ud800")]
    Output(stdout=out).table([Column(key="name", title="Name")], rows)
    ours = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())  # rich's own bold
    assert all(line.isprintable() for line in ours.split("\n"))
    assert len(ours.strip().split("\n")) == len(rows) + 2


def test_ten_thousand_hostile_values_are_ten_thousand_documents_that_steer_nothing() -> None:
    out, names = io.StringIO(), hostile(10_000)
    output = Output(json=True, stdout=out)
    for name in names:
        output.record({"name": name})
    lines = out.getvalue().split("\n")[:-1]
    assert all(line.isprintable() for line in lines)
    assert [json.loads(line)["name"] for line in lines] == names
