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


def test_a_page_that_would_cross_the_internet_in_the_clear_is_refused(typed: Typed) -> None:
    page = 'page: {url: "http://pager.example", secrets: ["${secret:pager}"]}'
    account = f"  break_glass:\n    user: warden\n    secret: warden\n    {page}\n"
    write(typed.root, "hub.yaml", f"access:\n{account}")
    lines = typed("check", code=Exit.FAILED).splitlines()
    assert "config/hub.yaml:5: a page crosses a public network over HTTPS only" in lines
    assert "config/hub.yaml:5: warning: secret 'pager' is not set here" in lines


HTTP = """\
interface: drop
direction: out
connector: http_api
accepts: remittance-advice@^1.0
settings:
  base_url: https://erp.example.test
"""


@pytest.mark.parametrize(
    ("settings", "line", "pointer"),
    [
        (
            """\
  deliver:
    steps:
    - id: send
      request: {path: "/x/${secret:erp-token}"}
""",
            10,
            "settings.deliver.steps[0].request",
        ),
        ('  check: {path: "${secret:erp-token}/ping"}\n', 7, "settings.check"),
    ],
)
def test_a_secret_in_a_path_is_refused(
    typed: Typed, settings: str, line: int, pointer: str
) -> None:
    write(typed.root, "interfaces/drop.yaml", HTTP + settings)
    lines = typed("check", code=Exit.FAILED).splitlines()
    assert (
        f"config/interfaces/drop.yaml:{line}: `path` holds a secret; send it as `auth` or in"
        f" `headers` at '{pointer}'"
    ) in lines


def test_a_secret_is_known_by_where_it_stands_and_not_by_its_line(typed: Typed) -> None:
    text = """\
  # it was ${secret:gone} once
  headers:
    X-Ticket: "no #7 ${secret:ticket}"
    X-Folded: >-
      one
      ${secret:folded}
"""
    write(typed.root, "interfaces/drop.yaml", HTTP + text)
    lines = [one for one in typed("check").splitlines() if "secret" in one]
    assert lines == [
        "config/interfaces/drop.yaml:9: warning: secret 'ticket' is not set here",
        "config/interfaces/drop.yaml:10: warning: secret 'folded' is not set here",
    ]


@pytest.mark.parametrize("written", ["${secret:quill", "${secret:7quill}", "${ secret:quill}"])
def test_what_stands_for_no_secret_is_refused(typed: Typed, written: str) -> None:
    write(typed.root, "interfaces/drop.yaml", HTTP + f"  headers: {{X-Key: '{written}'}}\n")
    lines = typed("check", code=Exit.FAILED).splitlines()
    (wrong,) = [one for one in lines if "warning" not in one]
    assert wrong.startswith("config/interfaces/drop.yaml:7: 'settings.headers.X-Key': a secret is")
    assert "quill" not in wrong


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


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("headers.Authorization", "Bearer not-for-a-file"),
        ("headers.X-Api-Key", "k1"),
        ("headers.cookie", "session=1"),
        ("headers.X-Note", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJub2JvZHkifQ."),
        ("base_url", "https://hub:not-for-a-file@partner.example.test"),
        ("note", "-----BEGIN PRIVATE KEY-----"),
        ("note", "rhk_0f3a.0123456789abcdefghijklmnop"),
    ],
)
def test_a_credential_that_stands_in_a_file_is_refused_and_not_repeated(
    typed: Typed, place: str, value: str
) -> None:
    *parents, name = place.split(".")
    inner = f"{{{name}: {json.dumps(value)}}}"
    for parent in reversed(parents):
        inner = f"{{{parent}: {inner}}}"
    write(typed.root, "quality.yaml", f"settings: {inner}\n")
    lines = typed("check", code=Exit.FAILED).splitlines()
    (wrong,) = [one for one in lines if f"settings.{place}' holds a credential" in one]
    assert wrong.startswith("config/quality.yaml:1: ")
    assert value not in "".join(lines)


@pytest.mark.parametrize(
    "value", ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd1", "q7Zx0Lr2Vw9Tn4Bk6Hs1Yd8Fm3Gp"]
)
def test_what_looks_drawn_by_chance_is_worth_a_word(typed: Typed, value: str) -> None:
    write(typed.root, "quality.yaml", f"settings: {{note: {value}}}\n")
    lines = typed("check", code=Exit.FAILED).splitlines()
    (odd,) = [one for one in lines if "looks like a credential" in one]
    assert odd.startswith("config/quality.yaml:1: warning: ")
    assert value not in "".join(lines)


@pytest.mark.parametrize(
    "setting",
    [
        "headers: {Authorization: 'Bearer ${secret:TOKEN}', X-CSRF-Token: fetch, Accept: text/xml}",
        "base_url: https://partner.example.test:8443/in",
        "thumbprints: [q7Zx0Lr2Vw9Tn4Bk6Hs1Yd8Fm3Gpq7Zx0Lr2Vw9Tn4B]",
        "host_keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGq7Zx0Lr2Vw9Tn4Bk6Hs1Yd8Fm3Gp']",
        "mapping: x12-835-to-remittance-advice-of-hilltop-2",
        "id: 0f8fad5b-d9cb-469f-a165-70867728950e",
    ],
)
def test_what_is_no_credential_is_not_taken_for_one(typed: Typed, setting: str) -> None:
    write(typed.root, "quality.yaml", f"settings: {{{setting}}}\n")
    assert "credential" not in typed("check", code=Exit.FAILED)
