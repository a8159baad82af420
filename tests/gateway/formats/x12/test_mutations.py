"""Whatever happens to a file, reading it ends with parts and never with an exception."""

import random
from collections.abc import Iterator

import msgspec
import pytest

from gateway.formats.x12 import envelope, read_segments, render
from gateway.simulators.remittances import generate_835

_BITS = b"~*:\n\r\0 ISAGSTE|>\xff"


def bases() -> Iterator[bytes]:
    for seed in range(12):
        data = b"".join(generate_835(payments=1 + seed % 3, seed=seed, claims_per_payment=3))
        yield data
        yield data.replace(b"~", b"~\r\n")
        yield b"\r\n".join(data[at : at + 80] for at in range(0, len(data), 80))


def damaged(data: bytes, draw: random.Random, bits: bytes = _BITS) -> bytes:  # noqa: C901  one case per damage
    """Change a few places of it; `bits` are what means something there."""
    for _ in range(draw.randint(1, 6)):
        if not data:
            return b"~"
        at = draw.randrange(len(data))
        end = at + draw.randint(1, 300)
        match draw.randrange(7):
            case 0:
                data = data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
            case 1:
                data = data[:at] + data[end:]
            case 2:
                data = data[:at] + data[at:end] + data[at:]
            case 3:
                data = data[:at] + bytes(draw.choice(bits) for _ in range(4)) + data[at:]
            case 4:
                data = data[:at]
            case 5:
                data = data[:at] + data[: draw.choice((110, len(data)))] + data[at:]
            case _:
                data = data.replace(data[at : at + 1], bytes([draw.choice(bits)]))
    return data


def check(read, count: int, seed: int) -> None:
    draw = random.Random(seed)
    files = list(bases())
    for number in range(count):
        data = damaged(draw.choice(files), draw)
        place = f"mutation {number} of seed {seed}"
        judged(read, data, place)


def judged(read, data: bytes, place: str) -> None:
    """Its parts are in order and can be written, and its bytes come back."""
    parts = read(data)
    assert parts, place
    end = 0
    for ordinal, part in enumerate(parts, 1):
        assert part.ordinal == ordinal, place
        assert end <= part.offset <= part.offset + part.length <= len(data), place
        end = part.offset + part.length
        assert (part.document is None) == bool(part.error), place
        msgspec.json.encode(part)
    assert render(read_segments(lambda: iter([data]))) == data, place


def test_fifteen_hundred_damaged_files_give_parts_and_their_bytes_back(read):
    check(read, 1_500, seed=1)


@pytest.mark.slow
def test_ten_thousand_damaged_files_give_parts_and_their_bytes_back(read):
    check(read, 10_000, seed=2)


def test_blocks_of_any_size_read_damaged_files_alike(read, monkeypatch):
    draw = random.Random(3)
    files = list(bases())
    cases = [damaged(draw.choice(files), draw) for _ in range(60)]
    whole = [read(data) for data in cases]
    monkeypatch.setattr("gateway.formats.x12.scanner._FILL_BYTES", 1)
    for data, right in zip(cases, whole, strict=True):
        assert read(data, step=draw.choice((11, 97, 4096))) == right


def test_a_lost_or_changed_cent_is_never_read_as_clean(read):
    """Any one digit changed in any amount of the equations holds the payment."""
    data = b"".join(generate_835(payments=1, seed=4, claims_per_payment=2))
    elements = data.split(b"~")
    checked = 0
    for at, segment in enumerate(elements):
        parts = segment.split(b"*")
        places = {b"CLP": (3, 4), b"SVC": (2, 3), b"CAS": (3,), b"BPR": (2,)}.get(parts[0], ())
        for place in places:
            changed = list(parts)
            changed[place] = b"%d" % (int(float(changed[place])) + 7)
            wrong = b"~".join([*elements[:at], b"*".join(changed), *elements[at + 1 :]])
            (part,) = read(wrong)
            assert any(finding.severity == "suspect" for finding in part.findings)
            checked += 1
    assert checked > 10


def test_a_file_too_large_to_be_kept_says_the_same_as_one_that_is(read, monkeypatch):
    draw = random.Random(3)
    whole = list(bases())[:9]
    bare = [data[data.index(b"ST*") :] for data in whole if b"ST*" in data]
    files = [*whole, *bare, *(damaged(draw.choice(whole), draw) for _ in range(40))]
    kept = [read(data) for data in files]
    monkeypatch.setattr(envelope, "_KEPT_BYTES", -1)
    assert [read(data) for data in files] == kept
