"""`remithub contract compat`: contracts, files and cases in; findings, witness and exit code out."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.errors import ConfigError
from gateway.governance.compat.waivers import waivers_of
from gateway.registry import starter_root

OLD: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"number": {"type": "string", "maxLength": 20}, "note": {"type": "string"}},
    "required": ["number"],
}


def changed(**properties: Any) -> dict[str, Any]:
    return OLD | {"properties": OLD["properties"] | properties}


def files(folder: Path, *schemas: Any) -> list[str]:
    found = []
    for index, schema in enumerate(schemas):
        file = folder / f"schema-{index}.json"
        file.write_text(json.dumps(schema))
        found.append(str(file))
    return found


def test_a_harmless_change_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = files(tmp_path, OLD, changed(memo={"type": "string"}))
    assert main(["contract", "compat", *pair]) == 0
    said = capsys.readouterr().out
    assert "compatible (FULL_TRANSITIVE, rw)" in said
    assert "PROP_OPTIONAL_ADDED  /properties/memo" in said
    assert "Required version bump: minor" in said


def test_a_break_ends_with_one_and_shows_its_witness(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = files(tmp_path, OLD, changed(number={"type": "integer"}))
    assert main(["contract", "compat", *pair, "--mode", "BACKWARD"]) == 1
    said = capsys.readouterr().out
    assert "PROP_TYPE_CHANGED  /properties/number/type breaks backward" in said
    assert '  {\n    "number": ' in said
    assert "Required version bump: major" in said


def test_what_nobody_can_decide_ends_with_three(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = ({"type": "string", "pattern": f"^a*(?!{c})b?$"} for c in "xy")
    assert main(["contract", "compat", *files(tmp_path, old, new)]) == 3
    assert "Not decided" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["json", "markdown", "junit", "sarif"])
def test_a_report_is_written_for_other_programs(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = files(tmp_path, OLD, changed(number={"type": "integer"}))
    assert main(["contract", "compat", *pair, "--format", form]) == 1
    said = capsys.readouterr().out
    begins = {"json": "{", "markdown": "## ", "junit": "<?xml", "sarif": "{"}
    assert said.startswith(begins[form])
    assert "PROP_TYPE_CHANGED" in said


def test_a_field_that_goes_needs_a_waiver(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = OLD | {"properties": {"number": OLD["properties"]["number"]}}
    pair = [*files(tmp_path, OLD, without), "--root", str(tmp_path)]
    assert main(["contract", "compat", *pair, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["verdict"], report["accepted"]) == ("compatible", False)
    (finding,) = report["findings"]
    assert finding["code"] == "PROP_OPTIONAL_REMOVED"
    (tmp_path / "contracts").mkdir()
    waiver = {"reason": "nobody reads it", "approver": "ann", "expires": "2999-01-01"}
    waivers = [waiver | {"fingerprint": finding["fingerprint"]}]
    (tmp_path / "contracts/waivers.yaml").write_text(json.dumps(waivers))
    assert main(["contract", "compat", *pair]) == 0
    assert "(waived by ann)" in capsys.readouterr().out


@pytest.mark.parametrize("raw", [b"\xff", b"- expires: 2026-13-45", b"[" * 5000, b"- 1", b"a: *b"])
def test_waivers_that_cannot_be_read_are_refused_by_name(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "waivers.yaml").write_bytes(raw)
    with pytest.raises(ConfigError) as caught:
        waivers_of(tmp_path / "waivers.yaml")
    assert caught.value.file.endswith("waivers.yaml")


def test_our_own_contract_is_compatible_with_itself(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["acknowledgement/1.0.0", "acknowledgement"]
    assert main(["contract", "compat", *names]) == 0
    assert "Required version bump: patch" in capsys.readouterr().out


def with_versions(root: Path, *schemas: tuple[str, Any]) -> Path:
    folder = root / "contracts" / "acknowledgement"
    shutil.copytree(starter_root() / "contracts", root / "contracts")
    first = json.loads((folder / "1.0.0/schema.json").read_text())
    for version, change in schemas:
        (folder / version).mkdir()
        new = json.loads(json.dumps(first))
        change(new)
        (folder / version / "schema.json").write_text(json.dumps(new))
    return root


def test_a_number_that_does_not_rise_enough_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def add(schema: Any) -> None:
        schema["properties"]["memo"] = {"type": "string", "maxLength": 9}

    root = with_versions(tmp_path, ("1.0.1", add), ("1.1.0", add))
    told = ["--root", str(root)]
    assert (
        main(["contract", "compat", "acknowledgement/1.0.0", "acknowledgement/1.1.0", *told]) == 0
    )
    assert (
        main(["contract", "compat", "acknowledgement/1.0.0", "acknowledgement/1.0.1", *told]) == 1
    )
    assert "minor is needed" in capsys.readouterr().out


def test_a_draft_is_held_to_what_versions_in_force_promised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def known(schema: Any) -> None:
        text = {"type": "string", "maxLength": 9, "x-phi": {"class": "direct"}}
        schema["properties"]["memo"] = text

    def less(schema: Any) -> None:
        schema["properties"]["memo"] = {"type": "string", "maxLength": 9}

    root = with_versions(tmp_path, ("1.1.0", known), ("1.2.0", less))
    header = root / "contracts/acknowledgement/contract.yaml"
    told = ["acknowledgement/1.1.0", "acknowledgement/1.2.0", "--root", str(root)]
    assert main(["contract", "compat", *told]) == 0
    text = header.read_text()
    header.write_text(text.replace("versions:\n", "versions:\n  1.1.0: {status: active}\n"))
    assert main(["contract", "compat", *told]) == 1
    assert "ERR   PHI_REMOVED" in capsys.readouterr().out


def test_without_a_mode_the_contract_says_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = with_versions(tmp_path)
    header = root / "contracts/acknowledgement/contract.yaml"
    header.write_text(header.read_text().replace("FULL_TRANSITIVE", "BACKWARD"))
    pair = ["acknowledgement/1.0.0", "acknowledgement", "--root", str(root)]
    assert main(["contract", "compat", *pair]) == 0
    assert main(["contract", "compat", *pair, "--mode", "forward"]) == 0
    said = capsys.readouterr().out
    assert "(BACKWARD, rw)" in said
    assert "(FORWARD, rw)" in said


def test_a_transitive_mode_looks_at_older_versions_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def longer(schema: Any) -> None:
        schema["properties"]["memo"] = {"type": "string", "maxLength": 10}

    def shorter(schema: Any) -> None:
        schema["properties"]["memo"] = {"type": "string", "maxLength": 9}

    def back(schema: Any) -> None:
        schema["properties"]["memo"] = {"type": "string", "maxLength": 9}

    root = with_versions(tmp_path, ("1.1.0", longer), ("1.2.0", shorter), ("1.3.0", back))
    pair = ["acknowledgement/1.2.0", "acknowledgement/1.3.0", "--root", str(root)]
    assert main(["contract", "compat", *pair, "--mode", "BACKWARD"]) == 0
    assert main(["contract", "compat", *pair, "--mode", "BACKWARD_TRANSITIVE"]) == 1
    assert "acknowledgement/1.1.0" in capsys.readouterr().out


def test_cases_are_answered_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    number = {"$schema": "http://json-schema.org/draft-04/schema#", "maximum": 3}
    cases = [
        {"id": "a", "old": OLD, "new": changed(memo=True), "mode": "FULL", "profile": "rw"},
        {"id": "b", "old": OLD, "new": changed(memo={"type": "string"}),
         "mode": "BACKWARD", "profile": "strict"},
        {"id": "c", "old": number, "new": number | {"exclusiveMaximum": True},
         "mode": "BACKWARD", "profile": "strict"},
        {"id": "d", "old": OLD, "new": True, "mode": "FORWARD", "profile": "strict"},
        {"id": "e", "old": 3, "new": OLD},
        {"id": "f", "old": OLD, "new": OLD},
        {"id": "g", "old": {"$ref": "https://e.example/x"}, "new": OLD, "mode": "BACKWARD"},
    ]  # fmt: skip
    file = tmp_path / "cases.jsonl"
    file.write_text("\n".join(json.dumps(case) for case in cases) + "\n\n")
    assert main(["contract", "compat", "--cases", str(file)]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    verdicts = {answer["id"]: answer["verdict"] for answer in answers}
    assert verdicts == {
        "a": "compatible", "b": "incompatible", "c": "incompatible", "d": "incompatible",
        "e": "review", "f": "compatible", "g": "review",
    }  # fmt: skip
    by_id = {answer["id"]: answer for answer in answers}
    assert by_id["c"]["witness"] == 3
    assert not isinstance(by_id["b"]["witness"]["memo"], str)
    assert "witness" not in by_id["a"]
    assert [answer["id"] for answer in answers if answer.get("why")] == ["e", "g"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["remittance-advice"], 2),
        (["remittance-advice", "remittance-advice", "--mode", "SIDEWAYS"], 2),
        (["remittance-advice", "remittance-advice", "--profile", "loose"], 2),
        (["remitance-advice", "remittance-advice"], 4),
        (["--cases", "nowhere.jsonl"], 4),
        (["remittance-advice", "remittance-advice", "--format", "poem"], 2),
    ],
)
def test_what_makes_no_sense_is_said(arguments: list[str], code: int) -> None:
    assert main(["contract", "compat", *arguments]) == code
