"""A test that needs a program of the system: skipped at a desk, failed under CI."""

from collections.abc import Callable
from pathlib import Path

import pytest

Require = Callable[[str], str]
ABSENT = "no-such-program-of-ours"


def test_a_program_that_is_there_is_found(require_program: Require) -> None:
    assert Path(require_program("sh")).is_absolute()


def test_without_it_a_desk_skips(
    require_program: Require, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=ABSENT):
        require_program(ABSENT)


def test_without_it_ci_fails(require_program: Require, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=ABSENT):
        require_program(ABSENT)


def test_every_package_that_ci_installs_says_what_needs_it(root: Path) -> None:
    lines = (root / ".ci" / "debian-packages.txt").read_text().splitlines()
    listed = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    assert listed
    assert all(len(words) == 2 for words in listed)
