"""The review: everything that can be wrong with a folder of contracts is found in one pass."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gateway.governance.lock import LOCK_FILE, extend_lock
from gateway.governance.review import review_contracts
from gateway.registry import Registry, starter_root


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site's own copy of two contracts and the shared types."""
    for name in ("acknowledgement", "posting-request", "common"):
        shutil.copytree(starter_root() / "contracts" / name, tmp_path / "contracts" / name)
    return tmp_path


def rules(site: Path, lock: str | None = None) -> set[tuple[str, str]]:
    registry = Registry(site)
    lock = extend_lock("", registry.files()) if lock is None else lock
    return {(one.rule, one.file) for one in review_contracts(registry, lock)}


def edit(site: Path, file: str, **changes: Any) -> None:
    path = site / "contracts" / file
    body = json.loads(path.read_text())
    path.write_text(json.dumps(body | changes))


def header(site: Path, old: str, new: str) -> None:
    path = site / "contracts/posting-request/contract.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_our_contracts_pass() -> None:
    root = starter_root()
    lock = (root / "contracts" / LOCK_FILE).read_text()
    assert review_contracts(Registry(root), lock) == []


def test_a_copy_passes_and_an_empty_lock_does_not(site: Path) -> None:
    assert rules(site) == set()
    assert {rule for rule, _ in rules(site, "")} == {"lock_missing"}


def test_a_valid_example_that_breaks_is_named(site: Path) -> None:
    file = "posting-request/0.1.0/examples/valid/denial.json"
    edit(site, file, currency="CAD")
    assert rules(site) == {("examples", file)}


def test_an_invalid_example_that_passes_is_named(site: Path) -> None:
    file = "posting-request/0.1.0/examples/invalid/no_totals.json"
    edit(site, file, expect={"pointer": "/claims", "keyword": "type"})
    assert rules(site) == {("examples", file)}


def test_a_contract_without_examples_is_named(site: Path) -> None:
    shutil.rmtree(site / "contracts/posting-request/0.1.0/examples/invalid")
    assert rules(site) == {("examples", "posting-request/0.1.0/examples/invalid/")}


def test_a_reference_to_no_type_is_named(site: Path) -> None:
    file = "posting-request/0.1.0/schema.json"
    path = site / "contracts" / file
    path.write_text(path.read_text().replace("$defs/hub_id", "$defs/hub_idd"))
    assert rules(site) == {("compile", file)}


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("status: draft", "status: sleeping", "life_cycle"),
        ("status: draft", "status: active", "life_cycle"),
        ("FULL_TRANSITIVE", "MOSTLY", "header"),
        ("restricted", "secret", "header"),
        ("restricted", "internal", "classification"),
        ("posting.requested.v0", "Posting", "header"),
    ],
)
def test_a_wrong_header_is_named(site: Path, old: str, new: str, rule: str) -> None:
    header(site, old, new)
    assert (rule, "posting-request/contract.yaml") in rules(site)


def test_an_invalid_example_that_breaks_elsewhere_too_is_named(site: Path) -> None:
    file = "posting-request/0.1.0/examples/invalid/no_totals.json"
    document = json.loads((site / "contracts" / file).read_text())["document"]
    edit(site, file, document=document | {"currency": "CAD"})
    assert rules(site) == {("examples", file)}
