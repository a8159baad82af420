"""`remithub contract`: list, show, lock, on a folder and on what came with the program."""

import json
import shutil
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.registry import starter_root


def test_list_names_every_contract_with_its_state(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    states = {row["name"]: (row["version"], row["status"]) for row in rows}
    assert states["remittance-advice"] == ("1.0.0", "active")
    assert states["journal-entry"] == ("0.1.0", "draft")


def test_show_prints_fields_for_people_and_the_whole_schema_as_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["contract", "show", "remittance-advice"]) == 0
    assert "claims[].patient.last_name" in capsys.readouterr().out
    assert main(["contract", "show", "remittance-advice", "^1.0", "--json"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["properties"]["payment_key"] == {"$ref": "#/$defs/payment_key"}
    assert "money" in schema["$defs"]


def test_show_suggests_what_is_close(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", "show", "remitance-advice"]) == 4
    assert "Did you mean 'remittance-advice'?" in capsys.readouterr().err


def test_an_empty_folder_lists_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", "list", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def test_lock_adds_new_files_and_keeps_what_is_locked(tmp_path: Path) -> None:
    from gateway.cli.contract import lock

    shutil.copytree(starter_root() / "contracts", tmp_path / "contracts")
    file = tmp_path / "contracts/contracts.lock"
    before = file.read_text()
    (tmp_path / "contracts/common/1.0.0/money.json").write_text("{}")
    (tmp_path / "contracts/common/1.0.0/more.json").write_text("{}")
    assert lock(root=tmp_path) == 0
    added = set(file.read_text().splitlines()) - set(before.splitlines())
    assert [line.split()[1] for line in added] == ["common/1.0.0/more.json"]
    assert set(before.splitlines()) < set(file.read_text().splitlines())
