"""Consumers: what each reads, derived or declared, and which a change breaks."""

import copy
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.governance.compat import Subject, compare
from gateway.governance.consumers import (
    ContractReads,
    broken_consumers,
    read_declared,
    reads_of,
)
from gateway.governance.derived_reads import derived_reads
from gateway.governance.references import Reference, referenced_by, references
from gateway.registry import Registry, starter_root
from gateway.settings import Config, read_config
from gateway.translation import MappingError, compile_mapping
from tests.gateway.governance.sites import UP, fields, receipt_site, write_version

REGISTRY = Registry(starter_root())
ADVICE = REGISTRY.bundled_schema("remittance-advice")


def reader(name: str, *paths: str, whole: bool = False) -> ContractReads:
    return ContractReads(
        consumer=name, contract="remittance-advice", paths=frozenset(paths), whole=whole
    )


def changed(**changes: Any) -> dict[str, Any]:
    """The contract with some schemas replaced, by dotted place; None removes one."""
    schema = copy.deepcopy(ADVICE)
    for place, value in changes.items():
        *parents, last = place.split("__")
        node = schema
        for name in parents:
            node = node[name]
        if value is None:
            del node[last]
        else:
            node[last] = value
    return schema


def found(new: dict[str, Any], *reads: ContractReads, **more: Any) -> list[tuple[str, str, str]]:
    broken = broken_consumers(ADVICE, new, reads, **more)
    return [(one.consumer, one.pointer, one.code) for one in broken]


def test_only_who_reads_a_lost_path_is_broken() -> None:
    new = changed(properties__payment__properties__method=None)
    reads = (reader("erp", "/payment/method", "/payment/amount"), reader("bi", "/payment/amount"))
    assert found(new, *reads) == [("erp", "/payment/method", "PATH_LOST")]
    assert found(ADVICE, *reads) == []


def test_who_reads_an_object_as_it_is_reads_all_of_it() -> None:
    new = changed(properties__payment__properties__method=None)
    assert found(new, reader("erp", "/payment")) == [("erp", "/payment/method", "PATH_LOST")]
    assert found(new, reader("erp", "/payment", "/payment/amount")) == []
    whole = found(new, reader("archive", whole=True))
    assert ("archive", "/payment/method", "PATH_LOST") in whole


def test_a_path_in_an_array_is_lost_for_every_item() -> None:
    new = changed(**{"$defs__claim__properties__paid": None})
    assert found(new, reader("erp", "/claims", "/claims/*/paid")) == [
        ("erp", "/claims/*/paid", "PATH_LOST")
    ]
    assert found(new, reader("erp", "/claims/*/charge")) == []


def test_another_type_is_found_where_it_is_read() -> None:
    number = changed(**{"$defs__money": {"type": "number"}})
    assert found(number, reader("erp", "/payment/amount"), reader("bi", "/payer/name")) == [
        ("erp", "/payment/amount", "TYPE_CHANGED")
    ]
    scale = copy.deepcopy(ADVICE["$defs"]["money"])
    scale["pattern"] = scale["pattern"].replace("{2}", "{2,4}")
    wider = changed(**{"$defs__money": scale})
    assert found(wider, reader("erp", "/payment/amount"))[0][2] == "TYPE_CHANGED"


def test_what_is_no_longer_sure_to_be_there_breaks_who_counts_on_it() -> None:
    needed = [
        name for name in ADVICE["properties"]["payment"]["required"] if name != "trace_number"
    ]
    new = changed(properties__payment__required=needed)
    assert found(new, reader("erp", "/payment/trace_number"), reader("bi", "/payment/method")) == [
        ("erp", "/payment/trace_number", "PATH_OPTIONAL")
    ]


def test_a_finding_of_the_checker_reaches_who_reads_the_place() -> None:
    codes = [("/$defs/claim/properties/status_code/enum", "ENUM_ADDED")]
    reads = (reader("erp", "/claims/*/status_code"), reader("bi", "/claims/*/paid"))
    assert found(ADVICE, *reads, findings=codes) == [
        ("erp", "/claims/*/status_code", "ENUM_ADDED")
    ]
    shared = [("/$defs/money/maxLength", "MAX_LENGTH_LOWERED")]
    assert [one[0] for one in found(ADVICE, *reads, findings=shared)] == ["bi"]


def test_the_checkers_own_findings_fit() -> None:
    new = changed(properties__payment__properties__method=None)
    report = compare([Subject("old", ADVICE)], Subject("new", new))
    codes = [(one.pointer_old, one.code) for one in report.findings if one.stands]
    assert {
        code for _, _, code in found(new, reader("erp", "/payment/method"), findings=codes)
    } == {
        "PATH_LOST",
        *(code for _, code in codes),
    }


def demo() -> Config:
    names = (
        "DEMO_BILLING_URL",
        "DEMO_ERP_URL",
        "DEMO_SFTP_PORT",
        "DEMO_SFTP_HOST_KEY",
        "API_PORT",
    )
    environment = {f"REMITHUB_{name}": "1" for name in names}
    return read_config(starter_root() / "config/demo", environment)


def test_what_the_demo_reads_is_derived_from_its_mappings_and_routes() -> None:
    reads = derived_reads(REGISTRY, demo())
    of_advice = reads_of(reads, "remittance-advice")
    assert "/payment/amount" in of_advice["mapping remittance-advice-to-posting-request"]
    assert "/claims/*/paid" in of_advice["mapping remittance-advice-to-posting-request"]
    assert of_advice["the hub's index"] == {"/payment_key", "/payment/amount"}
    assert any(name.startswith("route ") for name in of_advice)
    journals = reads_of(reads, "journal-entry")
    assert "/lines/*/debit" in journals["mapping journal-entry-to-erp-journal"]
    assert any(name.startswith("interface ") for name in journals)


def without(schema: Any) -> list[tuple[str, dict[str, Any]]]:
    """The contract once for each property, without it; an array of lists of names is kept."""
    found: list[tuple[str, dict[str, Any]]] = []

    def visit(node: Any, place: tuple[str, ...]) -> None:
        for name, child in node.get("properties", {}).items():
            changed_schema = copy.deepcopy(schema)
            holder = changed_schema
            for step in place:
                holder = holder[step]
            del holder["properties"][name]
            holder["required"] = [one for one in holder.get("required", []) if one != name]
            found.append((f"{'/'.join(place)}/{name}", changed_schema))
            visit(child, (*place, "properties", name))
        if isinstance(node.get("items"), dict):
            visit(node["items"], (*place, "items"))

    visit(schema, ())
    for name, body in schema["$defs"].items():
        visit(body, ("$defs", name))
    return found


@pytest.mark.slow
def test_exactly_the_mappings_that_no_longer_compile_are_broken_by_a_lost_path() -> None:
    source = REGISTRY.mapping("remittance-advice-to-posting-request")
    reads = [
        one for one in derived_reads(REGISTRY, None) if one.consumer == f"mapping {source.name}"
    ]
    broken = 0
    for place, new in without(ADVICE):
        try:
            compile_mapping(
                source.text,
                source_schema=new,
                target_schema=REGISTRY.target_schema(source),
                tables=source.table,
                file="",
            )
            compiles = True
        except MappingError:
            compiles = False
        named = bool(broken_consumers(ADVICE, new, reads))
        assert named is not compiles, place
        broken += named
    assert broken > 20


def test_a_mapping_that_starts_from_its_input_reads_all_of_it(tmp_path: Path) -> None:
    registry = receipt_site(tmp_path)
    folder = tmp_path / "mappings/receipt-1-to-2"
    folder.mkdir(parents=True)
    (folder / "mapping.yaml").write_text(UP)
    reads = derived_reads(registry, None)
    assert [one.whole for one in reads if one.consumer == "mapping receipt-1-to-2"] == [True]


def test_a_mapping_that_does_not_compile_is_left_out(tmp_path: Path) -> None:
    registry = receipt_site(tmp_path)
    folder = tmp_path / "mappings/receipt-1-to-2"
    folder.mkdir(parents=True)
    (folder / "mapping.yaml").write_text(UP.replace("total: amount", "total: amont"))
    assert "mapping receipt-1-to-2" not in {one.consumer for one in derived_reads(registry, None)}


DECLARED = """\
consumer: quay
title: A warehouse
reads:
  - {contract: remittance-advice, version: ^1.0, paths: [payment.amount, "claims[].paid"]}
  - {contract: acknowledgement, whole: true}
"""


def test_a_declared_consumer_reads_what_it_says() -> None:
    reads = read_declared(DECLARED, REGISTRY, file="consumers/quay.yaml")
    assert reads_of(reads, "remittance-advice") == {
        "consumer quay": {"/payment/amount", "/claims/*/paid"}
    }
    assert reads_of(reads, "acknowledgement") == {"consumer quay": {""}}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("payment.amount", "payment.amont", r"quay.yaml:4: .* has no /payment/amont"),
        ("acknowledgement", "acknowledgment", r"quay.yaml:5: .*Did you mean 'acknowledgement'"),
        (", whole: true", "", r"quay.yaml:5: name `paths`"),
        ("whole: true", "whole: sure", r"quay.yaml:5: "),
        ("title", "titel", r"quay.yaml:2: "),
    ],
)
def test_a_wrong_declaration_is_named_with_its_line(old: str, new: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        read_declared(DECLARED.replace(old, new), REGISTRY, file="consumers/quay.yaml")


def test_who_names_a_contract_is_found_by_version(tmp_path: Path) -> None:
    registry = receipt_site(tmp_path)
    write_version(tmp_path, "1.1.0", fields(1), required=("id", "amount", "payer"))
    file = tmp_path / "contracts/receipt/contract.yaml"
    file.write_text(file.read_text() + '  "1.1.0": active\n')
    registry = Registry(starter_root(), tmp_path)
    named = [
        Reference(by="interface a", contract="receipt", version="^1.0"),
        Reference(by="interface b", contract="receipt", version="1.0.0"),
        Reference(by="client c", contract="receipt", version="^2"),
        Reference(by="route d", contract="receipt"),
        Reference(by="client e", contract="receipt", version="^9"),
    ]

    def by(version: str) -> list[str]:
        return [one.by for one in referenced_by(registry, named, "receipt", version)]

    assert by("1.0.0") == ["interface b"]
    assert by("1.1.0") == ["interface a", "route d"]
    assert by("2.0.0") == ["client c"]
    assert len(by("")) == 5


def test_the_demo_names_its_contracts() -> None:
    found = references(REGISTRY, demo(), read_declared(DECLARED, REGISTRY, file=""))
    by = {one.by for one in referenced_by(REGISTRY, found, "remittance-advice", "1.0.0")}
    assert {"mapping remittance-advice-to-posting-request", "consumer quay"} <= by
    assert any(name.startswith("route ") for name in by)
    journals = {one.by for one in referenced_by(REGISTRY, found, "journal-entry")}
    assert any(name.startswith("interface ") for name in journals)
