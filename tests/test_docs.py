"""The documents: generated tables are up to date, and what the README tells people to do works."""

import re
from pathlib import Path

import pytest

from gateway.app import read_bundle
from gateway.cli.docs import docs, pages, renewed
from gateway.cli.tables import markdown
from gateway.cli.verbs import VERBS
from gateway.errors import ConfigError, UsageFault

MARKS = "# Page\n\n<!-- generated: exit-codes -->\nold\n<!-- end generated -->\n\nLast line.\n"


def repository(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text("")
    (folder / "README.md").write_text(text)
    return folder / "README.md"


def test_every_generated_table_is_up_to_date(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = docs(check=True, root=root)
    assert code == 0, capsys.readouterr().out


def test_a_stale_table_fails_the_check_with_a_diff_and_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = repository(tmp_path, MARKS)
    assert docs(check=True, root=tmp_path) == 1
    assert page.read_text() == MARKS
    out = capsys.readouterr().out
    assert "--- README.md" in out
    assert "-old" in out
    assert "+| 4 | not found |" in out


def test_writing_replaces_what_is_between_the_marks_only_and_once(tmp_path: Path) -> None:
    page = repository(tmp_path, MARKS)
    assert docs(root=tmp_path) == 0
    first = page.read_text()
    assert first.startswith("# Page\n\n<!-- generated: exit-codes -->\n| Exit code |")
    assert first.endswith("<!-- end generated -->\n\nLast line.\n")
    assert "old" not in first
    docs(root=tmp_path)
    assert page.read_text() == first
    assert docs(check=True, root=tmp_path) == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\n<!-- generated: exit-codes -->\n", "has no end"),
        ("\n<!-- generated: weather -->\n<!-- end generated -->\n", "no table 'weather'"),
    ],
)
def test_a_wrong_mark_is_named_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    page = tmp_path / "README.md"
    with pytest.raises(ConfigError, match=reason) as caught:
        renewed(text, page=page, root=tmp_path)
    assert caught.value.line == 2


def test_a_folder_that_is_not_the_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageFault):
        docs(root=tmp_path)


def test_environments_and_caches_are_not_searched(tmp_path: Path) -> None:
    for name in (".venv/a.md", "build/b.md", "docs/c.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [page.name for page in pages(tmp_path)] == ["c.md"]


def test_a_cell_cannot_break_its_table() -> None:
    assert markdown(("a",), [("x | y\nz",)]).splitlines()[2] == "| x \\| y z |"


def test_a_package_without_a_reason_fails(tmp_path: Path) -> None:
    repository(tmp_path, "<!-- generated: packages -->\n<!-- end generated -->\n")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["leftpad>=1"]\n[tool.remithub.packages]\n'
    )
    with pytest.raises(ConfigError, match="leftpad"):
        docs(root=tmp_path)


def test_the_readmes_first_interface_compiles(root: Path, tmp_path: Path) -> None:
    text = (root / "README.md").read_text(encoding="utf-8")
    files = re.findall(r"^`(config/\S+\.yaml)`[^\n]*\n\n```yaml\n(.*?)^```$", text, re.M | re.S)
    assert len(files) == 3
    for name, body in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(body)
    bundle = read_bundle(tmp_path, {})
    assert set(bundle.config.interfaces) == {"county-remits", "archive"}


def test_the_readmes_name_only_commands_that_exist(root: Path) -> None:
    verbs = {verb.name for verb in VERBS} | {verb.noun for verb in VERBS}
    unknown = [
        f"{page.relative_to(root)}: {words}"
        for page in pages(root)
        for words in re.findall(r"(?:^|`)remithub ([a-z]+(?: [a-z]+)?)", page.read_text(), re.M)
        if not {words, words.partition(" ")[0]} & verbs
    ]
    assert not unknown


def test_a_link_inside_the_repository_leads_to_a_file(root: Path) -> None:
    broken = [
        f"{page.relative_to(root)}: {target}"
        for page in pages(root)
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert not broken
