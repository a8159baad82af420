"""`remithub check`: each wrong file with its line."""

import json
from pathlib import Path

import pytest

from gateway.cli.exits import Exit
from tests.gateway.cli.live_verbs import Typed
from tests.gateway.live import make_root, write

ROUTES = "config/routes.yaml"


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    return Typed(make_root(tmp_path), capsys)


def test_a_good_folder_passes_with_warnings_for_what_nobody_wants(typed: Typed) -> None:
    lines = typed("check").splitlines()
    assert lines == [
        f"config/interfaces/{name}.yaml: warning: "
        "no route wants acknowledgement: its messages will be unrouted"
        for name in ("acks-a", "acks-b")
    ]


def test_our_own_data_passes(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    assert Typed(root, capsys)("check") == ""


@pytest.mark.parametrize(
    ("name", "old", "new", "line", "words"),
    [
        ("interfaces/intake.yaml", "direction: in", "direction: up", 3, "must be `in` or `out`"),
        ("interfaces/intake.yaml", "title", "titel", 2, "unknown field `titel`"),
        ("interfaces/claims.yaml", "x12-835-to", "x12-to", 4, "no mapping"),
        ("interfaces/acks-a.yaml", "^1.0", "^7.0", 4, "has no version"),
        ("interfaces/drop.yaml", "folder", "foldder", 3, "no connector 'foldder'"),
        ("routes.yaml", "to: drop", "to: dropp", 1, "no outgoing interface 'dropp'"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(
    typed: Typed, name: str, old: str, new: str, line: int, words: str
) -> None:
    file = typed.root / "config" / name
    file.write_text(file.read_text().replace(old, new))
    lines = typed("check", code=Exit.FAILED).splitlines()
    (wrong,) = [one for one in lines if "warning" not in one]
    assert wrong.startswith(f"config/{name}:{line}: ")
    assert words in wrong


def test_two_wrong_interfaces_are_both_named(typed: Typed) -> None:
    for name in ("claims", "acks-a"):
        file = typed.root / f"config/interfaces/{name}.yaml"
        file.write_text(file.read_text().replace("format: ", "format: no-"))
    found = typed.json("check", code=Exit.FAILED)
    wrong = {one["file"] for one in found if one["weight"] == "failure"}
    assert wrong == {"config/interfaces/claims.yaml", "config/interfaces/acks-a.yaml"}


def test_a_secret_that_is_not_here_is_a_warning(typed: Typed) -> None:
    sink = (typed.root / "config/interfaces/drop.yaml").read_text()
    text = sink.replace("connector: folder", "connector: http_api").partition("settings:")[0]
    text += """\
settings:
  base_url: https://erp.example.test
  auth: {type: bearer, token: "${secret:erp-token}"}
  deliver: {steps: [{id: send, request: {path: /x}}]}
"""
    write(typed.root, "interfaces/drop.yaml", text)
    (line,) = [one for one in typed("check").splitlines() if "secret" in one]
    assert line == "config/interfaces/drop.yaml:7: warning: secret 'erp-token' is not set here"


def test_a_contract_and_a_mapping_of_ones_own_are_checked(typed: Typed, root: Path) -> None:
    source = root / "mappings/remittance-advice-to-posting-request"
    case = next(iter(sorted((source / "cases").iterdir())))
    copy = typed.root / "mappings" / source.name
    for file in [source / "mapping.yaml", *case.iterdir()]:
        target = copy / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    wanted = json.loads((copy / "cases" / case.name / "out.json").read_text())
    wanted["currency"] = "XXX"
    (copy / "cases" / case.name / "out.json").write_text(json.dumps(wanted))
    contract = typed.root / "contracts/parcel/0.1.0"
    contract.mkdir(parents=True)
    header = (root / "contracts/journal-entry/contract.yaml").read_text()
    (contract.parent / "contract.yaml").write_text(
        header.replace("journal-entry", "parcel").partition("index:")[0]
    )
    (contract / "schema.json").write_text(
        '{\n  "$schema": "https://json-schema.org/draft/2020-12/schema",\n'
        '  "$id": "https://contracts.remithub.example/parcel/0.1.0/schema.json",\n'
        '  "type": "object",\n  "properties": {\n    "weight": {"type": "number"}\n  }\n}\n'
    )
    lines = typed("check", code=Exit.FAILED).splitlines()
    wrong = [one for one in lines if "warning" not in one]
    assert (
        f"mappings/{source.name}/cases/{case.name}/out.json: differs first at /currency" in wrong
    )
    assert any(
        one.startswith("contracts/parcel/0.1.0/schema.json:6: /properties/weight") for one in wrong
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("remittance-advice: [1]", "remittance-advise: [1]", 3, "no contract 'remittance-advise'"),
        ("remittance-advice: [1]", "remittance-advice: [1, 2]", 3, "has no version 2.x"),
        ("scopes: [", "scopes: [message.send, ", 4, "no scope 'message.send'"),
        ("ceiling: restricted", "ceiling: internal", 3, "above the ceiling internal"),
    ],
)
def test_a_product_that_offers_what_is_not_there_is_named_with_its_line(
    typed: Typed, old: str, new: str, line: int, words: str
) -> None:
    name = "config/products/everything.yaml"
    file = typed.root / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    grave = "ceiling" not in words
    told = typed("check", code=Exit.FAILED if grave else Exit.OK).splitlines()
    (wrong, *_) = [one for one in told if words in one]
    assert wrong.startswith(f"{name}:{line}: ")
    assert ("warning" in wrong) is not grave
