"""Bytes come back as they were, whatever they are."""

from pathlib import Path

import pytest

from gateway.errors import Reject
from gateway.formats.x12 import read_segments, render
from gateway.simulators.remittances import generate_835

SAMPLES = Path(__file__).resolve().parents[4] / "../shared/samples/x12"


def back(data: bytes) -> bytes:
    return render(read_segments(lambda: iter([data])))


@pytest.mark.parametrize("end", ["~", "~\r\n", "\n", "\r\n", "\n~", "~  ", "\r"])
def test_every_terminator_comes_back(remit, head, claim, end):
    data = b"mail text\r\n" + remit(head + claim, head + claim, end=end) + b"\r\n\x1a rest"
    assert back(data) == data


def test_wrapped_lines_come_back_and_their_elements_are_joined(remit, head, claim):
    plain = remit(head + claim)
    wrapped = b"\r\n".join(plain[at : at + 33] for at in range(0, len(plain), 33))
    assert back(wrapped) == wrapped
    elements = [one.elements for one in read_segments(lambda: iter([wrapped])) if one.text]
    assert elements == [one.elements for one in read_segments(lambda: iter([plain])) if one.text]


def test_offsets_point_at_the_segments(remit, head, claim):
    data = b"\xef\xbb\xbf" + remit(head + claim, end="~\r\n")
    segments = [one for one in read_segments(lambda: iter([data])) if one.text]
    assert [one.elements[0] for one in segments[:3]] == ["ISA", "GS", "ST"]
    for one in segments:
        assert data[one.offset :].startswith(one.text.encode("latin-1"))


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"no x12 here", b"ISA*", b"\r\n\r\n", bytes(range(256))]
)
def test_what_is_no_x12_comes_back_too(data):
    assert back(data) == data


def test_generated_files_come_back():
    data = b"".join(generate_835(payments=20, seed=11))
    assert back(data) == data


def test_a_set_too_large_to_keep_is_refused_by_name(remit, head):
    data = remit((*head, *(("CLP*A*1*0*0",) * 3_000_000)))
    with pytest.raises(Reject) as caught:
        back(data)
    assert caught.value.code == "transaction_set_too_large"


@pytest.mark.skipif(not SAMPLES.exists(), reason="the shared samples are not on this machine")
def test_every_sample_comes_back():
    files = sorted(path for path in SAMPLES.glob("*/*") if path.is_file())
    assert files
    for path in files:
        data = path.read_bytes()
        assert back(data) == data, path.name


def test_much_padding_behind_an_interchange_is_kept(remit, head):
    data = remit(head) + b" " * 3_000_000 + b"\0" * 3_000_000
    assert render(read_segments(lambda: iter([data]))) == data
