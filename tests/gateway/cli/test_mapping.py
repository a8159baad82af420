"""`remithub mapping`: on the shipped mappings and on a plain folder without any hub."""

import io
import json
from pathlib import Path

import pytest

from gateway.cli import mapping as verbs
from gateway.errors import NotFound
from gateway.translation import MappingError

MAPPING = """mapping: plain-folder
version: 1.0.0
source: {schema: source.json}
target: {any: true}
lookups:
  account: {table: tables/accounts.csv, key: code, value: account}
fields:
  account: lookup(account, code)
  amount: amount
  half: round_half_up(amount / 2, 2)
  ratio: rate?
"""
SOURCE = {
    "type": "object",
    "properties": {
        "code": {"type": "string"},
        "amount": {"type": "string", "x-money": {"scale": 2}},
        "rate": {"type": "number"},
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "plain-folder"
    case = home / "cases" / "one"
    case.mkdir(parents=True)
    (home / "tables").mkdir()
    (home / "mapping.yaml").write_text(MAPPING)
    (home / "source.json").write_text(json.dumps(SOURCE))
    (home / "tables" / "accounts.csv").write_text("code,account\nA,100\n")
    (case / "in.json").write_text('{"code": "A", "amount": "5.01"}')
    (case / "out.json").write_text('{"account": "100", "amount": "5.01", "half": "2.51"}')
    return home


def test_all_shipped_cases_pass(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verbs.test(root=root) == 0
    told = capsys.readouterr()
    assert "ok     posting-confirmation-to-journal-entry" in told.out
    assert ", 0 failed." in told.err


def test_a_plain_folder_is_tested_and_a_difference_is_shown_by_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verbs.test(str(folder)) == 0
    (folder / "cases" / "one" / "out.json").write_text('{"account": "100", "half": "2.50"}')
    capsys.readouterr()
    assert verbs.test(str(folder)) == 1
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "FAILED plain-folder one",
        '       /half: expected "2.50", found "2.51"',
        '       /amount: expected nothing, found "5.01"',
    ]
    assert verbs.test(str(folder), json=True) == 1
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["passed"] is False
    assert verdict["verdict"]["differences"][0]["pointer"] == "/half"


def test_a_case_that_cannot_be_translated_fails_with_its_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "cases" / "one" / "in.json").write_text('{"code": "B", "amount": "5.01"}')
    assert verbs.test(str(folder)) == 1
    assert "LOOKUP_MISS: mapping plain-folder" in capsys.readouterr().out


def test_json_lines_give_a_line_each_and_errors_go_to_stderr(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = folder / "in.jsonl"
    lines.write_text(
        '{"code": "A", "amount": "5.01", "rate": 0.10}\n'
        '{"code": "SECRET", "amount": "5.01"}\n'
        "not json\n"
        "\n"
        "[1]\n"
        '{"code": "A", "amount": "-0.00"}\n'
    )
    assert verbs.run(str(folder), lines) == 1
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        '{"account":"100","amount":"5.01","half":"2.51","ratio":"0.10"}',
        '{"account":"100","amount":"0.00","half":"0.00"}',
    ]
    errors = [json.loads(line)["error"] for line in told.err.splitlines()]
    assert [(error["document"], error["code"]) for error in errors] == [
        (2, "LOOKUP_MISS"),
        (3, "not_json"),
        (4, "not_an_object"),
    ]
    assert errors[0]["yaml_line"] == 8
    assert "SECRET" not in told.err


def test_one_document_over_several_lines_is_one_document(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "in.json"
    file.write_text('{\n  "code": "A",\n  "amount": "5.00"\n}\n')
    assert verbs.run(str(folder), file) == 0
    assert json.loads(capsys.readouterr().out)["half"] == "2.50"


def test_a_format_mapping_reads_files_of_its_format(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "x12-835-to-remittance-advice"
    case = root / "mappings" / name / "cases" / "padded_names" / "in.835"
    assert verbs.run(name, case, root=root) == 0
    assert json.loads(capsys.readouterr().out)["payer"]["name"] == "HARBOR MUTUAL"


def test_a_field_is_explained_without_values(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "in.json"
    file.write_text('{"code": "A", "amount": "5.01"}')
    assert verbs.explain(str(folder), "/half", file) == 0
    told = capsys.readouterr().out
    assert "round_half_up(amount / 2, 2)" in told
    assert "/amount" in told
    assert "5.01" not in told
    assert verbs.explain(str(folder), "/", file, json=True) == 0
    fields = json.loads(capsys.readouterr().out)["fields"]
    assert [field["target_pointer"] for field in fields] == [
        "/account",
        "/amount",
        "/half",
        "/ratio",
    ]
    assert fields[3]["present"] is False


def test_the_context_is_handed_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = MAPPING.replace("ratio: rate?", "ratio: context.delivery_id")
    (folder / "mapping.yaml").write_text(text)
    file = folder / "in.json"
    file.write_text('{"code": "A", "amount": "5.01"}')
    assert verbs.run(str(folder), file) == 1
    assert verbs.run(str(folder), file, context={"delivery_id": "to-erp"}) == 0
    assert '"ratio":"to-erp"' in capsys.readouterr().out


def test_what_is_not_there_is_named(folder: Path, root: Path) -> None:
    with pytest.raises(NotFound, match="Did you mean"):
        verbs.run("journal-entry-to-erp-jurnal", folder / "in.json", root=root)
    with pytest.raises(NotFound, match=r"nope\.json"):
        verbs.run(str(folder), folder / "nope.json")


def test_a_broken_mapping_is_refused_with_file_and_line(folder: Path) -> None:
    (folder / "mapping.yaml").write_text(MAPPING + "  oops: nope\n")
    with pytest.raises(MappingError, match=r"mapping\.yaml:12: \[PATH_UNKNOWN\]"):
        verbs.test(str(folder))


def test_a_field_no_document_has_is_not_found(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "in.json"
    file.write_text('{"code": "A", "amount": "5.01"}')
    assert verbs.explain(str(folder), "/quarter", file) == 4
    assert "no such field" in capsys.readouterr().err


def test_a_dash_reads_standard_input(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = io.TextIOWrapper(io.BytesIO(b'{"code": "A", "amount": "5.00"}'))
    monkeypatch.setattr("sys.stdin", given)
    assert verbs.run(str(folder), Path("-")) == 0
    assert json.loads(capsys.readouterr().out)["half"] == "2.50"
