"""Our contracts: every example is accepted, or refused at the named place, by both engines."""

import json
import re
from typing import Any

import pytest

from gateway.governance import Profile, compile_validator
from gateway.governance.reference import authoring_errors, compile_reference
from gateway.registry import ContractVersion, Registry, starter_root

REGISTRY = Registry(starter_root())
COMPILERS = {"fast": compile_validator, "reference": compile_reference}
VERSIONS = pytest.mark.parametrize(
    "contract", REGISTRY.contracts(), ids=lambda contract: contract.identity
)


def examples(contract: ContractVersion, kind: str) -> dict[str, Any]:
    files = sorted((contract.folder / "examples" / kind).glob("*.json"))
    return {file.stem: json.loads(file.read_text()) for file in files}


@VERSIONS
@pytest.mark.parametrize("engine", COMPILERS)
def test_valid_examples_pass_for_writers_and_readers(
    contract: ContractVersion, engine: str
) -> None:
    schema = REGISTRY.bundled_schema(contract.name, contract.version)
    found = examples(contract, "valid")
    assert len(found) >= 3
    for profile in (Profile.WRITER, Profile.READER):
        validator = COMPILERS[engine](schema, profile)
        for name, document in found.items():
            assert validator.errors(document) == [], name


@VERSIONS
@pytest.mark.parametrize("engine", COMPILERS)
def test_invalid_examples_break_at_the_named_place_only(
    contract: ContractVersion, engine: str
) -> None:
    schema = REGISTRY.bundled_schema(contract.name, contract.version)
    validator = COMPILERS[engine](schema, Profile.WRITER)
    found = examples(contract, "invalid")
    assert len(found) >= 4
    for name, example in found.items():
        expected = (example["expect"]["pointer"], example["expect"]["keyword"])
        faults = {(one.pointer, one.keyword) for one in validator.errors(example["document"])}
        assert faults == {expected}, name


@VERSIONS
def test_a_bundled_schema_is_a_schema_and_stands_alone(contract: ContractVersion) -> None:
    schema = REGISTRY.bundled_schema(contract.name, contract.version)
    assert authoring_errors(schema) == []
    references = re.findall(r'"\$ref": "([^"]*)"', json.dumps(schema))
    assert references
    assert all(reference.startswith("#/$defs/") for reference in references)


def test_versions_from_one_on_are_active_and_others_drafts() -> None:
    states = {contract.identity: contract.status for contract in REGISTRY.contracts()}
    assert states == {
        "acknowledgement/1.0.0": "active",
        "bank-deposit/0.1.0": "draft",
        "claim-account-feed/0.1.0": "draft",
        "interface-health-event/0.1.0": "draft",
        "journal-acknowledgement/0.1.0": "draft",
        "journal-entry/0.1.0": "draft",
        "payer-terms/0.1.0": "draft",
        "posting-confirmation/0.1.0": "draft",
        "posting-request/0.1.0": "draft",
        "reconciliation-outcome/0.1.0": "draft",
        "remittance-advice/1.0.0": "active",
        "remittance-status/0.1.0": "draft",
        "work-item/0.1.0": "draft",
    }


@pytest.mark.parametrize(
    "name",
    [
        "interface-health-event",
        "journal-acknowledgement",
        "journal-entry",
        "payer-terms",
        "reconciliation-outcome",
        "remittance-status",
    ],
)
def test_what_is_not_restricted_can_hold_no_patient_data(name: str) -> None:
    schema = REGISTRY.bundled_schema(name)
    assert set(re.findall(r'"class": "([a-z-]+)"', json.dumps(schema))) == {"none"}


@VERSIONS
def test_every_contract_says_who_keeps_it_and_what_is_promised(contract: ContractVersion) -> None:
    header = contract.header
    assert header.sla.latency_seconds > 0
    assert header.sla.frequency in {"on_change", "hourly", "daily", "business_daily"}
    assert header.retention_days > 0
