"""The dearest megabytes known: what they may cost is counted, and what is good in them is read.

How long they take stands in tests/proofs/test_fuzz.py (F-FUZZ).
"""

import sys
from itertools import product

import pytest

from gateway.formats.x12 import read_segments, render, scanner
from gateway.formats.x12.scanner import THE_REST, scan
from gateway.model.finding import Severity
from tests.gateway.formats.x12.conftest import HEAD, _isa, _remit

MEGABYTE = 1_000_000
TINY = "ISA****************:~"
ISA = _isa("000000001", "P", "*:^") + "~"
GS = "GS*HP*A*B*20260401*1200*1*X*005010X221A1~"
MARKS = [chr(code) for code in (*range(1, 9), *range(33, 127), *range(161, 256))]
PAIRS = [pair for pair in product(MARKS, repeat=2) if len({*pair, ":"}) == 3]
PAIRS = [pair for pair in PAIRS if not any(mark.isalnum() for mark in pair)]


def filled(unit: str, head: str = "") -> bytes:
    """So many of the unit behind the head as go into a megabyte."""
    return (head + unit * ((MEGABYTE - len(head)) // len(unit))).encode("latin-1")


TINY_ENVELOPES = {
    "interchanges": filled(TINY + "IEA~"),
    "interchanges that are never closed": filled(TINY),
    "interchanges that lost elements": filled("ISA************~IEA*~"),
    "interchanges of one TA1": filled(TINY + "TA1~IEA~"),
    "interchanges of an empty group": filled(TINY + "GS~GE~IEA~"),
    "interchanges of an empty set": filled(TINY + "ST*835~SE~IEA~"),
    "TA1s": filled("TA1~", ISA),
    "groups": filled("GS~GE~", ISA),
    "groups of an empty set": filled("GS*HP~ST*835~SE~GE~", ISA),
    "sets": filled("ST*835*1~SE*2*1~", ISA + GS),
    "sets without SE": filled("ST*835~", ISA + GS),
}
"""Control segments as small as they can be: 40,000 to 300,000 in a megabyte."""

WORST = {
    "interchanges just large enough to be read": filled(TINY + f"ST*835~{'CLP~' * 16}IEA~"),
    "sets without ISA": filled("ST*835*1~SE*2*1~"),
    "sets just large enough to be read": filled("ST*835~" + "CLP~" * 6, ISA + GS),
    "claims of nothing": filled("CLP~", ISA + GS + "ST*835*1~"),
    "lines of nothing": filled("SVC~", ISA + GS + "ST*835*1~LX~CLP~"),
    "segments of one character": filled("A~", ISA + GS + "ST*835*1~"),
    "interchanges each with marks of its own": "".join(
        f"ISA{mark * 16}:{end}IEA{end}" for mark, end in PAIRS[:40_000]
    ).encode("latin-1"),
    "line breaks behind segments that end with one": filled("\n", ISA.replace("~", "\n")),
    "line breaks behind a set without ISA": filled("\r\n", "ST*835*1~"),
    "segment ids torn apart": filled("\n" * 64 + "S" + "\n" * 64, ISA.replace("~", "\n")),
}


@pytest.mark.parametrize("name", TINY_ENVELOPES)
def test_tiny_envelopes_are_cut_so_far_and_the_rest_is_one_unreadable_part(name, read, codes):
    data = TINY_ENVELOPES[name]
    pieces = list(scan(lambda: iter([data])))
    assert len(pieces) <= 8_192 + MEGABYTE // 32
    assert sum(piece.length for piece in pieces) == len(data)
    assert [piece.kind == THE_REST for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    *others, rest = read(data)
    assert rest.error == "control_segments_too_many"
    assert (rest.offset, rest.offset + rest.length) == (pieces[-1].offset, len(data))
    assert all(codes(part, Severity.SUSPECT) for part in (*others, rest))


def test_what_stands_whole_before_too_many_envelopes_is_read(read, remit, head, claim, codes):
    good = remit(head + claim, head + claim[:-1])
    first, second, rest = read(good + TINY_ENVELOPES["interchanges"], step=997)
    assert not codes(first, Severity.SUSPECT)
    assert first.document["claims"] == read(good)[0].document["claims"]
    assert second.document["balance"]["balanced"]
    assert "control_segments_too_many" in codes(rest, Severity.SUSPECT)


def test_835s_without_a_claim_are_not_too_many_envelopes(read):
    """The smallest that say who does not pay whom, each in an interchange of its own."""
    least = ("BPR*H*0*C*NON************20260401", "TRN*1*1*1900000011", *HEAD[3:4], HEAD[7])
    one = _remit(least)
    parts = read(one * (3 * MEGABYTE // len(one)))
    assert len(parts) > 8_192
    assert not any(part.error for part in parts)


def test_what_is_not_read_comes_back_byte_for_byte():
    data = TINY_ENVELOPES["groups"]
    assert render(read_segments(lambda: iter([data[:500_000], data[500_000:]]))) == data


def test_blocks_of_any_size_stop_at_the_same_envelope(read, monkeypatch):
    data = TINY_ENVELOPES["sets"][:150_000]
    whole = read(data)
    assert whole[-1].error == "control_segments_too_many"
    monkeypatch.setattr("gateway.formats.x12.scanner._FILL_BYTES", 1)
    assert read(data, step=1000) == whole


def test_a_file_may_have_so_many_marks_and_no_more(read):
    """The patterns of a separator and a terminator take longer than a hundred envelopes."""
    before = scanner._patterns.cache_info().misses
    *_, rest = read(WORST["interchanges each with marks of its own"])
    assert rest.error == "control_segments_too_many"
    assert scanner._patterns.cache_info().misses - before <= 257


def test_a_small_set_has_few_findings_and_says_that_there_are_more(read, codes):
    parts = read(WORST["sets just large enough to be read"][:100_000])
    assert len(parts) > 3_000
    assert max(len(part.findings) for part in parts[:-1]) <= 15
    assert all("more_findings" in codes(part, Severity.SUSPECT) for part in parts[:-1])


def calls(read, data: bytes) -> int:
    """How many functions are called to read it, Python's own too."""
    counted = 0

    def count(_frame, event, _argument):
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        read(data)
    finally:
        sys.setprofile(before)
    return counted


@pytest.mark.parametrize(
    ("unit", "most"), [(TINY + "IEA~", 160), (TINY, 105), ("GS~", 62), ("ST*835~", 190)]
)
def test_an_envelope_costs_no_more_calls_than_it_does_now(unit, most, read):
    few, many = (ISA + GS + unit * count for count in (500, 1500))
    read(few.encode())
    cost = (calls(read, many.encode()) - calls(read, few.encode())) / 1000
    assert cost <= most
