"""The token file: made once, for its owner only; only a plain file with a token in it is one."""

import os
from pathlib import Path

import pytest

from gateway.api import open_token, read_token
from gateway.errors import StorageFault
from gateway.ports import SystemIds


def test_the_token_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "var/api.token"
    token = open_token(path, SystemIds())
    assert path.stat().st_mode & 0o777 == 0o600
    assert open_token(path, SystemIds()) == read_token(path) == token
    assert len(token) >= 32


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_token_file_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "api.token"
    open_token(path, SystemIds())
    path.chmod(mode)
    with pytest.raises(StorageFault) as caught:
        read_token(path)
    assert caught.value.code == "token_file_mode"


@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "pipe"])
def test_only_a_plain_file_is_a_token_file(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "api.token", tmp_path / "other.token"
    match kind:
        case "link":
            open_token(other, SystemIds())
            path.symlink_to(other)
        case "dangling link":
            path.symlink_to(other)
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
    with pytest.raises(StorageFault) as caught:
        open_token(path, SystemIds())
    assert caught.value.code == "token_file_invalid"
    assert other.exists() == (kind == "link")


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40, b"x" * 20 + b"\r\nX-Evil: 1"])
def test_what_is_no_token_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "api.token"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StorageFault) as caught:
        read_token(path)
    assert caught.value.code == "token_file_invalid"
    assert "Evil" not in str(caught.value)


def test_two_hubs_that_make_the_token_at_once_end_with_one_and_the_same(tmp_path):
    path = tmp_path / "api.token"

    class SlowIds(SystemIds):
        def new(self, prefix: str) -> str:
            if not path.exists():  # the other one is faster
                path.touch(mode=0o600)
                path.write_text(SystemIds().new("tok") + "\n")
            return super().new(prefix)

    token = open_token(path, SlowIds())
    assert path.read_text().strip() == token
    assert [file.name for file in tmp_path.iterdir()] == ["api.token"]
