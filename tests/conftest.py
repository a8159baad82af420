"""What every test may use: the repository's folders, the shared samples, and programs of the system."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.postgres import postgres, postgres_own

__all__ = ["postgres", "postgres_own"]

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def samples() -> Path:
    """Third-party samples beside the repository; a test that needs them is skipped without."""
    folder = ROOT.parent / "shared" / "samples"
    if not folder.is_dir():
        pytest.skip("the samples are not beside this repository")
    return folder


@pytest.fixture(scope="session")
def require_program() -> Callable[[str], str]:
    """Return the path of a program; without it the test is skipped, and under CI it fails."""

    def require(name: str) -> str:
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")
        if found:
            return found
        reason = f"needs the program {name} (.ci/debian-packages.txt)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)

    return require
