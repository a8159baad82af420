"""ODCS documents, held to the standard's own schema."""

import json
from importlib.resources import files
from typing import Any

import jsonschema_rs
import pytest

from gateway.governance.export import Published, odcs_document
from gateway.governance.export.published import ORDER_OF_LIFE
from tests.gateway.governance.export.invented import PARCEL, later


@pytest.fixture(scope="module")
def judge() -> Any:
    text = files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8")
    return jsonschema_rs.Draft201909Validator(json.loads(text))


def test_the_public_schema_of_odcs_accepts_every_contract(
    judge: Any, contracts: list[Published]
) -> None:
    assert len(contracts) >= 5
    for contract in contracts:
        document = odcs_document(contract)
        errors = [error.instance_path for error in judge.iter_errors(document)]
        assert errors == [], contract.identity
    wrong = odcs_document(PARCEL) | {"kind": "Parcel", "surprise": 1}
    assert not judge.is_valid(wrong), "the judge finds what is wrong"


@pytest.mark.parametrize("status", ORDER_OF_LIFE)
def test_every_state_of_life_has_a_word_in_odcs(judge: Any, status: str) -> None:
    document = odcs_document(later(status=status))
    assert judge.is_valid(document)
    assert document["status"] in {"draft", "active", "deprecated", "retired"}


def test_the_header_becomes_service_levels_team_and_support() -> None:
    document = odcs_document(PARCEL)
    assert document["apiVersion"] == "v3.1.0"
    assert document["id"] == "com.example.parcel"
    assert {(one["property"], one["value"], one.get("unit")) for one in document["slaProperties"]} == {
        ("latency", 900, "s"),
        ("frequency", "daily", None),
        ("retention", 30, "d"),
        ("generalAvailability", "2026-01-05T00:00:00Z", None),
        ("endOfSupport", "2027-01-31T00:00:00Z", None),
    }  # fmt: skip
    assert document["team"] == {"name": "mail-room"}
    assert document["support"] == [{"channel": "mail-desk"}]
    assert {role["access"] for role in document["roles"]} == {"read", "write"}


def test_a_field_says_type_need_and_who_may_see_it() -> None:
    (found,) = odcs_document(PARCEL)["schema"]
    fields = {one["name"]: one for one in found["properties"]}
    assert fields["weight"]["required"]
    assert fields["weight"]["logicalType"] == "integer"
    assert not fields["to"]["required"]
    assert fields["to"]["classification"] == "restricted"
    assert {"property": "phiClass", "value": "name"} in fields["to"]["customProperties"]
    assert fields["kind"]["classification"] == "confidential"
    assert {"property": "validValues", "value": "letter, box"} in fields["kind"][
        "customProperties"
    ]


def test_money_is_a_number_and_a_type_inside_itself_ends(contracts: list[Published]) -> None:
    (advice,) = [one for one in contracts if one.identity == "remittance-advice/1.0.0"]
    (found,) = odcs_document(advice)["schema"]
    payment = next(one for one in found["properties"] if one["name"] == "payment")
    amount = next(one for one in payment["properties"] if one["name"] == "amount")
    assert (amount["logicalType"], amount["physicalType"]) == ("number", "decimal string")
    assert amount["criticalDataElement"]
    (parcel,) = odcs_document(PARCEL)["schema"]
    inside = next(one for one in parcel["properties"] if one["name"] == "inside")["items"]
    again = next(one for one in inside["properties"] if one["name"] == "inside")["items"]
    assert "properties" not in again
