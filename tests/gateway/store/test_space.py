"""The mark below which nothing is taken in."""

import os

import pytest

from gateway.ports import SystemClock
from gateway.store import Space, StoreUnavailable


class Clock(SystemClock):
    at = 0.0

    def monotonic(self) -> float:
        return self.at


def test_the_default_mark_is_a_gibibyte_or_a_twentieth_of_the_volume(tmp_path):
    volume = os.statvfs(tmp_path)
    room = Space(tmp_path, None, SystemClock()).room
    assert room.low_bytes == max(1 << 30, volume.f_blocks * volume.f_frsize // 20)


def test_below_the_mark_there_is_no_room_and_without_one_there_always_is(tmp_path):
    with pytest.raises(StoreUnavailable) as caught:
        Space(tmp_path, 1 << 60, SystemClock()).must_have_room()
    assert caught.value.code == "disk_low"
    Space(tmp_path, 0, SystemClock()).must_have_room()


def test_a_folder_that_is_not_made_yet_is_on_the_volume_of_its_parent(tmp_path):
    assert Space(tmp_path / "not" / "yet", 0, SystemClock()).room.free_bytes > 0


def test_the_volume_is_looked_at_once_a_second(tmp_path, monkeypatch):
    looks = []
    seen = os.statvfs(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda folder: looks.append(folder) or seen)
    clock = Clock()
    space = Space(tmp_path, 0, clock)
    for clock.at in (5.0, 5.5, 5.9, 6.1):
        space.must_have_room()
    assert looks == [tmp_path, tmp_path]
