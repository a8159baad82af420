"""Segments that are too long to be looked into: left out early, and nothing else differs for it."""

import random

import pytest

from gateway.formats.x12 import reader as reading
from gateway.formats.x12.delimiters import Delimiters
from gateway.formats.x12.scanner import MAX_SEGMENT_BYTES
from gateway.formats.x12.segments import raw_segments, segment_offsets, shorten, split_segments

MOST = 20
PIECES = ("X" * 19, "Y" * 60, "Z" * 200, "A*B", " ", "\t", "\r\n", "\n", "~", "~", "~", "  " * 40)


def cleaned(segments: list[str]) -> list[str]:
    """What a reader makes of segments: those that are too long are emptied."""
    return ["" if len(segment) > MOST else segment for segment in segments]


@pytest.mark.parametrize("seed", range(40))
def test_a_shortened_text_has_the_same_segments_at_the_same_places(seed):
    made = random.Random(seed)
    delimiters = Delimiters()
    for _ in range(100):
        text = "".join(made.choices(PIECES, k=made.randrange(1, 25)))
        short, cuts = shorten(text, delimiters, MOST)
        long_ones, wrapped = split_segments(text, delimiters)
        short_ones, still_wrapped = split_segments(short, delimiters)
        assert (cleaned(short_ones), still_wrapped) == (cleaned(long_ones), wrapped)
        places = [at for at, _ in raw_segments(text, delimiters)]
        assert segment_offsets(short, delimiters, cuts) == places
        assert len(text) == len(short) + sum(length for _, length in cuts)


def test_of_megabytes_in_one_segment_little_is_kept():
    text = f"ST*835*1~N3*{'X' * 5_000_000}~SE*3*1~"
    short, cuts = shorten(text, Delimiters(), MAX_SEGMENT_BYTES)
    assert len(short) < 2 * MAX_SEGMENT_BYTES
    assert len(cuts) == 1


def test_a_reader_says_the_same_of_a_long_segment_whether_it_was_shortened_or_not(
    monkeypatch, remit, read, head, claim
):
    raw = remit((*head, "NTE*" + "A" * 200_000, *claim, "N3*", "NTE*" + "A" * 99_000, "XXX*1"))
    shortened = read(raw)
    monkeypatch.setattr(reading, "shorten", lambda text, *_: (text, []))
    assert read(raw) == shortened
    assert "segment_too_long" in {f.code for part in shortened for f in part.findings}
