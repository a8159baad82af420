"""One record is one line, whatever names and words of others hold (F-LOG)."""

import io
import logging
import random
import re

import pytest

from gateway.app.logs import MAX_BYTES, OneLine

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (INFO|ERROR) +remithub\.t: ")
ODD = ["\r\n", "\n", "\r", "\x1b[2J", "\x07", "\x00", "\x85", "\u2028", "\u202e", "\ud800", "%s"]


@pytest.fixture
def said() -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine())
    logger = logging.Logger("remithub.t")  # noqa: LOG001  beside the tree that pytest listens to
    logger.addHandler(handler)
    return logger, stream


def test_ten_thousand_hostile_names_are_ten_thousand_lines(
    said: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, stream = said
    chance = random.Random(7)
    for _ in range(10_000):
        name = "".join(chance.choices([*ODD, "ISA", " 2026-01-01 INFO x: forged", "é"], k=5))
        logger.info("Took %s.", name)
    lines = stream.getvalue().split("\n")[:-1]
    assert len(lines) == 10_000
    assert all(LINE.match(line) and line.isprintable() for line in lines)
    assert len(stream.getvalue().splitlines()) == 10_000


def test_a_traceback_and_a_very_long_word_are_one_line_too(
    said: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, stream = said
    try:
        raise ValueError("x" * 100_000 + "\n")
    except ValueError:
        logger.error("Failed", exc_info=True)  # noqa: G201  as a library might
    (line,) = stream.getvalue().splitlines()
    assert LINE.match(line)
    assert len(line) == MAX_BYTES


@pytest.mark.parametrize("piece", ["a", "é", "漢", "\x1b", "\x9b", "\U000e0001", "😀\n", "\ud800"])
@pytest.mark.parametrize("length", [0, 500, 4_000, 9_000, 200_000])
def test_no_record_is_longer_than_8_kib_as_it_is_written(
    said: tuple[logging.Logger, io.StringIO], piece: str, length: int
) -> None:
    logger, stream = said
    logger.info("Took %s.", piece * length)
    (line,) = stream.getvalue().splitlines()
    assert LINE.match(line)
    assert line.isprintable()
    assert len(line.encode()) <= MAX_BYTES
    assert line.endswith((".", " characters)"))


def test_times_are_utc(said: tuple[logging.Logger, io.StringIO]) -> None:
    record = logging.makeLogRecord({"created": 0.0, "msecs": 5.0, "name": "remithub.t"})
    assert OneLine().format(record).startswith("1970-01-01T00:00:00.005Z")
