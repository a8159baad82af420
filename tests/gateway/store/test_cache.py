"""The cache of bodies takes no more memory than it may, however short they are."""

import tracemalloc

import pytest

from gateway.store.cache import BodyCache

MAX_BYTES = 400_000


@pytest.mark.parametrize("body_bytes", [1, 100, 1000, 40_000])
def test_what_it_takes_in_all_is_within_its_bound(body_bytes):
    cache = BodyCache(MAX_BYTES)
    tracemalloc.start()
    try:
        for number in range(10 * MAX_BYTES // (body_bytes + 200)):
            cache.put(
                f"bod_{number:032x}", number.to_bytes(8).rjust(body_bytes, b"x")[:body_bytes]
            )
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.5 * MAX_BYTES < cache.bytes <= MAX_BYTES
    assert 0.5 * cache.bytes < taken < 1.25 * cache.bytes


def test_without_room_nothing_is_kept():
    cache = BodyCache(0)
    cache.put("bod_1", b"")
    assert (cache.bytes, cache.get("bod_1")) == (0, None)
