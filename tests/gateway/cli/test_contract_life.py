"""`remithub contract`: a version's life on a site's own folder, refused and let through."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.cli.contract_usage import counted_calls
from gateway.errors import NotFound
from gateway.registry import Registry, VersionRecord, starter_root
from tests.gateway.governance.sites import (
    DOWN,
    UP,
    fields,
    receipt,
    receipt_site,
    text,
    write_version,
)

REQUIRED = ("id", "amount", "payer")
CONSUMER = """\
consumer: quay
reads:
  - {contract: receipt, version: ^1.0, paths: [note, "lines[].code"]}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A root folder: 1.0.0 active and locked, 2.0.0 a draft, one declared consumer."""
    receipt_site(tmp_path)
    consumers = tmp_path / "config/consumers"
    consumers.mkdir(parents=True)
    (consumers / "quay.yaml").write_text(CONSUMER)
    assert main(["contract", "lock", "--root", str(tmp_path)]) == 0
    return tmp_path


def draft(site: Path, version: str, properties: dict[str, Any], **more: Any) -> None:
    examples = (receipt() | more,)
    write_version(site, version, properties, required=REQUIRED, examples=examples)


def run(site: Path, *words: str) -> int:
    verb, *rest = words
    return main(["contract", verb, *rest, "--root", str(site)])


def record(site: Path, version: str) -> VersionRecord:
    return Registry(starter_root(), site).contract("receipt", version).record


def by_hand(site: Path, old: str, new: str) -> None:
    file = site / "contracts/receipt/contract.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))


def test_a_minor_version_is_proposed_by_one_and_approved_by_another(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft(site, "1.1.0", fields(1) | {"till": text()}, till="7")
    assert run(site, "propose", "receipt", "1.1.0", "--by", "anna") == 5
    assert "at /till does not survive the way back" in capsys.readouterr().err
    down = site / "contracts/receipt/migrations/2-to-1.yaml"
    down.write_text(DOWN.replace("drop: [total, till]", "drop: [total]"))
    assert run(site, "approve", "receipt", "1.1.0", "--by", "ben") == 5
    assert "[proposed]" in capsys.readouterr().err
    assert run(site, "propose", "receipt", "1.1.0", "--by", "anna") == 0
    assert "remithub contract approve receipt 1.1.0" in capsys.readouterr().err
    assert run(site, "check") == 0
    assert run(site, "approve", "receipt", "1.1.0", "--by", "anna") == 5
    assert "[four_eyes] anna proposed it" in capsys.readouterr().err
    assert record(site, "1.1.0").status == "draft"
    assert run(site, "show", "receipt", "1.1.0") == 0
    assert "anna proposes: active." in capsys.readouterr().out
    assert run(site, "approve", "receipt", "1.1.0", "--by", "ben") == 0
    found = record(site, "1.1.0")
    assert (found.status, found.author, found.approved_by) == ("active", "anna", "ben")
    locked = (site / "contracts/contracts.lock").read_text()
    assert "receipt/1.1.0/schema.json" in locked
    assert "receipt/2.0.0/schema.json" not in locked
    assert run(site, "check") == 0


def test_a_change_that_takes_what_a_consumer_reads_is_refused_with_its_name(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = {key: value for key, value in fields(1).items() if key != "note"}
    draft(site, "1.1.0", without)
    assert run(site, "propose", "receipt", "1.1.0", "--by", "anna") == 5
    told = capsys.readouterr().err
    assert "breaks consumer quay, which reads /note (PATH_LOST)" in told
    assert "PROP_OPTIONAL_REMOVED" in told
    # Written by hand it is found all the same.
    by_hand(
        site,
        "versions:\n",
        'versions:\n  "1.1.0": {status: active, author: anna, approved_by: ben}\n',
    )
    assert main(["check", "--root", str(site)]) == 1
    assert "breaks consumer quay, which reads /note" in capsys.readouterr().out


def test_a_change_that_breaks_documents_is_refused_even_where_nobody_reads_the_place(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    properties = fields(1)
    properties["lines"] = properties["lines"] | {"maxItems": 3}
    draft(site, "1.1.0", properties)
    assert run(site, "propose", "receipt", "1.1.0", "--by", "anna") == 5
    told = capsys.readouterr().err
    assert "incompatible with receipt/1.0.0: MAX_ITEMS_LOWERED /properties/lines/maxItems" in told
    assert "breaks consumer" not in told


def test_a_new_major_is_refused_without_migrations_and_let_through_with_them(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    migrations = site / "contracts/receipt/migrations"
    kept = (migrations / "2-to-1.yaml").read_text()
    (migrations / "2-to-1.yaml").unlink()
    assert run(site, "propose", "receipt", "2.0.0", "--by", "anna") == 5
    assert "2-to-1.yaml is missing" in capsys.readouterr().err
    (migrations / "2-to-1.yaml").write_text(kept.replace("amount: total", "amount: 1.00"))
    assert run(site, "propose", "receipt", "2.0.0", "--by", "anna") == 5
    assert "at /total does not survive the way back" in capsys.readouterr().err
    assert run(site, "check") == 1
    assert "contracts/receipt/migrations/2-to-1.yaml" in capsys.readouterr().out
    (migrations / "2-to-1.yaml").write_text(kept)
    assert run(site, "propose", "receipt", "2.0.0", "--by", "anna") == 0
    assert run(site, "approve", "receipt", "2.0.0", "--by", "ben") == 0
    assert record(site, "2.0.0").status == "active"


def test_an_old_version_is_deprecated_put_to_sunset_and_retired_once_nobody_names_it(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(site, "deprecate", "receipt", "1.0.0", "--successor", "2.0.0") == 5
    told = capsys.readouterr().err
    assert "[successor]" in told
    assert "[grace]" in told
    for who, verb in (("anna", "propose"), ("ben", "approve")):
        assert run(site, verb, "receipt", "2.0.0", "--by", who) == 0
    words = (
        "receipt",
        "1.0.0",
        "--successor",
        "2.0.0",
        "--sunset-at",
        "2199-01-01",
        "--by",
        "anna",
    )
    assert run(site, "deprecate", *words) == 0
    assert run(site, "approve", "receipt", "1.0.0", "--by", "ben") == 0
    found = record(site, "1.0.0")
    assert (found.status, found.sunset_at) == ("deprecated", "2199-01-01T00:00:00Z")
    assert run(site, "check") == 0, capsys.readouterr().out
    assert run(site, "show", "receipt", "1.0.0") == 0
    assert "Sunset 2199-01-01T00:00:00Z; move to 2.0.0." in capsys.readouterr().out
    assert run(site, "sunset", "receipt", "1.0.0", "--by", "anna") == 5
    by_hand(site, found.deprecated_at, "2025-01-01T00:00:00Z")
    by_hand(site, "2199-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
    for who, verb in (("anna", "sunset"), ("ben", "approve")):
        assert run(site, verb, "receipt", "1.0.0", "--by", who) == 0
    capsys.readouterr()
    assert run(site, "retire", "receipt", "1.0.0", "--by", "anna") == 5
    told = capsys.readouterr().err
    assert "[references] still named by consumer quay" in told
    assert "[calls]" in told
    (site / "config/consumers/quay.yaml").unlink()
    waiver = ("--waive", "no hub serves it", "--until", "2199-01-01")
    assert run(site, "retire", "receipt", "1.0.0", "--by", "anna", *waiver) == 0
    assert run(site, "approve", "receipt", "1.0.0", "--by", "ben") == 0
    assert record(site, "1.0.0").status == "retired"
    assert run(site, "check") == 0


def test_whoever_gets_a_retired_version_is_named_by_the_check(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by_hand(
        site,
        "    status: active\n    author: anna\n",
        "    status: retired\n    author: anna\n    successor: '2.0.0'\n"
        "    deprecated_at: '2025-01-01'\n    sunset_at: '2025-12-01'\n",
    )
    assert run(site, "check") == 1
    assert "consumer quay gets receipt/1.0.0, which is retired" in capsys.readouterr().out


def test_a_draft_is_withdrawn(site: Path) -> None:
    for who, verb in (("anna", "withdraw"), ("ben", "approve")):
        assert run(site, verb, "receipt", "2.0.0", "--by", who) == 0
    assert record(site, "2.0.0").status == "withdrawn"


def test_uses_tells_who_names_a_version_and_what_of_it_they_read(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = site / "mappings/receipt-1-to-2"
    folder.mkdir(parents=True)
    (folder / "mapping.yaml").write_text(UP)
    assert run(site, "uses", "receipt/1.0.0", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["calls"] is None
    rows = {row["by"]: row["reads"] for row in answer["named_by"]}
    assert rows == {
        "consumer quay": ["/lines/*/code", "/note"],
        "mapping receipt-1-to-2": rows["mapping receipt-1-to-2"],
    }
    assert "" in rows["mapping receipt-1-to-2"]
    assert run(site, "uses", "receipt") == 0
    told = capsys.readouterr()
    assert "all of it" in told.out
    assert "No hub has run on this folder" in told.err


class ScriptedHub:
    """Answers one path."""

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self.items = items

    def get(self, path: str, **_query: object) -> Any:
        if path != "/v1/contracts/receipt/usage":
            raise NotFound("There is nothing there.")
        return {"items": self.items}


def test_calls_are_taken_from_the_hub_the_last_one_first() -> None:
    items = [
        {"version": "1.0.0", "client": "quay", "last_at": "2026-05-01T08:00:00Z", "calls": 3},
        {"version": "1.0.0", "client": "oakfield", "last_at": "2026-05-12T08:00:00Z", "calls": 1},
        {"version": "2.0.0", "client": "quay", "last_at": "2026-05-12T08:00:00Z", "calls": 9},
    ]
    usage = counted_calls(ScriptedHub(items), "receipt")
    assert usage is not None
    calls = usage.last_calls("receipt", "1.0.0")
    assert [(call.client, call.count) for call in calls] == [("oakfield", 1), ("quay", 3)]
    assert usage.last_calls("other", "1.0.0") == []
    assert counted_calls(ScriptedHub([]), "other") is None


def test_a_quality_rule_that_an_example_breaks_is_named(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = "rules:\n  nothing:\n    description: Never.\n    that: amount == 0.00\n"
    (site / "contracts/receipt/quality.yaml").write_text(rule)
    assert run(site, "check", "receipt") == 1
    assert (
        "receipt/1.0.0/examples/valid/1.json breaks rule nothing at /." in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("file", "body", "reason"),
    [
        ("config/consumers/quay.yaml", CONSUMER.replace("note", "nota"), "quay.yaml"),
        (
            "config/quality.yaml",
            "partners: {quay: {receipt: {none: warn}}}\n",
            "has no quality rule",
        ),
        (
            "contracts/receipt/migrations/1-to-2.yaml",
            UP.replace("total: amount", "total: x"),
            "PATH_UNKNOWN",
        ),
    ],
)
def test_a_file_that_is_wrong_is_named(
    site: Path, capsys: pytest.CaptureFixture[str], file: str, body: str, reason: str
) -> None:
    (site / file).write_text(body)
    assert run(site, "check", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert file in {one["file"] for one in found}
    assert any(reason in one["file"] + one["reason"] for one in found)


def test_what_came_with_the_program_is_not_changed_from_elsewhere(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("acknowledgement", "1.0.0", "--successor", "9.0.0", "--sunset-at", "2199-01-01")
    assert run(site, "deprecate", *words) == 5
    assert run(site, "withdraw", "work-item", "0.1.0") == 5
    assert "came with the program" in capsys.readouterr().err


def test_a_folder_without_contracts_and_a_half_waiver_are_usage_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "propose", "receipt", "1.0.0") == 2
    assert run(tmp_path, "retire", "receipt", "1.0.0", "--waive", "because") == 2
    assert "--until DAY" in capsys.readouterr().err
