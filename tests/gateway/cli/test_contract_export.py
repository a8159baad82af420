"""`remithub contract export|catalogue`, and what `remithub check` says of work done twice."""

import json
import shutil
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.cli.checking import Weight, troubles
from gateway.cli.sprawling import sprawl_of
from gateway.registry import starter_root
from tests.gateway.live import make_root, write


def test_openapi_is_written_without_a_running_hub(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["contract", "export", "--out", str(tmp_path / "new" / "folder")]) == 0
    assert "1 file in" in capsys.readouterr().err
    document = json.loads((tmp_path / "new/folder/openapi.json").read_text(encoding="utf-8"))
    assert "/v1/messages/remittance-advice" in document["paths"]


def test_without_a_folder_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", "export", "acknowledgement", "--format", "asyncapi"]) == 0
    printed = capsys.readouterr()
    assert set(json.loads(printed.out)["components"]["schemas"]) == {
        "cloudevent",
        "acknowledgement.v1",
    }
    assert printed.err == ""
    assert main(["contract", "export", "--format", "odcs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 5
    assert {json.loads(line)["kind"] for line in lines} == {"DataContract"}


def test_an_unknown_contract_or_format_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["contract", "export", "remitance-advice"]) == 4
    assert "Did you mean 'remittance-advice'?" in capsys.readouterr().err
    assert main(["contract", "export", "--format", "wsdl"]) == 2
    (tmp_path / "file").write_text("")
    assert main(["contract", "catalogue", "--out", str(tmp_path / "file" / "below")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_catalogue_is_the_same_twice_and_holds_the_machine_documents(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert main(["contract", "catalogue", "--out", str(tmp_path / name)]) == 0
    one, two = (
        {p.relative_to(base).as_posix(): p.read_bytes() for p in base.rglob("*") if p.is_file()}
        for base in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two
    assert {"index.html", "openapi.json", "asyncapi.json"} <= set(one)
    assert b"Built twice" not in one["index.html"]


DROP = """\
interface: %s
direction: out
connector: folder
accepts: %s
settings: {path: /srv/drop}
"""


@pytest.fixture
def doubled(tmp_path: Path) -> Path:
    root = make_root(tmp_path)
    for name in ("zulu", "alpha"):
        write(root, f"interfaces/{name}.yaml", DROP % (name, "remittance-advice@^1.0"))
    write(root, "interfaces/other.yaml", DROP % ("other", "acknowledgement@^1.0"))
    ours = starter_root() / "mappings" / "x12-835-to-remittance-advice"
    copy = root / "mappings" / "my-remits"
    shutil.copytree(ours, copy, ignore=shutil.ignore_patterns("cases"))
    text = (copy / "mapping.yaml").read_text(encoding="utf-8")
    text = text.replace("mapping: x12-835-to-remittance-advice", "mapping: my-remits")
    (copy / "mapping.yaml").write_text(f"# Ours.\n{text}", encoding="utf-8")
    return root


def test_check_warns_of_work_done_twice_with_both_names(doubled: Path) -> None:
    found = {
        one.file: one for one in troubles(doubled, {}) if "both carry" in one.reason or "two names" in one.reason
    }  # fmt: skip
    assert set(found) == {
        "config/interfaces/zulu.yaml",
        "mappings/x12-835-to-remittance-advice/mapping.yaml",
    }
    assert {one.weight for one in found.values()} == {Weight.WARNING}
    assert "'alpha' and 'zulu' both carry remittance-advice out at /srv/drop" in (
        found["config/interfaces/zulu.yaml"].reason
    )
    assert "'my-remits' and 'x12-835-to-remittance-advice'" in (
        found["mappings/x12-835-to-remittance-advice/mapping.yaml"].reason
    )


def test_the_own_catalogue_says_it_too(doubled: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    assert main(["contract", "catalogue", "--own", "--root", str(doubled), "--out", str(out)]) == 0
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "&#39;alpha&#39; and &#39;zulu&#39; both carry remittance-advice" in page


def test_our_own_mappings_and_demo_do_nothing_twice(tmp_path: Path) -> None:
    assert sprawl_of(tmp_path, {}) == []
