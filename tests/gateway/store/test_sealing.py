"""Sealed bytes: every change, cut and move is noticed, and a key change rewrites only the head."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.errors import StorageFault
from gateway.store.sealing import HEADER_BYTES, chunk_place, open_sealed, seal

_KEK, _KEY_ID = b"k" * 32, b"12345678"
_PLACE = chunk_place("msg_1", 0, last=True)
_CLAIMS = b"CLP*A1*1*100*80~" * 20
_BY_ZLIB = bytes.fromhex(
    "013132333435363738e332329d046ba4e56acd00d032fe63bbde9eb2ebbaf1a94fbd24e458985e140122"
    "575894b3d733e86a10a76816002cfd35b1fbd6788fe708def3895b492b817a754d1df3bac557f04c9e67"
    "d2718fee914055de2655758152f01b86820377f06eb626e642a5f14528bac8a2ecb7"
)
"""Those claims, as they were sealed before Zstandard."""


def _sealed(data: bytes, place: bytes = _PLACE) -> bytes:
    return seal(data, place, key_id=_KEY_ID, kek=_KEK)


@pytest.mark.parametrize("data", [b"", b"x", b"abc " * 5000, bytes(range(256)) * 3])
def test_what_was_sealed_comes_back(data):
    assert open_sealed(_sealed(data), _PLACE, kek=_KEK) == data


def test_what_was_sealed_before_still_opens():
    assert open_sealed(_BY_ZLIB, _PLACE, kek=_KEK) == _CLAIMS


def test_many_threads_seal_and_open_at_once():
    bodies = [b"%d " % number * 20_000 for number in range(200)]
    with ThreadPoolExecutor(8) as threads:
        opened = threads.map(lambda body: open_sealed(_sealed(body), _PLACE, kek=_KEK), bodies)
        assert list(opened) == bodies


def test_every_one_of_300_random_bit_flips_is_detected():
    randomness = random.Random(11)
    sealed = _sealed(b"a remittance of nobody " * 40)
    positions = [randomness.randrange(len(sealed) * 8) for _ in range(300)]
    assert min(positions) < HEADER_BYTES * 8 < max(positions)
    for position in positions:
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(StorageFault) as caught:
            open_sealed(bytes(changed), _PLACE, kek=_KEK)
        assert caught.value.code == "body_damaged"


@pytest.mark.parametrize(
    "length", [0, 1, 8, 24, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 15, -1]
)
def test_a_truncated_chunk_is_detected(length):
    sealed = _sealed(b"some text" * 9)
    with pytest.raises(StorageFault, match="does not verify"):
        open_sealed(sealed[:length], _PLACE, kek=_KEK)


@pytest.mark.parametrize(
    "place",
    [
        chunk_place("msg_2", 0, last=True),
        chunk_place("msg_1", 1, last=True),
        chunk_place("msg_1", 0, last=False),
    ],
)
def test_a_chunk_in_another_place_is_detected(place):
    with pytest.raises(StorageFault, match="does not verify"):
        open_sealed(_sealed(b"text"), place, kek=_KEK)


def test_another_key_opens_nothing():
    with pytest.raises(StorageFault, match="does not verify"):
        open_sealed(_sealed(b"text"), _PLACE, kek=b"K" * 32)


def test_equal_bytes_never_look_equal_and_plain_text_never_shows():
    one, two = _sealed(b"SMITH*JOHN" * 3), _sealed(b"SMITH*JOHN" * 3)
    assert one[9:] != two[9:]
    assert b"SMITH" not in one


def test_text_is_compressed_and_noise_is_not_made_longer():
    text, noise = b"CLP*A1*1*100*80~" * 1000, random.Random(3).randbytes(10_000)
    assert len(_sealed(text)) < len(text) // 10
    assert len(_sealed(noise)) == len(noise) + HEADER_BYTES + 17
