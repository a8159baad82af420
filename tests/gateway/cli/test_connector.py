"""`remithub connector new`: found, failing, and passing once it is implemented."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.cli.exits import Exit

ROOT = Path(__file__).resolve().parents[3]

SETTINGS = '''"""Options of the shoebox connector: the one place where they are written."""

from typing import Annotated

from msgspec import Meta

from connectors.listing import FilePolling
from connectors.secret_text import SECRET_PATTERN

__all__ = ["Settings"]


class Settings(FilePolling, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Takes files from a shoebox, or puts files there."""

    password: Annotated[
        str, Meta(pattern=SECRET_PATTERN, description="Password, as `${secret:NAME}`.")
    ] = ""
'''
SOURCE = '''"""Takes from shoebox by polling."""

from connectors.folder import FolderSource

__all__ = ["ShoeboxSource"]


class ShoeboxSource(FolderSource):
    """Polls the shoebox."""
'''
SINK = '''"""Hands documents to shoebox."""

from connectors.folder import FolderSink

__all__ = ["ShoeboxSink"]


class ShoeboxSink(FolderSink):
    """Delivers to the shoebox."""
'''
CASE = '''"""The shoebox connector passes the conformance kit."""

from contextlib import asynccontextmanager

import pytest

from connectors.conformance import FileSinkConformance, FileSourceConformance
from connectors.shoebox import CONNECTOR
from tests.connectors.file_partners import Drop, Feed, wrong_folder


def opener(kind, tmp_path_factory):
    @asynccontextmanager
    async def open_partner():
        folder = tmp_path_factory.mktemp("partner") / "files"
        folder.mkdir()
        yield kind(folder, {}, wrong=[wrong_folder("folder")])

    return open_partner


class TestTheShoeboxSource(FileSourceConformance):
    connector = CONNECTOR

    @pytest.fixture
    def partner(self, tmp_path_factory):
        return opener(Feed, tmp_path_factory)


class TestTheShoeboxSink(FileSinkConformance):
    connector = CONNECTOR

    @pytest.fixture
    def partner(self, tmp_path_factory):
        return opener(Drop, tmp_path_factory)
'''


@pytest.fixture
def repository(tmp_path):
    """The connectors, what finds them, and no connector's case but the new one's."""
    root = tmp_path / "repository"
    shutil.copytree(ROOT / "connectors", root / "connectors", ignore=_compiled)
    cases = root / "tests" / "connectors"
    cases.mkdir(parents=True)
    for name in ("test_every_connector.py", "file_partners.py"):
        shutil.copy(ROOT / "tests" / "connectors" / name, cases)
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


_compiled = shutil.ignore_patterns("__pycache__")


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def failed_rows(output: str) -> set[str]:
    return set(re.findall(r"row (\w+) \([^)]*\): violated", output))


@pytest.mark.slow
def test_a_new_connector_is_found_fails_the_kit_and_passes_once_it_is_implemented(repository):
    assert main(["connector", "new", "shoebox", "--root", str(repository)]) == Exit.OK

    found = run(
        repository, "pytest", "-q", "tests/connectors/test_every_connector.py", "-k", "shoebox"
    )
    assert found.returncode == 0, found.stdout
    assert "2 passed" in found.stdout

    unfinished = run(repository, "pytest", "-q", "tests/connectors/shoebox")
    assert unfinished.returncode == 1, unfinished.stdout
    assert {"3", "7", "8", "8a", "10", "16", "17"} <= failed_rows(unfinished.stdout)
    assert not {"1", "2", "2a", "5"} & failed_rows(unfinished.stdout), (
        "what was generated is wrong"
    )

    folder = repository / "connectors" / "shoebox"
    for name, text in (("settings", SETTINGS), ("source", SOURCE), ("sink", SINK)):
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    (folder / "samples" / "shoebox.yaml").write_text("path: inbox\n", encoding="utf-8")
    case = repository / "tests" / "connectors" / "shoebox" / "test_conformance.py"
    case.write_text(CASE, encoding="utf-8")
    finished = run(repository, "pytest", "-q", "tests/connectors/shoebox")
    assert finished.returncode == 0, finished.stdout[-3000:]


def test_a_connector_without_a_case_fails_by_its_folders_name(repository):
    assert main(["connector", "new", "shoebox", "--root", str(repository)]) == Exit.OK
    shutil.rmtree(repository / "tests" / "connectors" / "shoebox")
    found = run(
        repository, "pytest", "-q", "tests/connectors/test_every_connector.py", "-k", "shoebox"
    )
    assert found.returncode == 1
    assert "connectors/shoebox has no conformance case" in found.stdout


@pytest.mark.parametrize("kind", ["source", "sink", "both"])
@pytest.mark.parametrize("name", ["audit_mailbox", "core_soap", "a_name_of_thirty_characters_xx"])
def test_what_is_written_is_clean_and_only_what_was_asked_for(repository, name, kind):
    arguments = ["connector", "new", name, "--kind", kind, "--root", str(repository)]
    assert main(arguments) == Exit.OK
    folder = repository / "connectors" / name
    parts = {part for part in ("source", "sink") if (folder / f"{part}.py").exists()}
    assert parts == ({"source", "sink"} if kind == "both" else {kind})
    for tool in (["ruff", "check", "-q"], ["ruff", "format", "--check", "-q"]):
        done = run(repository, *tool, str(folder), str(repository / "tests/connectors" / name))
        assert done.returncode == 0, done.stdout


def test_nothing_that_is_there_is_touched(repository, capsys):
    before = sorted((path, path.read_bytes()) for path in repository.rglob("*.py"))
    for name in ("folder", "listing", "conformance"):
        assert main(["connector", "new", name, "--root", str(repository)]) == Exit.CONFLICT
        assert f"connectors/{name}" in capsys.readouterr().err
    assert sorted((path, path.read_bytes()) for path in repository.rglob("*.py")) == before


@pytest.mark.parametrize(
    "name", ["Mail", "1box", "mail-box", "../box", "class", "match", "x", "x" * 31, ""]
)
def test_a_name_that_is_no_name_is_refused(repository, name, capsys):
    assert main(["connector", "new", name, "--root", str(repository)]) == Exit.USAGE
    assert "lower-case Python name" in capsys.readouterr().err


def test_a_folder_that_is_no_repository_is_refused(tmp_path, capsys):
    assert main(["connector", "new", "shoebox", "--root", str(tmp_path)]) == Exit.USAGE
    assert "--root" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
